/** What the disks plugin gives to others: its service, and the one it asks of the guests plugin. */
import { type Actor, listQuery, type Static, serviceKey, Type } from "jimv";
import { type Disk, type DiskRole, type DiskState, diskStates } from "./schema.ts";

const Name = Type.String({
  minLength: 1,
  maxLength: 80,
  pattern: "^[^\\u0000-\\u001f\\u007f]*\\S[^\\u0000-\\u001f\\u007f]*$",
});
export const CreateDisk = Type.Object({
  name: Name,
  nodeName: Type.String({ minLength: 1, maxLength: 64 }),
  sizeGiB: Type.Integer({ minimum: 1, maximum: 64 * 1024 }),
  poolId: Type.Optional(
    Type.String({ minLength: 1, maxLength: 36, description: "The node's storage folder when left out" }),
  ),
});
export type CreateDisk = Static<typeof CreateDisk>;

export const ChangeDisk = Type.Object({
  name: Type.Optional(Name),
  /** Attach to this guest; null detaches. */
  guestUuid: Type.Optional(Type.Union([Type.String({ maxLength: 36 }), Type.Null()])),
});
export type ChangeDisk = Static<typeof ChangeDisk>;

export const diskSorts = ["name", "sizeGiB", "nodeName", "state", "createdAt"] as const;
export const DiskListQuery = listQuery({
  sort: diskSorts,
  filters: {
    role: Type.Unsafe<DiskRole | "all">(
      Type.Union([Type.Literal("data"), Type.Literal("system"), Type.Literal("all")], {
        description: "Data disks alone, unless asked for",
      }),
    ),
    state: Type.Unsafe<DiskState>(Type.Union(diskStates.map((state) => Type.Literal(state)))),
    nodeName: Type.String({ maxLength: 64 }),
    poolId: Type.String({ maxLength: 36 }),
    guestUuid: Type.String({ maxLength: 36 }),
  },
});
export type DiskListQuery = Static<typeof DiskListQuery>;

export interface DiskView {
  uuid: string;
  name: string;
  poolId: string;
  nodeName: string;
  role: DiskRole;
  sizeGiB: number;
  format: Disk["format"];
  path: string;
  state: DiskState;
  error: { word: string; args: Record<string, string | number> } | null;
  guestUuid: string | null;
  /** Null without a guest, or where it is not known any more. */
  guestName: string | null;
  target: string | null;
  linkedTemplateId: string | null;
  /** The open task about it. */
  task: { id: string; kind: string; progress: number } | null;
  /** What may be asked of it now. */
  actions: readonly DiskAction[];
  createdAt: number;
}
export type DiskAction = "rename" | "attach" | "detach" | "delete";

export interface DiskService {
  list(query: DiskListQuery): Promise<{ items: DiskView[]; page: number; pageSize: number; total: number }>;
  /** How many disks a query finds. */
  count(query: DiskListQuery): Promise<number>;
  /** Whether a disk is in the list that a query asks for, on whichever page. */
  isListed(uuid: string, query: DiskListQuery): Promise<boolean>;
  /** Several disks, in no order; unknown ones are left out. */
  views(uuids: readonly string[]): Promise<DiskView[]>;
  /** @throws AppError notFound */
  get(uuid: string): Promise<DiskView>;
  /** An empty data disk. @throws AppError notFound, conflict (node not ready, does not fit) */
  create(request: CreateDisk, actor: Actor): Promise<{ task: { id: string }; disk: DiskView }>;
  /** Renames at once; attaches or detaches by a task. @throws AppError notFound, conflict */
  change(
    uuid: string,
    change: ChangeDisk,
    actor: Actor,
  ): Promise<{ task: { id: string } | null; disk: DiskView }>;
  /** @throws AppError notFound, conflict for system disks and attached ones */
  remove(uuid: string, actor: Actor): Promise<{ task: { id: string } }>;
}
export const diskService = serviceKey<DiskService>("disks");

/** The guests plugin's part: it knows guests and their domains. */
export interface DiskAttachment {
  /** @throws AppError notFound, conflict (guest elsewhere, wrong state, busy) */
  attach(disk: Disk, guestUuid: string, actor: Actor): Promise<{ task: { id: string } }>;
  detach(disk: Disk, actor: Actor): Promise<{ task: { id: string } }>;
  /** The guests of a node that a disk could be attached to now, by name. */
  candidates(nodeName: string): Promise<{ uuid: string; name: string }[]>;
  /** Names by uuid, of those that are known. */
  names(guestUuids: readonly string[]): Promise<Map<string, string>>;
}
export const diskAttachment = serviceKey<DiskAttachment>("disks.attachment");
