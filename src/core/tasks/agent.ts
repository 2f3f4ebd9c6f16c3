/**
 * A node's own loop: hears commands, carries out tasks, keeps the journal of what must be taken back,
 * and pumps the outbox. Knows no feature; plugins bring the operations.
 */
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Clock } from "../clock.ts";
import { AppError, errorText } from "../errors.ts";
import { HypervisorError } from "../libvirt/hypervisor.ts";
import type { Log } from "../log/log.ts";
import { type Command, type NodeRoad, roadProtocol, type TaskCommand } from "../road/contract.ts";
import type { Outbox } from "../road/outbox.ts";
import { Pump } from "../road/pump.ts";
import { timing } from "../timing.ts";
import { type Undo, UndoList } from "../undo.ts";
import type { NodeKey } from "../vault.ts";
import { secretFields, type TaskError, type TaskKind } from "./kind.ts";
import { type Operation, SpeedMeter, type UndoCall } from "./operation.ts";

type Run = (operation: Operation, payload: never) => Promise<unknown>;

interface Running {
  id: string;
  fence: number;
  weight: TaskKind["weight"];
  abort: AbortController;
  begun: boolean;
  command: TaskCommand;
  /** Takes back the timer of its deadline. */
  stopTimer: Undo;
  /** The end of an earlier attempt of the same task, which still takes back what it made. */
  after: Promise<void> | null;
  /** Resolves when this attempt is over, its undos included. */
  ended: PromiseWithResolvers<void>;
}

/** Hellos whose welcome may still come. */
const keptHellos = 20;

/** What a node says of itself at hello. */
export interface NodeIdentity {
  name: string;
  machineId: string;
  version: string;
  features: string[];
}

/**
 * How many tasks of each weight run at once. Fewer heavy ones make a batch of guests slower, not faster: the
 * first to boot then compete with the copying and starting of the rest (docs/performance.md has figures).
 */
const lanes = { heavy: 20, light: 16, patient: 128 } as const satisfies Record<TaskKind["weight"], number>;

export class NodeAgent {
  private readonly kinds = new Map<string, { kind: TaskKind; run: Run }>();
  private readonly undos = new Map<string, (args: Record<string, string>) => Promise<void>>();
  private readonly tasks = new Map<string, Running>();
  private readonly welcomes = new Set<() => void | Promise<void>>();
  private readonly stopping = new UndoList();
  private incarnation = 0;
  private stopped = false;
  private sweeping = false;
  /** Tasks that the controller sends again, as of the last welcome; null before the first. */
  private open: ReadonlySet<string> | null = null;
  /** Fences by task, so that a late or repeated command does nothing. */
  private readonly fences = new Map<string, number>();
  /** Taking back under way, by task: two at once would undo what the next attempt makes. */
  private readonly takingBack = new Map<string, Promise<boolean>>();
  /** Tasks named in the last hellos, by the hello's sequence; those that its welcome leaves out are over. */
  private readonly hellos = new Map<number, ReadonlyMap<string, number>>();
  private welcomed = false;
  /** What we were refused with last, so that it is told once and not at each hello. */
  private refusal: string | null = null;
  private readonly pump: Pump;
  lastTurnAt: number | null = null;

  constructor(
    private readonly world: { clock: Clock; road: NodeRoad; log: Log; outbox: Outbox; key: NodeKey },
    private readonly identity: NodeIdentity,
    /** Told when the controller refuses this machine, and (with null) when it welcomes it again. */
    private readonly onRefused: (refusal: TaskError | null) => void = () => {},
  ) {
    this.pump = new Pump(world, () => ({
      incarnation: this.incarnation,
      machine: this.identity.machineId,
    }));
  }

  operation<P extends TObject, R extends TSchema>(
    kind: TaskKind<P, R>,
    run: (operation: Operation, payload: Static<P>) => Promise<Static<R>>,
  ): Undo {
    if (this.kinds.has(kind.kind)) throw new Error(`operation "${kind.kind}" is registered twice`);
    this.kinds.set(kind.kind, { kind: kind as unknown as TaskKind, run: run as Run });
    return () => this.kinds.delete(kind.kind);
  }

  undo(name: string, fn: (args: Record<string, string>) => Promise<void>): Undo {
    if (this.undos.has(name)) throw new Error(`undo "${name}" is registered twice`);
    this.undos.set(name, fn);
    return () => this.undos.delete(name);
  }

