/** The store: typed reads, and batches of statements that happen all together or not at all. */
import {
  aggregateQuery,
  insertQueries,
  removeQuery,
  type SelectOptions,
  selectQuery,
  updateEachQuery,
  updateQuery,
} from "./compile.ts";
import { type Dialect, type DialectName, dialects } from "./dialect.ts";
import type { Engine, Program } from "./engine.ts";
import {
  LeaseLostError,
  RunAgain,
  StoreExpectationError,
  StoreUniqueError,
  UniqueViolation,
} from "./errors.ts";
import { EventLog, type EventRow, type StoredEvent } from "./events.ts";
import { findsNothing, type Where } from "./expressions.ts";
import { holdsEpoch, type LeaseStore, leaseStore } from "./leases.ts";
import { type MigrationSource, runMigrations } from "./migrations.ts";
import { type Column, metaOf, type Row, type Table } from "./schema.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";
import type { Statement, UpsertStatement } from "./statements.ts";
import { storeMigrations } from "./tables.ts";
import { decode, decodeRow } from "./values.ts";

export interface BatchOptions {
  /** Facts to log in the same batch; they get their numbers in the order of commits. */
  events?: readonly EventRow[] | undefined;
  /** The leader's epoch: the batch happens only while nobody else has become leader since. */
  epoch?: number | undefined;
  /**
   * The batch may be lost with the power, though never with the process: for what will be told again anyway. Spares
   * SQLite the wait for the disk, which stands still for everybody while it lasts; MySQL does as it is configured.
   */
  relaxed?: boolean | undefined;
}

export interface Store {
  readonly dialect: DialectName;

  /** The rows that match, whole. */
  select<T extends Table>(table: T, options?: SelectOptions): Promise<Row<T>[]>;
  /** The first row that matches, or null. */
  first<T extends Table>(
    table: T,
    options?: Pick<SelectOptions, "where" | "orderBy">,
  ): Promise<Row<T> | null>;
  /**
   * Some columns of the rows that match. Where they stand in an index with what is asked and ordered by, the rows need
   * not be read: to find a page so, and then its rows by their keys, is many times as fast as to order whole rows.
   */
  pick<const C extends readonly Column[]>(
    table: Table,
    columns: C,
    options?: SelectOptions,
  ): Promise<Picked<C>[]>;
  /** As `pick`, of one column. */
  values<V>(table: Table, column: Column<V>, options?: SelectOptions): Promise<V[]>;
  /**
   * The different values of a column, in no order. Where an index begins with it, MySQL goes from one to the next and
   * reads none of the rows between them. NULL is left out.
   */
  distinct<V>(table: Table, column: Column<V>): Promise<V[]>;
  count(table: Table, where?: Where): Promise<number>;
  /** The sum of a column over the rows that match; 0 when there are none. */
  sum(table: Table, column: Column<number>, where?: Where): Promise<number>;
  /** The sum of a column over the rows with each value of another. Rows where that is NULL are left out. */
  sumBy<V extends string | number>(
    table: Table,
    column: Column<number>,
    by: Column<V>,
    where?: Where,
  ): Promise<Map<V, number>>;
  /** How many rows have each value of a column. Rows where it is NULL are left out. */
  countBy<V extends string | number>(table: Table, column: Column<V>, where?: Where): Promise<Map<V, number>>;

  /**
   * Runs the statements in order, all or none. Rejects with
   * - StoreUniqueError: a unique index refused a row,
   * - StoreExpectationError: an `expect` was not met,
   * - LeaseLostError: `epoch` is not the lease's any more,
   * - StoreUnavailableError: the database is away; when its `maybeCommitted` is true the batch is whole or
   *   absent, and reading tells which.
   */
  batch(statements: readonly Statement[], options?: BatchOptions): Promise<void>;
  /** A batch of one. */
  run(statement: Statement, options?: BatchOptions): Promise<void>;

