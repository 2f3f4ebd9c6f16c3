/**
 * Scenarios as data: a start, what happens when, and what must come out. One that has no expectation fails, so
 * does one whose outcome is not expected, and one that expects what never comes.
 */
import { AppError, eq } from "jimv";
import { disks } from "../../src/plugins/disks/index.ts";
import type { CreateGuest } from "../../src/plugins/guests/index.ts";
import { drainService, type MigrateGuest, migrationService } from "../../src/plugins/migration/index.ts";
import { audit } from "./audit.ts";
import { failWith } from "./hypervisor.ts";
import type { LibvirtState } from "./machine.ts";
import { pointText } from "./process.ts";
import { someone, World } from "./world.ts";

/** Something that happens. `node` is node-1 unless it says otherwise, `guest` a guest's name. */
export type Event =
  | { event: "create"; with?: Partial<CreateGuest> }
  | {
      event: "act";
      guest: string;
      action: "start" | "shutdown" | "reboot" | "force-stop" | "force-reboot" | "pause" | "resume";
    }
  | { event: "delete"; guest: string; force?: boolean; keepDataDisks?: boolean }
  | { event: "change"; guest: string; with: { name?: string; vcpus?: number; memoryMiB?: number } }
  | { event: "migrate"; guest: string; to?: string; with?: Partial<MigrateGuest> }
  /** Begins maintenance of a node and lets its guests go; or calls that off; or ends the maintenance. */
  | { event: "drain" | "cancelDrain" | "endMaintenance"; node?: string }
  /** The end of the next migration from this node is not heard of there. */
  | { event: "loseAnswer"; node?: string }
  /** The nodes' storage folders count as one shared pool. Guests made before are in it. */
  | { event: "sharePool" }
  | { event: "cancel"; guest: string }
  | { event: "createDisk"; name: string }
  | { event: "attachDisk"; name: string; guest: string }
  | { event: "detachDisk" | "deleteDisk"; name: string }
  | { event: "retryInit"; guest: string }
  /** Dies now, and is started again after a while (never where `againAfter` is null). */
  | { event: "killNode"; node?: string; againAfter?: number | null }
  | { event: "killController"; againAfter?: number | null }
  | { event: "killBoth"; node?: string; againAfter?: number | null }
  | { event: "libvirt"; node?: string; state: LibvirtState; upAfter?: number }
  /** The next call of this name fails. */
  | { event: "fail"; call: string; code: Parameters<typeof failWith>[0]; times?: number }
  | { event: "crash" | "pullPlug" | "undefineBehind"; guest: string }
  | { event: "foreignPort"; port: number; node?: string; free?: boolean }
  | { event: "foreignDomain"; name: string; node?: string }
  | { event: "removeImage" | "restoreImage"; node?: string }
  | { event: "reportsTwice"; copies: number }
  | { event: "replayReports"; node?: string }
  | { event: "roadAway"; backAfter: number };

export type Timed = Event & {
  /** Milliseconds after the start, or after the rest before for `then`. */
  at: number;
};

export interface Scenario {
  start?: {
    /** One, `node-1`, where left out. */
    nodes?: string[];
    /** What is different about a node. */
    inventory?: Record<string, { memoryMiB?: number; acceptsGuests?: boolean; state?: "live" | "offline" }>;
    /** All nodes have the same storage; see `sharePool`. */
    shared?: boolean;
    vncPorts?: { first: number; last: number };
    foreignPorts?: number[];
    /** Of the storage, the template's image (500 MiB) included. */
    capacityMiB?: number;
    guests?: { obeys?: boolean; agentAfter?: number | null };
    /** How long copying the image takes. */
    copyMilliseconds?: number;
    migrateMilliseconds?: number;
  };
  /** Repeats the scenario once for each point that the plain run passes, and lets `event` happen there. */
  sweep?: {
    /** Which points: those whose text (`node-1 before define`) begins with one of these. */
    points: string[];
    /** Only points from this time on, in milliseconds after the start. */
    from?: number;
    event: Event | { event: "failHere"; code: Parameters<typeof failWith>[0] };
  };
  events: Timed[];
  /** After everything has come to rest; then it has to come to rest again. */
  then?: Timed[];
  expect: {
    /** The outcomes that may come, each as its lines (see `outcomeOf`). Each must come at least once. */
    outcomes: string[][];
  };
}

