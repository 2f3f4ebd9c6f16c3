/**
 * The cluster-wide log of events. An event gets its number in the batch that made it true: the batch raises
 * the counter, whose row stays locked until the commit, so the order of numbers is the order of commits and
 * nobody who has read number n can later meet a smaller one. Also with several controllers.
 */
import { insertQueries, removeQuery, type SelectOptions, selectQuery, updateQuery } from "./compile.ts";
import type { Dialect } from "./dialect.ts";
import type { Engine, Program } from "./engine.ts";
import { and, asc, eq, gt, lt, lte } from "./expressions.ts";
import type { Row, Table } from "./schema.ts";
import { insert, plus, update } from "./statements.ts";
import { counters, eventCounter, events } from "./tables.ts";

/** A fact to be logged: what it is about (`guest`), which one, and what a reader needs to know. */
export interface EventRow {
  topic: string;
  key: string;
  data?: unknown;
}

/** What the event of something new says in its data: lists that are open may take it in. */
export const made = { made: true } as const;

/** Whether an event tells of something new. */
export const isMade = ({ data }: { data: unknown }): boolean =>
  typeof data === "object" && data !== null && "made" in data && data.made === true;

export interface StoredEvent {
  seq: number;
  /** UTC milliseconds. */
  at: number;
  topic: string;
  key: string;
  /** Null when the event had none. */
  data: unknown;
}

type Select = <T extends Table>(table: T, options?: SelectOptions) => Promise<Row<T>[]>;
type Listener = (events: readonly StoredEvent[]) => void;

/** Rows deleted by one statement, so that pruning never holds locks for long. */
const prunedAtOnce = 1_000;

export class EventLog {
  private readonly listeners = new Set<Listener>();
  private readonly waiting: (readonly StoredEvent[])[] = [];
  private announcing = false;

  constructor(private readonly onListenerError: (error: unknown) => void) {}

  /** The last part of a batch: raises the counter and inserts the rows. Returns them with their numbers. */
  *append(dialect: Dialect, rows: readonly EventRow[], at: number): Program<StoredEvent[]> {
    if (rows.length === 0) return [];
    const mine = eq(counters.name, eventCounter);
    const raise = update(counters, { value: plus(counters.value, rows.length) }, mine);
    yield { ...updateQuery(dialect, counters, raise.set, mine), alone: true };
    const read = yield selectQuery(dialect, counters, { where: mine });
    const last = Number(read.rows[0]?.[1]);
    const stored = rows.map(({ topic, key, data }, position) => ({
      seq: last - rows.length + 1 + position,
      at,
      topic,
      key,
      data: data ?? null,
    }));
    for (const query of insertQueries(dialect, events, insert(events, stored).rows)) yield query;
    return stored;
  }

  listen(listener: Listener): () => void {
    // Wrapped, so that the same function can listen twice and be removed once.
    const own: Listener = (rows) => listener(rows);
    this.listeners.add(own);
    return () => this.listeners.delete(own);
  }

  /** Tells the listeners. One that commits a batch itself gets that batch's events after these. */
  announce(rows: readonly StoredEvent[]): void {
    if (rows.length === 0) return;
    this.waiting.push(rows);
    if (this.announcing) return;
    this.announcing = true;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift())
      for (const listener of this.listeners)
        try {
          listener(next);
        } catch (error) {
          this.onListenerError(error);
        }
    this.announcing = false;
  }

  after(select: Select, seq: number, limit: number): Promise<StoredEvent[]> {
    return select(events, { where: gt(events.seq, seq), orderBy: asc(events.seq), limit });
  }

  async last(select: Select): Promise<number> {
    const [counter] = await select(counters, { where: eq(counters.name, eventCounter) });
    return counter?.value ?? 0;
  }

  async oldest(select: Select): Promise<number | null> {
    const [event] = await select(events, { orderBy: asc(events.seq), limit: 1 });
    return event?.seq ?? null;
  }

  async prune(
    engine: Engine,
    dialect: Dialect,
    select: Select,
    keep: number,
    olderThan: number,
  ): Promise<number> {
    const newestPruned = (await this.last(select)) - keep;
    let removed = 0;
    for (;;) {
      const old = and(lte(events.seq, newestPruned), lt(events.at, olderThan));
      const some = await select(events, { where: old, orderBy: asc(events.seq), limit: prunedAtOnce });
      const last = some.at(-1);
      if (last === undefined) return removed;
      const query = removeQuery(dialect, events, and(old, lte(events.seq, last.seq)));
      removed += await engine.transaction(
        function* () {
          return (yield query).affected;
        },
        () => {},
      );
    }
  }
}
