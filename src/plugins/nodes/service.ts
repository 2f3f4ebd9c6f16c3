/** The rules of nodes: hearing them, saying whether they live, and setting them up. Controller side. */
import {
  type Actor,
  AppError,
  and,
  asc,
  type ControllerContext,
  defineHook,
  type Envelope,
  type EventRow,
  eq,
  fieldError,
  Gathered,
  gte,
  inArray,
  insert,
  lt,
  ne,
  or,
  type PayloadOf,
  peers,
  type ReportEffects,
  type ResultOf,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  type Task,
  type TaskError,
  Type,
  timing,
  update,
  updateEach,
} from "jimv";
import { refusedFolder } from "./folder.ts";
import { type Heartbeat, readHeartbeat } from "./heartbeat.ts";
import { portRanges, vncRangeGuards } from "./panels.ts";
import { type PortRange, rangesText } from "./reserved-ports.ts";
import { type NodeRow, nodes } from "./schema.ts";
import { configureNode, reserveTopic } from "./tasks.ts";
import { digestOf, type NodeView, nodeView, stateAfter, storageOf, troubleOf } from "./view.ts";

/** What is chosen for a node. */
export interface NodeConfig {
  storagePath: string;
  /** Null for JimV's own NAT network. */
  bridge: string | null;
  vncPortFirst: number;
  vncPortLast: number;
}

/** Outside the range that libvirt gives out by itself (from 5900) and below the kernel's own (from 32768). */
export const defaultVncPorts = { first: 15900, last: 19899 } as const;
/** What new nodes are offered. */
export const NodeSettings = Type.Object({
  vncPortFirst: Type.Integer({ minimum: 1024, maximum: 65535, default: defaultVncPorts.first }),
  vncPortLast: Type.Integer({ minimum: 1024, maximum: 65535, default: defaultVncPorts.last }),
});

const summedAtOnce = 50;
/** Fewer ports than this are a mistake: each running guest takes one. */
const fewestPorts = 8;
/** How often a range is sized anew when somebody booked one of its ports meanwhile. */
const resizeTries = 20;

export const nodeEvent = (name: string, data: unknown = null): EventRow => ({
  topic: "node",
  key: name,
  data,
});

type Row = NodeRow;

/** Runs when a node's maintenance is ended: handlers add what goes along, in the same batch. */
export const maintenanceEnded = defineHook<{ node: string; statements: Statement[] }>(
  "node.maintenanceEnded",
);

/** The program on a node, and why it, or another machine of its name, is refused. */
export interface NodeProgram {
  version: string;
  refusal: { word: string; args: Record<string, string | number> } | null;
}

export class NodeService {
  /** What pages were last told, per node. Lost with the process, which costs one event more. */
  private readonly told = new Map<string, string>();
  /** Rows by name, for the heartbeats of many nodes. */
  private readonly rows = new Gathered<string, Row>(async (names) => {
    const found = await this.context.store.select(nodes, { where: inArray(nodes.name, names) });
    return new Map(found.map((row) => [row.name, row]));
  });
  private readonly reconciledAt = new Map<string, number>();
  /** Which ranges of ports each node was asked to reserve, and when. */
  private readonly portsAsked = new Map<string, { ranges: string; at: number }>();

  constructor(
    private readonly context: Pick<
      ControllerContext,
      "store" | "clock" | "tasks" | "log" | "commit" | "hooks" | "slots" | "ask"
    >,
  ) {}

  /** All nodes by name. */
  async list(): Promise<NodeView[]> {
    const rows = await this.context.store.select(nodes, { orderBy: asc(nodes.name) });
    return rows.map((row) => nodeView(row, this.context.clock));
  }

  /** How many there are and are offline, and whether anything is wrong with one of them. */
  async summary(): Promise<{ all: number; offline: number; troubled: boolean }> {
    const { store, clock } = this.context;
    const heard = await store.pick(nodes, [nodes.name, nodes.heardAt], { orderBy: asc(nodes.name) });
    const isOffline = (heardAt: number): boolean => stateAfter(clock.now() - heardAt) === "offline";
    const offline = heard.filter(([, heardAt]) => isOffline(heardAt)).length;
    // A few at a time: to read what hundreds of nodes last said is milliseconds in which nobody else is served.
    for (let first = 0; offline === 0 && first < heard.length; first += summedAtOnce) {
      const some = await this.named(heard.slice(first, first + summedAtOnce).map(([name]) => name));
      if (some.some((node) => troubleOf(node) !== null))
        return { all: heard.length, offline, troubled: true };
    }
    return { all: heard.length, offline, troubled: offline > 0 };
  }