  onWelcome(fn: () => void | Promise<void>): Undo {
    this.welcomes.add(fn);
    return () => this.welcomes.delete(fn);
  }

  report(kind: string, body: Record<string, unknown>, latestKey?: string): void {
    this.world.outbox.add(kind, body, latestKey);
  }

  /** Says hello and begins to work. All operations must be registered before. */
  start(): Undo {
    const { clock, road } = this.world;
    this.stopping.add(this.pump.start());
    this.stopping.add(road.onCommand((command) => this.hear(command)));
    this.stopping.add(clock.every(timing.leftoverSweepMilliseconds, () => void this.sweep()));
    this.stopping.add(
      clock.every(timing.helloAgainMilliseconds, () => {
        if (!this.welcomed) this.hello();
      }),
    );
    this.hello();
    return () => this.stop();
  }

  /** Ends at once, as a killed process would: tasks under way are settled by the next start. */
  stop(): void {
    this.stopped = true;
    this.stopping.run();
    for (const task of this.tasks.values()) task.abort.abort(new Error("the node is stopping"));
  }

  /** Queue lengths for the lamps. */
  load(): { running: number; waiting: number; outbox: number } {
    const all = [...this.tasks.values()];
    const running = all.filter((task) => task.begun).length;
    return { running, waiting: all.length - running, outbox: this.world.outbox.count() };
  }

  private hello(): void {
    const named = new Map([...this.tasks.values()].map((task) => [task.id, task.fence]));
    const running = [...named].map(([id, fence]) => ({ id, fence }));
    const { publicKey } = this.world.key;
    const body = { ...this.identity, protocol: roadProtocol, publicKey, running };
    this.hellos.set(this.world.outbox.add("hello", body, "hello"), named);
    const [oldest] = this.hellos.keys();
    if (this.hellos.size > keptHellos && oldest !== undefined) this.hellos.delete(oldest);
  }

  private hear(command: Command): void {
    if (this.stopped) return;
    switch (command.type) {
      case "task":
        this.accept(command);
        return;
      case "cancel":
        this.cancel(command.id, command.fence);
        return;
      case "welcome":
        this.beWelcomed(command);
        return;
      case "applied":
        this.pump.applied(command);
        return;
      case "greet":
        this.hello();
        return;
      case "refused":
        if (command.machine !== null && command.machine !== this.identity.machineId) return;
        this.welcomed = false;
        this.tell({ word: command.word, args: command.args });
    }
  }

  private tell(refusal: TaskError | null): void {
    const told = refusal && JSON.stringify(refusal);
    if (told === this.refusal) return;
    this.refusal = told;
    this.onRefused(refusal);
  }

  private beWelcomed({ incarnation, answers, open }: Extract<Command, { type: "welcome" }>): void {
    const named = this.hellos.get(answers);
    // It answers an earlier process of this node, or one that a later welcome has overtaken: what it says is old.
    if (!named) return;
    for (const sequence of [...this.hellos.keys()]) if (sequence <= answers) this.hellos.delete(sequence);
    this.incarnation = incarnation;
    this.welcomed = true;
    this.tell(null);
    this.withdraw(named, new Set(open));
    for (const welcome of this.welcomes) void this.guarded("welcome", async () => welcome());
    // Entries of tasks that stay open are taken back when the task is begun anew.
    this.open = new Set(open);
    void this.sweep();
  }

  /** Ends tasks that the controller has given up while it could not be heard. */
  private withdraw(named: ReadonlyMap<string, number>, open: ReadonlySet<string>): void {
    for (const [id, fence] of named) {
      const task = this.tasks.get(id);
      if (task?.fence === fence && !open.has(id)) this.cancel(id, fence);
    }
  }

  private accept(command: TaskCommand): void {
    const known = this.fences.get(command.id) ?? 0;
    const before = this.tasks.get(command.id);
    if (command.fence <= known) return;
    this.fences.set(command.id, command.fence);
    // The same task under a higher fence: the earlier attempt is void; the new one waits for its end.
    before?.abort.abort(new Error("superseded"));
    before?.stopTimer();
    const weight = this.kinds.get(command.kind)?.kind.weight ?? "light";
    const abort = new AbortController();
    const expire = (): void =>
      abort.abort(new AppError("conflict", "task.expiredRunning", { node: this.identity.name }));
    if (command.timeLeft <= 0) expire();
    const task: Running = {
      id: command.id,
      fence: command.fence,
      weight,
      abort,
      begun: false,
      command,
      stopTimer: this.world.clock.after(Math.max(0, command.timeLeft), expire),
      after: before ? (before.begun ? before.ended.promise : before.after) : null,
      ended: Promise.withResolvers(),
    };
    this.tasks.set(command.id, task);
    this.next();
  }

