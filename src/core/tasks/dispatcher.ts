/**
 * The leading controller's hand on the road: sends queued tasks to their nodes, sends them again when
 * they may be lost, withdraws what has expired, and settles what a restarted node no longer knows of.
 */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Command, ControllerRoad, ReportEffects } from "../road/contract.ts";
import {
  and,
  asc,
  type EventRow,
  eq,
  inArray,
  isNotNull,
  isNull,
  lte,
  or,
  type Statement,
  type Store,
  StoreExpectationError,
  StoreUniqueError,
  update,
} from "../store/index.ts";
import { timing } from "../timing.ts";
import { type Undo, UndoList } from "../undo.ts";
import { type Desk, taskEvent } from "./desk.ts";
import { openTaskStates, type TaskError } from "./kind.ts";
import { peers, type Task, tasks } from "./schema.ts";

/** Tasks looked at in one turn; the rest follow in the next. */
const turnLimit = 500;

/** What a node said at hello, and what it becomes by it. */
interface Hello {
  incarnation: number;
  /** The hello's own sequence. */
  answers: number;
  /** The tasks that it has, with their fences. */
  running: ReadonlyMap<string, number>;
}

export class Dispatcher {
  private turn: Promise<void> | null = null;
  private again = false;
  private stopped = false;
  /** What was sent before may be lost. */
  private lostAt = 0;
  /** When a cancel was last sent, by task and fence. */
  private readonly cancelledAt = new Map<string, number>();
  private readonly undos = new UndoList();
  lastTurnAt: number | null = null;

  constructor(
    private readonly world: { store: Store; clock: Clock; road: ControllerRoad; log: Log },
    private readonly desk: Desk,
    /** The lease's epoch, so that a controller that lost the lead can't write as leader. */
    private readonly epoch: () => number | undefined = () => undefined,
  ) {}

  /** Begins to send. Called when this controller begins to lead. */
  start(): Undo {
    this.stopped = false;
    this.undos.add(this.desk.onKick(() => this.kick()));
    this.undos.add(this.world.road.onLoss(() => this.sendAgain()));
    this.undos.add(this.world.clock.every(timing.dispatchTurnMilliseconds, () => this.kick()));
    this.kick();
    void this.greet();
    return () => {
      this.stopped = true;
      this.undos.run();
    };
  }

  /** Asks all nodes for a hello: the leader before may have died with a welcome on its lips. */
  private async greet(): Promise<void> {
    try {
      // All at once: one after the other, the last of many nodes would hear of the new leader seconds later.
      const all = await this.world.store.select(peers);
      await Promise.all(all.map((peer) => this.send(peer.name, { type: "greet" })));
    } catch (error) {
      this.world.log.warn("nodes can't be greeted", { error: errorText(error) });
      this.retry(() => this.greet());
    }
  }

  private retry(fn: () => Promise<void>): void {
    const undo = this.world.clock.after(timing.welcomeAgainMilliseconds, () => {
      if (!this.stopped) void fn();
    });
    this.undos.add(undo);
  }

  /** Whatever is on the road may be lost: what did not begin yet is sent again at once, and so is every cancel. */
  private sendAgain(): void {
    this.lostAt = this.world.clock.now();
    this.cancelledAt.clear();
    this.kick();
  }

  /** Resolves when all turns that were asked for have ended. */
  async idle(): Promise<void> {
    while (this.turn) await this.turn;
  }

  kick(): void {
    this.again = true;
    if (this.turn || this.stopped) return;
    this.turn = this.turns().finally(() => {
      this.turn = null;
      if (this.again && !this.stopped) this.kick();
    });
  }

  private async turns(): Promise<void> {
    this.again = false;
    try {
      if (await this.isAnythingDue()) {
        await this.expire();
        await this.followUp();
        await this.sendQueued();
        await this.sendCancels();
      }
      this.lastTurnAt = this.world.clock.now();
    } catch (error) {
      // The next turn tries again; nothing is lost meanwhile, since the store has every open task.
      this.world.log.warn("dispatch turn failed", { error: errorText(error) });
    }
  }

  /** Most turns are asked for by a task's end, which seldom frees another one: they cost one question. */
  private async isAnythingDue(): Promise<boolean> {
    const now = this.world.clock.now();
    const due = or(lte(tasks.deadlineAt, now), eq(tasks.cancelRequested, true), this.isUnsent(now));
    const where = and(inArray(tasks.state, [...openTaskStates]), due);
    return this.cancelledAt.size > 0 || (await this.world.store.first(tasks, { where })) !== null;
  }