/** What came out, as sorted lines. */
export async function outcomeOf(world: World, answers: readonly string[]): Promise<string[]> {
  const [tasks, guests] = [await world.tasks(), await world.guests()];
  const machines = [...world.machines.values()];
  const storages = new Set(machines.map((machine) => machine.files));
  const files = [...storages].flatMap((storage) =>
    [...storage.keys()].filter((path) => path.startsWith("/storage/")),
  );
  const domains = machines.flatMap((machine) => [...machine.domains.values()]);
  const on = (node: string): string => (machines.length > 1 ? ` on ${node}` : "");
  return [
    ...answers,
    ...tasks.map(
      (task) =>
        `task ${task.kind} ${task.targetName}: ${task.state}${task.errorWord ? ` ${task.errorWord}` : ""}`,
    ),
    ...(await world.drains()),
    ...guests.map(
      (guest) =>
        `guest ${guest.name}${on(guest.nodeName)}: ${guest.state}${guest.failedWord ? ` ${guest.failedWord}` : ""}${guest.initState === "none" ? "" : `, init ${guest.initState}`}`,
    ),
    `domains: ${domains.filter((domain) => domain.clusterId !== null).length}`,
    `files: ${files.length}`,
    `ports: ${guests.filter((guest) => guest.vncPort !== null).length}`,
  ].sort();
}

export interface Run {
  outcome: string[];
  wrong: string[];
  /** Where the sweep's event happened, null in a plain run. */
  point: string | null;
  log: string[];
}

/** Runs a scenario once; with `at`, the sweep's event happens at that point of those that the sweep names. */
export async function runOnce(scenario: Scenario, at: number | null): Promise<Run & { passed: number }> {
  const { copyMilliseconds, migrateMilliseconds, shared = false } = scenario.start ?? {};
  const world = await World.start({
    pace: {
      ...(copyMilliseconds === undefined ? {} : { copyMilliseconds }),
      ...(migrateMilliseconds === undefined ? {} : { migrateMilliseconds }),
    },
    shared,
    ...(scenario.start?.nodes ? { nodes: scenario.start.nodes } : {}),
  });
  const player = new Player(world);
  try {
    player.prepare(scenario.start);
    let passed = 0;
    let point: string | null = null;
    const { sweep } = scenario;
    const before = world.fate;
    const sweepFrom = world.clock.now() + (sweep?.from ?? 0);
    world.fate = (here) => {
      const text = pointText(here);
      if (sweep?.points.some((prefix) => text.startsWith(prefix)) && world.clock.now() >= sweepFrom) {
        if (player.sweeping && passed++ === at) {
          point = text;
          if (sweep.event.event === "failHere") return failWith(sweep.event.code);
          player.happen(sweep.event);
        }
      }
      return player.fate(here) ?? before(here);
    };
    await player.play(scenario.events);
    const wrong = await player.comeToRest();
    if (scenario.then) {
      await player.play(scenario.then);
      wrong.push(...(await player.comeToRest()));
    }
    return { outcome: await outcomeOf(world, player.answers), wrong, point, log: world.lines, passed };
  } finally {
    await world.stop();
  }
}

/** Runs a scenario, with its sweep over all points. */
export async function runScenario(scenario: Scenario): Promise<Run[]> {
  const plain = await runOnce(scenario, null);
  if (!scenario.sweep) return [plain];
  const runs: Run[] = [];
  for (let at = 0; at < plain.passed; at++) runs.push(await runOnce(scenario, at));
  return runs;
}

/** What is wrong with the runs of a scenario; empty when all is as expected. */
export function judge(scenario: Scenario, runs: readonly Run[]): string[] {
  const wrong: string[] = [];
  const outcomes = scenario.expect?.outcomes ?? [];
  if (outcomes.length === 0) wrong.push("the scenario expects nothing");
  const expected = new Set(outcomes.map((lines) => [...lines].sort().join("\n")));
  const missing = new Set(expected);
  if (runs.length === 0) wrong.push("the sweep met no point");
  for (const prefix of scenario.sweep?.points ?? [])
    if (!runs.some((run) => run.point?.startsWith(prefix))) wrong.push(`the sweep never came to "${prefix}"`);
  const unexpected = new Map<string, string[]>();
  for (const run of runs) {
    const where = run.point ?? "plain run";
    for (const sentence of run.wrong) wrong.push(`${where}: ${sentence}`);
    const came = run.outcome.join("\n");
    missing.delete(came);
    if (!expected.has(came)) unexpected.set(came, [...(unexpected.get(came) ?? []), where]);
  }
  for (const [came, where] of unexpected)
    wrong.push(`unexpected outcome at ${where.join(", ")}:\n${came.replaceAll(/^/gm, "    ")}`);
  for (const lines of missing)
    wrong.push(`an expected outcome never came:\n${lines.replaceAll(/^/gm, "    ")}`);
  return wrong;
}

