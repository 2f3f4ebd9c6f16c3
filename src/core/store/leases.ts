/**
 * Leases: who may act alone (the leading controller), by the database's clock.
 *
 * MySQL's clock is read as UNIX_TIMESTAMP(), in whole seconds, because sub-second NOW() needs newer servers
 * than we support. A lease may thus end up to a second early for the others; its holder therefore counts on
 * its own clock from before it asked, and stops a margin before the end (`core/leader`). Even if all clocks
 * lie, the epoch keeps the old leader's batches out: it rises with each new holder, and is checked, with the
 * lease's row locked, inside each of the leader's batches.
 */
import { type SQL, sql } from "drizzle-orm";
import { rawQuery, selectQuery } from "./compile.ts";
import type { Dialect, Query } from "./dialect.ts";
import type { Engine, Program } from "./engine.ts";
import { and, eq } from "./expressions.ts";
import { leases } from "./tables.ts";

/** The lease of the leading controller, the one that `batch({ epoch })` is about. */
export const leaderLease = "leader";

export interface LeaseStore {
  /**
   * Takes a lease that is free, has run out or is ours already; with `force` any. Resolves with the new epoch,
   * or null when somebody else holds it. `holder` must be unique to this start of the program.
   */
  acquire(name: string, holder: string, milliseconds: number, force?: boolean): Promise<number | null>;
  /** Makes a lease last from now on; false when it is not ours any more. */
  renew(name: string, holder: string, epoch: number, milliseconds: number): Promise<boolean>;
  /** Ends a lease of ours at once, so that another can take it without waiting. */
  release(name: string, holder: string, epoch: number): Promise<void>;
  /** Who holds it, or null. */
  holder(name: string): Promise<{ holder: string; epoch: number } | null>;
}

export function leaseStore(engine: Engine, dialect: Dialect, now: () => number): LeaseStore {
  const table = dialect.twin(leases);
  // SQLite has one machine's programs as clients, so their clock is the database's.
  const clock = (): SQL => (dialect.name === "sqlite" ? sql`${now()}` : sql`unix_timestamp() * 1000`);
  const change = (statement: SQL): Query => rawQuery(dialect, statement, false);
  const one = (query: Query): Promise<number> =>
    engine.transaction(
      function* () {
        return (yield query).affected;
      },
      () => {},
    );

  return {
    acquire: (name, holder, milliseconds, force = false) =>
      engine.transaction(
        function* (): Program<number | null> {
          const read = selectQuery(dialect, leases, { where: eq(leases.name, name) });
          const free = force ? sql`1 = 1` : sql`(expires_at <= ${clock()} or holder = ${holder})`;
          const take = change(
            sql`update ${table} set holder = ${holder}, epoch = epoch + 1, expires_at = ${clock()} + ${milliseconds}
                where name = ${name} and ${free}`,
          );
          let taken = (yield take).affected;
          if (taken === 0) {
            if ((yield read).rows.length > 0) return null;
            const ignore = dialect.name === "sqlite" ? sql`insert or ignore` : sql`insert ignore`;
            yield change(
              sql`${ignore} into ${table} (name, holder, epoch, expires_at) values (${name}, '', 0, 0)`,
            );
            taken = (yield take).affected;
          }
          return taken === 0 ? null : Number((yield read).rows[0]?.[2]);
        },
        () => {},
      ),
    async renew(name, holder, epoch, milliseconds) {
      const affected = await one(
        change(
          sql`update ${table} set expires_at = ${clock()} + ${milliseconds}
              where name = ${name} and holder = ${holder} and epoch = ${epoch}`,
        ),
      );
      return affected === 1;
    },
    async release(name, holder, epoch) {
      await one(
        change(
          sql`update ${table} set holder = '', expires_at = 0
              where name = ${name} and holder = ${holder} and epoch = ${epoch}`,
        ),
      );
    },
    async holder(name) {
      const { rows } = await engine.read(selectQuery(dialect, leases, { where: eq(leases.name, name) }));
      const [row] = rows;
      return row === undefined || row[1] === "" ? null : { holder: String(row[1]), epoch: Number(row[2]) };
    },
  };
}

/** In a batch: whether the leader's epoch is still this one. It can't change until the batch ends. */
export function* holdsEpoch(dialect: Dialect, epoch: number): Program<boolean> {
  const found = selectQuery(dialect, leases, {
    where: and(eq(leases.name, leaderLease), eq(leases.epoch, epoch)),
  });
  // A shared lock in MySQL: the leader's batches don't wait for each other, a new leader waits for them.
  const lock = dialect.name === "sqlite" ? "" : " lock in share mode";
  const { rows } = yield { ...found, sql: found.sql + lock };
  return rows.length === 1;
}
