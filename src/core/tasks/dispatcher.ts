/**
 * The leading controller's hand on the road: sends queued tasks to their nodes, sends them again when
 * they may be lost, withdraws what has expired, and settles what a restarted node no longer knows of.
 */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Command, ControllerRoad } from "../road/contract.ts";
import {
  and,
  asc,
  eq,
  inArray,
  isNull,
  lte,
  or,
  type Store,
  StoreExpectationError,
  update,
} from "../store/index.ts";
import { timing } from "../timing.ts";
import { type Undo, UndoList } from "../undo.ts";
import type { Desk } from "./desk.ts";
import { openTaskStates } from "./kind.ts";
import { type Task, tasks } from "./schema.ts";

/** Tasks looked at in one turn; the rest follow in the next. */
const turnLimit = 500;

export class Dispatcher {
  private turn: Promise<void> | null = null;
  private again = false;
  private stopped = false;
  private readonly undos = new UndoList();
  lastTurnAt: number | null = null;

  constructor(
    private readonly world: { store: Store; clock: Clock; road: ControllerRoad; log: Log },
    private readonly desk: Desk,
  ) {}

  /** Begins to send. Called when this controller begins to lead. */
  start(): Undo {
    this.stopped = false;
    this.undos.add(this.desk.onKick(() => this.kick()));
    this.undos.add(this.desk.onCancel((task) => void this.send(task.nodeName, cancelOf(task))));
    this.undos.add(this.world.clock.every(timing.dispatchTurnMilliseconds, () => this.kick()));
    this.kick();
    return () => {
      this.stopped = true;
      this.undos.run();
    };
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
      await this.expire();
      await this.sendQueued();
      this.lastTurnAt = this.world.clock.now();
    } catch (error) {
      // The next turn tries again; nothing is lost meanwhile, since the store has every open task.
      this.world.log.warn("dispatch turn failed", { error: errorText(error) });
    }
  }

  private async sendQueued(): Promise<void> {
    const lostBefore = this.world.clock.now() - timing.resendMilliseconds;
    const waiting = await this.world.store.select(tasks, {
      where: and(eq(tasks.state, "queued"), or(isNull(tasks.sentAt), lte(tasks.sentAt, lostBefore))),
      orderBy: [asc(tasks.createdAt), asc(tasks.id)],
      limit: turnLimit,
    });
    for (const task of waiting) {
      if (this.stopped) return;
      // Marked first: were we killed in between, the resend finds it; sent first, it might start unmarked.
      await this.world.store.batch([update(tasks, { sentAt: this.world.clock.now() }, this.desk.open(task))]);
      await this.send(task.nodeName, {
        type: "task",
        id: task.id,
        kind: task.kind,
        fence: task.fence,
        payload: this.desk.payloadOf(task),
        deadlineAt: task.deadlineAt,
      });
      if (task.cancelRequested) await this.send(task.nodeName, cancelOf(task));
    }
    if (waiting.length === turnLimit) this.again = true;
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

  private async end(task: Task, word: string): Promise<void> {
    try {
      await this.desk.end(task, "failed", { word, args: { node: task.nodeName } });
    } catch (error) {
      if (!(error instanceof StoreExpectationError)) throw error;
      // It ended by itself in this very moment.
    }
  }

  /**
   * A node said hello: tasks that it was sent and no longer runs are sent again under a new fence, or fail
   * as interrupted. The welcome names those that stay open, so that the node takes back everything else.
   */
  async welcome(node: string, incarnation: number, running: readonly string[]): Promise<void> {
    const open = await this.world.store.select(tasks, {
      where: and(eq(tasks.nodeName, node), inArray(tasks.state, [...openTaskStates])),
    });
    const staying: string[] = [];
    for (const task of open) {
      if (task.sentAt === null || running.includes(task.id)) {
        staying.push(task.id);
        continue;
      }
      const kind = this.desk.kindOf(task.kind);
      const begun = task.state === "running";
      if (kind && (!begun || (kind.resend && task.attempts < kind.attempts)) && !task.cancelRequested) {
        const effects = await this.desk.resending(task, null);
        await this.world.store.batch(effects.statements, { events: effects.events ?? [] });
        staying.push(task.id);
      } else if (task.cancelRequested) {
        await this.desk.end(task, "cancelled", { word: "task.cancelled", args: {} });
      } else {
        await this.end(task, "task.interrupted");
      }
    }
    await this.send(node, { type: "welcome", incarnation, open: staying });
    this.kick();
  }

  private async send(node: string, command: Command): Promise<void> {
    try {
      await this.world.road.send(node, command);
    } catch (error) {
      this.world.log.warn("road refused a command", { node, type: command.type, error: errorText(error) });
    }
  }
}

function cancelOf(task: Task): Command {
  return { type: "cancel", id: task.id, fence: task.fence };
}
