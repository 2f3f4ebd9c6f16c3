/**
 * Prints the SQL that makes a plugin's tables, to be pasted into a migration and frozen there.
 *
 *   bun scripts/migration.ts src/plugins/guests/schema.ts 0001-guests [table …]
 *
 * Without names it prints all tables that the module exports. A later migration, which changes tables that
 * exist, is written by hand; `tablesMatchMigrations` (tests/support/schema.ts) says whether it is right.
 */
import { resolve } from "node:path";
import { createSql, isTable, type Table, tableMeta } from "../src/core/store/index.ts";

const [path, id = "0001-tables", ...names] = process.argv.slice(2);
if (path === undefined) {
  console.error("Usage: bun scripts/migration.ts SCHEMA.ts [ID] [TABLE …]");
  process.exit(2);
}
const module = (await import(resolve(path))) as Record<string, unknown>;
const tables = Object.values(module)
  .flatMap((value): unknown[] => (Array.isArray(value) ? value : [value]))
  .filter((value): value is Table => isTable(value))
  .filter((table, position, all) => all.indexOf(table) === position)
  .filter((table) => names.length === 0 || names.includes(table[tableMeta].name));
if (tables.length === 0) {
  console.error(`${path} exports no such table.`);
  process.exit(1);
}
const steps = (dialect: "sqlite" | "mysql"): string =>
  tables
    .flatMap((table) => createSql(table, dialect))
    .map((statement) => `    ${JSON.stringify(statement)},\n`)
    .join("");
console.log(`{
  id: ${JSON.stringify(id)},
  sqlite: [
${steps("sqlite")}  ],
  mysql: [
${steps("mysql")}  ],
},`);
