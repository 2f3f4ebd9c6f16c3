/**
 * The controller's side of tasks: making them together with the rows that they are about, ending them,
 * and finding them again. Every change of a task's row is made here.
 */
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Clock } from "../clock.ts";
import { AppError, errorText } from "../errors.ts";
import { fits } from "../fits.ts";
import type { Actor } from "../http/contract.ts";
import type { Log } from "../log/log.ts";
import type { ReportEffects } from "../road/contract.ts";
import {
  and,
  type EventRow,
  eq,
  inArray,
  insert,
  isNull,
  made,
  type Statement,
  type Store,
  StoreExpectationError,
  StoreUnavailableError,
  update,
} from "../store/index.ts";
import type { Undo } from "../undo.ts";
import { sealTo } from "../vault.ts";
import { openTaskStates, secretFields, type TaskError, type TaskKind, type TaskState } from "./kind.ts";
import { peers, type Task, tasks } from "./schema.ts";

/** A task to be made. */
export interface TaskRequest<P> {
  node: string;
  target: { type: string; key: string; name: string };
  /** While a task with this key is open, another is refused with 409. */
  exclusive?: string;
  payload: P;
  actor: Actor;
  /**
   * The id of an open task that must succeed first: until then this one waits here, showing how far that is. When
   * that one fails, so does this.
   */
  after?: string | undefined;
  /** Milliseconds that this one may take beyond its kind's deadline, for what it does along the way. */
  moreMs?: number;
}

/** Rows and events to be committed in one batch with the caller's own. */
export interface PreparedTask {
  id: string;
  statements: Statement[];
  events: EventRow[];
}

/** What becomes of a task's target. Each returns what is written in the same batch as the task's own row. */
export interface TaskSettlement<P, R> {
  started?(task: Task, payload: P): ReportEffects | Promise<ReportEffects>;
  succeeded(task: Task, payload: P, result: R): ReportEffects | Promise<ReportEffects>;
  /** Failed or cancelled; `error.word` tells why. */
  failed(task: Task, payload: P, error: TaskError): ReportEffects | Promise<ReportEffects>;
  /** A changed payload to try again with (another port), or null to let it fail. Bounded by the kind's attempts. */
  retry?(
    task: Task,
    payload: P,
    error: TaskError,
  ): Promise<{ payload: P; statements: Statement[]; events?: EventRow[] } | null>;
}

export interface TaskDesk {
  /** Checks the payload and makes the row. @throws AppError unavailable when the node never said hello */
  prepare<P extends TObject, R extends TSchema>(
    kind: TaskKind<P, R>,
    request: TaskRequest<Static<P>>,
  ): Promise<PreparedTask>;
  /** Tells the dispatcher that there is something to send. Call it after the commit. */
  kick(): void;
  /** Asks a task to end. One that was not sent yet ends at once. @throws AppError notFound, conflict */
  cancel(id: string): Promise<Task>;
  get(id: string): Promise<Task | null>;
  /** The open tasks of a node. */
  openOn(node: string): Promise<Task[]>;
  /** Ends all open tasks of a node that is gone for good, as failed for this reason. */
  abandon(node: string, reason: TaskError): Promise<void>;
  /** The open task about a target, if there is one. */
  openFor(targetType: string, targetKeys: string[]): Promise<Task[]>;
}

const nothing: ReportEffects = { statements: [] };

type AnyKind = TaskKind<TObject, TSchema>;
// Settlements of different kinds live in one map; each is only ever given payloads its own schema has passed.
type AnySettlement = TaskSettlement<never, never>;

/** A change of a task, as the browser and the API's stream hear it; `isNew` for lists, which then show it. */
export function taskEvent(
  task: Pick<Task, "id" | "targetType" | "targetKey" | "kind">,
  state: TaskState,
  isNew = false,
): EventRow {
  const { kind, targetType, targetKey } = task;
  const data = { kind, state, targetType, targetKey, ...(isNew && made) };
  return { topic: "task", key: task.id, data };
}

export class Desk implements TaskDesk {
  private readonly kinds = new Map<string, { kind: AnyKind; settlement: AnySettlement }>();
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  register<P extends TObject, R extends TSchema>(
    kind: TaskKind<P, R>,
    settlement: TaskSettlement<Static<P>, Static<R>>,
  ): Undo {
    if (this.kinds.has(kind.kind)) throw new Error(`task kind "${kind.kind}" is registered twice`);
    this.kinds.set(kind.kind, { kind, settlement: settlement as unknown as AnySettlement });
    return () => this.kinds.delete(kind.kind);
  }

  kindOf(name: string): AnyKind | null {
    return this.kinds.get(name)?.kind ?? null;
  }

