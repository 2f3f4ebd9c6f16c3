/** Turns expressions, reads and statements (all data) into SQL of a dialect, with drizzle's builders. */

import type { SQL } from "drizzle-orm";
import * as orm from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { Dialect, Query } from "./dialect.ts";
import { and, type Comparison, type Expression, eq, type Order, or, type Where } from "./expressions.ts";
import { type Column, metaOf, type Table } from "./schema.ts";
import { listed, padded, Shape } from "./shapes.ts";
import { type Assignments, Plus, type UpdateEachStatement } from "./statements.ts";
import { decode, encode, type Parameter } from "./values.ts";

/** Both databases refuse statements with more parameters than some tens of thousands. */
const mostParameters = 10_000;

const comparisons: Record<Comparison, (column: SQLiteColumn, value: Parameter) => SQL> = {
  eq: orm.eq,
  ne: orm.ne,
  gt: orm.gt,
  gte: orm.gte,
  lt: orm.lt,
  lte: orm.lte,
};

/** The twin of a column; a column of another table is a mistake that would give wrong SQL. */
function twinColumn(dialect: Dialect, table: Table, column: Column): SQLiteColumn {
  const twin = column.table === metaOf(table).name ? dialect.twin(table)[column.key] : undefined;
  if (twin === undefined)
    throw new TypeError(`${column.table}.${column.key} is not a column of "${metaOf(table).name}"`);
  return twin;
}

function expression(dialect: Dialect, table: Table, node: Expression): SQL {
  const at = (column: Column): SQLiteColumn => twinColumn(dialect, table, column);
  const inner = (part: Expression): SQL => expression(dialect, table, part);
  switch (node.op) {
    case "in":
    case "notIn": {
      const values = listed(dialect, node.column, node.values);
      if (values.length === 0) return node.op === "in" ? orm.sql`1 = 0` : orm.sql`1 = 1`;
      return (node.op === "in" ? orm.inArray : orm.notInArray)(at(node.column), values);
    }
    case "isNull":
      return orm.isNull(at(node.column));
    case "isNotNull":
      return orm.isNotNull(at(node.column));
    case "contains":
      return orm.sql`${position(dialect, at(node.column), node.text)} > 0`;
    case "holds":
      return dialect.name === "sqlite"
        ? orm.sql`instr(${at(node.column)}, ${node.text}) > 0`
        : orm.sql`locate(${node.text}, ${at(node.column)}) > 0`;
    case "startsWith":
      return orm.sql`${position(dialect, at(node.column), node.text)} = 1`;
    case "and":
      return node.parts.length === 0 ? orm.sql`1 = 1` : joined(node.parts.map(inner), orm.sql` and `);
    case "or":
      return node.parts.length === 0 ? orm.sql`1 = 0` : joined(node.parts.map(inner), orm.sql` or `);
    case "not":
      return orm.sql`not (${inner(node.part)})`;
    default:
      return comparisons[node.op](at(node.column), encode(node.column, node.value));
  }
}

const joined = (parts: SQL[], by: SQL): SQL => orm.sql`(${orm.sql.join(parts, by)})`;

/**
 * Where `text` begins in the column, from 1, or 0. LIKE would need its wildcards escaped, and SQLite's ends
 * the pattern at a NUL character; searching for a substring has neither problem.
 */
function position(dialect: Dialect, column: SQLiteColumn, text: string): SQL {
  return dialect.name === "sqlite"
    ? orm.sql`instr(lower(${column}), lower(${text}))`
    : orm.sql`locate(lower(${text}), lower(${column}))`;
}

function condition(dialect: Dialect, table: Table, where: Where | undefined): SQL | undefined {
  return where === undefined || where === "all" ? undefined : expression(dialect, table, where);
}

function orderTerm(dialect: Dialect, table: Table, order: Order): SQL {
  const column = twinColumn(dialect, table, order.column);
  return order.descending ? orm.desc(column) : orm.asc(column);
}

/** What drizzle makes. */
interface BuiltSql {
  sql: string;
  params: unknown[];
}

export interface SelectOptions {
  where?: Where | undefined;
  orderBy?: Order | readonly Order[] | undefined;
  limit?: number | undefined;
  offset?: number | undefined;
}

/** The rows that match: whole, or these columns of them; with `isDistinct`, what several rows have alike but once. */
export function selectQuery(
  dialect: Dialect,
  table: Table,
  options: SelectOptions,
  columns: readonly Column[] = [],
  isDistinct = false,
): Query {
  const orders = [options.orderBy ?? []].flat();
  // Drizzle leaves out an OFFSET of 0.
  const offset = options.offset === 0 ? undefined : options.offset;
  // MySQL has no OFFSET without a LIMIT.
  const limit = options.limit ?? (offset === undefined ? undefined : Number.MAX_SAFE_INTEGER);
  const shape = new Shape(dialect, table, "select");
  for (const column of columns) shape.column(column);
  shape.word(isDistinct);
  shape.where(options.where);
  for (const order of orders) shape.word("order").column(order.column).word(order.descending);
  if (limit !== undefined) shape.word("limit").value(limit);
  if (offset !== undefined) shape.word("offset").value(offset);
  return shape.query(true, () => {
    const fields = columns.map((column) => [
      column.key,
      orm.sql<unknown>`${twinColumn(dialect, table, column)}`,
    ]);
    const { builder } = dialect;
    const picked = Object.fromEntries(fields);
    const begun = isDistinct ? builder.selectDistinct(picked) : builder.select(picked);
    let built = (fields.length > 0 ? begun : builder.select())
      .from(dialect.twin(table))
      .where(condition(dialect, table, options.where))
      .orderBy(...orders.map((order) => orderTerm(dialect, table, order)))
      .$dynamic();
    if (limit !== undefined) built = built.limit(limit);
    if (offset !== undefined) built = built.offset(offset);
    return built.toSQL();
  });
}

