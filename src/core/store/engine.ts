/**
 * What an engine does: run queries, and run programs of queries atomically. A program is a generator that
 * yields a query and gets its outcome, so the same one is driven without a pause by SQLite (where an await in
 * the middle would let other queries into the open transaction) and with awaits by MySQL.
 */
import type { DialectName, Query } from "./dialect.ts";

export interface Outcome {
  /** Rows matched (not: changed) by an update or remove, or inserted. */
  readonly affected: number;
  /** Rows read, each an array of its values. */
  readonly rows: readonly (readonly unknown[])[];
}

export type Program<T> = Generator<Query, T, Outcome>;

export interface Engine {
  readonly dialect: DialectName;
  /** One query outside any transaction. */
  read(query: Query): Promise<Outcome>;
  /**
   * Runs a program atomically: COMMIT when it returns, ROLLBACK when it throws. Where the database asks for it
   * (a deadlock), a fresh program runs from the start, a bounded number of times. `committed` is called
   * synchronously after the commit, in the order of commits for programs with an `alone` query. A relaxed one
   * need not have reached the disk then.
   */
  transaction<T>(program: () => Program<T>, committed: (result: T) => void, relaxed?: boolean): Promise<T>;
  /** Reads that all see the rows of one moment, whatever is written meanwhile. */
  snapshot<T>(work: (read: (query: Query) => Promise<Outcome>) => Promise<T>): Promise<T>;
  /** A connection of its own under the migration lock; see `migrations.ts`. */
  migrate<T>(work: (session: MigrationSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** How a migration speaks with the database. */
export interface MigrationSession {
  readonly dialect: DialectName;
  run(query: Query): Promise<Outcome>;
  /** Runs a step and the query that records it, together where the database can (not with DDL in MySQL). */
  step(statement: string, record: Query): Promise<void>;
  /** True when the error of a repeated step means: it was done the first time. */
  alreadyDone(error: unknown): boolean;
}
