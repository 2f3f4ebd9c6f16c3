/** The nodes as a person knows them: what they reported last, and what was chosen for them. */
import {
  bigint,
  bool,
  type HostFacts,
  integer,
  json,
  type LaneStatus,
  type NetworkFacts,
  type Row,
  table,
  text,
  time,
} from "jimv";
import type { NodeLoad, PortFacts } from "./heartbeat.ts";

export type NodeState = "live" | "silent" | "offline";
/** `none`: never configured; `failed`: the last configuration failed, the one before (if any) still holds. */
export type ConfigState = "none" | "configuring" | "ready" | "failed";

export interface HypervisorFacts {
  connected: boolean;
  /** UTC milliseconds. */
  since: number;
  reason: string | null;
}

/**
 * What a heartbeat tells that is only ever read whole. One column: a row of MySQL's COMPACT format has room for
 * the beginnings of ten long texts, all of them together.
 */
export interface Surroundings {
  lanes: LaneStatus[];
  lamps: LaneStatus[];
  networks: NetworkFacts[];
  bridges: string[];
  ports: PortFacts | null;
}

export const nodes = table("nodes", {
  name: text(64).primaryKey(),
  /** As last decided by the leader; read `stateAt` for what it is now. */
  state: text<NodeState>(16).notNull(),
  acceptsGuests: bool().notNull(),
  /** Where other machines reach this node's VNC servers; null: only this machine does. */
  managementAddress: text(64),
  configState: text<ConfigState>(16).notNull(),
  configWord: text(96),
  configArgs: json<Record<string, string | number>>(),
  /** Things to know about the present configuration that don't stop anything. */
  configNotes: json<{ word: string; args: Record<string, string | number> }[]>(),
  /** A node without a pool takes no guests. */
  storagePath: text(191),
  poolName: text(64),
  poolCapacityBytes: bigint(),
  poolAvailableBytes: bigint(),
  /** One of both, once configured: a libvirt network, or a bridge of the machine. */
  networkName: text(64),
  bridge: text(15),
  vncPortFirst: integer(),
  vncPortLast: integer(),
  facts: json<HostFacts>(),
  load: json<NodeLoad>(),
  hypervisor: json<HypervisorFacts>(),
  surroundings: json<Surroundings>(),
  heardAt: time().notNull(),
  createdAt: time().notNull(),
});
export type NodeRow = Row<typeof nodes>;
