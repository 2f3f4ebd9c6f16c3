/**
 * Batches that wait for each other become one transaction: while one is under way, those that come are gathered for
 * the next. A commit costs the database and the road to it more than the few rows of a report, and a large cluster
 * brings hundreds of reports a second.
 */
import {
  type EventRow,
  LeaseLostError,
  type Statement,
  type Store,
  StoreUnavailableError,
  type UpdateEachStatement,
} from "../store/index.ts";
import { timing } from "../timing.ts";

/** Batches that go together at most: a transaction must not hold its locks for long. */
const mostTogether = 24;
/**
 * Transactions under way at most, where a server carries out several. Another one begins only when a full one waits:
 * each of their statements is a way to the server and back, and on a busy machine it is these ways that take the time.
 */
const mostLanes = 3;
/**
 * Where a server brings together so many batches, the next transaction begins no sooner than `commitRestMilliseconds` after
 * it: each has a price of its own, and on a cluster of hundreds of nodes more batches come in every moment.
 */
const restFrom = 4;
/** Between two looks whether a rest is over. */
const restStepMilliseconds = 5;

interface Waiting {
  statements: readonly Statement[];
  events: readonly EventRow[];
  epoch: number | undefined;
  relaxed: boolean;
  done: PromiseWithResolvers<void>;
}

export class GroupCommit {
  private readonly waiting: Waiting[] = [];
  private lanes = 0;
  /** When the next transaction may begin. */
  private due = 0;

  constructor(private readonly store: Pick<Store, "batch" | "dialect">) {}

  /** As `store.batch`: all of it or nothing, and the same errors. Others' batches never make this one fail. */
  batch(
    statements: readonly Statement[],
    {
      events,
      epoch,
      relaxed = false,
    }: { events: readonly EventRow[]; epoch: number | undefined; relaxed?: boolean },
  ): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.waiting.push({ statements, events, epoch, relaxed, done });
    const isFull = this.store.dialect === "mysql" && this.waiting.length >= mostTogether;
    if (this.lanes === 0 || (isFull && this.lanes < mostLanes)) void this.run();
    return done.promise;
  }

  private async run(): Promise<void> {
    this.lanes++;
    for (;;) {
      while (this.rests()) await Bun.sleep(restStepMilliseconds);
      const group = this.next();
      if (group.length === 0) break;
      if (this.store.dialect === "mysql" && group.length >= restFrom)
        this.due = performance.now() + timing.commitRestMilliseconds;
      await this.write(group);
    }
    this.lanes--;
  }

  /** Whether the next transaction may not begin yet. A full one always may. */
  private rests(): boolean {
    const { length } = this.waiting;
    return length > 0 && length < mostTogether && performance.now() < this.due;
  }

  /** Those at the front that were made under one epoch. */
  private next(): Waiting[] {
    const [first] = this.waiting;
    const end = this.waiting.findIndex(({ epoch }, at) => at === mostTogether || epoch !== first?.epoch);
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end);
  }

  private async write(group: readonly Waiting[]): Promise<void> {
    const statements = merged(group.map((each) => each.statements));
    const events = group.flatMap((each) => each.events);
    const epoch = group[0]?.epoch;
    const relaxed = group.every((each) => each.relaxed);
    try {
      await this.store.batch(statements, {
        events,
        ...(epoch === undefined ? {} : { epoch }),
        ...(relaxed ? { relaxed } : {}),
      });
      for (const { done } of group) done.resolve();
    } catch (error) {
      // One of them does not fit what is there by now: alone each hears its own answer.
      const isOfAll = error instanceof StoreUnavailableError || error instanceof LeaseLostError;
      if (group.length > 1 && !isOfAll) for (const each of group) await this.write([each]);
      else for (const { done } of group) done.reject(error);
    }
  }
}

/**
 * The statements of several batches in their order. What they begin with and is an `updateEach` becomes one statement
 * with those of the others that change the same columns: each is a way to the server and back.
 */
function merged(batches: readonly (readonly Statement[])[]): Statement[] {
  const first = new Map<string, UpdateEachStatement[]>();
  const rest: Statement[] = [];
  for (const statements of batches) {
    let begins = true;
    for (const statement of statements) {
      begins &&= statement.op === "updateEach";
      if (!begins || statement.op !== "updateEach") {
        rest.push(statement);
        continue;
      }
      const columns = Object.keys(statement.rows[0]?.set ?? {}).join(" ");
      const kind = `${statement.key.table} ${statement.key.key} ${columns}`;
      first.set(kind, [...(first.get(kind) ?? []), statement]);
    }
  }
  const each = [...first.values()].map(([one, ...more]) =>
    one && more.length > 0 ? { ...one, rows: [one, ...more].flatMap(({ rows }) => rows) } : one,
  );
  return [...each.filter((one) => one !== undefined), ...rest];
}