  /** All nodes by name with their storage, without what else they last said: that of hundreds takes long to read. */
  async storages(): Promise<Pick<NodeView, "name" | "state" | "hypervisor" | "storage">[]> {
    const { store, clock } = this.context;
    const { name, heardAt, hypervisor, poolName, storagePath, poolCapacityBytes, poolAvailableBytes } = nodes;
    const columns = [
      name,
      heardAt,
      hypervisor,
      poolName,
      storagePath,
      poolCapacityBytes,
      poolAvailableBytes,
    ] as const;
    const rows = await store.pick(nodes, columns, { orderBy: asc(name) });
    return rows.map(
      ([name, heardAt, hypervisor, poolName, storagePath, poolCapacityBytes, poolAvailableBytes]) => ({
        name,
        state: stateAfter(clock.now() - heardAt),
        hypervisor,
        storage: storageOf({ poolName, storagePath, poolCapacityBytes, poolAvailableBytes }),
      }),
    );
  }

  /** Those with these names; names that no node has are left out. */
  async named(names: readonly string[]): Promise<NodeView[]> {
    const rows = await this.context.store.select(nodes, { where: inArray(nodes.name, names) });
    return rows.map((row) => nodeView(row, this.context.clock));
  }

  /** Those of these names that are heard of: neither offline nor unknown. */
  async heardOf(names: readonly string[]): Promise<Set<string>> {
    const since = this.context.clock.now() - timing.nodeOfflineMilliseconds;
    const where = and(inArray(nodes.name, names), gte(nodes.heardAt, since));
    return new Set(await this.context.store.values(nodes, nodes.name, { where }));
  }

  async get(name: string): Promise<NodeView | null> {
    const row = await this.context.store.first(nodes, { where: eq(nodes.name, name) });
    return row ? nodeView(row, this.context.clock) : null;
  }

  /** @throws AppError notFound */
  async need(name: string): Promise<NodeView> {
    const node = await this.get(name);
    if (!node) throw new AppError("notFound", "nodes.notFound", { node: name });
    return node;
  }

  /** What the road knows of these nodes, by name. */
  async programs(names: readonly string[]): Promise<Map<string, NodeProgram>> {
    const recent = this.context.clock.now() - timing.refusalShownMilliseconds;
    const known = await this.context.store.select(peers, { where: inArray(peers.name, names) });
    return new Map(
      known.map(({ name, version, refusal }) => {
        const isShown = refusal !== null && (refusal.own || refusal.at >= recent);
        return [name, { version, refusal: isShown ? { word: refusal.word, args: refusal.args } : null }];
      }),
    );
  }

  /**
   * Changes what is chosen for a node. `along` is written in the same batch.
   * @throws AppError notFound, conflict for an address that is another node's
   */
  async change(
    name: string,
    change: { acceptsGuests?: boolean; managementAddress?: string | null; maintenance?: boolean },
    along: readonly Statement[] = [],
  ): Promise<NodeView> {
    const before = await this.need(name);
    const statements = [...along];
    if (before.maintenance && change.maintenance === false)
      await this.context.hooks.run(maintenanceEnded, { node: name, statements });
    const { acceptsGuests, managementAddress, maintenance } = change;
    const set = { acceptsGuests, managementAddress, maintenance };
    try {
      await this.context.commit(
        [update(nodes, set, eq(nodes.name, name), { expect: 1 }), ...statements],
        [nodeEvent(name)],
      );
    } catch (error) {
      if (!(error instanceof StoreUniqueError)) throw error;
      throw fieldError(
        "managementAddress",
        "nodes.address.taken",
        { address: managementAddress ?? "" },
        "conflict",
      );
    }
    return this.need(name);
  }

  /** What is wrong with a configuration, as far as the controller can tell. */
  refusalOf(config: NodeConfig): AppError | null {
    const folder = refusedFolder(config.storagePath);
    if (folder) return fieldError("storagePath", folder, { path: config.storagePath });
    if (config.vncPortLast - config.vncPortFirst + 1 < fewestPorts)
      return fieldError("vncPortLast", "nodes.fewPorts", { least: fewestPorts });
    return null;
  }

  /**
   * Sets a node up: folder, libvirt pool, network. Returns the task's id.
   * @throws AppError invalid at a field, notFound, conflict while one runs or the node is away
   */
  async configure(name: string, config: NodeConfig, actor: Actor): Promise<string> {
    const refusal = this.refusalOf(config);
    if (refusal) throw refusal;
    const node = await this.need(name);
    if (node.state === "offline") throw new AppError("conflict", "nodes.offline", { node: name });
    if (config.bridge !== null && node.bridges.length > 0 && !node.bridges.includes(config.bridge))
      throw fieldError("bridge", "nodes.noBridge", { bridge: config.bridge });
    await this.guardPorts(name, { first: config.vncPortFirst, last: config.vncPortLast });
    return this.sendConfiguration(name, config, actor);
  }

