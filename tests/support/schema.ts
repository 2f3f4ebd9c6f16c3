/**
 * Compares the tables that migrations make with the tables that are described: columns in their order with
 * type and nullability, primary key, indexes. Both are made in empty databases, and the databases compared.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSql,
  type Migration,
  type MigrationSource,
  openStore,
  type Table,
  tableMeta,
} from "../../src/core/store/index.ts";
import { schemaSteps } from "../../src/core/store/migrations.ts";
import { storeTables } from "../../src/core/store/tables.ts";
import type { TestMariadb } from "./mariadb.ts";

/** Lines that say what a database holds, sorted by table. */
type Description = string[];

/**
 * Throws an error that lists all differences. Looks at SQLite always, and at MariaDB where a server is given.
 * `tables` must be all those that `migrations` make.
 */
export async function tablesMatchMigrations(
  tables: readonly Table[],
  migrations: readonly Migration[] | readonly MigrationSource[],
  server?: TestMariadb,
): Promise<void> {
  const sources = migrations.map((each, n) =>
    "migrations" in each ? each : { name: `source${n}`, migrations: [each] },
  );
  if (tables.length === 0 || sources.length === 0) throw new Error("there is nothing to compare");
  const isStores = tables.includes(storeTables[0] as Table);
  // Every store has its own tables besides.
  const others = isStores ? [schemaSteps] : [schemaSteps, ...storeTables];
  const leftOut = new Set(others.map(nameOf));
  const differences = [
    ...compare("SQLite", await migratedSqlite(sources, leftOut), describedSqlite(tables)),
    ...(server === undefined
      ? []
      : compare(
          "MariaDB",
          await migratedMariadb(server, sources, leftOut),
          await describedMariadb(server, tables),
        )),
  ];
  if (differences.length > 0) throw new Error(`tables and migrations differ:\n${differences.join("\n")}`);
}

function compare(database: string, migrated: Description, described: Description): string[] {
  return [
    ...described
      .filter((line) => !migrated.includes(line))
      .map((line) => `${database}: described, but not migrated: ${line}`),
    ...migrated
      .filter((line) => !described.includes(line))
      .map((line) => `${database}: migrated, but not described: ${line}`),
  ];
}

const nameOf = (table: Table): string => table[tableMeta].name;

async function migratedSqlite(
  sources: readonly MigrationSource[],
  leftOut: ReadonlySet<string>,
): Promise<Description> {
  const folder = mkdtempSync(join(tmpdir(), "jimv-schema-"));
  const path = join(folder, "store.db");
  try {
    const store = await openStore({ kind: "sqlite", path });
    await store.migrate(sources);
    await store.close();
    const db = new Database(path);
    const made = db.query("select name from sqlite_master where type = 'table'").values().map(String);
    const description = describeSqlite(
      db,
      made.filter((name) => !leftOut.has(name)),
    );
    db.close();
    return description;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function describedSqlite(tables: readonly Table[]): Description {
  const db = new Database(":memory:");
  for (const table of tables) for (const statement of createSql(table, "sqlite")) db.run(statement);
  const description = describeSqlite(db, tables.map(nameOf));
  db.close();
  return description;
}

/** What a SQLite database holds of these tables. */
export function describeSqlite(db: Database, names: readonly string[]): Description {
  return names.flatMap((name) =>
    [
      ...db.query('select cid, name, type, "notnull", pk from pragma_table_info(?)').values(name),
      ...db
        .query(
          `select i.name, i."unique", i.origin, group_concat(x.name || ' ' || x.coll)
         from pragma_index_list(?1) i, pragma_index_xinfo(i.name) x where x.key = 1 group by i.name order by i.name`,
        )
        .values(name),
    ].map((row) => `${name}: ${row.join(" ")}`),
  );
}

async function migratedMariadb(
  server: TestMariadb,
  sources: readonly MigrationSource[],
  leftOut: ReadonlySet<string>,
): Promise<Description> {
  const config = await server.database();
  const store = await openStore(config);
  await store.migrate(sources);
  await store.close();
  const rows = await server.query(
    `select table_name from information_schema.tables where table_schema = '${config.database}'`,
  );
  const made = rows.flatMap((row) => Object.values(row as object).map(String));
  return describeMariadb(
    server,
    config.database,
    made.filter((name) => !leftOut.has(name)),
  );
}

async function describedMariadb(server: TestMariadb, tables: readonly Table[]): Promise<Description> {
  const { database } = await server.database();
  for (const table of tables)
    for (const statement of createSql(table, "mysql"))
      await server.query(statement.replace("CREATE TABLE ", `CREATE TABLE ${database}.`));
  return describeMariadb(server, database, tables.map(nameOf));
}

/** What a MariaDB database holds of these tables. */
export async function describeMariadb(
  server: TestMariadb,
  database: string,
  names: readonly string[],
): Promise<Description> {
  const list = names.map((name) => `'${name}'`).join(", ");
  const of = `where table_schema = '${database}' and table_name in (${list})`;
  const columns = await server.query(
    `select table_name, ordinal_position, column_name, column_type, is_nullable, collation_name, column_default
     from information_schema.columns ${of}`,
  );
  const indexes = await server.query(
    `select table_name, index_name, non_unique, seq_in_index, column_name
     from information_schema.statistics ${of}`,
  );
  const tables = await server.query(
    `select table_name, engine, table_collation from information_schema.tables ${of}`,
  );
  return [...columns, ...indexes, ...tables].map((row) => Object.values(row as object).join(" "));
}
