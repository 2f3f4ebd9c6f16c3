import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forbiddenIn } from "../../../tests/support/forbidden-sql.ts";
import { type MigrationPlace, migrationContract } from "../../../tests/support/migration-contract.ts";
import { describeSqlite, tablesMatchMigrations } from "../../../tests/support/schema.ts";
import { contractMigrations, contractTables } from "../../../tests/support/store-fixtures.ts";
import { createSql, integer, table, text, unique } from "./index.ts";
import { openSqlite } from "./sqlite.ts";
import { storeMigrations, storeTables } from "./tables.ts";

const folder = mkdtempSync(join(tmpdir(), "jimv-migrations-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

migrationContract("SQLite", async (): Promise<MigrationPlace> => {
  const path = join(folder, `${++files}.db`);
  return {
    config: { kind: "sqlite", path },
    engine: () => openSqlite(path),
    async look() {
      const db = new Database(path);
      const names = db.query("select name from sqlite_master where type = 'table' order by 1").values();
      const tables = describeSqlite(db, names.map(String));
      const rows = db.query('select * from "first"').values();
      db.close();
      return { tables, rows };
    },
  };
});

test("the store's own tables are as described", () =>
  tablesMatchMigrations(storeTables, [{ name: "nothing-more", migrations: [] }]));

test("tablesMatchMigrations finds each kind of difference", async () => {
  await tablesMatchMigrations(contractTables, contractMigrations);
  const columns = { id: text(8).primaryKey(), n: integer().notNull(), m: integer() };
  const described = table("things", columns, (t) => [unique("things_n", t.n)]);
  const others = [
    table("things", columns),
    table("things", columns, (t) => [unique("things_n", t.m)]),
    table("things", { ...columns, n: integer() }, (t) => [unique("things_n", t.n)]),
    table("things", { ...columns, m: text(8) }, (t) => [unique("things_n", t.n)]),
    table("things", { ...columns, more: integer() }, (t) => [unique("things_n", t.n)]),
  ];
  const migration = (made: typeof described) => ({
    id: "0001-things",
    sqlite: createSql(made, "sqlite"),
    mysql: createSql(made, "mysql"),
  });
  await tablesMatchMigrations([described], [migration(described)]);
  for (const other of others) {
    const outcome = tablesMatchMigrations([described], [migration(other as typeof described)]);
    await expect(outcome).rejects.toThrow("tables and migrations differ");
  }
  // One table too many on either side.
  const other = table("others", columns);
  const alone = tablesMatchMigrations([described, other], [migration(described)]);
  await expect(alone).rejects.toThrow("described, but not migrated: others");
  const more = tablesMatchMigrations(
    [described],
    [migration(described), migration(other as typeof described)],
  );
  await expect(more).rejects.toThrow("migrated, but not described: others");
});

test("MySQL's SQL keeps to what MariaDB 5.5 understands", () => {
  const all = [...storeMigrations, ...contractMigrations.flatMap((source) => source.migrations)];
  const statements = all.flatMap((migration) => migration.mysql);
  expect(statements.length).toBeGreaterThan(4);
  expect(forbiddenIn("CREATE TABLE `json` (`with` JSON NULL)")).toBe("JSON");
  for (const statement of statements) {
    expect(forbiddenIn(statement)).toBeUndefined();
    for (const [, length] of statement.matchAll(/VARCHAR\((\d+)\)/g))
      expect(Number(length)).toBeLessThanOrEqual(191);
  }
});
