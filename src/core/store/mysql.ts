/**
 * MySQL and MariaDB (from 5.5) through mysql2: a pool of connections, each batch on one of its own.
 *
 * - Statements are prepared by the server, so no value ever becomes part of the SQL, not even in the driver.
 * - READ COMMITTED: a batch only writes and checks what it wrote, and without gap locks there are far fewer
 *   deadlocks. Where the server keeps a statement-based binary log (the default of 5.5 once it logs), InnoDB
 *   refuses writes at that level, and REPEATABLE READ is used.
 * - A batch that met a deadlock, a lock that took too long, or a connection that broke before COMMIT has
 *   changed nothing and is run again, a bounded number of times.
 * - Every wait has an end (`core/timing.ts`); a query that takes too long costs its connection.
 */
import type { PoolConnection as PlainConnection } from "mysql2";
import { createPool, type PoolConnection, type ResultSetHeader, TypedParameter } from "mysql2/promise";
import { timing } from "../timing.ts";
import type { Query } from "./dialect.ts";
import type { Engine, MigrationSession, Outcome, Program } from "./engine.ts";
import { MigrationError, RunAgain, StoreError, StoreUnavailableError, UniqueViolation } from "./errors.ts";

export interface MysqlConfig {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  socketPath?: string;
}

const sqlMode =
  "STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";
const connections = 10;
/** How often a batch runs at most when others are in its way, and when connections turn out dead. */
const mostAttempts = 10;
const mostConnections = 3;

/** The server's error numbers. */
const duplicateEntry = 1062;
const contention = new Set([1205 /* lock wait timeout */, 1213 /* deadlock */, 1020 /* row changed */]);
const refusedLogin = new Set([1044, 1045, 1049, 1698]);
/** What a repeated DDL step says when it was done before: table, column, key is there; or is gone. */
const doneBefore = new Set([1050, 1051, 1060, 1061, 1091]);