  /**
   * Calls the listener with the events of each batch of this process, right after its commit and in the order
   * of their numbers. Returns what removes it. Events of other controllers are found by `eventsAfter`.
   */
  onEvents(listener: (events: readonly StoredEvent[]) => void): () => void;
  /** Events with a number above `seq`, oldest first. */
  eventsAfter(seq: number, limit: number): Promise<StoredEvent[]>;
  /** The number of the newest event ever logged; 0 when there was none. */
  lastEventSeq(): Promise<number>;
  /** The number of the oldest event that is still there, or null when the log is empty. */
  oldestEventSeq(): Promise<number | null>;
  /** Deletes events made before `olderThan` (UTC ms), but never the newest `keep`. Returns how many. */
  pruneEvents(keep: number, olderThan: number): Promise<number>;

  readonly leases: LeaseStore;
  /** Brings the tables up to date. Rejects with a MigrationError whose message says what to do. */
  migrate(sources: readonly MigrationSource[]): Promise<void>;
  /**
   * All rows of `tables` and the store's own, as of one moment; see `snapshot.ts`. Rejects with a SnapshotError
   * when the store has tables of a plugin that is not among the sources.
   */
  snapshot<T>(
    sources: readonly MigrationSource[],
    tables: readonly Table[],
    work: (snapshot: Snapshot) => Promise<T>,
  ): Promise<T>;
  /** Asks the database for its version, and measures how long the answer takes. */
  ping(): Promise<{ version: string; milliseconds: number }>;
  close(): Promise<void>;
}

/** The values of some columns of a row, in their order. */
export type Picked<C extends readonly Column[]> = {
  [K in keyof C]: C[K] extends Column<infer V, infer N> ? (N extends true ? V : V | null) : never;
};

export interface StoreHooks {
  /** UTC milliseconds, for events and (in SQLite) leases. */
  now?: () => number;
  /** A listener of `onEvents` threw. It must not undo what is committed, so somebody has to be told. */
  onListenerError?: (error: unknown) => void;
}

export function makeStore(engine: Engine, hooks: StoreHooks = {}): Store {
  const dialect = dialects[engine.dialect];
  const now = hooks.now ?? Date.now;
  const log = new EventLog(hooks.onListenerError ?? ((error) => console.error(error)));

  const read = async (query: Parameters<Engine["read"]>[0]): Promise<readonly (readonly unknown[])[]> =>
    (await engine.read(query)).rows;
  const select = async <T extends Table>(table: T, options: SelectOptions = {}): Promise<Row<T>[]> => {
    if (findsNothing(options.where)) return [];
    const rows = await read(selectQuery(dialect, table, options));
    return rows.map((row) => decodeRow(table, row) as Row<T>);
  };
  const pick = async (table: Table, columns: readonly Column[], options: SelectOptions = {}) => {
    if (findsNothing(options.where)) return [];
    const query = selectQuery(dialect, table, options, columns);
    const rows = await read({ ...query, once: options.orderBy !== undefined });
    return rows.map((row) =>
      columns.map((column, at) => (row[at] === null ? null : decode(column, row[at]))),
    );
  };
  const number = async (query: Parameters<Engine["read"]>[0]): Promise<number> =>
    Number((await read({ ...query, once: true }))[0]?.[0] ?? 0);

  const grouped = async <V extends string | number>(
    table: Table,
    what: "count" | { sum: Column },
    by: Column<V>,
    where?: Where,
  ): Promise<Map<V, number>> => {
    if (findsNothing(where)) return new Map();
    const rows = await read({ ...aggregateQuery(dialect, table, what, where, by), once: true });
    return new Map(
      rows
        .filter(([, group]) => group !== null)
        .map(([value, group]) => [decode(by, group) as V, Number(value)]),
    );
  };

  const batch = async (statements: readonly Statement[], options: BatchOptions = {}): Promise<void> => {
    const rows = options.events ?? [];
    await engine.transaction(
      function* () {
        if (options.epoch !== undefined && !(yield* holdsEpoch(dialect, options.epoch)))
          throw new LeaseLostError(options.epoch);
        for (const [position, statement] of statements.entries())
          yield* perform(dialect, statement, position);
        return yield* log.append(dialect, rows, now());
      },
      (stored) => log.announce(stored),
      options.relaxed === true,
    );
  };

  return {
    dialect: engine.dialect,
    select,
    async first(table, options = {}) {
      return (await select(table, { ...options, limit: 1 }))[0] ?? null;
    },
    pick: pick as Store["pick"],
    async values<V>(table: Table, column: Column<V>, options?: SelectOptions): Promise<V[]> {
      return (await pick(table, [column], options)).map(([value]) => value as V);
    },
    async distinct<V>(table: Table, column: Column<V>): Promise<V[]> {
      const rows = await read({ ...selectQuery(dialect, table, {}, [column], true), once: true });
      return rows.filter(([value]) => value !== null).map(([value]) => decode(column, value) as V);
    },
    count: async (table, where) =>
      findsNothing(where) ? 0 : number(aggregateQuery(dialect, table, "count", where)),
    sum: (table, column, where) => number(aggregateQuery(dialect, table, { sum: column }, where)),
    sumBy: (table, column, by, where) => grouped(table, { sum: column }, by, where),
    countBy: (table, column, where) => grouped(table, "count", column, where),
    batch,
    run: (statement, options) => batch([statement], options),
    onEvents: (listener) => log.listen(listener),
    eventsAfter: (seq, limit) => log.after(select, seq, limit),
    lastEventSeq: () => log.last(select),
    oldestEventSeq: () => log.oldest(select),
    pruneEvents: (keep, olderThan) => log.prune(engine, dialect, select, keep, olderThan),
    leases: leaseStore(engine, dialect, now),
    migrate: (sources) =>
      engine.migrate((session) =>
        runMigrations(session, [{ name: "store", migrations: storeMigrations }, ...sources], now),
      ),
    snapshot: (sources, tables, work) => readSnapshot(engine, sources, tables, work),
    async ping() {
      const started = performance.now();
      const sql = engine.dialect === "sqlite" ? "select sqlite_version()" : "select version()";
      const [row] = await read({ sql, params: [], reads: true });
      return { version: String(row?.[0]), milliseconds: performance.now() - started };
    },
    close: () => engine.close(),
  };
}