  /** Queued tasks that wait for another one, or were not sent, or whose sending may be lost. */
  private isUnsent(now: number) {
    const lostBefore = Math.max(now - timing.resendMilliseconds, this.lostAt);
    const isUnsent = or(isNull(tasks.sentAt), lte(tasks.sentAt, lostBefore));
    return and(eq(tasks.state, "queued"), or(isNotNull(tasks.afterTask), isUnsent));
  }

  /** Tasks that waited for another one: they may go when it has succeeded, and fail when it has not. */
  private async followUp(): Promise<void> {
    const { store } = this.world;
    const waiting = await store.select(tasks, {
      where: and(eq(tasks.state, "queued"), isNotNull(tasks.afterTask)),
      limit: turnLimit,
    });
    if (waiting.length === 0) return;
    const ids = [...new Set(waiting.flatMap((task) => task.afterTask ?? []))];
    const first = new Map(
      (await store.select(tasks, { where: inArray(tasks.id, ids) })).map((task) => [task.id, task]),
    );
    for (const task of waiting) {
      const before = first.get(task.afterTask ?? "");
      if (before && before.endedAt === null) continue;
      if (!before || before.state === "succeeded") {
        const free = { afterTask: null, step: "task.step.queued", etaSeconds: null } as const;
        await this.write([update(tasks, free, this.desk.open(task))], [taskEvent(task, "queued")]);
        continue;
      }
      const cause =
        before.state === "cancelled"
          ? { word: "task.firstCancelled", args: { name: before.targetName } }
          : { word: before.errorWord ?? "task.firstCancelled", args: before.errorArgs ?? {} };
      await this.settle(task, () => this.desk.ending(task, "failed", cause, null, false));
    }
  }

  private async sendQueued(): Promise<void> {
    const waiting = await this.world.store.select(tasks, {
      where: and(isNull(tasks.afterTask), this.isUnsent(this.world.clock.now())),
      orderBy: [asc(tasks.createdAt), asc(tasks.id)],
      limit: turnLimit,
    });
    if (waiting.length === 0) return;
    const refused = await this.refusedNodes();
    for (const task of await this.markSent(waiting.filter((each) => !refused.has(each.nodeName)))) {
      if (this.stopped) return;
      await this.send(task.nodeName, {
        type: "task",
        id: task.id,
        kind: task.kind,
        fence: task.fence,
        payload: this.desk.payloadOf(task),
        timeLeft: task.deadlineAt - this.world.clock.now(),
      });
    }
    if (waiting.length === turnLimit) this.again = true;
  }

  /** Nodes that are not given tasks: their programs are too far from this one's. */
  private async refusedNodes(): Promise<Set<string>> {
    const known = await this.world.store.select(peers, { where: isNotNull(peers.refusal) });
    return new Set(known.filter((peer) => peer.refusal?.own).map((peer) => peer.name));
  }

  /**
   * Tells the nodes about tasks that are to end. The controller that was asked need not be the one that leads,
   * and a command may be lost: told again until the task has ended.
   */
  private async sendCancels(): Promise<void> {
    const now = this.world.clock.now();
    const ending = await this.world.store.select(tasks, {
      where: and(
        inArray(tasks.state, [...openTaskStates]),
        eq(tasks.cancelRequested, true),
        isNotNull(tasks.sentAt),
      ),
      limit: turnLimit,
    });
    const nameOf = (task: Task): string => `${task.id} ${task.fence}`;
    const open = new Set(ending.map(nameOf));
    for (const name of this.cancelledAt.keys()) if (!open.has(name)) this.cancelledAt.delete(name);
    for (const task of ending) {
      const before = this.cancelledAt.get(nameOf(task));
      if (before !== undefined && now - before < timing.cancelAgainMilliseconds) continue;
      if (await this.send(task.nodeName, cancelOf(task))) this.cancelledAt.set(nameOf(task), now);
    }
  }

  /**
   * Marks before sending: were we killed in between, the resend finds them; sent first, they might run unmarked. All
   * in one batch, since a batch of guests should begin together. Returns those that were marked: the others have
   * ended meanwhile and must not be sent, since nobody would hear of their end.
   */
  private async markSent(due: readonly Task[]): Promise<readonly Task[]> {
    if (due.length === 0 || this.stopped) return [];
    const sentAt = this.world.clock.now();
    const marks = due.map((task) => update(tasks, { sentAt }, this.desk.open(task), { expect: 1 }));
    try {
      await this.write(marks, []);
      return due;
    } catch (error) {
      if (!(error instanceof StoreExpectationError)) throw error;
      const gone = error.index;
      return this.markSent(due.filter((_, at) => at !== gone));
    }
  }

