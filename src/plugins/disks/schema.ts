/** The table of disks: guests' system disks, and data disks whether attached or not. */
import { bigint, index, integer, json, type Row, table, text, time, unique } from "jimv";

export const diskStates = [
  "creating",
  "idle",
  "attached",
  "attaching",
  "detaching",
  "growing",
  "moving",
  "deleting",
  "failed",
] as const;
export type DiskState = (typeof diskStates)[number];
export type DiskRole = "system" | "data";
export type DiskFormat = "qcow2" | "raw";

export const disks = table(
  "disks",
  {
    uuid: text(36).primaryKey(),
    name: text(80).notNull(),
    /** The storage pool it lives in. */
    poolId: text(36).notNull(),
    /** Who reaches it: in a shared pool, the node of its guest, or the one that made it. */
    nodeName: text(64).notNull(),
    guestUuid: text(36),
    role: text<DiskRole>(16).notNull(),
    sizeGiB: integer().notNull(),
    path: text(191).notNull(),
    format: text<DiskFormat>(8).notNull(),
    /** `vda`, `vdb`, … while it belongs to a guest. */
    target: text(8),
    state: text<DiskState>(16).notNull(),
    failedWord: text(96),
    failedArgs: json<Record<string, string | number>>(),
    /** The template that a linked disk reads from: it can't go while the disk is there. */
    linkedTemplateId: text(36),
    /** What making it writes at once; counted against its pool's free space while it is `creating`. */
    writeBytes: bigint().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [
    unique("disks_target", t.guestUuid, t.target),
    // The node's name (64) and the path (191) together fit InnoDB's limit of an index.
    unique("disks_path", t.nodeName, t.path),
    index("disks_template", t.linkedTemplateId),
    index("disks_pool", t.poolId, t.nodeName),
    index("disks_created", t.createdAt),
    // The list shows data disks by name, and the navigation counts them; each guest has another disk beside them.
    index("disks_role", t.role, t.name),
  ],
);
export type Disk = Row<typeof disks>;
