/** Every plugin's migrations make exactly the tables that it describes, in SQLite and in a real MariaDB. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { builtInPlugins } from "../../src/plugins/index.ts";
import { forbiddenIn } from "../support/forbidden-sql.ts";
import { startMariadb, type TestMariadb } from "../support/mariadb.ts";
import { tablesMatchMigrations } from "../support/schema.ts";

let server: TestMariadb;
beforeAll(async () => {
  server = await startMariadb();
}, 90_000);
afterAll(() => server.stop());

const withTables = builtInPlugins.filter((plugin) => plugin.tables ?? plugin.migrations);

test("there are plugins with tables", () => expect(withTables.length).toBeGreaterThan(0));

for (const { name, tables = [], migrations = [] } of withTables) {
  test(`${name}: the migrated tables are the described ones`, () =>
    tablesMatchMigrations(tables, [{ name, migrations }], server));

  test(`${name}: its SQL is what MariaDB 5.5 understands`, () => {
    for (const statement of migrations.flatMap((migration) => migration.mysql))
      expect(forbiddenIn(statement)).toBeUndefined();
  });
}
