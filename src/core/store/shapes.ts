/**
 * SQL that was built before. A large cluster brings hundreds of changes a second, nearly all of a few shapes that differ
 * in their values alone; to build the SQL of each anew took a fifth of a controller's time. A shape says everything
 * of a query but its values; where the values stand in the order of its parameters, its SQL is kept.
 */
import type { Dialect, Query } from "./dialect.ts";
import type { Expression, Where } from "./expressions.ts";
import type { Column, Table } from "./schema.ts";
import { encode, type Parameter } from "./values.ts";

/** More shapes of one table are not kept: then it begins anew. Lists of many lengths would fill the memory. */
const mostShapes = 300;
/** A query with more values than this is rare, and building it is the smaller part of its price. */
const mostValues = 2_000;

/** A query as its shape and its values in order. */
export class Shape {
  readonly values: Parameter[] = [];
  private readonly parts: string[];

  constructor(
    private readonly dialect: Dialect,
    private readonly table: Table,
    operation: string,
  ) {
    this.parts = [dialect.name, operation];
  }

  /** Something that is no value. */
  word(text: string | number | boolean): this {
    this.parts.push(String(text));
    return this;
  }

  value(value: Parameter): this {
    this.values.push(value);
    return this;
  }

  column(column: Column): this {
    return this.word(`${column.table}.${column.key}`);
  }

  where(where: Where | undefined): this {
    return where === undefined || where === "all" ? this.word("all") : this.expression(where);
  }

  expression(node: Expression): this {
    this.word(node.op);
    switch (node.op) {
      case "in":
      case "notIn": {
        const values = listed(this.dialect, node.column, node.values);
        this.column(node.column).word(values.length);
        for (const value of values) this.value(value);
        return this;
      }
      case "isNull":
      case "isNotNull":
        return this.column(node.column);
      case "contains":
      case "holds":
      case "startsWith":
        return this.column(node.column).value(node.text);
      case "and":
      case "or":
        this.word(node.parts.length);
        for (const part of node.parts) this.expression(part);
        return this;
      case "not":
        return this.expression(node.part);
      default:
        return this.column(node.column).value(encode(node.column, node.value));
    }
  }

  /** The query: with the SQL that is known of its shape, or as `build` makes it. */
  query(reads: boolean, build: () => { sql: string; params: unknown[] }): Query {
    const shape = this.parts.join(" ");
    const sql = shapesOf(this.table).get(shape);
    if (sql !== undefined) return { sql, params: this.values, reads };
    const built = build();
    // Every parameter came from `encode`, or is a limit or a search text.
    const params = built.params as Parameter[];
    if (isSame(params, this.values)) keep(this.table, shape, built.sql);
    return { sql: built.sql, params, reads };
  }
}

/** By the table itself: others of its name may have other columns. */
const known = new WeakMap<Table, Map<string, string>>();

/** The shapes that are known of a table, each with its SQL. */
export function shapesOf(table: Table): Map<string, string> {
  const shapes = known.get(table) ?? new Map<string, string>();
  known.set(table, shapes);
  return shapes;
}

function keep(table: Table, shape: string, sql: string): void {
  const shapes = shapesOf(table);
  if (shapes.size >= mostShapes) shapes.clear();
  shapes.set(shape, sql);
}

function isSame(params: readonly Parameter[], values: readonly Parameter[]): boolean {
  return (
    params.length === values.length &&
    params.length <= mostValues &&
    params.every((param, at) => Object.is(param, values[at]))
  );
}

/**
 * The values of a list as the database gets them. For a server the last is repeated up to the next power of two: it
 * prepares a list of each length anew, which is one more way to it, and keeps only so many.
 */
export function listed(dialect: Dialect, column: Column, values: readonly unknown[]): Parameter[] {
  return padded(
    dialect,
    values.map((value) => encode(column, value)),
  );
}

/** As many as the next power of two, by repeating the last; in SQLite as they are. */
export function padded<T>(dialect: Dialect, values: readonly T[]): T[] {
  const last = values.at(-1);
  if (dialect.name === "sqlite" || last === undefined) return [...values];
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...Array<T>(length - values.length).fill(last)];
}
