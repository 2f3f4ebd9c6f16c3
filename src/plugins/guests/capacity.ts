/**
 * What nodes have left for guests.
 *
 * Memory and vCPUs: guests that run or are about to (see `residentStates`) count with their whole size; the others
 * take none, so starting a guest asks here again. Disk: what a copy writes at once must be free now, and what all
 * new disks may grow to must be covered by what is free times `diskOvercommit`, since qcow2 files grow; what
 * unfinished creations will write, and disks that guests on their way bring along, is taken off both.
 */
import { AppError, and, eq, fieldError, inArray, isNotNull, ne, type Reason, type Static, Type } from "jimv";
import { disks } from "../disks/index.ts";
import { type PoolView, roomKey } from "../pools/index.ts";
import type { Ground, PlaceableNode } from "./needs.ts";
import { fieldOf, type Need, type PoolRoom, refusal, type Seat } from "./placement.ts";
import { guests } from "./schema.ts";
import { residentStates } from "./states.ts";

export const GuestSettings = Type.Object({
  memoryOvercommit: Type.Number({
    minimum: 0.1,
    maximum: 10,
    default: 1,
    description: "How many times a node's memory its running guests may have together",
  }),
  vcpuOvercommit: Type.Number({
    minimum: 0.1,
    maximum: 100,
    default: 16,
    description: "How many vCPUs a node's running guests may have together, for each of its CPUs",
  }),
  diskOvercommit: Type.Number({
    minimum: 0.1,
    maximum: 100,
    default: 2,
    description: "How many times the free space of a pool new disks may grow to",
  }),
  defaultPool: Type.String({
    minLength: 1,
    maxLength: 64,
    default: "local",
    description: "The name of the storage pool for guests that don't name one",
  }),
});
export type GuestSettings = Static<typeof GuestSettings>;

export const bytesPerGiB = 1024 ** 3;

/** A node that can take guests now. */
export interface ReadyNode extends PlaceableNode {
  facts: NonNullable<PlaceableNode["facts"]>;
  network: NonNullable<PlaceableNode["network"]>;
  vnc: NonNullable<PlaceableNode["vnc"]>;
}

/** The node, or what it lacks to take guests. */
export function readiness(node: PlaceableNode): { ready: ReadyNode } | { refusal: Reason } {
  const no = (word: string, args: Record<string, string> = {}): { refusal: Reason } => ({
    refusal: { of: node.name, word, args: { node: node.name, ...args } },
  });
  if (node.state !== "live") return no("guests.nodeAway");
  if (node.hypervisor && !node.hypervisor.connected)
    return no("guests.nodeHypervisor", { reason: node.hypervisor.reason ?? "" });
  if (node.maintenance) return no("guests.nodeMaintenance");
  const { facts, network, vnc } = node;
  if (!node.configured || !network || !vnc) return no("guests.nodeUnconfigured");
  if (!facts) return no("guests.nodeHypervisor", { reason: "" });
  if (facts.qemuVersion === "" || facts.acceleration.emulator === "") return no("guests.nodeNoEmulator");
  return { ready: { ...node, facts, network, vnc } };
}

/** @throws AppError conflict that says what is missing */
export function readyNode(node: PlaceableNode): ReadyNode {
  const found = readiness(node);
  if ("refusal" in found) throw refused(found.refusal);
  return found.ready;
}

/** A reason as the refusal of a request, at its field where it has one. */
export function refused({ word, args }: Reason): AppError {
  const field = fieldOf[word];
  return field === undefined
    ? new AppError("conflict", word, args)
    : fieldError(field, word, args, "conflict");
}

export class Capacity {
  constructor(private readonly ground: Pick<Ground, "store" | "settings">) {}

  settings(): Promise<GuestSettings> {
    return this.ground.settings.read("guests", GuestSettings);
  }

