/** A node as others see it: what plugins, the API and pages get instead of the row. */
import {
  type Clock,
  type FilterLack,
  type HostFacts,
  type LaneStatus,
  type NetworkFacts,
  timing,
} from "jimv";
import type { InterfaceAddress, NodeLoad, PortFacts } from "./heartbeat.ts";
import type { ConfigState, HypervisorFacts, NodeRow, NodeState } from "./schema.ts";

/** How a guest's interface reaches the network on a node. */
export type NetworkChoice = { network: string } | { bridge: string };

export interface NodeView {
  name: string;
  state: NodeState;
  /** Whether automatic placement may choose it. Choosing it by name is always allowed. */
  acceptsGuests: boolean;
  /** Has a storage folder, pool and network: guests can be put there. */
  configured: boolean;
  /** Takes no guests at all for now, also not by name. */
  maintenance: boolean;
  config: {
    state: ConfigState;
    /** Why the last configuration failed. */
    error: { word: string; args: Record<string, string | number> } | null;
    notes: { word: string; args: Record<string, string | number> }[];
  };
  /** Null until libvirtd has answered once. Free memory and load are of the last heartbeat. */
  facts: HostFacts | null;
  load: NodeLoad | null;
  hypervisor: HypervisorFacts | null;
  /** The workers of the libvirt binding, then everything else that works there. */
  lamps: LaneStatus[];
  storage: { poolName: string; path: string; capacityBytes: number; availableBytes: number } | null;
  network: NetworkChoice | null;
  /** What is there to choose from. */
  networks: NetworkFacts[];
  bridges: string[];
  /** Addresses of the machine's interfaces, one of which others may reach it by. */
  addresses: InterfaceAddress[];
  vnc: { first: number; last: number; listen: string } | null;
  ports: PortFacts | null;
  /** What it lacks to filter what guests send; null before it was looked at. */
  filterLacks: FilterLack[] | null;
  managementAddress: string | null;
  heardAt: number;
  /** How far its clock is ahead of the controller's, milliseconds; a heartbeat's way makes it a little less. */
  clockAheadMilliseconds: number;
}

/** A node that was heard `silence` milliseconds ago. */
export function stateAfter(silence: number): NodeState {
  if (silence > timing.nodeOfflineMilliseconds) return "offline";
  return silence > timing.nodeSilentMilliseconds ? "silent" : "live";
}

/** The folder that was chosen for its storage, and how much of it is free; null before one was. */
export function storageOf(
  row: Pick<NodeRow, "poolName" | "storagePath" | "poolCapacityBytes" | "poolAvailableBytes">,
): NodeView["storage"] {
  if (!row.poolName || !row.storagePath) return null;
  return {
    poolName: row.poolName,
    path: row.storagePath,
    capacityBytes: row.poolCapacityBytes ?? 0,
    availableBytes: row.poolAvailableBytes ?? 0,
  };
}

export function nodeView(row: NodeRow, clock: Pick<Clock, "now">): NodeView {
  const { load, facts } = row;
  const network = row.bridge ? { bridge: row.bridge } : row.networkName ? { network: row.networkName } : null;
  const vncPortsChosen = row.vncPortFirst !== null && row.vncPortLast !== null;
  return {
    name: row.name,
    state: stateAfter(clock.now() - row.heardAt),
    acceptsGuests: row.acceptsGuests,
    maintenance: row.maintenance,
    configured: row.poolName !== null && network !== null && vncPortsChosen,
    config: {
      state: row.configState,
      error: row.configWord ? { word: row.configWord, args: row.configArgs ?? {} } : null,
      notes: row.configNotes ?? [],
    },
    facts: facts && load ? { ...facts, freeMemoryMiB: load.availableMemoryMiB, load1: load.load1 } : facts,
    load,
    hypervisor: row.hypervisor,
    lamps: [...(row.surroundings?.lanes ?? []), ...(row.surroundings?.lamps ?? [])],
    storage: storageOf(row),
    network,
    networks: row.surroundings?.networks ?? [],
    bridges: row.surroundings?.bridges ?? [],
    addresses: row.surroundings?.addresses ?? [],
    vnc: vncPortsChosen
      ? {
          first: row.vncPortFirst ?? 0,
          last: row.vncPortLast ?? 0,
          // Browsers come through the controller; only a controller elsewhere needs more than this machine.
          listen: row.managementAddress ?? "127.0.0.1",
        }
      : null,
    ports: row.surroundings?.ports ?? null,
    filterLacks: row.surroundings?.filterLacks ?? null,
    managementAddress: row.managementAddress,
    heardAt: row.heardAt,
    clockAheadMilliseconds: row.surroundings?.clockAheadMilliseconds ?? 0,
  };
}