  onKick(listener: () => void): Undo {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  kick(): void {
    for (const listener of this.listeners) listener();
  }

  async prepare<P extends TObject, R extends TSchema>(
    kind: TaskKind<P, R>,
    request: TaskRequest<Static<P>>,
  ): Promise<PreparedTask> {
    const now = this.clock.now();
    const id = Bun.randomUUIDv7();
    const payload = await this.sealPayload(kind, request.node, request.payload);
    const row: Task = {
      id,
      kind: kind.kind,
      state: "queued",
      nodeName: request.node,
      targetType: request.target.type,
      targetKey: request.target.key,
      targetName: request.target.name.slice(0, 128),
      exclusiveKey: request.exclusive ?? null,
      payload: JSON.stringify(payload),
      progress: 0,
      step: "task.step.queued",
      etaSeconds: null,
      errorWord: null,
      errorArgs: null,
      leftovers: false,
      cancelRequested: false,
      actor: `${request.actor.kind}:${request.actor.name}`.slice(0, 128),
      fence: 1,
      attempts: 1,
      deadlineAt: now + kind.deadlineMs + (request.moreMs ?? 0),
      afterTask: request.after ?? null,
      createdAt: now,
      sentAt: null,
      startedAt: null,
      endedAt: null,
    };
    return { id, statements: [insert(tasks, row)], events: [taskEvent(row, "queued", true)] };
  }

  private async sealPayload(kind: AnyKind, node: string, payload: unknown): Promise<Record<string, unknown>> {
    if (!fits(kind.payload, payload)) {
      const first = Value.Errors(kind.payload, payload).First();
      throw new Error(`payload of ${kind.kind}: ${first?.path} ${first?.message}`);
    }
    const sealed: Record<string, unknown> = { ...payload };
    const secrets = secretFields(kind.payload).filter((name) => typeof sealed[name] === "string");
    const peer = await this.store.first(peers, { where: eq(peers.name, node) });
    if (!peer || peer.publicKey === "") throw new AppError("unavailable", "task.nodeUnknown", { node });
    if (peer.refusal?.own) throw new AppError("unavailable", peer.refusal.word, peer.refusal.args);
    for (const name of secrets) sealed[name] = sealTo(peer.publicKey, String(sealed[name]));
    return sealed;
  }

  get(id: string): Promise<Task | null> {
    return this.store.first(tasks, { where: eq(tasks.id, id) });
  }

  openFor(targetType: string, targetKeys: string[]): Promise<Task[]> {
    return this.store.select(tasks, {
      where: and(
        eq(tasks.targetType, targetType),
        inArray(tasks.targetKey, targetKeys),
        inArray(tasks.state, [...openTaskStates]),
      ),
    });
  }

  openOn(node: string): Promise<Task[]> {
    return this.store.select(tasks, {
      where: and(eq(tasks.nodeName, node), inArray(tasks.state, [...openTaskStates])),
    });
  }

  async abandon(node: string, reason: TaskError): Promise<void> {
    for (const task of await this.openOn(node)) {
      const effects = await this.ending(task, "failed", reason, null, false);
      try {
        await this.store.batch(effects.statements, { events: effects.events ?? [] });
        effects.after?.();
      } catch (error) {
        // It ended by itself in this very moment.
        if (!(error instanceof StoreExpectationError)) throw error;
      }
    }
  }

  async cancel(id: string): Promise<Task> {
    const task = await this.get(id);
    if (!task) throw new AppError("notFound", "task.notFound", {});
    const kind = this.kindOf(task.kind);
    if (task.endedAt !== null) throw new AppError("conflict", "task.alreadyEnded", {});
    if (task.state === "running" && kind && !kind.cancellable)
      throw new AppError("conflict", "task.notCancellable", {});
    if (task.sentAt === null && (await this.cancelUnsent(task))) return (await this.get(id)) ?? task;
    await this.store.batch([update(tasks, { cancelRequested: true }, this.open(task))], {
      events: [taskEvent(task, task.state)],
    });
    this.kick();
    return (await this.get(id)) ?? task;
  }

  /** Ends a task that nobody has begun. False when it was sent, or changed otherwise, in this very moment. */
  private async cancelUnsent(task: Task): Promise<boolean> {
    const effects = await this.ending(task, "cancelled", { word: "task.cancelled", args: {} }, null, false);
    const unsent = update(tasks, { cancelRequested: true }, and(this.open(task), isNull(tasks.sentAt)), {
      expect: 1,
    });
    try {
      await this.store.batch([unsent, ...effects.statements], { events: effects.events ?? [] });
    } catch (error) {
      if (error instanceof StoreExpectationError) return false;
      throw error;
    }
    effects.after?.();
    return true;
  }

  /** True of the row only while the task is open under the same fence. */
  open(task: Pick<Task, "id" | "fence">) {
    return and(eq(tasks.id, task.id), eq(tasks.fence, task.fence), inArray(tasks.state, [...openTaskStates]));
  }

  /** What is written when a task begins on its node. */
  async starting(task: Task): Promise<ReportEffects> {
    const known = this.kinds.get(task.kind);
    const more = known?.settlement.started
      ? await known.settlement.started(task, this.payloadOf(task) as never)
      : { statements: [] };
    const set = { state: "running", startedAt: this.clock.now(), step: "task.step.started" } as const;
    return merge(
      { statements: [update(tasks, set, this.open(task))], events: [taskEvent(task, "running")] },
      more,
    );
  }

  /** What is written when a task ends, its target's effects included; a retry keeps it open. */
  async ending(
    task: Task,
    state: "succeeded" | "failed" | "cancelled",
    error: TaskError | null,
    result: unknown,
    leftovers: boolean,
  ): Promise<ReportEffects> {
    const known = this.kinds.get(task.kind);
    const payload = this.payloadOf(task) as never;
    if (state === "succeeded" && known && !fits(known.kind.result, result)) {
      return this.ending(
        task,
        "failed",
        { word: "task.badResult", args: { kind: task.kind } },
        null,
        leftovers,
      );
    }
    const cause = error ?? { word: "task.cancelled", args: {} };
    if (state === "failed" && known?.settlement.retry && task.attempts < known.kind.attempts && !leftovers) {
      const again = await known.settlement.retry(task, payload, cause);
      if (again) return this.resending(task, again);
    }
    const row = update(
      tasks,
      {
        state,
        endedAt: this.clock.now(),
        exclusiveKey: null,
        etaSeconds: null,
        leftovers,
        fence: task.fence + 1,
        ...(state === "succeeded"
          ? { progress: 100, step: null }
          : { errorWord: cause.word, errorArgs: shortArgs(cause.args) }),
      },
      this.open(task),
      { expect: 1 },
    );
    const settled = known ? await this.settled(known.settlement, task, state, cause, result) : nothing;
    return merge({ statements: [row], events: [taskEvent(task, state)] }, settled);
  }

  /** What the kind's own settlement says. One that throws must not keep its task open forever. */
  private async settled(
    settlement: AnySettlement,
    task: Task,
    state: "succeeded" | "failed" | "cancelled",
    cause: TaskError,
    result: unknown,
  ): Promise<ReportEffects> {
    const payload = this.payloadOf(task) as never;
    try {
      if (state === "succeeded") return await settlement.succeeded(task, payload, result as never);
      return await settlement.failed({ ...task, state }, payload, cause);
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      this.log.error("settlement failed", { task: task.id, kind: task.kind, error: errorText(error) });
      return nothing;
    }
  }

  /** The same task once more, under a higher fence so that the earlier attempt's reports are void. */
  async resending(
    task: Task,
    again: { payload: unknown; statements: Statement[]; events?: EventRow[] } | null,
  ): Promise<ReportEffects> {
    const kind = this.kindOf(task.kind);
    const payload =
      again && kind ? JSON.stringify(await this.sealChanged(kind, task, again.payload)) : task.payload;
    const set = {
      state: "queued",
      payload,
      fence: task.fence + 1,
      attempts: task.attempts + 1,
      sentAt: null,
      step: "task.step.again",
      etaSeconds: null,
    } as const;
    return {
      statements: [update(tasks, set, this.open(task), { expect: 1 }), ...(again?.statements ?? [])],
      events: [taskEvent(task, "queued"), ...(again?.events ?? [])],
      after: () => this.kick(),
    };
  }

  /** Seals secrets that `retry` changed; untouched ones are still sealed and stay as they are. */
  private async sealChanged(kind: AnyKind, task: Task, payload: unknown): Promise<Record<string, unknown>> {
    const before = this.payloadOf(task);
    const sealed = await this.sealPayload(kind, task.nodeName, payload);
    const given = payload as Record<string, unknown>;
    for (const name of secretFields(kind.payload))
      if (given[name] === before[name]) sealed[name] = before[name];
    return sealed;
  }

  /** The payload as stored: secret fields are sealed to the node and unreadable here. */
  payloadOf(task: Pick<Task, "payload">): Record<string, unknown> {
    return JSON.parse(task.payload) as Record<string, unknown>;
  }
}

/** Error texts come from foreign programs: keep what a person can read. */
function shortArgs(args: TaskError["args"]): TaskError["args"] {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [
      name,
      typeof value === "string" ? value.slice(0, 2000) : value,
    ]),
  );
}

function merge(first: ReportEffects, second: ReportEffects): ReportEffects {
  const after = (): void => {
    first.after?.();
    second.after?.();
  };
  return {
    statements: [...first.statements, ...second.statements],
    events: [...(first.events ?? []), ...(second.events ?? [])],
    after,
  };
}