/** Lets events happen in a world. */
export class Player {
  readonly answers: string[] = [];
  /** The sweep is over once the world has come to rest for the first time. */
  sweeping = true;
  /** Things that will be mended yet: a process to start again, a libvirtd to come back. */
  private healing = 0;
  private readonly failures: { call: string; error: Error; left: number }[] = [];

  constructor(readonly world: World) {}

  prepare(start: Scenario["start"]): void {
    const machine = this.world.machine();
    const node = this.world.inventory.nodes.get("node-1");
    if (start?.vncPorts && node?.vnc) node.vnc = { ...node.vnc, ...start.vncPorts };
    for (const port of start?.foreignPorts ?? []) machine.foreignPorts.add(port);
    if (start?.capacityMiB !== undefined) machine.capacityBytes = start.capacityMiB * 1024 ** 2;
    Object.assign(machine.newGuests, start?.guests);
    for (const [name, { memoryMiB, ...change }] of Object.entries(start?.inventory ?? {})) {
      const changed = this.world.inventory.nodes.get(name);
      if (!changed) throw new Error(`no node ${name}`);
      Object.assign(changed, change);
      if (memoryMiB !== undefined && changed.facts) changed.facts = { ...changed.facts, memoryMiB };
    }
  }

  /** Calls that were told to fail do. */
  fate(point: { what: string; phase: string }): Error | null {
    const failure = this.failures.find((each) => each.call === point.what && each.left > 0);
    if (!failure || point.phase !== "before") return null;
    failure.left--;
    return failure.error;
  }

  async play(events: readonly Timed[]): Promise<void> {
    const start = this.world.clock.now();
    for (const event of [...events].sort((a, b) => a.at - b.at)) {
      await this.world.clock.advance(Math.max(0, start + event.at - this.world.clock.now()));
      this.happen(event);
    }
  }

  /** Waits until all is quiet; what is wrong then. */
  async comeToRest(): Promise<string[]> {
    const quiet = await this.world.rest(() => {
      this.sweeping = false;
      return this.healing === 0;
    });
    const wrong = await audit(this.world);
    return quiet || wrong.length > 0 ? wrong : ["the world does not come to rest"];
  }

  private async uuidOf(name: string): Promise<string> {
    const guest = (await this.world.guests()).find((each) => each.name === name);
    if (!guest) throw new AppError("notFound", `no guest ${name}`);
    return guest.uuid;
  }

  private async diskOf(name: string): Promise<string> {
    const disk = await this.world.store.first(disks, { where: eq(disks.name, name) });
    if (!disk) throw new AppError("notFound", `no disk ${name}`);
    return disk.uuid;
  }

  /** What a person asks may be refused, and may never be answered; both is part of the outcome or not, as it comes. */
  private ask(what: string, answer: () => Promise<unknown>): void {
    Promise.resolve()
      .then(answer)
      .catch((error) => {
        const word = error instanceof AppError ? error.word : String(error);
        this.answers.push(`refused ${what}: ${word}`);
      });
  }