/** `what` of all rows that match, or of each group of rows with the same value in `groupBy`. */
export function aggregateQuery(
  dialect: Dialect,
  table: Table,
  what: { sum: Column } | "count",
  where?: Where,
  groupBy?: Column,
): Query {
  const shape = new Shape(dialect, table, "aggregate");
  if (what === "count") shape.word("count");
  else shape.word("sum").column(what.sum);
  if (groupBy !== undefined) shape.word("group").column(groupBy);
  return shape.where(where).query(true, () => {
    const value =
      what === "count"
        ? orm.sql<unknown>`count(*)`
        : orm.sql<unknown>`coalesce(sum(${twinColumn(dialect, table, what.sum)}), 0)`;
    const group = groupBy === undefined ? undefined : twinColumn(dialect, table, groupBy);
    const built = dialect.builder
      .select(group === undefined ? { value } : { value, group: orm.sql<unknown>`${group}` })
      .from(dialect.twin(table))
      .where(condition(dialect, table, where))
      .$dynamic();
    return (group === undefined ? built : built.groupBy(group)).toSQL();
  });
}

/** The rows in as few statements as the number of parameters allows. */
export function insertQueries(
  dialect: Dialect,
  table: Table,
  rows: readonly Record<string, Parameter>[],
): Query[] {
  const atOnce = Math.max(1, Math.floor(mostParameters / metaOf(table).columns.length));
  const queries: Query[] = [];
  for (let from = 0; from < rows.length; from += atOnce) {
    const some = rows.slice(from, from + atOnce);
    const shape = new Shape(dialect, table, "insert");
    for (const row of some) {
      shape.word("row");
      for (const [key, value] of Object.entries(row)) shape.word(key).value(value);
    }
    queries.push(shape.query(false, () => dialect.builder.insert(dialect.twin(table)).values(some).toSQL()));
  }
  return queries;
}

export function updateQuery(dialect: Dialect, table: Table, set: Assignments, where: Where): Query {
  const shape = new Shape(dialect, table, "update");
  for (const key of inOrder(table, set)) {
    const value = set[key] ?? null;
    if (value instanceof Plus) shape.word(key).word("plus").column(value.column).value(value.amount);
    else shape.word(key).value(value);
  }
  return shape.where(where).query(false, () => buildUpdate(dialect, table, set, where));
}

/** What is set, in the order of the table's columns: drizzle writes it in this order, whatever it is given in. */
function inOrder(table: Table, set: Readonly<Record<string, unknown>>): string[] {
  return metaOf(table)
    .columns.map(({ key }) => key)
    .filter((key) => Object.hasOwn(set, key));
}

function buildUpdate(dialect: Dialect, table: Table, set: Assignments, where: Where): BuiltSql {
  const values = Object.fromEntries(
    Object.entries(set).map(([key, value]) => [
      key,
      value instanceof Plus ? orm.sql`${twinColumn(dialect, table, value.column)} + ${value.amount}` : value,
    ]),
  );
  // An update that sets nothing still has to count the rows it matches.
  const [first] = metaOf(table).primaryKey;
  if (Object.keys(values).length === 0 && first !== undefined)
    values[first.key] = orm.sql`${twinColumn(dialect, table, first)}`;
  const built = dialect.builder
    .update(dialect.twin(table))
    .set(values)
    .where(condition(dialect, table, where));
  return built.toSQL();
}

export function updateEachQuery(dialect: Dialect, statement: UpdateEachStatement): Query {
  const { table, key } = statement;
  const [first] = statement.rows;
  if (!first) throw new TypeError(`an updateEach of "${metaOf(table).name}" without rows`);
  if (statement.rows.length === 1)
    return updateQuery(dialect, table, first.set, and(keyIs(key, first.key), first.where));
  // A row that is said twice changes nothing more.
  const rows = padded(dialect, statement.rows);
  const names = inOrder(table, first.set);
  const where = or(...rows.map((row) => and(keyIs(key, row.key), row.where)));
  const shape = new Shape(dialect, table, "updateEach").column(key).word(rows.length);
  for (const name of names) {
    shape.word(name);
    for (const row of rows) shape.value(row.key).value(row.set[name] ?? null);
  }
  return shape.where(where).query(false, () => {
    const column = twinColumn(dialect, table, key);
    const values = names.map((name): [string, SQL] => {
      const whens = rows.map((row) => orm.sql`when ${row.key} then ${row.set[name]}`);
      return [name, orm.sql`case ${column} ${orm.sql.join(whens, orm.sql` `)} end`];
    });
    const built = dialect.builder
      .update(dialect.twin(table))
      .set(Object.fromEntries(values))
      .where(condition(dialect, table, where));
    return built.toSQL();
  });
}

/** The key of a row as it is stored already. */
const keyIs = (column: Column, stored: Parameter): Expression => eq(column, decode(column, stored));

export function removeQuery(dialect: Dialect, table: Table, where: Where): Query {
  return new Shape(dialect, table, "remove").where(where).query(false, () =>
    dialect.builder
      .delete(dialect.twin(table))
      .where(condition(dialect, table, where))
      .toSQL(),
  );
}

/** SQL written by hand with drizzle's `sql`. */
export function rawQuery(dialect: Dialect, statement: SQL, reads: boolean): Query {
  const { sql, params } = dialect.render(statement);
  return { sql, params: params as Parameter[], reads };
}
