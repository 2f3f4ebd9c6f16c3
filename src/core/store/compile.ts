/** Turns expressions, reads and statements (all data) into SQL of a dialect, with drizzle's builders. */

import type { SQL } from "drizzle-orm";
import * as orm from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { Dialect, Query } from "./dialect.ts";
import { and, type Comparison, type Expression, eq, type Order, or, type Where } from "./expressions.ts";
import { type Column, metaOf, type Table } from "./schema.ts";
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
      const values = node.values.map((value) => encode(node.column, value));
      if (values.length === 0) return node.op === "in" ? orm.sql`1 = 0` : orm.sql`1 = 1`;
      const shown = dialect.name === "sqlite" ? values : padded(values);
      return (node.op === "in" ? orm.inArray : orm.notInArray)(at(node.column), shown);
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

/**
 * The last value repeated up to the next power of two: a server prepares a list of each length anew, which is one more
 * way to it, and keeps only so many.
 */
function padded(values: readonly Parameter[]): Parameter[] {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...Array<Parameter>(length - values.length).fill(values.at(-1) ?? null)];
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

function query(built: { sql: string; params: unknown[] }, reads: boolean): Query {
  // Every parameter came from `encode`, or is a limit or a search text.
  return { sql: built.sql, params: built.params as Parameter[], reads };
}

export interface SelectOptions {
  where?: Where | undefined;
  orderBy?: Order | readonly Order[] | undefined;
  limit?: number | undefined;
  offset?: number | undefined;
}

export function selectQuery(dialect: Dialect, table: Table, options: SelectOptions): Query {
  const orders = [options.orderBy ?? []].flat();
  // MySQL has no OFFSET without a LIMIT.
  const limit = options.limit ?? (options.offset === undefined ? undefined : Number.MAX_SAFE_INTEGER);
  let built = dialect.builder
    .select()
    .from(dialect.twin(table))
    .where(condition(dialect, table, options.where))
    .orderBy(...orders.map((order) => orderTerm(dialect, table, order)))
    .$dynamic();
  if (limit !== undefined) built = built.limit(limit);
  if (options.offset !== undefined) built = built.offset(options.offset);
  return query(built.toSQL(), true);
}

/** One column of the rows that match. */
export function valuesQuery(
  dialect: Dialect,
  table: Table,
  column: Column,
  options: Pick<SelectOptions, "where" | "limit">,
): Query {
  let built = dialect.builder
    .select({ value: orm.sql<unknown>`${twinColumn(dialect, table, column)}` })
    .from(dialect.twin(table))
    .where(condition(dialect, table, options.where))
    .$dynamic();
  if (options.limit !== undefined) built = built.limit(options.limit);
  return query(built.toSQL(), true);
}

/** `what` of all rows that match, or of each group of rows with the same value in `groupBy`. */
export function aggregateQuery(
  dialect: Dialect,
  table: Table,
  what: { sum: Column } | "count",
  where?: Where,
  groupBy?: Column,
): Query {
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
  return query((group === undefined ? built : built.groupBy(group)).toSQL(), true);
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
    queries.push(query(dialect.builder.insert(dialect.twin(table)).values(some).toSQL(), false));
  }
  return queries;
}

export function updateQuery(dialect: Dialect, table: Table, set: Assignments, where: Where): Query {
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
  return query(built.toSQL(), false);
}

export function updateEachQuery(dialect: Dialect, { table, key, rows }: UpdateEachStatement): Query {
  const [first] = rows;
  if (!first) throw new TypeError(`an updateEach of "${metaOf(table).name}" without rows`);
  if (rows.length === 1)
    return updateQuery(dialect, table, first.set, and(keyIs(key, first.key), first.where));
  const column = twinColumn(dialect, table, key);
  const values = Object.keys(first.set).map((name): [string, SQL] => {
    const whens = rows.map((row) => orm.sql`when ${row.key} then ${row.set[name]}`);
    return [name, orm.sql`case ${column} ${orm.sql.join(whens, orm.sql` `)} end`];
  });
  const each = rows.map((row) => and(keyIs(key, row.key), row.where));
  const built = dialect.builder
    .update(dialect.twin(table))
    .set(Object.fromEntries(values))
    .where(condition(dialect, table, or(...each)));
  return query(built.toSQL(), false);
}

/** The key of a row as it is stored already. */
const keyIs = (column: Column, stored: Parameter): Expression => eq(column, decode(column, stored));

export function removeQuery(dialect: Dialect, table: Table, where: Where): Query {
  const built = dialect.builder.delete(dialect.twin(table)).where(condition(dialect, table, where));
  return query(built.toSQL(), false);
}

/** SQL written by hand with drizzle's `sql`. */
export function rawQuery(dialect: Dialect, statement: SQL, reads: boolean): Query {
  return query(dialect.render(statement), reads);
}