  happen(event: Event): void {
    const { world } = this;
    const node = "node" in event && event.node ? event.node : "node-1";
    const machine = world.machine(node);
    const later = (ms: number | null | undefined, otherwise: number, fn: () => void): void => {
      if (ms === null) return;
      this.healing++;
      world.clock.after(ms ?? otherwise, () => {
        this.healing--;
        fn();
      });
    };
    switch (event.event) {
      case "create":
        this.ask(`create ${event.with?.name ?? "web"}`, () => world.create(event.with));
        return;
      case "act":
        this.ask(`${event.action} ${event.guest}`, async () =>
          world.guestService.act(await this.uuidOf(event.guest), event.action, someone),
        );
        return;
      case "delete":
        this.ask(`delete ${event.guest}`, async () =>
          world.guestService.remove(
            await this.uuidOf(event.guest),
            { force: event.force ?? false, keepDataDisks: event.keepDataDisks ?? false },
            someone,
          ),
        );
        return;
      case "change":
        this.ask(`change ${event.guest}`, async () =>
          world.guestService.change(await this.uuidOf(event.guest), event.with, someone),
        );
        return;
      case "createDisk":
        this.ask(`create disk ${event.name}`, () =>
          world.diskService.create({ name: event.name, nodeName: node, sizeGiB: 1 }, someone),
        );
        return;
      case "attachDisk":
        this.ask(`attach ${event.name}`, async () => {
          const guestUuid = await this.uuidOf(event.guest);
          return world.diskService.change(await this.diskOf(event.name), { guestUuid }, someone);
        });
        return;
      case "detachDisk":
        this.ask(`detach ${event.name}`, async () =>
          world.diskService.change(await this.diskOf(event.name), { guestUuid: null }, someone),
        );
        return;
      case "deleteDisk":
        this.ask(`delete disk ${event.name}`, async () =>
          world.diskService.remove(await this.diskOf(event.name), someone),
        );
        return;
      case "retryInit":
        this.ask(`retry init ${event.guest}`, async () =>
          world.guestService.retryInit(await this.uuidOf(event.guest), someone),
        );
        return;
      case "migrate":
        this.ask(`migrate ${event.guest}`, async () => {
          const request = { autoConverge: true, postcopy: false, connections: 1, ...event.with };
          const to = event.to === undefined ? {} : { nodeName: event.to };
          const uuid = await this.uuidOf(event.guest);
          return world.use(migrationService).migrate(uuid, { ...request, ...to }, someone);
        });
        return;
      case "drain":
        this.ask(`drain ${node}`, () => world.use(drainService).begin(node, someone));
        return;
      case "cancelDrain":
        this.ask(`cancel drain ${node}`, () => world.use(drainService).cancel(node));
        return;
      case "endMaintenance":
        this.ask(`end maintenance ${node}`, () => world.endMaintenance(node));
        return;
      case "sharePool":
        this.ask(event.event, () => world.shareLocalPool());
        return;
      case "loseAnswer":
        machine.losesAnswers = true;
        return;
      case "cancel":
        void this.cancel(event.guest);
        return;
      case "killNode":
        world.killNode(node);
        later(event.againAfter, 3_000, () => void world.startNode(node));
        return;
      case "killController":
        world.killController();
        later(event.againAfter, 3_000, () => void world.startController());
        return;
      case "killBoth":
        world.killNode(node);
        world.killController();
        later(event.againAfter, 3_000, () => {
          void world.startController().then(() => world.startNode(node));
        });
        return;
      case "libvirt":
        machine.setLibvirt(event.state);
        if (event.upAfter !== undefined) later(event.upAfter, 0, () => machine.setLibvirt("up"));
        return;
      case "fail":
        this.failures.push({ call: event.call, error: failWith(event.code), left: event.times ?? 1 });
        return;
      case "crash":
        this.ask(event.event, async () => machine.crash(await this.uuidOf(event.guest)));
        return;
      case "pullPlug":
        this.ask(event.event, async () => machine.pullPlug(await this.uuidOf(event.guest)));
        return;
      case "undefineBehind":
        this.ask(event.event, async () => {
          const uuid = await this.uuidOf(event.guest);
          const domain = machine.domains.get(uuid);
          // libvirt keeps what runs.
          if (!domain || machine.isActive(uuid)) return;
          machine.domains.delete(uuid);
          machine.tell(uuid, domain.spec.name, "undefined", null);
        });
        return;
      case "foreignPort":
        if (event.free) machine.foreignPorts.delete(event.port);
        else machine.foreignPorts.add(event.port);
        return;
      case "foreignDomain":
        machine.addForeign(crypto.randomUUID(), event.name, "running");
        return;
      case "removeImage":
        machine.files.delete("/images/debian.qcow2");
        return;
      case "restoreImage":
        machine.addImage("/images/debian.qcow2", 500, 2);
        return;
      case "reportsTwice":
        world.road.copies = event.copies;
        return;
      case "replayReports":
        world.road.replay(node);
        return;
      case "roadAway":
        world.road.away = true;
        later(event.backAfter, 0, () => {
          world.road.away = false;
        });
    }
  }

  private async cancel(guest: string): Promise<void> {
    const open = (await this.world.tasks()).find(
      (task) => task.targetName === guest && task.endedAt === null,
    );
    // At some points of a sweep there is no task yet, or no more; then there is nothing to cancel.
    if (open && this.world.controllerRuns) await this.world.desk.cancel(open.id).catch(() => {});
  }
}
