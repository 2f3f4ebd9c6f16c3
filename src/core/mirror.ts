/**
 * Some columns of a table's rows, kept in memory, so that what asks for all of them asks the database for none: sums
 * over all rows, a search in every name. They are read once; afterwards only rows that events speak of are read again,
 * when somebody asks. To go through 25,000 rows takes a database ten milliseconds or more, and every page would wait.
 */
import type { Clock } from "./clock.ts";
import {
  asc,
  type Column,
  gt,
  inArray,
  type Picked,
  type Store,
  type Table,
  type Where,
} from "./store/index.ts";
import { timing } from "./timing.ts";
import type { Undo } from "./undo.ts";

export interface Mirrored<C extends readonly Column[]> {
  table: Table;
  /** Its only key column. Events about a row bear it as their key. */
  key: Column<string, true>;
  columns: C;
  topic: string;
}

export interface MirrorSources {
  store: Pick<Store, "pick" | "onEvents">;
  clock: Pick<Clock, "now">;
  /** Events of all controllers. */
  onEvents(listener: (events: readonly { topic: string; key: string }[]) => void): Undo;
}

/** What a row was and is now; null before it came and when it went. Told at once, for each row that is not as it was. */
export type RowChanged<C extends readonly Column[]> = (
  before: Picked<C> | null,
  after: Picked<C> | null,
) => void;

/** Rows that are read at once. */
const chunk = 2_000;

export class Mirror<const C extends readonly Column[]> {
  private readonly kept = new Map<string, Picked<C>>();
  private readonly touched = new Set<string>();
  /** All rows are known until then, in the clock's milliseconds. */
  private wholeUntil = Number.NEGATIVE_INFINITY;
  private isHearing = false;
  private now: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  constructor(
    private readonly sources: MirrorSources,
    private readonly of: Mirrored<C>,
    /** For what is made of the rows and kept beside them: to go through all of them for each question takes long. */
    private readonly changed: RowChanged<C> = () => {},
  ) {}

  /**
   * The columns' values by key, in no order, as of now: with every change that this controller has made or heard of.
   * To be read at once, and not kept: it changes.
   */
  async rows(): Promise<ReadonlyMap<string, Picked<C>>> {
    this.hear();
    // What is being read may have been asked for before the caller's own change: theirs is the turn after it.
    this.next ??= (this.now ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.next = null;
        this.now = this.update().finally(() => {
          this.now = null;
        });
        return this.now;
      });
    await this.next;
    return this.kept;
  }

  private hear(): void {
    if (this.isHearing) return;
    this.isHearing = true;
    const note = (events: readonly { topic: string; key: string }[]): void => {
      for (const { topic, key } of events) if (topic === this.of.topic) this.touched.add(key);
    };
    // Our own right after their commit; where others write, too, the log brings ours in their order, a moment later.
    this.sources.store.onEvents(note);
    this.sources.onEvents(note);
  }

  private async update(): Promise<void> {
    const isOld = this.sources.clock.now() >= this.wholeUntil;
    if (isOld || this.touched.size > chunk) await this.readAll();
    const keys = [...this.touched];
    if (keys.length === 0) return;
    this.touched.clear();
    try {
      const there = new Map(await this.read(inArray(this.of.key, keys), keys.length));
      for (const key of keys) this.put(key, there.get(key) ?? null);
    } catch (error) {
      for (const key of keys) this.touched.add(key);
      throw error;
    }
  }

  /** Now and then all of them, so that a change of which no event spoke is seen some day, too. */
  private async readAll(): Promise<void> {
    this.wholeUntil = Number.NEGATIVE_INFINITY;
    const until = this.sources.clock.now() + timing.mirrorMilliseconds;
    // What changes while it is read is read again afterwards.
    this.touched.clear();
    const all = new Map<string, Picked<C>>();
    for (let last: string | null = null; ; ) {
      const found: [string, Picked<C>][] = await this.read(
        last === null ? "all" : gt(this.of.key, last),
        chunk,
      );
      for (const [key, row] of found) all.set(key, row);
      last = found.at(-1)?.[0] ?? null;
      if (found.length < chunk) break;
    }
    for (const key of [...this.kept.keys()]) if (!all.has(key)) this.put(key, null);
    for (const [key, row] of all) this.put(key, row);
    this.wholeUntil = until;
  }

  private put(key: string, row: Picked<C> | null): void {
    const before = this.kept.get(key) ?? null;
    if (before && row?.every((value, i) => value === before[i])) return;
    if (row) this.kept.set(key, row);
    else this.kept.delete(key);
    if (before || row) this.changed(before, row);
  }

  private async read(where: Where, limit: number): Promise<[string, Picked<C>][]> {
    const { table, key, columns } = this.of;
    const rows = await this.sources.store.pick(table, [key, ...columns], {
      where,
      // Single rows are found by their keys in any order.
      ...(where === "all" || where.op === "gt" ? { orderBy: asc(key) } : {}),
      limit,
    });
    return rows.map(([found, ...row]) => [found, row as unknown as Picked<C>]);
  }
}
