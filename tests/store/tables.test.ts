/** The migrations of core and of each plugin make exactly the tables that are described, in SQLite and in a real MariaDB. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { coreMigrations, coreTables } from "../../src/core/migrations.ts";
import type { MigrationSource, Table } from "../../src/core/store/index.ts";
import { builtInPlugins } from "../../src/plugins/index.ts";
import { forbiddenIn } from "../support/forbidden-sql.ts";
import { startMariadb, type TestMariadb } from "../support/mariadb.ts";
import { tablesMatchMigrations } from "../support/schema.ts";

let server: TestMariadb;
beforeAll(async () => {
  server = await startMariadb();
}, 90_000);
afterAll(() => server.stop());

const plugins = builtInPlugins.filter((plugin) => plugin.tables ?? plugin.migrations);
const rooms: { name: string; tables: readonly Table[]; sources: readonly MigrationSource[] }[] = [
  { name: "core", tables: coreTables, sources: coreMigrations },
  ...plugins.map(({ name, tables = [], migrations = [] }) => ({
    name,
    tables,
    sources: [{ name, migrations }],
  })),
];

test("there are plugins with tables", () => expect(plugins.length).toBeGreaterThan(0));

for (const { name, tables, sources } of rooms) {
  test(`${name}: the migrated tables are the described ones`, () =>
    tablesMatchMigrations(tables, sources, server));

  test(`${name}: its SQL is what MariaDB 5.5 understands`, () => {
    const statements = sources.flatMap((source) => source.migrations.flatMap((each) => each.mysql));
    expect(statements.length).toBeGreaterThan(0);
    for (const statement of statements)
      expect([statement, forbiddenIn(statement)]).toEqual([statement, undefined]);
  });
}