  private async sendConfiguration(name: string, config: NodeConfig, actor: Actor): Promise<string> {
    const { storagePath, bridge, vncPortFirst, vncPortLast } = config;
    const task = await this.context.tasks.prepare(configureNode, {
      node: name,
      target: { type: "node", key: name, name },
      exclusive: `node:${name}`,
      payload: { storagePath, bridge, vncPortFirst, vncPortLast },
      actor,
    });
    const set = { configState: "configuring", configWord: null, configArgs: null } as const;
    await this.context.commit(
      [update(nodes, set, eq(nodes.name, name)), ...task.statements],
      [nodeEvent(name), ...task.events],
    );
    this.context.tasks.kick();
    return task.id;
  }

  configured(
    task: Task,
    payload: PayloadOf<typeof configureNode>,
    result: ResultOf<typeof configureNode>,
  ): ReportEffects {
    const set = {
      configState: "ready",
      configWord: null,
      configArgs: null,
      configNotes: result.notes,
      storagePath: payload.storagePath,
      poolName: result.poolName,
      poolCapacityBytes: result.capacityBytes,
      poolAvailableBytes: result.availableBytes,
      networkName: result.networkName,
      bridge: payload.bridge,
      vncPortFirst: payload.vncPortFirst,
      vncPortLast: payload.vncPortLast,
    } as const;
    return {
      statements: [update(nodes, set, eq(nodes.name, task.nodeName))],
      events: [nodeEvent(task.nodeName)],
    };
  }

  notConfigured(task: Task, error: TaskError): ReportEffects {
    const set = { configState: "failed", configWord: error.word, configArgs: error.args } as const;
    return {
      statements: [update(nodes, set, eq(nodes.name, task.nodeName))],
      events: [nodeEvent(task.nodeName)],
    };
  }

  /** What a heartbeat changes. Pages hear of it only when something that they show did change. */
  async heard(envelope: Envelope): Promise<ReportEffects> {
    const heartbeat = readHeartbeat(envelope.body);
    if (!heartbeat) {
      this.context.log.warn("a heartbeat can't be read", { node: envelope.node });
      return { statements: [] };
    }
    const before = (await this.rows.of(envelope.node)) ?? null;
    const heardAt = this.context.clock.now();
    const set = { state: "live" as const, heardAt, ...columnsOf(heartbeat, before, heardAt) };
    const row: Row = before ? { ...before, ...set } : { ...freshRow(envelope.node, heardAt), ...set };
    const digest = digestOf(nodeView(row, this.context.clock));
    const isNews = this.told.get(envelope.node) !== digest || before?.state !== "live";
    return {
      statements: [
        before ? updateEach(nodes, nodes.name, [{ key: envelope.node, set }]) : insert(nodes, row),
      ],
      events: isNews ? [nodeEvent(envelope.node)] : [],
      after: () => {
        this.told.set(envelope.node, digest);
        this.reconcile(row, heartbeat).catch((error) =>
          this.context.log.warn("a node can't be set up again", { node: row.name, error: String(error) }),
        );
        this.demandPorts(row, heartbeat).catch((error) =>
          this.context.log.warn("a node's ports can't be reserved", { node: row.name, error: String(error) }),
        );
      },
    };
  }

  /** A node whose pool or network is not as it was chosen (a restart, somebody's hand) is set up again. */
  private async reconcile(row: Row, heartbeat: Heartbeat): Promise<void> {
    if (row.configState !== "ready" || !heartbeat.hypervisor.connected || !heartbeat.facts) return;
    const { storagePath, poolName, vncPortFirst, vncPortLast } = row;
    if (storagePath === null || vncPortFirst === null || vncPortLast === null) return;
    const poolIsThere = heartbeat.pool?.name === poolName && heartbeat.pool.active;
    const networkIsThere =
      row.networkName === null ||
      heartbeat.networks.some((network) => network.name === row.networkName && network.active);
    if (poolIsThere && networkIsThere) return;
    const now = this.context.clock.now();
    if (now - (this.reconciledAt.get(row.name) ?? 0) < timing.nodeReconcileMilliseconds) return;
    this.reconciledAt.set(row.name, now);
    if ((await this.context.tasks.openFor("node", [row.name])).length > 0) return;
    const config = { storagePath, bridge: row.bridge, vncPortFirst, vncPortLast };
    await this.sendConfiguration(row.name, config, { kind: "system", name: "nodes" });
  }

  /** Asks a node to keep the ports that it gives out from other programs, unless it says that it does. */
  private async demandPorts(row: Row, { ports }: Heartbeat): Promise<void> {
    const { vncPortFirst: first, vncPortLast: last } = row;
    if (!ports || first === null || last === null) return;
    const others = await Promise.all(this.context.slots.all(portRanges).map((range) => range()));
    const ranges = rangesText([{ first, last }, ...others.filter((range) => range.first <= range.last)]);
    if (ports.reserved?.ranges === ranges) return;
    const now = this.context.clock.now();
    const asked = this.portsAsked.get(row.name);
    if (asked?.ranges === ranges && now - asked.at < timing.portsAskAgainMilliseconds) return;
    this.portsAsked.set(row.name, { ranges, at: now });
    this.context.ask(row.name, reserveTopic, ranges);
  }