  /** What nodes have and have given away. The guest `except` is left out. */
  async seats(
    nodes: readonly ReadyNode[],
    options: { except?: string | undefined; poolOf?: (node: string) => string } = {},
  ): Promise<Map<string, Seat>> {
    const { except, poolOf = () => "" } = options;
    const { store } = this.ground;
    const [only] = nodes.length === 1 ? nodes : [];
    const onNode = only && eq(guests.nodeName, only.name);
    const resident = and(
      inArray(guests.state, residentStates),
      onNode,
      except === undefined ? undefined : ne(guests.uuid, except),
    );
    // A guest that is on its way to a node takes its room there already.
    const coming = and(
      only ? eq(guests.movesTo, only.name) : isNotNull(guests.movesTo),
      except === undefined ? undefined : ne(guests.uuid, except),
    );
    const [settings, memory, vcpus, ports, comingMemory, comingVcpus, comingPorts] = await Promise.all([
      this.settings(),
      store.sumBy(guests, guests.memoryMiB, guests.nodeName, resident),
      store.sumBy(guests, guests.vcpus, guests.nodeName, resident),
      store.countBy(guests, guests.nodeName, and(isNotNull(guests.vncPort), onNode)),
      store.sumBy(guests, guests.memoryMiB, guests.movesTo, coming),
      store.sumBy(guests, guests.vcpus, guests.movesTo, coming),
      store.countBy(guests, guests.movesTo, coming),
    ]);
    return new Map(
      nodes.map(({ name, facts, vnc }) => [
        name,
        {
          node: name,
          usedMiB: (memory.get(name) ?? 0) + (comingMemory.get(name) ?? 0),
          mostMiB: Math.floor(facts.memoryMiB * settings.memoryOvercommit),
          usedVcpus: (vcpus.get(name) ?? 0) + (comingVcpus.get(name) ?? 0),
          mostVcpus: Math.floor(facts.cpus * settings.vcpuOvercommit),
          vcpusEach: Math.min(facts.cpus, facts.acceleration.maxVcpus),
          pool: poolOf(name),
          freePorts: vnc.last - vnc.first + 1 - (ports.get(name) ?? 0) - (comingPorts.get(name) ?? 0),
          ports: { first: vnc.first, last: vnc.last },
        },
      ]),
    );
  }

  /** What guests on their way bring into a pool's part on each node, GiB that their disks may grow to. */
  async comingGiB(poolId: string, except?: string): Promise<Map<string, number>> {
    const { store } = this.ground;
    const found = new Map<string, number>();
    const coming = await store.select(guests, { where: isNotNull(guests.movesTo) });
    const others = coming.filter(({ uuid }) => uuid !== except);
    if (others.length === 0) return found;
    const hers = await store.select(disks, {
      where: and(
        eq(disks.poolId, poolId),
        inArray(
          disks.guestUuid,
          others.map(({ uuid }) => uuid),
        ),
      ),
    });
    for (const { guestUuid, sizeGiB } of hers) {
      const to = others.find(({ uuid }) => uuid === guestUuid)?.movesTo;
      if (to) found.set(to, (found.get(to) ?? 0) + sizeGiB);
    }
    return found;
  }

  /** What a pool has left on nodes, by the key of the room. */
  async rooms(pool: PoolView, nodes: readonly string[]): Promise<Map<string, PoolRoom>> {
    const { store } = this.ground;
    const unfinished = and(eq(disks.state, "creating"), eq(disks.poolId, pool.id));
    const [settings, coming, writing, growing] = await Promise.all([
      this.settings(),
      // Copies to a pool that is shared are none.
      pool.isShared ? new Map<string, number>() : this.comingGiB(pool.id),
      store.sumBy(disks, disks.writeBytes, disks.nodeName, unfinished),
      store.sumBy(disks, disks.sizeGiB, disks.nodeName, unfinished),
    ]);
    // A shared pool's room is taken by what is made on any node.
    const taken = (by: ReadonlyMap<string, number>, node: string): number =>
      pool.isShared ? [...by.values()].reduce((sum, each) => sum + each, 0) : (by.get(node) ?? 0);
    return new Map(
      nodes.map((node) => {
        const presence = pool.presences.find((each) => each.nodeName === node);
        const free = (pool.isShared ? pool.availableBytes : presence?.availableBytes) ?? 0;
        const room: PoolRoom = {
          freeBytes: free - taken(writing, node) - taken(coming, node) * bytesPerGiB,
          growBytes:
            free * settings.diskOvercommit - (taken(growing, node) + taken(coming, node)) * bytesPerGiB,
          onceBytes: 0,
        };
        return [roomKey(pool, node), room];
      }),
    );
  }

  /** Whether a guest that takes no new disk space fits on its node. @throws AppError conflict at the field */
  async demandFit(
    node: ReadyNode,
    need: Pick<Need, "memoryMiB" | "vcpus">,
    options: { except?: string; alone?: boolean } = {},
  ): Promise<void> {
    const seat = (await this.seats([node], { except: options.except })).get(node.name);
    if (!seat) return;
    const asked = options.alone ? { ...seat, usedMiB: 0, usedVcpus: 0 } : seat;
    const reason = refusal(asked, undefined, { ...need, writeBytes: 0, growBytes: 0 });
    if (reason) throw refused(reason);
  }
}
