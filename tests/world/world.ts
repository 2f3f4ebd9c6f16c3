/**
 * A whole pretended cluster: the real services, desk, dispatcher, applier, agent and outbox, on a pretended
 * clock, road, hypervisor and processes. Controllers and nodes can be killed at any point and started again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Actor, eq, insert, type Plugin, type ServiceKey, type TObject, update } from "jimv";
import { Controller, type Leadership } from "../../src/core/controller.ts";
import { createLog, type Log, logLine } from "../../src/core/log/log.ts";
import { coreMigrations } from "../../src/core/migrations.ts";
import { Node } from "../../src/core/node.ts";
import { Outbox } from "../../src/core/road/outbox.ts";
import { leaderLease, openStore, type Store } from "../../src/core/store/index.ts";
import type { Task } from "../../src/core/tasks/schema.ts";
import { tasks } from "../../src/core/tasks/schema.ts";
import { timing } from "../../src/core/timing.ts";
import { NodeKey, Vault } from "../../src/core/vault.ts";
import { diskService } from "../../src/plugins/disks/index.ts";
import { type CreateGuest, type Guest, guestService, guests } from "../../src/plugins/guests/index.ts";
import { drainSteps, drains } from "../../src/plugins/migration/schema.ts";
import { nodeService } from "../../src/plugins/nodes/index.ts";
import { localPoolId } from "../../src/plugins/pools/index.ts";
import { pools } from "../../src/plugins/pools/schema.ts";
import { templates } from "../../src/plugins/templates/index.ts";
import { PretendedClock, settled } from "./clock.ts";
import { type Pace, PretendedHypervisor } from "./hypervisor.ts";
import { Machine } from "./machine.ts";
import { type Inventory, pluginsOf, pretendedNode, pretendedTemplate, silentWeb } from "./plugins.ts";
import { type Fate, type Point, PretendedProcess, pointText } from "./process.ts";
import { PretendedRoad } from "./road.ts";

export const clusterId = "pretended-cluster";
export const someone: Actor = { kind: "user", name: "someone" };
const leaseMilliseconds = 1e12;
/** Longer than the longest deadline of a task. */
const restMilliseconds = 6 * 3_600_000;

/** An outbox whose every write to disk may be the process's last. */
class MortalOutbox extends Outbox {
  constructor(
    path: string,
    clock: PretendedClock,
    node: string,
    private readonly process: PretendedProcess,
  ) {
    super(path, clock, node);
  }
  override add(...args: Parameters<Outbox["add"]>): number {
    if (args[2] !== undefined) return super.add(...args);
    this.process.pass(`add ${args[0]}`, "before");
    const sequence = super.add(...args);
    this.process.pass(`add ${args[0]}`, "after");
    return sequence;
  }
  override journal(...args: Parameters<Outbox["journal"]>): number {
    this.process.pass("journal", "before");
    const id = super.journal(...args);
    this.process.pass("journal", "after");
    return id;
  }
  override finish(...args: Parameters<Outbox["finish"]>): void {
    this.process.pass("finish", "before");
    super.finish(...args);
    this.process.pass("finish", "after");
  }
  override forget(id: number): void {
    this.process.pass("forget", "before");
    super.forget(id);
    this.process.pass("forget", "after");
  }
}

interface RunningNode {
  process: PretendedProcess;
  node: Node;
  outbox: Outbox;
}

interface RunningController {
  process: PretendedProcess;
  controller: Controller;
}

export interface WorldOptions {
  pace?: Partial<Pace>;
  nodes?: string[];
  /** All machines have the same storage; see `shareLocalPool`. */
  shared?: boolean;
  /** Prints the log to standard error. */
  loud?: boolean;
  /** Further plugins; on a node with its process, with which what they do outside must die. */
  plugins?: (process: PretendedProcess, node: string | null) => Plugin[];
}

