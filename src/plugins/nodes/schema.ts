/** The nodes as a person knows them: what they reported last, and what was chosen for them. */
import {
  bigint,
  bool,
  type FilterLack,
  type HostFacts,
  index,
  integer,
  json,
  type LaneStatus,
  type NetworkFacts,
  type Row,
  table,
  text,
  time,
  unique,
} from "jimv";
import type { InterfaceAddress, NodeLoad, PortFacts } from "./heartbeat.ts";

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
  addresses?: InterfaceAddress[];
  ports: PortFacts | null;
  filterLacks?: FilterLack[];
  /** How far the node's clock was ahead of the controller's at the last heartbeat, its way here included. */
  clockAheadMilliseconds?: number;
}

export const nodes = table(
  "nodes",
  {
    name: text(64).primaryKey(),
    /** As last decided by the leader; read `stateAt` for what it is now. */
    state: text<NodeState>(16).notNull(),
    acceptsGuests: bool().notNull(),
    /** Where other machines reach this node: migrations and screens. Null: only this machine does. */
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
    /** Empties for maintenance: takes no guests at all, also not by name. */
    maintenance: bool().notNull(),
    heardAt: time().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [unique("nodes_address", t.managementAddress)],
);
export type NodeRow = Row<typeof nodes>;

/** One-time tokens with which machines join. Only hashes: whoever reads the store can't use them. */
export const joinTokens = table(
  "nodes_join_tokens",
  {
    id: text(36).primaryKey(),
    hash: text(64).notNull(),
    /** `kind:name` of who made it. */
    createdBy: text(128).notNull(),
    createdAt: time().notNull(),
    expiresAt: time().notNull(),
    usedAt: time(),
    /** The node that joined with it, and its machine: only that one may ask again. */
    usedBy: text(64),
    usedMachine: text(64),
  },
  (t) => [unique("nodes_join_tokens_hash", t.hash), index("nodes_join_tokens_end", t.expiresAt)],
);