/** What is wrong with a node, worst first; null when nothing is. Pages sort and mark by it. */
export type NodeTrouble =
  | "offline"
  | "silent"
  | "libvirt"
  | "stuck"
  | "configFailed"
  | "unconfigured"
  | "diskFull"
  | "clock"
  | "ports"
  | "down";

/** A pool with less free than this share is nearly full. */
export const nearlyFullShare = 0.1;

export function troubleOf(node: NodeView): NodeTrouble | null {
  if (node.state === "offline") return "offline";
  if (node.state === "silent") return "silent";
  if (node.hypervisor && !node.hypervisor.connected) return "libvirt";
  if (node.lamps.some((lamp) => lamp.state === "stuck")) return "stuck";
  if (node.config.state === "failed") return "configFailed";
  if (!node.configured && node.config.state !== "configuring") return "unconfigured";
  const { storage } = node;
  if (
    storage &&
    storage.capacityBytes > 0 &&
    storage.availableBytes / storage.capacityBytes < nearlyFullShare
  )
    return "diskFull";
  if (isClockOff(node)) return "clock";
  if (node.ports?.reserved?.refused) return "ports";
  if (node.lamps.some((lamp) => lamp.state === "down")) return "down";
  return null;
}

const isClockOff = ({ clockAheadMilliseconds }: NodeView): boolean =>
  Math.abs(clockAheadMilliseconds) > timing.nodeClockMilliseconds;

/** How full something is, whole percent of what there is; null where nothing is known. */
export function usedPercent(node: NodeView): {
  cpu: number | null;
  memory: number | null;
  storage: number | null;
} {
  const { load, storage } = node;
  const share = (free: number, all: number): number | null =>
    all > 0 ? Math.round((100 * (all - free)) / all) : null;
  return {
    cpu: load ? Math.round(load.cpuPercent) : null,
    memory: load ? share(load.availableMemoryMiB, load.memoryMiB) : null,
    storage: storage ? share(storage.availableBytes, storage.capacityBytes) : null,
  };
}

const minuteMilliseconds = 60_000;

/** Everything that a page shows of a node, coarsely: an event is worth telling when this changes. */
export function digestOf(node: NodeView): string {
  const { cpu, memory, storage } = usedPercent(node);
  const { facts } = node;
  return JSON.stringify([
    node.state,
    node.acceptsGuests,
    node.maintenance,
    node.managementAddress,
    node.addresses,
    node.config,
    node.hypervisor?.connected,
    node.hypervisor?.reason,
    node.lamps.map((lamp) => [lamp.name, lamp.state === "busy" ? "ok" : lamp.state]),
    cpu === null ? null : Math.round(cpu / 5),
    memory,
    storage,
    node.storage?.path,
    node.network,
    isClockOff(node) ? Math.round(node.clockAheadMilliseconds / minuteMilliseconds) : 0,
    node.networks,
    node.bridges,
    node.vnc,
    node.ports?.reserved,
    node.filterLacks,
    facts?.libvirtVersion,
    facts?.qemuVersion,
    facts?.acceleration,
    facts?.memoryMiB,
    facts?.cpus,
  ]);
}