  private cancel(id: string, fence: number): void {
    const task = this.tasks.get(id);
    if (!task) {
      // Withdrawn before it came: whoever brings it later comes too late.
      this.fences.set(id, Math.max(fence, this.fences.get(id) ?? 0));
      this.world.outbox.add("task.ended", { id, fence, state: "cancelled", error: null, leftovers: false });
      return;
    }
    task.abort.abort(new AppError("conflict", "task.cancelled"));
    if (!task.begun) {
      task.stopTimer();
      this.tasks.delete(id);
      this.world.outbox.add("task.ended", { id, fence, state: "cancelled", error: null, leftovers: false });
    }
  }

  /** Begins what may begin. Heavy tasks queue for their own lanes, so that a start never waits for copies. */
  private next(): void {
    for (const weight of ["light", "heavy", "patient"] as const) {
      const all = [...this.tasks.values()].filter((task) => task.weight === weight);
      let free = lanes[weight] - all.filter((task) => task.begun).length;
      for (const task of all) {
        if (free <= 0) break;
        if (task.begun) continue;
        free--;
        task.begun = true;
        void this.perform(task).finally(() => {
          task.ended.resolve();
          if (this.tasks.get(task.id) === task) this.tasks.delete(task.id);
          this.lastTurnAt = this.world.clock.now();
          this.next();
        });
      }
    }
  }

  private async perform(task: Running): Promise<void> {
    const { outbox, log } = this.world;
    const { id, fence } = task;
    let outcome: { state: string; result?: unknown; error: TaskError | null; leftovers: boolean };
    try {
      await task.after;
      task.abort.signal.throwIfAborted();
      outbox.add("task.started", { id, fence });
      // What an earlier attempt of this task left goes first.
      if (!(await this.takeBackPatiently(id))) throw new AppError("unavailable", "task.leftoversStay", {});
      const entry = this.kinds.get(task.command.kind);
      if (!entry) throw new AppError("unavailable", "task.unknownKind", { kind: task.command.kind });
      const payload = this.openPayload(entry.kind, task.command.payload);
      const result = await entry.run(this.operationFor(task), payload as never);
      if (this.stopped) return;
      outcome = { state: "succeeded", result, error: null, leftovers: false };
    } catch (error) {
      if (this.stopped) return;
      const reason = task.abort.signal.aborted ? task.abort.signal.reason : error;
      log.warn("task failed", { task: id, kind: task.command.kind, error: errorText(reason) });
      const clean = await this.takeBackPatiently(id);
      if (this.stopped) return;
      const cancelled = reason instanceof AppError && reason.word === "task.cancelled";
      outcome = { state: cancelled ? "cancelled" : "failed", error: taskError(reason), leftovers: !clean };
    } finally {
      task.stopTimer();
    }
    await this.finish(id, outcome.leftovers, { id, fence, ...outcome });
  }

  /** Writes a task's end, again and again while the disk is full: nothing else may become of the task. */
  private async finish(id: string, keepJournal: boolean, body: Record<string, unknown>): Promise<void> {
    const { outbox, log, clock } = this.world;
    while (!this.stopped) {
      try {
        outbox.finish(id, keepJournal, "task.ended", body);
        return;
      } catch (error) {
        if (this.stopped) return;
        log.error("a task's end can't be written", { task: id, error: errorText(error) });
        await clock.sleep(timing.outboxAgainMilliseconds);
      }
    }
  }

  private openPayload(kind: TaskKind, sealed: Record<string, unknown>): Record<string, unknown> {
    const payload = { ...sealed };
    for (const name of secretFields(kind.payload)) {
      const value = payload[name];
      if (typeof value === "string") payload[name] = this.world.key.unseal(value);
    }
    const first = Value.Errors(kind.payload, payload).First();
    if (first) throw new AppError("invalid", "task.badPayload", { kind: kind.kind, path: first.path });
    return payload;
  }

