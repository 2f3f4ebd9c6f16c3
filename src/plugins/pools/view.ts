/** A storage pool as others see it. Pure. */
import { type Clock, timing } from "jimv";
import type { Pool, PoolKind, Presence, PresenceState } from "./schema.ts";

export interface Problem {
  word: string;
  args: Record<string, string | number>;
}

/** A pool on one node. */
export interface PresenceView {
  poolId: string;
  nodeName: string;
  path: string;
  libvirtName: string;
  state: PresenceState;
  /** Disks can be made there now. */
  healthy: boolean;
  problem: Problem | null;
  capacityBytes: number;
  availableBytes: number;
}

export type PoolTrouble = "nowhere" | "unhealthy" | "nearlyFull";

export interface PoolView {
  id: string;
  name: string;
  kind: PoolKind;
  path: string | null;
  ceph: { monitors: string[]; cephPool: string; user: string } | null;
  /** One storage that several nodes see, not one for each. */
  isShared: boolean;
  trustedSharedMount: boolean;
  warnPercent: number;
  presences: PresenceView[];
  /** Of all nodes' parts together; a shared one counts once. Null while nothing is known. */
  capacityBytes: number | null;
  availableBytes: number | null;
  usedPercent: number | null;
  /** What is wrong, worst first. */
  trouble: PoolTrouble | null;
  createdAt: number;
}

export const isSharedKind = (kind: PoolKind): boolean => kind !== "local";

/** The key of the room that guests on a node take of a pool: shared pools are one room for all. */
export const roomKey = (pool: { id: string; kind: PoolKind }, nodeName: string): string =>
  isSharedKind(pool.kind) ? pool.id : `${pool.id}@${nodeName}`;

/** The mark that the pool's folder must carry before anything is written there; null where there is none to look for. */
export const markOf = (pool: { id: string; kind: PoolKind }): string | null =>
  pool.kind === "shared" || pool.kind === "gluster" ? pool.id : null;

/** libvirt's format of the pool's disks: Ceph's images have abilities of their own, and no format. */
export const diskFormatOf = ({ kind }: { kind: PoolKind }): "qcow2" | "raw" =>
  kind === "ceph" ? "raw" : "qcow2";

/** Where a disk lies in the pool; `folder` is the pool's on the node. */
export const diskPath = (pool: { kind: PoolKind }, folder: string, uuid: string): string =>
  `${folder}/${uuid}${pool.kind === "ceph" ? "" : ".qcow2"}`;

export function presenceView(row: Presence, clock: Pick<Clock, "now">): PresenceView {
  const silent = row.seenAt === null || clock.now() - row.seenAt > timing.poolSilentMilliseconds;
  const told = row.word === null ? null : { word: row.word, args: row.args ?? {} };
  const quiet = row.state === "ready" && silent;
  return {
    poolId: row.poolId,
    nodeName: row.nodeName,
    path: row.path,
    libvirtName: row.libvirtName,
    state: row.state,
    healthy: row.state === "ready" && row.healthy && !silent,
    problem: quiet ? { word: "pools.untold", args: { node: row.nodeName } } : told,
    capacityBytes: row.capacityBytes,
    availableBytes: row.availableBytes,
  };
}

export function poolView(pool: Pool, presences: PresenceView[]): PoolView {
  const known = presences.filter((each) => each.state === "ready" && each.capacityBytes > 0);
  const isShared = isSharedKind(pool.kind);
  // Nodes of one storage may have looked at it at different times: the smallest figure promises nothing wrong.
  const counted = isShared
    ? known.toSorted((a, b) => a.availableBytes - b.availableBytes).slice(0, 1)
    : known;
  const sum = (of: (each: PresenceView) => number): number | null =>
    counted.length === 0 ? null : counted.reduce((all, each) => all + of(each), 0);
  const capacityBytes = sum((each) => each.capacityBytes);
  const availableBytes = sum((each) => each.availableBytes);
  const usedPercent =
    capacityBytes && availableBytes !== null
      ? Math.round((100 * (capacityBytes - availableBytes)) / capacityBytes)
      : null;
  const fullest = Math.max(0, ...known.map(usedOf));
  const { ceph } = pool;
  return {
    id: pool.id,
    name: pool.name,
    kind: pool.kind,
    path: pool.path,
    ceph: ceph && { monitors: ceph.monitors, cephPool: ceph.cephPool, user: ceph.user },
    isShared,
    trustedSharedMount: pool.trustedSharedMount,
    warnPercent: pool.warnPercent,
    presences,
    capacityBytes,
    availableBytes,
    usedPercent,
    trouble: troubleOf(presences, fullest, pool.warnPercent),
    createdAt: pool.createdAt,
  };
}

/** How full a pool is on a node, in percent. */
export const usedOf = ({ capacityBytes, availableBytes }: PresenceView): number =>
  capacityBytes === 0 ? 0 : Math.round((100 * (capacityBytes - availableBytes)) / capacityBytes);

function troubleOf(all: PresenceView[], fullest: number, warnPercent: number): PoolTrouble | null {
  if (all.length === 0) return "nowhere";
  if (all.some((each) => each.state === "failed" || (each.state === "ready" && !each.healthy)))
    return "unhealthy";
  return fullest >= warnPercent ? "nearlyFull" : null;
}
