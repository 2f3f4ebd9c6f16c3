/** Whether a node can take a guest from another one, and what has to go along. Pure. */

import type { Reason } from "jimv";
import type { MovingGuest } from "../guests/index.ts";
import type { Standing } from "../pools/index.ts";
import type { MovableNode } from "./needs.ts";

/** A disk's or seed's file, as the migration's task carries it. */
export interface MovingFile {
  path: string;
  to: string;
  pool: string;
  copy: boolean;
}

/** How a pool stands on the other node, with what a copy there needs. */
export interface PoolThere extends Standing {
  libvirtName: string;
  /** What is free, less what others bring there. */
  availableBytes: number;
  /** Key of what is booked there. */
  room: string;
}
/** The guest's pools on the other node, by their ids. */
export type PoolsThere = ReadonlyMap<string, PoolThere>;

export const bytesPerGiB = 1024 ** 3;

/** Where a guest's file is on the other node. Not copied where both nodes see the same storage. */
export function fileThere(path: string, pool: PoolThere | undefined): MovingFile {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return {
    path,
    to: pool?.path ? `${pool.path.replace(/\/+$/, "")}/${name}` : path,
    pool: pool?.libvirtName ?? "",
    copy: pool?.shared !== true,
  };
}

/**
 * Why the guest can't go from one node to the other, or null. What of it fits there in memory, vCPUs and ports, and
 * whether the node is there at all, is asked before.
 */
export function refusalOf(
  moving: MovingGuest,
  from: MovableNode,
  to: MovableNode,
  pools: PoolsThere,
): Reason | null {
  const { guest } = moving;
  const no = (word: string, args: Record<string, string | number> = {}): Reason => ({
    of: to.name,
    word: `migration.no.${word}`,
    args: { node: to.name, from: from.name, name: guest.name, ...args },
  });
  if (to.name === from.name) return no("same");
  if (to.managementAddress === null) return no("address");
  if (from.managementAddress === to.managementAddress)
    return no("sameAddress", { address: to.managementAddress });
  const [here, there] = [from.facts, to.facts];
  if (!here || !there) return no("facts");
  // libvirt takes a migration to a machine of the same name for one to itself.
  if (here.hostname === there.hostname) return no("sameHostname", { hostname: there.hostname });
  const [one, other] = [here.acceleration, there.acceleration];
  if (one.arch !== other.arch) return no("arch", { one: one.arch, other: other.arch });
  if (one.virtType !== other.virtType)
    return no("acceleration", { one: one.virtType, other: other.virtType });
  if (one.emulator !== other.emulator) return no("emulator", { path: one.emulator });
  const isOff = guest.state === "off" || guest.state === "crashed";
  if (!isOff && isOlder(there.qemuVersion, here.qemuVersion))
    return no("olderQemu", { one: here.qemuVersion, other: there.qemuVersion });
  for (const { network, bridge } of moving.interfaces) {
    if (network !== null && !to.networks.some((each) => each.name === network && each.active))
      return no("network", { network });
    if (bridge !== null && !to.bridges.includes(bridge)) return no("bridge", { bridge });
  }
  const needs = new Map<PoolThere, number>();
  for (const disk of moving.disks) {
    const pool = pools.get(disk.poolId);
    if (!pool?.present)
      return pool?.problem ? { of: to.name, ...pool.problem } : no("pool", { disk: disk.name });
    if (pool.shared) continue;
    // A running one's copy is whole; a file alone would read from a template that is not there.
    if (isOff && disk.linkedTemplateId !== null) return no("linked", { disk: disk.name });
    needs.set(pool, (needs.get(pool) ?? 0) + disk.sizeGiB);
  }
  for (const [{ availableBytes }, needGiB] of needs) {
    const freeGiB = Math.max(0, Math.floor(availableBytes / bytesPerGiB));
    if (needGiB > freeGiB) return no("space", { needGiB, freeGiB });
  }
  return null;
}

/** Whether a version (`7.2.0`) is older than another. */
export function isOlder(version: string, than: string): boolean {
  const [one, other] = [version, than].map((each) => each.split(".").map(Number));
  for (let at = 0; at < 3; at++) {
    const difference = (one?.[at] ?? 0) - (other?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