  private operationFor(task: Running): Operation {
    const { clock, outbox } = this.world;
    let percent = 0;
    let step = "task.step.started";
    let toldAt = 0;
    const tell = (etaSeconds: number | null, force: boolean): void => {
      const now = clock.now();
      if (!force && now - toldAt < timing.progressMilliseconds) return;
      toldAt = now;
      const body = { id: task.id, fence: task.fence, progress: Math.floor(percent), step, etaSeconds };
      if (!this.stopped) outbox.add("task.progress", body, `progress:${task.id}`);
    };
    const progress = (value: number, etaSeconds: number | null = null): void => {
      percent = Math.max(percent, Math.min(99, value));
      tell(etaSeconds, false);
    };
    return {
      taskId: task.id,
      isRepeated: task.fence > 1,
      signal: task.abort.signal,
      step: async <T>(word: string, undo: UndoCall | null, fn: () => Promise<T>): Promise<T> => {
        task.abort.signal.throwIfAborted();
        if (this.stopped) throw new Error("the node is stopping");
        step = word;
        tell(null, true);
        if (undo) outbox.journal(task.id, undo.name, undo.args);
        const value = await fn();
        if (this.stopped) throw new Error("the node is stopping");
        return value;
      },
      becomePatient: () => {
        task.weight = "patient";
        this.next();
      },
      progress,
      meter: (from, to) => {
        const speed = new SpeedMeter();
        return (done, total) => {
          const share = total > 0 ? Math.min(1, done / total) : 0;
          progress(from + (to - from) * share, speed.update(clock.now(), done, total));
        };
      },
    };
  }

  /** Runs a task's undos backwards. False when some could not be done; they stay in the journal. */
  private takeBack(taskId: string): Promise<boolean> {
    const before = this.takingBack.get(taskId);
    const turn = before ? before.then(() => this.takeBackNow(taskId)) : this.takeBackNow(taskId);
    const end = turn.finally(() => {
      if (this.takingBack.get(taskId) === end) this.takingBack.delete(taskId);
    });
    this.takingBack.set(taskId, end);
    return end;
  }

  private async takeBackNow(taskId: string): Promise<boolean> {
    let clean = true;
    for (const entry of this.world.outbox.journaled(taskId)) {
      if (this.stopped) return false;
      const undo = this.undos.get(entry.name);
      try {
        if (!undo) throw new Error(`nothing can take back "${entry.name}"`);
        await undo(entry.args);
        this.world.outbox.forget(entry.id);
      } catch (error) {
        clean = false;
        this.world.log.warn("undo failed", { task: taskId, undo: entry.name, error: errorText(error) });
      }
    }
    return clean;
  }

  /** As `takeBack`, again and again for a while: libvirtd may be just restarting. */
  private async takeBackPatiently(taskId: string): Promise<boolean> {
    const end = this.world.clock.now() + timing.undoPatienceMilliseconds;
    for (;;) {
      if (await this.takeBack(taskId)) return true;
      if (this.stopped || this.world.clock.now() >= end) return false;
      await this.world.clock.sleep(timing.undoRetryMilliseconds);
    }
  }

  /**
   * Takes back what tasks that are over have left behind; tells the controller when a task's is all gone.
   * What an earlier process left waits for the welcome, which says which of its tasks come again.
   */
  async sweep(): Promise<void> {
    if (this.sweeping || this.stopped) return;
    this.sweeping = true;
    try {
      const owing = new Set(this.world.outbox.journaled().map((entry) => entry.taskId));
      for (const id of owing) {
        if (this.tasks.has(id)) continue;
        const over = this.fences.has(id) || (this.open !== null && !this.open.has(id));
        if (over && (await this.takeBack(id)) && !this.stopped) this.report("task.cleaned", { id });
      }
    } finally {
      this.sweeping = false;
    }
  }

  private async guarded(name: string, fn: () => Promise<void>): Promise<void> {
    try {
      await fn();
    } catch (error) {
      this.world.log.warn(`${name} failed`, { error: errorText(error) });
    }
  }
}

/** What the person reads, from whatever was thrown. */
export function taskError(error: unknown): TaskError {
  if (error instanceof HypervisorError)
    return { word: `hypervisor.${error.code}`, args: { detail: error.message } };
  if (error instanceof AppError) return { word: error.word, args: { ...error.args } };
  return { word: "task.defect", args: { detail: error instanceof Error ? error.message : String(error) } };
}
