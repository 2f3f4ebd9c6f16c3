/**
 * What fits on a node. Every refusal names the figure that decides.
 *
 * Memory: guests that run or are about to (see `residentStates`) count with their whole size; the others take
 * none, so starting a guest asks here again. Disk: what a copy writes at once must be free now, and what all
 * new disks may grow to must be covered by what is free times `diskOvercommit`, since qcow2 files grow.
 */
import { AppError, and, eq, fieldError, inArray, type Static, type Store, Type } from "jimv";
import type { PlaceableNode } from "./needs.ts";
import { guests } from "./schema.ts";
import { residentStates } from "./states.ts";

export const GuestSettings = Type.Object({
  memoryOvercommit: Type.Number({
    minimum: 0.1,
    maximum: 10,
    default: 1,
    description: "How many times a node's memory its running guests may have together",
  }),
  diskOvercommit: Type.Number({
    minimum: 0.1,
    maximum: 100,
    default: 2,
    description: "How many times the free space of a pool new disks may grow to",
  }),
});
export type GuestSettings = Static<typeof GuestSettings>;

export const bytesPerGiB = 1024 ** 3;
const bytesPerMiB = 1024 ** 2;

/** A node that can take guests now. */
export interface ReadyNode extends PlaceableNode {
  facts: NonNullable<PlaceableNode["facts"]>;
  storage: NonNullable<PlaceableNode["storage"]>;
  network: NonNullable<PlaceableNode["network"]>;
  vnc: NonNullable<PlaceableNode["vnc"]>;
}

/** @throws AppError conflict that says what is missing */
export function readyNode(node: PlaceableNode): ReadyNode {
  const refuse = (word: string, args: Record<string, string> = {}): never => {
    throw new AppError("conflict", word, { node: node.name, ...args });
  };
  if (node.state !== "live") refuse("guests.nodeAway");
  if (node.hypervisor && !node.hypervisor.connected)
    refuse("guests.nodeHypervisor", { reason: node.hypervisor.reason ?? "" });
  const { facts, storage, network, vnc } = node;
  if (!node.configured || !storage || !network || !vnc) return refuse("guests.nodeUnconfigured");
  if (!facts) return refuse("guests.nodeHypervisor", { reason: "" });
  return { ...node, facts, storage, network, vnc };
}

/** MiB that guests on the node have, or are about to have. `except` is left out. */
export async function residentMemoryMiB(store: Store, nodeName: string, except?: string): Promise<number> {
  const resident = and(eq(guests.nodeName, nodeName), inArray(guests.state, residentStates));
  const all = await store.sum(guests, guests.memoryMiB, resident);
  if (except === undefined) return all;
  return all - (await store.sum(guests, guests.memoryMiB, and(resident, eq(guests.uuid, except))));
}

/** @throws AppError conflict at the field */
export function checkMemory(
  node: ReadyNode,
  settings: GuestSettings,
  residentMiB: number,
  each: number,
  count: number,
): void {
  const most = Math.floor(node.facts.memoryMiB * settings.memoryOvercommit);
  const free = most - residentMiB;
  if (each * count > free)
    throw fieldError(
      "memoryMiB",
      "guests.noMemory",
      { node: node.name, needMiB: each * count, freeMiB: Math.max(0, free), mostMiB: most },
      "conflict",
    );
}

/** @throws AppError conflict at the field */
export function checkVcpus(node: ReadyNode, vcpus: number): void {
  const most = Math.min(node.facts.cpus, node.facts.acceleration.maxVcpus);
  if (vcpus > most)
    throw fieldError("vcpus", "guests.manyVcpus", { node: node.name, vcpus, most }, "conflict");
}

/**
 * `writeBytes`: what is written at once; `growBytes`: what all new disks may become.
 * @throws AppError conflict at the field
 */
export function checkDisk(
  node: { name: string; storage: { availableBytes: number } },
  settings: GuestSettings,
  writeBytes: number,
  growBytes: number,
  field: string,
): void {
  const free = node.storage.availableBytes;
  const mib = (bytes: number): number => Math.ceil(bytes / bytesPerMiB);
  if (writeBytes > free)
    throw fieldError(
      field,
      "guests.noDisk",
      { node: node.name, needMiB: mib(writeBytes), freeMiB: Math.floor(free / bytesPerMiB) },
      "conflict",
    );
  if (growBytes > free * settings.diskOvercommit)
    throw fieldError(
      field,
      "guests.noDiskGrowth",
      {
        node: node.name,
        needMiB: mib(growBytes),
        freeMiB: Math.floor(free / bytesPerMiB),
        overcommit: settings.diskOvercommit,
      },
      "conflict",
    );
}
