/** What a node says of itself every two seconds: the report `nodes.heartbeat`, checked where it arrives. */
import { check, type HypervisorStatus, type ReportBody, type Static, type TSchema, Type } from "jimv";

/** Newer nodes may say more than an older controller knows. */
const open = { additionalProperties: true };
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const Load = Type.Object(
  {
    /** Busy share of all CPUs since the last heartbeat, 0 to 100. */
    cpuPercent: Type.Number(),
    load1: Type.Number(),
    memoryMiB: Type.Integer(),
    /** What a new guest could have: free memory plus what the kernel would give up. */
    availableMemoryMiB: Type.Integer(),
    uptimeSeconds: Type.Integer(),
  },
  open,
);
export type NodeLoad = Static<typeof Load>;

const Ports = Type.Object(
  {
    /** The kernel hands out ports of this range for outgoing connections. */
    ephemeralFirst: Type.Integer(),
    ephemeralLast: Type.Integer(),
    /** TCP ports from 1024 that something listens on. */
    listening: Type.Array(Type.Integer()),
    /** What the node was told to keep away from outgoing connections, and why it can't; null before it was told. */
    reserved: Type.Optional(
      orNull(Type.Object({ ranges: Type.String(), refused: orNull(Type.String()) }, open)),
    ),
  },
  open,
);
export type PortFacts = Static<typeof Ports>;

const Lane = Type.Object(
  {
    name: Type.String(),
    state: Type.Union([
      Type.Literal("ok"),
      Type.Literal("busy"),
      Type.Literal("stuck"),
      Type.Literal("down"),
    ]),
    lastTurnAt: orNull(Type.Number()),
    queueLength: Type.Integer(),
    call: orNull(Type.String()),
    since: orNull(Type.Number()),
  },
  open,
);

const Facts = Type.Object(
  {
    hostname: Type.String(),
    cpus: Type.Integer(),
    cpuModel: Type.String(),
    memoryMiB: Type.Integer(),
    freeMemoryMiB: Type.Integer(),
    load1: Type.Number(),
    libvirtVersion: Type.String(),
    qemuVersion: Type.String(),
    acceleration: Type.Object(
      {
        virtType: Type.Union([Type.Literal("kvm"), Type.Literal("qemu")]),
        missing: Type.Array(
          Type.Union([Type.Literal("cpuFlags"), Type.Literal("device"), Type.Literal("capabilities")]),
        ),
        emulator: Type.String(),
        machine: Type.String(),
        arch: Type.String(),
        cpuMode: orNull(Type.Literal("host-model")),
        maxVcpus: Type.Integer(),
      },
      open,
    ),
  },
  open,
);

const Pool = Type.Object(
  {
    name: Type.String(),
    path: Type.String(),
    capacityBytes: Type.Integer(),
    availableBytes: Type.Integer(),
    active: Type.Boolean(),
  },
  open,
);

const Network = Type.Object(
  {
    name: Type.String(),
    bridge: orNull(Type.String()),
    cidr: orNull(Type.String()),
    active: Type.Boolean(),
  },
  open,
);

const InterfaceAddress = Type.Object({ name: Type.String(), address: Type.String() }, open);
export type InterfaceAddress = Static<typeof InterfaceAddress>;

const Heartbeat = Type.Object(
  {
    /** Null until libvirtd has answered once. */
    facts: orNull(Facts),
    load: Load,
    hypervisor: Type.Object(
      { connected: Type.Boolean(), since: Type.Number(), reason: orNull(Type.String()) },
      open,
    ),
    /** The workers of the libvirt binding. */
    lanes: Type.Array(Lane),
    /** Everything else that works on the node: tasks, outbox, plugins' own. */
    lamps: Type.Array(Lane),
    pool: orNull(Pool),
    networks: Type.Array(Network),
    /** Bridges of the machine that guests could be put on. */
    bridges: Type.Array(Type.String()),
    /** Addresses of its interfaces that other machines might reach it by. */
    addresses: Type.Optional(Type.Array(InterfaceAddress)),
    ports: orNull(Ports),
    /** What it lacks to filter what guests send; absent before anybody looked. */
    filterLacks: Type.Optional(Type.Array(Type.Union([Type.Literal("driver"), Type.Literal("ebtables")]))),
    /** The node's clock, UTC milliseconds. */
    at: Type.Optional(Type.Number()),
  },
  open,
);
export type Heartbeat = Static<typeof Heartbeat>;

/** The road's kind of report, and the key under which only the newest is kept. */
export const heartbeatKind = "nodes.heartbeat";

/** A heartbeat as it arrived, or null when it is not one. */
export function readHeartbeat(body: ReportBody): Heartbeat | null {
  const result = check(Heartbeat, body);
  return result.ok ? result.value : null;
}

/** The part of the hypervisor's status that a heartbeat carries. */
export function hypervisorPart(status: HypervisorStatus): Pick<Heartbeat, "hypervisor" | "lanes"> {
  const { connected, since, reason, lanes } = status;
  return { hypervisor: { connected, since, reason }, lanes };
}
