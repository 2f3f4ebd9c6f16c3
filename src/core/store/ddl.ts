/**
 * The SQL that makes a described table, for authors to freeze in a migration (`scripts/migration.ts` prints
 * it). It keeps to what MariaDB 5.5 understands: no JSON type, no DEFAULT expressions.
 */
import type { DialectName } from "./dialect.ts";
import { type Column, metaOf, type Table } from "./schema.ts";

/** Text compares by bytes, but without trailing spaces: MySQL pads when it compares, so SQLite does the same. */
const types: Record<DialectName, Record<Column["kind"], (length: number) => string>> = {
  sqlite: {
    text: () => "TEXT COLLATE RTRIM",
    longText: () => "TEXT",
    integer: () => "INTEGER",
    bigint: () => "INTEGER",
    time: () => "INTEGER",
    bool: () => "INTEGER",
    json: () => "TEXT",
  },
  mysql: {
    text: (length) => `VARCHAR(${length})`,
    longText: () => "MEDIUMTEXT",
    integer: () => "INT",
    bigint: () => "BIGINT",
    time: () => "BIGINT",
    bool: () => "TINYINT",
    json: () => "MEDIUMTEXT",
  },
};

/** A column's type in SQL, without NULL or NOT NULL. */
export function sqlType(column: Column, dialect: DialectName): string {
  return types[dialect][column.kind](column.length ?? 0);
}

/** CREATE TABLE and CREATE INDEX statements, one step each. */
export function createSql(table: Table, dialect: DialectName): string[] {
  const { name, columns, primaryKey, indexes } = metaOf(table);
  // Names are checked by `table()` to be plain words, so quoting is only for reserved ones (`key`).
  const quoted = (word: string): string => (dialect === "sqlite" ? `"${word}"` : `\`${word}\``);
  const list = (some: readonly Column[]): string => some.map((column) => quoted(column.name)).join(", ");
  const lines = columns.map(
    (column) => `${quoted(column.name)} ${sqlType(column, dialect)} ${column.notNull ? "NOT NULL" : "NULL"}`,
  );
  lines.push(`PRIMARY KEY (${list(primaryKey)})`);
  const create = (unique: boolean): string => (unique ? "CREATE UNIQUE INDEX" : "CREATE INDEX");
  if (dialect === "sqlite")
    return [
      `CREATE TABLE ${quoted(name)} (${lines.join(", ")})`,
      ...indexes.map(
        (index) =>
          `${create(index.unique)} ${quoted(index.name)} ON ${quoted(name)} (${list(index.columns)})`,
      ),
    ];
  for (const index of indexes)
    lines.push(`${index.unique ? "UNIQUE KEY" : "KEY"} ${quoted(index.name)} (${list(index.columns)})`);
  return [
    `CREATE TABLE ${quoted(name)} (${lines.join(", ")}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  ];
}
