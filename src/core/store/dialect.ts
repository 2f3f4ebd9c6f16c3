/**
 * Drizzle as the builder of SQL for both dialects. Each dialect has a twin of every described table; values
 * are encoded by `values.ts` before they get here, so the twins' columns pass everything through. MySQL's
 * builders have the same shape as SQLite's: one cast, here, lets the rest be written once.
 */
import type { SQL } from "drizzle-orm";
import { MySqlDialect, customType as mysqlColumn, mysqlTable } from "drizzle-orm/mysql-core";
import { drizzle as mysqlBuilder } from "drizzle-orm/mysql-proxy";
import {
  type SQLiteColumn,
  SQLiteSyncDialect,
  type SQLiteTable,
  customType as sqliteColumn,
  sqliteTable,
} from "drizzle-orm/sqlite-core";
import { type SqliteRemoteDatabase, drizzle as sqliteBuilder } from "drizzle-orm/sqlite-proxy";
import { type Column, metaOf, type Table } from "./schema.ts";
import type { Parameter } from "./values.ts";

export type DialectName = "sqlite" | "mysql";

/** SQL with its parameters apart. */
export interface Query {
  readonly sql: string;
  readonly params: readonly Parameter[];
  /** True for what returns rows. */
  readonly reads: boolean;
  /** From here to the end of its batch, only one batch of this process at a time (see `events.ts`). */
  readonly alone?: true;
  /** Lives by an index that holds all it asks for: a server plans it anew each time (see `forget` in `mysql.ts`). */
  readonly once?: boolean;
}

type Builder = Pick<SqliteRemoteDatabase, "select" | "selectDistinct" | "insert" | "update" | "delete">;
type Twin = SQLiteTable & Record<string, SQLiteColumn>;

export interface Dialect {
  readonly name: DialectName;
  readonly builder: Builder;
  /** The table as drizzle knows it. */
  twin(table: Table): Twin;
  /** SQL written by hand with drizzle's `sql` template. */
  render(statement: SQL): { sql: string; params: unknown[] };
}

/** The builders never run anything themselves. */
const neverRuns = (): Promise<never> =>
  Promise.reject(new Error("drizzle only builds SQL here; the engines run it"));

function dialect(
  name: DialectName,
  builder: Builder,
  makeTwin: (name: string, columns: readonly Column[]) => Twin,
  render: Dialect["render"],
): Dialect {
  const twins = new WeakMap<object, Twin>();
  return {
    name,
    builder,
    render,
    twin(table) {
      const known = twins.get(table);
      if (known !== undefined) return known;
      const made = makeTwin(metaOf(table).name, metaOf(table).columns);
      twins.set(table, made);
      return made;
    },
  };
}

const inSqlite = sqliteColumn<{ data: unknown }>({ dataType: () => "any" });
const inMysql = mysqlColumn<{ data: unknown }>({ dataType: () => "any" });
const sqliteDialect = new SQLiteSyncDialect();
const mysqlDialect = new MySqlDialect();

export const dialects: Record<DialectName, Dialect> = {
  sqlite: dialect(
    "sqlite",
    sqliteBuilder(neverRuns),
    (name, columns) =>
      sqliteTable(
        name,
        Object.fromEntries(columns.map((column) => [column.key, inSqlite(column.name)])),
      ) as unknown as Twin,
    (statement) => sqliteDialect.sqlToQuery(statement),
  ),
  mysql: dialect(
    "mysql",
    mysqlBuilder(neverRuns) as unknown as Builder,
    (name, columns) =>
      mysqlTable(
        name,
        Object.fromEntries(columns.map((column) => [column.key, inMysql(column.name)])),
      ) as unknown as Twin,
    (statement) => mysqlDialect.sqlToQuery(statement),
  ),
};