/** One statement as queries; `position` is its place in the batch, for errors. */
function* perform(dialect: Dialect, statement: Statement, position: number): Program<void> {
  const meta = metaOf(statement.table);
  try {
    switch (statement.op) {
      case "insert":
        for (const query of insertQueries(dialect, statement.table, statement.rows)) yield query;
        return;
      case "upsert":
        yield* upsert(dialect, statement);
        return;
      case "updateEach": {
        const wanted = statement.rows.length;
        if (wanted === 0) return;
        const { affected } = yield updateEachQuery(dialect, statement);
        if (affected !== wanted) throw new StoreExpectationError(position, meta.name, wanted, affected);
        return;
      }
      case "update":
      case "remove": {
        const { affected } = yield statement.op === "update"
          ? updateQuery(dialect, statement.table, statement.set, statement.where)
          : removeQuery(dialect, statement.table, statement.where);
        if (statement.expect !== undefined && affected !== statement.expect)
          throw new StoreExpectationError(position, meta.name, statement.expect, affected);
      }
    }
  } catch (error) {
    if (error instanceof UniqueViolation)
      throw new StoreUniqueError(violatedIndex(statement.table, error), meta.name, position, {
        cause: error.cause,
      });
    throw error;
  }
}

/**
 * Update, and insert where nothing matched. MySQL's ON DUPLICATE KEY UPDATE would be one query, but fires on
 * any unique index and would then change the wrong row.
 */
function* upsert(dialect: Dialect, statement: UpsertStatement): Program<void> {
  const { table, row, where, set } = statement;
  const { affected } = yield updateQuery(dialect, table, set, where);
  if (affected > 0) return;
  try {
    for (const query of insertQueries(dialect, table, [row])) yield query;
  } catch (error) {
    // Somebody inserted the same key in between: from the start, to update it.
    if (error instanceof UniqueViolation && violatedIndex(table, error) === statement.index)
      throw new RunAgain(`the row of "${metaOf(table).name}" appeared during an upsert`, { cause: error });
    throw error;
  }
}

/** The name of the index in the table's description; SQLite tells only its columns. */
function violatedIndex(table: Table, { on }: UniqueViolation): string {
  if ("index" in on) return on.index;
  const meta = metaOf(table);
  const same = (columns: readonly Column[]): boolean =>
    columns.length === on.columns.length && columns.every((column, at) => column.name === on.columns[at]);
  if (same(meta.primaryKey)) return "PRIMARY";
  return meta.indexes.find((index) => index.unique && same(index.columns))?.name ?? on.columns.join(",");
}
