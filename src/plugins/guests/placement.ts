/**
 * Which nodes a batch of guests goes to. Pure: what nodes have, and what they have given away already, comes in;
 * a node for each guest, or the reason of each node, comes out.
 *
 * Guests are placed one by one, each on the node that is least loaded with it. All guests of a batch need the
 * same, and what they compete for is nested (a node lies in one pool), so that taking them one by one places as
 * many as can be placed at all.
 */
import type { Reason } from "jimv";

/** What one guest of the batch needs. */
export interface Need {
  memoryMiB: number;
  vcpus: number;
  /** Written to the pool at once. */
  writeBytes: number;
  /** What all its disks may grow to. */
  growBytes: number;
}

/** Room in a storage pool. Several nodes may have the same one. */
export interface PoolRoom {
  /** What is free now, less what unfinished work is yet to write. */
  freeBytes: number;
  /** How much new disks may grow to together, what unfinished work makes already taken off. */
  growBytes: number;
  /** Written once, when the batch's first guest comes here: the template's copy, where the pool lacks it. */
  onceBytes: number;
}

/** A node that is asked to take guests. */
export interface Seat {
  node: string;
  /** Of guests that run or are about to. */
  usedMiB: number;
  /** With overcommit. */
  mostMiB: number;
  usedVcpus: number;
  mostVcpus: number;
  /** The most that one guest may have. */
  vcpusEach: number;
  /** Key of its pool's room. */
  pool: string;
  freePorts: number;
  ports: { first: number; last: number };
}

/** A node, or why it can't take any guest at all. */
export type Candidate = { seat: Seat } | { refusal: Reason };

export type Placed =
  /** A node's name for each guest, in order. */
  | { ok: true; nodes: string[] }
  /** How many would have found a place, and each node's reason against the next one; by name. */
  | { ok: false; placed: number; reasons: Reason[] };

const bytesPerMiB = 1024 ** 2;

/** Places a batch of equal guests. The same input gives the same answer, whatever order candidates come in. */
export function place(
  candidates: readonly Candidate[],
  rooms: ReadonlyMap<string, PoolRoom>,
  need: Need,
  count: number,
): Placed {
  const seats = candidates
    .flatMap((each) => ("seat" in each ? [{ ...each.seat }] : []))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
  const left = new Map([...rooms].map(([key, room]) => [key, { ...room }]));
  const nodes: string[] = [];
  while (nodes.length < count) {
    let best: Seat | null = null;
    for (const seat of seats) {
      if (refusal(seat, left.get(seat.pool), need) !== null) continue;
      // Sorted by name: of equally loaded ones the first stays.
      if (best === null || loadWith(seat, need) < loadWith(best, need)) best = seat;
    }
    if (best === null) return { ok: false, placed: nodes.length, reasons: reasons() };
    take(best, left.get(best.pool), need);
    nodes.push(best.node);
  }
  return { ok: true, nodes };

  function reasons(): Reason[] {
    const able = seats.flatMap((seat) => refusal(seat, left.get(seat.pool), need) ?? []);
    const unable = candidates.flatMap((each) => ("refusal" in each ? [each.refusal] : []));
    return [...able, ...unable].sort((a, b) => (a.of < b.of ? -1 : 1));
  }
}

/** How full a node is with one more guest: of memory and vCPUs the share that is larger. */
function loadWith(seat: Seat, need: Need): number {
  return Math.max(
    (seat.usedMiB + need.memoryMiB) / seat.mostMiB,
    (seat.usedVcpus + need.vcpus) / seat.mostVcpus,
  );
}

function take(seat: Seat, room: PoolRoom | undefined, need: Need): void {
  seat.usedMiB += need.memoryMiB;
  seat.usedVcpus += need.vcpus;
  seat.freePorts -= 1;
  if (!room) return;
  room.freeBytes -= need.writeBytes + room.onceBytes;
  room.growBytes -= need.growBytes;
  room.onceBytes = 0;
}

/** Why a node can't take `count` more guests (memory and vCPUs alone where `room` is left out), or null. */
export function refusal(
  seat: Seat,
  room: PoolRoom | undefined,
  need: Need,
  count = 1,
): (Reason & { args: Record<string, string | number> }) | null {
  const { node } = seat;
  const no = (word: string, args: Record<string, string | number>) => ({
    of: node,
    word,
    args: { node, ...args },
  });
  if (need.vcpus > seat.vcpusEach) return no("guests.manyVcpus", { vcpus: need.vcpus, most: seat.vcpusEach });
  const freeMiB = seat.mostMiB - seat.usedMiB;
  if (need.memoryMiB * count > freeMiB)
    return no("guests.noMemory", {
      needMiB: need.memoryMiB * count,
      freeMiB: Math.max(0, freeMiB),
      mostMiB: seat.mostMiB,
    });
  const freeVcpus = seat.mostVcpus - seat.usedVcpus;
  if (need.vcpus * count > freeVcpus)
    return no("guests.noVcpus", {
      need: need.vcpus * count,
      free: Math.max(0, freeVcpus),
      most: seat.mostVcpus,
    });
  if (!room) return null;
  if (count > seat.freePorts) return no("guests.noPort", seat.ports);
  const writeBytes = need.writeBytes * count + room.onceBytes;
  if (writeBytes > room.freeBytes)
    return no("guests.noDisk", { needMiB: mibUp(writeBytes), freeMiB: mibDown(room.freeBytes) });
  const growBytes = need.growBytes * count;
  if (growBytes > room.growBytes)
    return no("guests.noDiskGrowth", { needMiB: mibUp(growBytes), freeMiB: mibDown(room.growBytes) });
  return null;
}

const mibUp = (bytes: number): number => Math.ceil(bytes / bytesPerMiB);
const mibDown = (bytes: number): number => Math.max(0, Math.floor(bytes / bytesPerMiB));

/** The field of a request at which a refusal is shown. */
export const fieldOf: Readonly<Record<string, string>> = {
  "guests.manyVcpus": "vcpus",
  "guests.noVcpus": "vcpus",
  "guests.noMemory": "memoryMiB",
  "guests.noDisk": "diskSizeGiB",
  "guests.noDiskGrowth": "diskSizeGiB",
  "guests.nodeClosed": "nodeName",
  "pools.notOnNode": "poolId",
};