/** Opens the pool. The first connection is made by the first query. */
export function openMysql(config: MysqlConfig): Engine {
  const where = config.socketPath ?? `${config.host}:${config.port}`;
  const pool = createPool({
    ...(config.socketPath === undefined
      ? { host: config.host, port: config.port }
      : { socketPath: config.socketPath }),
    user: config.user,
    password: config.password,
    database: config.database,
    charset: "utf8mb4_bin",
    timezone: "Z",
    flags: ["FOUND_ROWS"],
    connectionLimit: connections,
    connectTimeout: timing.storeConnectMilliseconds,
    maxPreparedStatements: 256,
    enableKeepAlive: true,
  });
  const ready = new WeakSet<object>();
  const alone = new Mutex();
  let closed = false;

  // A connection that dies while idle says so here; without a listener that would end the program.
  pool.pool.on("connection", (connection: { on(event: "error", listener: () => void): void }) => {
    connection.on("error", () => {});
  });

  const translate = (error: unknown): unknown => {
    if (error instanceof StoreError || !(error instanceof Error)) return error;
    if (isLost(error))
      return new StoreUnavailableError(
        `The database at ${where} can't be reached (${error.message}).`,
        false,
        {
          cause: error,
        },
      );
    if (refusedLogin.has(errorNumber(error)))
      return new StoreError(
        `The database at ${where} refuses user "${config.user}" for "${config.database}": ${error.message}. ` +
          "Check the name, the password and the grants.",
        { cause: error },
      );
    return error;
  };

  const acquire = async (): Promise<PoolConnection> => {
    if (closed) throw new StoreUnavailableError("The store is closed.", false);
    const asked = pool.getConnection();
    const connection = await deadline(asked, timing.storeAcquireMilliseconds, () => {
      asked.then((late) => late.release()).catch(() => {});
      return new StoreUnavailableError(
        `All ${connections} connections to the database at ${where} are busy. It is overloaded or stuck.`,
        false,
      );
    });
    if (ready.has(connection.connection)) return connection;
    try {
      await setUp(connection);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    ready.add(connection.connection);
    return connection;
  };

  /** `work` on a connection that goes back to the pool afterwards, or is cut when it may be in the middle. */
  const withConnection = async <T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      let connection: PoolConnection | undefined;
      try {
        connection = await acquire();
        const result = await work(connection);
        connection.release();
        return result;
      } catch (error) {
        if (isLost(error)) connection?.destroy();
        else connection?.release();
        // The pool may hand out connections of a server that was restarted since: the next one is new.
        if (attempt < mostConnections && connection !== undefined && wasCut(error)) continue;
        throw translate(error);
      }
    }
  };

  const runProgram = async <T>(
    connection: PoolConnection,
    program: Program<T>,
    committed: (result: T) => void,
  ): Promise<T> => {
    let leave: (() => void) | undefined;
    let committing = false;
    try {
      await control(connection, "START TRANSACTION");
      let next = program.next();
      while (!next.done) {
        if (next.value.alone) leave ??= await alone.enter();
        let outcome: Outcome;
        try {
          outcome = await run(connection, next.value);
        } catch (error) {
          next = program.throw(error);
          continue;
        }
        next = program.next(outcome);
      }
      committing = true;
      await control(connection, "COMMIT");
      committed(next.value);
      return next.value;
    } catch (error) {
      if (!isLost(error)) await control(connection, "ROLLBACK");
      else if (committing)
        throw new CommitUnknown(
          `The database at ${where} was lost during a commit: the change is there whole, or not at all.`,
          true,
          { cause: error },
        );
      throw error;
    } finally {
      leave?.();
    }
  };

  return {
    dialect: "mysql",
    read: (query) => withConnection((connection) => run(connection, query)),

    async transaction(program, committed) {
      for (let attempt = 1; ; attempt++)
        try {
          return await withConnection((connection) => runProgram(connection, program(), committed));
        } catch (error) {
          if (!(error instanceof RunAgain || contention.has(errorNumber(error)))) throw error;
          if (attempt === mostAttempts)
            throw new StoreUnavailableError(
              `The database at ${where} had other changes in the way ${attempt} times. Try again later.`,
              false,
              { cause: error },
            );
          await Bun.sleep(timing.storeRetryMilliseconds * attempt * (0.5 + Math.random()));
        }
    },

    snapshot: (work) =>
      withConnection(async (connection) => {
        // For this transaction only, whatever the session's level is.
        await control(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
        await control(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
        try {
          return await work((query) => run(connection, query));
        } catch (error) {
          // Not again on another connection: what was read would have to be forgotten.
          throw translate(error);
        } finally {
          await control(connection, "ROLLBACK").catch(() => {
            // A broken connection has ended it already.
          });
        }
      }),

    migrate: (work) =>
      withConnection(async (connection) => {
        // Locks are the whole server's, so the name tells the databases apart (64 characters at most).
        const name = `jimv_${new Bun.CryptoHasher("sha1").update(config.database).digest("hex")}`;
        const wait = timing.migrationLockMilliseconds;
        const lock = "select get_lock(?, ?)";
        const asked = { sql: lock, params: [name, wait / 1000], reads: true } as const;
        const { rows } = await run(connection, asked, wait + timing.storeQueryMilliseconds);
        if (Number(rows[0]?.[0]) !== 1)
          throw new MigrationError(
            `Another controller has been changing the store for ${wait / 1000} s. Wait until it is done, then start again.`,
          );
        try {
          return await work(migrationSession(connection));
        } finally {
          await run(connection, { sql: "select release_lock(?)", params: [name], reads: true }).catch(() => {
            // A broken connection has released it already.
          });
        }
      }),

    async close() {
      if (closed) return;
      closed = true;
      // A server that hangs does not answer the goodbye either; the process's end then closes the connections.
      await deadline(pool.end(), timing.storeConnectMilliseconds, () => new Error("no goodbye")).catch(
        () => {},
      );
    },
  };
}

/** A commit whose outcome is not known: never run again by itself. */
class CommitUnknown extends StoreUnavailableError {}

async function setUp(connection: PoolConnection): Promise<void> {
  const { rows } = await run(connection, {
    sql: "show variables where variable_name in ('log_bin', 'binlog_format')",
    params: [],
    reads: true,
  });
  const server = new Map(rows.map(([name, value]) => [String(name), String(value)]));
  const statementLog = server.get("log_bin") === "ON" && server.get("binlog_format") === "STATEMENT";
  await control(
    connection,
    `SET SESSION sql_mode = '${sqlMode}', autocommit = 1, time_zone = '+00:00', ` +
      `innodb_lock_wait_timeout = ${timing.storeLockWaitSeconds}`,
  );
  const level = statementLog ? "REPEATABLE READ" : "READ COMMITTED";
  await control(connection, `SET SESSION TRANSACTION ISOLATION LEVEL ${level}`);
}

async function run(
  connection: PoolConnection,
  query: Query,
  milliseconds: number = timing.storeQueryMilliseconds,
): Promise<Outcome> {
  // A number goes as BIGINT: the driver's DOUBLE is refused after LIMIT.
  const values = query.params.map((value) =>
    typeof value === "number" ? TypedParameter.LONGLONG(value) : value,
  );
  const plain = connection.connection as unknown as PlainConnection;
  if (query.once) forget(plain, query.sql);
  // Past the driver's promises, each of which makes an Error for its stack beforehand: a tenth of a query's price.
  const answer = new Promise<unknown>((resolve, reject) => {
    plain.execute({ sql: query.sql, values, rowsAsArray: true }, (error, result) =>
      error ? reject(error) : resolve(result),
    );
  });
  try {
    const result = await deadline(answer, milliseconds, () => tooSlow(connection, milliseconds));
    if (Array.isArray(result)) return { affected: 0, rows: result as unknown[][] };
    return { affected: (result as ResultSetHeader).affectedRows, rows: [] };
  } catch (error) {
    throw uniqueViolation(error) ?? error;
  }
}

/**
 * Has the server forget a statement, so that it is prepared anew the next time. MariaDB (seen with 10.11) no longer
 * knows of a prepared statement that an index holds all it asks for once rows of the table have changed: a page of
 * 25,000 guests was then found by sorting them all, 25 ms instead of 0.6, and only a new connection was quick again.
 */
function forget(connection: PlainConnection, sql: string): void {
  // The driver keeps statements by all that `execute` is given, which its type does not say.
  connection.unprepare({ sql, rowsAsArray: true } as unknown as string);
}

/** A statement without parameters, by the text protocol: not all of them can be prepared. */
async function control(
  connection: PoolConnection,
  sql: string,
  milliseconds: number = timing.storeQueryMilliseconds,
): Promise<void> {
  await deadline(connection.query(sql), milliseconds, () => tooSlow(connection, milliseconds));
}

function migrationSession(connection: PoolConnection): MigrationSession {
  return {
    dialect: "mysql",
    run: (query) => run(connection, query),
    async step(statement, record) {
      // DDL ends the transaction by itself; a step that changes rows is committed with its record.
      await control(connection, "START TRANSACTION");
      try {
        await control(connection, statement, timing.migrationStepMilliseconds);
        await run(connection, record);
        await control(connection, "COMMIT");
      } catch (error) {
        if (!isLost(error)) await control(connection, "ROLLBACK");
        throw error;
      }
    },
    alreadyDone: (error) => doneBefore.has(errorNumber(error)),
  };
}

function tooSlow(connection: PoolConnection, milliseconds: number): Error {
  connection.destroy();
  return Object.assign(new Error(`no answer within ${milliseconds / 1000} s`), {
    code: "ETIMEDOUT",
    fatal: true,
  });
}

/** The promise, or after `milliseconds` the error that `late` makes. A later rejection is nobody's business. */
async function deadline<T>(promise: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), milliseconds);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

