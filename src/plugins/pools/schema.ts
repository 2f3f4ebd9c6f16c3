/** Storage pools, and on which nodes each is present. A node's storage folder is its part of the pool `local`. */
import { bigint, bool, integer, json, longText, primaryKey, type Row, table, text, time, unique } from "jimv";

/**
 * `local`: a folder of each node, with contents of its own. `shared`: a mount that is the same on several nodes.
 * `gluster`: a GlusterFS volume, mounted through FUSE. `ceph`: RBD.
 */
export const poolKinds = ["local", "shared", "gluster", "ceph"] as const;
export type PoolKind = (typeof poolKinds)[number];

/** The pool that every configured node has: its storage folder. */
export const localPoolId = "local";

/** Where a Ceph cluster is. */
export interface CephOptions {
  monitors: string[];
  cephPool: string;
  user: string;
  /** Of the libvirt secret with the key, the same on all nodes. */
  secretUuid: string;
}

export const pools = table(
  "pools",
  {
    id: text(36).primaryKey(),
    name: text(64).notNull(),
    /** The name in lower case: unique whatever its case. */
    nameKey: text(128).notNull(),
    kind: text<PoolKind>(16).notNull(),
    /** The folder, for pools that have the same one on all nodes (`shared`, `gluster`). */
    path: text(180),
    ceph: json<CephOptions>(),
    /** The Ceph key, sealed with the master key. */
    keySealed: longText(),
    /**
     * Somebody vouches that the folder is the same storage on all its nodes, though its file system does not say so
     * (a bind mount, a file system libvirt does not know). Migrations then skip libvirt's own check.
     */
    trustedSharedMount: bool().notNull(),
    /** Fuller than this, the pool is marked as nearly full. */
    warnPercent: integer().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [unique("pools_name", t.nameKey)],
);
export type Pool = Row<typeof pools>;

export type PresenceState = "adding" | "ready" | "failed" | "removing";

/** Pools on nodes, other than `local`, which nodes tell of themselves. */
export const presences = table(
  "pools_presences",
  {
    poolId: text(36).notNull(),
    nodeName: text(64).notNull(),
    /** The folder; of Ceph what its images' addresses begin with. */
    path: text(180).notNull(),
    /** The pool's name in that node's libvirt. */
    libvirtName: text(64).notNull(),
    state: text<PresenceState>(16).notNull(),
    /** Why the last change failed, or why the pool is not healthy there. */
    word: text(96),
    args: json<Record<string, string | number>>(),
    healthy: bool().notNull(),
    capacityBytes: bigint().notNull(),
    availableBytes: bigint().notNull(),
    seenAt: time(),
  },
  (t) => [primaryKey(t.poolId, t.nodeName), unique("pools_presences_libvirt", t.nodeName, t.libvirtName)],
);
export type Presence = Row<typeof presences>;