  /** What must hold for a range of VNC ports to become a node's. @throws AppError invalid at a field, conflict */
  private async guardPorts(name: string, range: PortRange): Promise<Statement[]> {
    if (range.last - range.first + 1 < fewestPorts)
      throw fieldError("last", "nodes.fewPorts", { least: fewestPorts });
    const guards = this.context.slots.all(vncRangeGuards).map((guard) => guard(name, range));
    return (await Promise.all(guards)).flat();
  }

  /**
   * Grows or shrinks a node's range of VNC ports. Guests keep theirs.
   * @throws AppError invalid at a field, notFound, conflict while a port outside of it is used, or it is not set up
   */
  async resizePorts(name: string, range: PortRange): Promise<void> {
    const { vnc } = await this.need(name);
    if (!vnc) throw new AppError("conflict", "nodes.portsUnchosen", { node: name });
    const set = { vncPortFirst: range.first, vncPortLast: range.last };
    for (let left = resizeTries; ; left--) {
      const guards = await this.guardPorts(name, range);
      const change = update(nodes, set, eq(nodes.name, name), { expect: 1 });
      try {
        return await this.context.commit([...guards, change], [nodeEvent(name)]);
      } catch (error) {
        if (!(error instanceof StoreExpectationError)) throw error;
        if (left <= 1)
          throw new AppError("unavailable", "nodes.portsBooked", { node: name }, { cause: error });
      }
    }
  }

  /** The leader's look at who was not heard for too long. */
  async lookForSilence(): Promise<void> {
    const now = this.context.clock.now();
    const [silent, offline] = [now - timing.nodeSilentMilliseconds, now - timing.nodeOfflineMilliseconds];
    // Asked for by state: to read all rows, with all that they hold, each second costs more than the heartbeats do.
    const hasTurned = or(
      and(gte(nodes.heardAt, silent), ne(nodes.state, "live")),
      and(lt(nodes.heardAt, silent), gte(nodes.heardAt, offline), ne(nodes.state, "silent")),
      and(lt(nodes.heardAt, offline), ne(nodes.state, "offline")),
    );
    const turned = (await this.context.store.select(nodes, { where: hasTurned })).map((row) => ({
      row,
      state: stateAfter(now - row.heardAt),
    }));
    if (turned.length === 0) return;
    // In one batch: after an outage all nodes turn at once, just when their reports need the store most.
    await this.context.commit(
      turned.map(({ row, state }) =>
        // Only if it wasn't heard meanwhile: a heartbeat that comes in between wins.
        update(nodes, { state }, and(eq(nodes.name, row.name), eq(nodes.heardAt, row.heardAt))),
      ),
      turned.map(({ row, state }) => nodeEvent(row.name, { state })),
    );
    for (const { row, state } of turned)
      if (state === "offline") this.context.log.warn("node offline", { node: row.name });
  }
}

function columnsOf(heartbeat: Heartbeat, before: Row | null, now: number): Partial<Row> {
  const {
    facts,
    load,
    hypervisor,
    lanes,
    lamps,
    networks,
    bridges,
    addresses = [],
    ports,
    pool,
    filterLacks,
  } = heartbeat;
  const clockAheadMilliseconds = (heartbeat.at ?? now) - now;
  const surroundings = {
    ...{ lanes, lamps, networks, bridges, addresses, ports, clockAheadMilliseconds },
    ...(filterLacks ? { filterLacks } : {}),
  };
  const known = { load, hypervisor, surroundings };
  return {
    ...known,
    ...(facts ? { facts } : {}),
    // Figures of another pool than the one in use would mislead.
    ...(pool && before && pool.name === before.poolName
      ? { poolCapacityBytes: pool.capacityBytes, poolAvailableBytes: pool.availableBytes }
      : {}),
  };
}

/** A node that nothing is known of yet. */
export function freshRow(name: string, now: number): Row {
  return {
    name,
    state: "live",
    acceptsGuests: true,
    maintenance: false,
    managementAddress: null,
    configState: "none",
    configWord: null,
    configArgs: null,
    configNotes: null,
    storagePath: null,
    poolName: null,
    poolCapacityBytes: null,
    poolAvailableBytes: null,
    networkName: null,
    bridge: null,
    vncPortFirst: null,
    vncPortLast: null,
    facts: null,
    load: null,
    hypervisor: null,
    surroundings: null,
    heardAt: now,
    createdAt: now,
  };
}