function field(error: unknown, name: string): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
}
function errorNumber(error: unknown): number {
  return Number(field(error, "errno") ?? 0);
}

/** The connection is gone or can't be made, or the server is going down. */
function isLost(error: unknown): boolean {
  if (error instanceof StoreError) return error instanceof CommitUnknown;
  if (refusedLogin.has(errorNumber(error))) return false;
  return (
    field(error, "fatal") === true ||
    wasCut(error) ||
    /^(ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|ENOENT|EAI_AGAIN)$/.test(
      String(field(error, "code")),
    ) ||
    [1040 /* too many connections */, 1053 /* shutdown */, 1290, 1317, 1927].includes(errorNumber(error))
  );
}

/** An established connection that broke. What it was doing was rolled back by the server. */
function wasCut(error: unknown): boolean {
  const code = String(field(error, "code"));
  return (
    /^(PROTOCOL_CONNECTION_LOST|ECONNRESET|EPIPE)$/.test(code) ||
    /closed state/.test(String(field(error, "message")))
  );
}

/** "Duplicate entry '…' for key '…'": MariaDB names the index, MySQL 8 puts its table before it. */
function uniqueViolation(error: unknown): UniqueViolation | undefined {
  if (errorNumber(error) !== duplicateEntry) return undefined;
  const key = /for key '([^']+)'$/.exec(String(field(error, "message")))?.[1] ?? "";
  return new UniqueViolation({ index: key.slice(key.lastIndexOf(".") + 1) }, { cause: error });
}

/** One at a time, in the order of asking. */
class Mutex {
  private last: Promise<void> = Promise.resolve();

  /** Resolves when it is our turn, with the function that ends it. */
  async enter(): Promise<() => void> {
    const before = this.last;
    let leave = (): void => {};
    this.last = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    return leave;
  }
}