  private write(statements: Statement[], events: EventRow[]): Promise<void> {
    const epoch = this.epoch();
    return this.world.store.batch(statements, { events, ...(epoch === undefined ? {} : { epoch }) });
  }

  /** A task past its deadline is told to end; if nobody answers within the grace, it is ended here. */
  private async expire(): Promise<void> {
    const now = this.world.clock.now();
    const late = await this.world.store.select(tasks, {
      where: and(inArray(tasks.state, [...openTaskStates]), lte(tasks.deadlineAt, now)),
      limit: turnLimit,
    });
    for (const task of late) {
      await this.send(task.nodeName, cancelOf(task));
      const over = task.state === "queued" || now >= task.deadlineAt + timing.expiryGraceMilliseconds;
      if (!over) continue;
      const word = task.state === "queued" ? "task.expiredQueued" : "task.expiredRunning";
      await this.end(task, word);
    }
  }

  private end(task: Task, word: string): Promise<boolean> {
    return this.settle(task, () =>
      this.desk.ending(task, "failed", { word, args: { node: task.nodeName } }, null, false),
    );
  }

  /** Writes what becomes of a task. False when it changed by itself in this very moment. */
  private async settle(task: Task, decide: () => Promise<ReportEffects>): Promise<boolean> {
    const effects = await decide();
    try {
      await this.write(effects.statements, effects.events ?? []);
    } catch (error) {
      if (!(error instanceof StoreExpectationError || error instanceof StoreUniqueError)) throw error;
      this.world.log.debug("task changed meanwhile", { task: task.id });
      return false;
    }
    effects.after?.();
    return true;
  }

  /** All open tasks of a node. */
  openTasks(node: string): Promise<Task[]> {
    return this.desk.openOn(node);
  }

  /**
   * A node said hello: tasks that it was sent and no longer runs are sent again under a new fence, or fail
   * as interrupted. The welcome names those that stay open, so that the node takes back everything else.
   * `open`: the node's open tasks as of the hello.
   */
  welcome(node: string, hello: Hello, open: readonly Task[]): void {
    this.welcomeOnce(node, hello, open).catch((error) => {
      this.world.log.warn("a node can't be welcomed yet", { node, error: errorText(error) });
      this.retry(async () => this.welcome(node, hello, open));
    });
  }

  private async welcomeOnce(node: string, hello: Hello, open: readonly Task[]): Promise<void> {
    const { incarnation, answers, running } = hello;
    for (const task of open) {
      const isThere = task.sentAt === null || running.get(task.id) === task.fence;
      if (!isThere) await this.settleLost(task);
    }
    // As it is now: tasks that came meanwhile stay, those that ended in between don't.
    const staying = (await this.openTasks(node)).map((task) => task.id);
    await this.send(node, { type: "welcome", incarnation, answers, open: staying });
    this.kick();
  }

  /** Says to a machine that it is not worked with, and why. */
  refuse(node: string, machine: string, refusal: TaskError): void {
    void this.send(node, { type: "refused", machine, ...refusal });
  }

  /** What becomes of a task that its node was sent and does not know. */
  private async settleLost(task: Task): Promise<void> {
    const kind = this.desk.kindOf(task.kind);
    const mayRepeat = task.state !== "running" || (kind?.resend === true && task.attempts < kind.attempts);
    if (task.cancelRequested) {
      const cancelled = { word: "task.cancelled", args: {} };
      await this.settle(task, () => this.desk.ending(task, "cancelled", cancelled, null, false));
    } else if (mayRepeat) await this.settle(task, () => this.desk.resending(task, null));
    else await this.end(task, "task.interrupted");
  }

  /** False when the road refused. */
  private async send(node: string, command: Command): Promise<boolean> {
    try {
      await this.world.road.send(node, command);
      return true;
    } catch (error) {
      this.world.log.warn("road refused a command", { node, type: command.type, error: errorText(error) });
      return false;
    }
  }
}

function cancelOf(task: Task): Command {
  return { type: "cancel", id: task.id, fence: task.fence };
}
