/**
 * SQLite through bun:sqlite: one connection, one writer, everything synchronous underneath.
 *
 * WAL lets another program (the command line) read while we write. `synchronous = FULL` and not NORMAL: in
 * WAL mode NORMAL survives the death of the process, but may lose the last commits when the power fails, and
 * a request that was answered 202 must not be forgotten. It costs one fsync a batch, during which nothing else in
 * this process goes on, and which takes long while images are being written to the same disk: so batches of what will
 * be told again anyway are committed without.
 */
import { Database, SQLiteError, type Statement } from "bun:sqlite";
import { chmodSync, closeSync, constants, openSync } from "node:fs";
import { timing } from "../timing.ts";
import type { Query } from "./dialect.ts";
import type { Engine, MigrationSession, Outcome, Program } from "./engine.ts";
import { StoreError, StoreUnavailableError, UniqueViolation } from "./errors.ts";
import type { Parameter } from "./values.ts";

const mostStatements = 256;

type Prepared = Statement<unknown, Parameter[]>;

/** Opens (or makes, mode 0600) the file; `:memory:` for tests. The folder must exist. */
export function openSqlite(path: string): Engine {
  const db = connect(path);
  const statements = new Map<string, Prepared>();
  let closed = false;

  /** Least recently used statements are finalised when there are too many. */
  const prepare = (sql: string): Prepared => {
    const known = statements.get(sql);
    if (known !== undefined) {
      statements.delete(sql);
      statements.set(sql, known);
      return known;
    }
    const made: Prepared = db.prepare(sql);
    statements.set(sql, made);
    const [oldest] = statements;
    if (statements.size > mostStatements && oldest !== undefined) {
      statements.delete(oldest[0]);
      oldest[1].finalize();
    }
    return made;
  };

  const run = (query: Query): Outcome => {
    if (closed) throw new StoreUnavailableError("The store is closed.", false);
    try {
      const prepared = prepare(query.sql);
      if (query.reads) return { affected: 0, rows: prepared.values(...query.params) };
      return { affected: prepared.run(...query.params).changes, rows: [] };
    } catch (error) {
      throw translate(error);
    }
  };
  const control = (sql: string): Outcome => run({ sql, params: [], reads: false });

  const atomically = <T>(begin: string, work: () => T): T => {
    control(begin);
    try {
      const result = work();
      control("COMMIT");
      return result;
    } catch (error) {
      if (db.inTransaction) control("ROLLBACK");
      throw error;
    }
  };

  const unsynchronised = <T>(work: () => T): T => {
    control("PRAGMA synchronous = NORMAL");
    try {
      return work();
    } finally {
      control("PRAGMA synchronous = FULL");
    }
  };

  return {
    dialect: "sqlite",
    read: async (query) => run(query),
    async transaction(program, committed, relaxed = false) {
      const once = () => atomically("BEGIN IMMEDIATE", () => drive(program(), run));
      const result = relaxed ? unsynchronised(once) : once();
      committed(result);
      return result;
    },
    async snapshot(work) {
      // A database in memory has one connection, and its callers see to it that nothing else uses it meanwhile.
      if (path === ":memory:") return work(async (query) => run(query));
      const reader = connect(path);
      try {
        reader.run("BEGIN");
        return await work(async ({ sql, params }) => {
          const prepared: Prepared = reader.prepare(sql);
          try {
            return { affected: 0, rows: prepared.values(...params) };
          } finally {
            prepared.finalize();
          }
        });
      } finally {
        reader.close();
      }
    },
    async migrate(work) {
      // A lock of the whole file, and DDL that can be rolled back: all steps together happen or don't. Nothing
      // else uses the connection meanwhile: migrations run before anything else does.
      control("BEGIN EXCLUSIVE");
      const session: MigrationSession = {
        dialect: "sqlite",
        run: async (query) => run(query),
        async step(statement, record) {
          run({ sql: statement, params: [], reads: false });
          run(record);
        },
        alreadyDone: () => false,
      };
      try {
        const result = await work(session);
        control("COMMIT");
        return result;
      } catch (error) {
        if (db.inTransaction) control("ROLLBACK");
        throw error;
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const statement of statements.values()) statement.finalize();
      statements.clear();
      db.close();
    },
  };
}

function connect(path: string): Database {
  try {
    if (path !== ":memory:") {
      // Made by us first, so that its mode is right from the start; -wal and -shm get the same from SQLite.
      closeSync(openSync(path, constants.O_CREAT | constants.O_RDWR, 0o600));
      chmodSync(path, 0o600);
    }
    const db = new Database(path, { create: true, readwrite: true, strict: true });
    db.run(`PRAGMA busy_timeout = ${timing.storeBusyMilliseconds}`);
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    // The tables have no foreign keys; a plugin that writes one into its own SQL gets it enforced.
    db.run("PRAGMA foreign_keys = ON");
    return db;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError(
      `The store "${path}" can't be opened: ${reason}. Check that the folder exists, that it is on a local disk ` +
        "and that this user may write to it.",
      { cause: error },
    );
  }
}

/** Runs a program to its end without a pause. Errors of a query are thrown into it, so it can name them. */
function drive<T>(program: Program<T>, run: (query: Query) => Outcome): T {
  let next = program.next();
  while (!next.done) {
    let outcome: Outcome;
    try {
      outcome = run(next.value);
    } catch (error) {
      next = program.throw(error);
      continue;
    }
    next = program.next(outcome);
  }
  return next.value;
}

function translate(error: unknown): unknown {
  if (!(error instanceof SQLiteError)) return error;
  const columns = /^UNIQUE constraint failed: (.+)$/.exec(error.message)?.[1];
  if (columns !== undefined) {
    const names = columns.split(", ").map((column) => column.slice(column.indexOf(".") + 1));
    return new UniqueViolation({ columns: names }, { cause: error });
  }
  const code = error.code ?? "";
  if (code.startsWith("SQLITE_BUSY"))
    return new StoreUnavailableError(
      "The store's file is locked by another program. Try again, and end other programs that use it.",
      false,
      { cause: error },
    );
  if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(code))
    return new StoreUnavailableError(
      `The store's file can't be written (${error.message}). Check free space and the health of its disk.`,
      false,
      { cause: error },
    );
  return error;
}