export class World {
  readonly clock = new PretendedClock();
  readonly road = new PretendedRoad(this.clock);
  readonly machines = new Map<string, Machine>();
  /** The machines by the URI of their libvirtd. */
  private readonly libvirtds = new Map<string, Machine>();
  readonly inventory: Inventory = { nodes: new Map() };
  /** What the processes did, point by point, while `tracing`. */
  readonly trace: string[] = [];
  tracing = false;
  /** Decides at each point. Scenarios put theirs here. */
  fate: Fate = () => null;
  readonly log: Log;
  readonly lines: string[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), "jimv-world-"));
  private readonly vault = Vault.random();
  private readonly keys = new Map<string, NodeKey>();
  private readonly running = new Map<string, RunningNode>();
  private master: RunningController | null = null;
  private readonly pace: Pace;
  private readonly more: WorldOptions["plugins"];

  private constructor(
    readonly store: Store,
    options: WorldOptions,
  ) {
    this.more = options.plugins;
    this.pace = {
      callMilliseconds: 1,
      copyMilliseconds: 500,
      migrateMilliseconds: 2_000,
      ...options.pace,
    };
    this.log = createLog((entry) => {
      const line = logLine({ ...entry, at: this.clock.now() });
      this.lines.push(line);
      if (options.loud) process.stderr.write(`${line}\n`);
    }, "debug");
    for (const name of options.nodes ?? ["node-1"]) {
      const machine = new Machine(this.clock);
      if (options.shared) machine.files = [...this.machines.values()][0]?.files ?? machine.files;
      // Templates are on the first node; others get a copy where guests need one.
      if (this.machines.size === 0) machine.addImage("/images/debian.qcow2", 500, 2);
      this.machines.set(name, machine);
      this.libvirtds.set(`qemu+tls://${name}/system`, machine);
      this.inventory.nodes.set(name, pretendedNode(name));
      this.keys.set(name, NodeKey.random());
    }
  }

  /** A world with a controller and its nodes running and welcomed. */
  static async start(options: WorldOptions = {}): Promise<World> {
    // The store's clock only stamps events; the world's own is not there yet.
    const store = await openStore({ kind: "sqlite", path: ":memory:" }, { now: () => 0 });
    const world = new World(store, options);
    const plugins = world.pluginsOf(world.process("migration"), null);
    await store.migrate([
      ...coreMigrations,
      ...plugins.map((plugin) => ({ name: plugin.name, migrations: plugin.migrations ?? [] })),
    ]);
    const kinds = ["cloud-init", "agent", "none"] as const;
    await store.batch(kinds.map((init) => insert(templates, pretendedTemplate({ id: init, init }))));
    await world.startController();
    for (const name of world.machines.keys()) await world.startNode(name);
    await world.clock.advance(500);
    return world;
  }

  private process(name: string): PretendedProcess {
    return new PretendedProcess(name, (point: Point) => {
      if (this.tracing) this.trace.push(pointText(point));
      return this.fate(point);
    });
  }

  private pluginsOf(process: PretendedProcess, node: string | null): Plugin[] {
    return [...pluginsOf(this.inventory), ...(this.more?.(process, node) ?? [])];
  }

  // ---- controller

  async startController(): Promise<void> {
    if (this.master) return;
    const process = this.process("controller");
    const store = mortalStore(this.store, process);
    const epoch = await this.store.leases.acquire(leaderLease, crypto.randomUUID(), leaseMilliseconds, true);
    const leadership: Leadership = {
      epoch: () => epoch,
      onChange: (listener) => {
        listener(epoch);
        return () => {};
      },
    };
    const controller = new Controller({
      store,
      clock: this.clock,
      road: this.road.controller(process),
      log: this.log.named("controller"),
      vault: this.vault,
      web: silentWeb,
      clusterId,
      leadership,
    });
    this.master = { process, controller };
    await controller.start(this.pluginsOf(process, null));
    // From now on it keeps in memory what it has counted; the audit compares.
    await this.guestService.counts();
  }

  killController(): void {
    const dead = this.master;
    if (!dead) return;
    this.master = null;
    dead.process.kill();
    // Its timers must not go on; what it still awaits never comes, so nobody waits for this.
    void dead.controller.stop();
  }

  /** Changes a plugin's settings. */
  async set(plugin: string, schema: TObject, values: Record<string, unknown>): Promise<void> {
    if (!this.master) throw new Error("no controller runs");
    const { statements, events } = await this.master.controller.settings.change(plugin, schema, values);
    await this.store.batch(statements, { events });
  }

  get controllerRuns(): boolean {
    return this.master !== null;
  }

  use<T>(key: ServiceKey<T>): T {
    if (!this.master) throw new Error("no controller runs");
    return this.master.controller.use(key);
  }

  get desk() {
    if (!this.master) throw new Error("no controller runs");
    return this.master.controller.desk;
  }

  // ---- nodes

  async startNode(name: string): Promise<void> {
    const machine = this.machines.get(name);
    const key = this.keys.get(name);
    if (!machine || !key || this.running.has(name)) return;
    const process = this.process(name);
    const outbox = new MortalOutbox(join(this.folder, `${name}.sqlite`), this.clock, name, process);
    process.onDeath(() => outbox.close());
    const node = new Node(
      {
        clock: this.clock,
        road: this.road.node(name, process),
        log: this.log.named(name),
        outbox,
        key,
        hypervisor: new PretendedHypervisor(
          machine,
          this.clock,
          process,
          this.pace,
          (peer) => this.machines.get(peer),
          this.libvirtds,
        ),
        clusterId,
      },
      { name, machineId: `machine-of-${name}`, version: "0", features: [] },
    );
    this.running.set(name, { process, node, outbox });
    await node.start(this.pluginsOf(process, name));
  }

  killNode(name: string): void {
    const dead = this.running.get(name);
    if (!dead) return;
    this.running.delete(name);
    dead.process.kill();
    dead.node.stop();
  }

  nodeRuns(name: string): boolean {
    return this.running.has(name);
  }

  outbox(name: string): Outbox | null {
    return this.running.get(name)?.outbox ?? null;
  }

  machine(name = "node-1"): Machine {
    const machine = this.machines.get(name);
    if (!machine) throw new Error(`no machine ${name}`);
    return machine;
  }

  /** From now on the pool `local` counts as one storage of all nodes, as somebody vouches. */
  shareLocalPool(): Promise<void> {
    const set = { kind: "shared", trustedSharedMount: true } as const;
    return this.store.batch([update(pools, set, eq(pools.id, localPoolId))]);
  }

  /** How the emptying of nodes stands. */
  async drains(): Promise<string[]> {
    const [all, steps] = await Promise.all([
      this.store.select(drains, { where: "all" }),
      this.store.select(drainSteps, { where: "all" }),
    ]);
    const more = ({ state, toNode, reasons }: (typeof steps)[number]) =>
      state === "moved" ? toNode : (reasons?.[0]?.word ?? "");
    return [
      ...all.map(({ node, state }) => `drain ${node}: ${state}`),
      ...steps.map((step) => `drain ${step.node} ${step.guestName}: ${step.state} ${more(step)}`),
    ];
  }

  // ---- asking

  /** As a node's own plugin does it. */
  async endMaintenance(node: string): Promise<void> {
    await this.use(nodeService).change(node, { maintenance: false });
  }

  create(change: Partial<CreateGuest> = {}) {
    return this.use(guestService).create(
      {
        name: "web",
        templateId: "cloud-init",
        vcpus: 1,
        memoryMiB: 512,
        quantity: 1,
        linked: false,
        start: true,
        ...change,
      },
      someone,
    );
  }

  get guestService() {
    return this.use(guestService);
  }
  get diskService() {
    return this.use(diskService);
  }

  guests(): Promise<Guest[]> {
    return this.store.select(guests, { where: "all" });
  }
  tasks(): Promise<Task[]> {
    return this.store.select(tasks, { where: "all" });
  }

  /** Everything has come to rest: no open task, nothing to take back, nothing to report. */
  async isQuiet(): Promise<boolean> {
    const open = (await this.tasks()).some((task) => task.endedAt === null || task.leftovers);
    if (open) return false;
    for (const { outbox } of this.running.values())
      if (outbox.count() > 0 || outbox.journaled().length > 0) return false;
    return true;
  }

  /**
   * Lets the world go on until it is quiet (and `also` holds), and then a little so that the last lists arrive.
   * False when it never is.
   */
  async rest(also: () => boolean = () => true): Promise<boolean> {
    const quiet = await this.clock.until(async () => (await this.isQuiet()) && also(), restMilliseconds);
    await this.clock.advance(timing.fullListMilliseconds + 2_000);
    return quiet && (await this.isQuiet());
  }

  async stop(): Promise<void> {
    for (const name of [...this.running.keys()]) this.killNode(name);
    this.killController();
    await settled();
    await this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The store as one process sees it: its batches may be the last thing it does. */
function mortalStore(store: Store, process: PretendedProcess): Store {
  return {
    ...store,
    batch: (...args) => process.call("batch", () => store.batch(...args)),
    run: (...args) => process.call("batch", () => store.run(...args)),
  };
}
