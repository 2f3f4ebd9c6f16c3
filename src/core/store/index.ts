/**
 * The store: one typed API over SQLite (one machine) and MySQL or MariaDB (a cluster). No other room knows
 * drizzle or SQL. Read `schema.ts` for tables, `expressions.ts` for conditions, `statements.ts` for changes
 * and the `Store` interface in `store.ts` for what can be done with them.
 */
import type { Engine } from "./engine.ts";
import { openSqlite } from "./sqlite.ts";
import { makeStore, type Store, type StoreHooks } from "./store.ts";

export type StoreConfig =
  | { kind: "sqlite"; path: string }
  | {
      kind: "mysql";
      host: string;
      port: number;
      user: string;
      password: string;
      database: string;
      /** Used instead of host and port. */
      socketPath?: string;
    };

/** Opens the store of a configuration. Call `migrate` before anything else, and `close` at the end. */
export async function openStore(config: StoreConfig, hooks: StoreHooks = {}): Promise<Store> {
  return makeStore(await openEngine(config), hooks);
}

async function openEngine(config: StoreConfig): Promise<Engine> {
  if (config.kind === "sqlite") return openSqlite(config.path);
  // Loaded only where it is used: it costs a standalone program start time and memory.
  const { openMysql } = await import("./mysql.ts");
  return openMysql(config);
}

export { createSql } from "./ddl.ts";
export * from "./errors.ts";
export { type EventRow, isMade, made, type StoredEvent } from "./events.ts";
export * from "./expressions.ts";
export { type LeaseStore, leaderLease } from "./leases.ts";
export type { Migration, MigrationSource } from "./migrations.ts";
export * from "./schema.ts";
export {
  loadSnapshot,
  markMoved,
  refuseUnfit,
  type Snapshot,
  SnapshotError,
  type SnapshotHeader,
  type SnapshotRows,
} from "./snapshot.ts";
export * from "./statements.ts";
export type { BatchOptions, Picked, Store, StoreHooks } from "./store.ts";
