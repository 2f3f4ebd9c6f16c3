/** Conditions and orders as data. They name columns and values; `compile.ts` turns them into SQL. */
import type { Column } from "./schema.ts";

export type Comparison = "eq" | "ne" | "gt" | "gte" | "lt" | "lte";

export type Expression =
  | { readonly op: Comparison; readonly column: Column; readonly value: unknown }
  | { readonly op: "in" | "notIn"; readonly column: Column; readonly values: readonly unknown[] }
  | { readonly op: "isNull" | "isNotNull"; readonly column: Column }
  | { readonly op: "contains" | "startsWith" | "holds"; readonly column: Column; readonly text: string }
  | { readonly op: "and" | "or"; readonly parts: readonly Expression[] }
  | { readonly op: "not"; readonly part: Expression };

/** What a change applies to: a condition, or the word for every row (never by leaving something out). */
export type Where = Expression | "all";

export interface Order {
  readonly column: Column;
  readonly descending: boolean;
}

/** Whether no row can match, whatever the table holds: a list of values that is empty. The store need not be asked. */
export function findsNothing(where: Where | undefined): boolean {
  if (where === undefined || where === "all") return false;
  if (where.op === "in") return where.values.length === 0;
  if (where.op === "and") return where.parts.some(findsNothing);
  return where.op === "or" && where.parts.every(findsNothing);
}

const comparison =
  (op: Comparison) =>
  <T>(column: Column<T>, value: NoInfer<T>): Expression => ({ op, column, value });

/** Equal. NULL is never equal to anything: use `isNull`. */
export const eq = comparison("eq");
/** Not equal. NULL is not found by it either. */
export const ne = comparison("ne");
export const gt = comparison("gt");
export const gte = comparison("gte");
export const lt = comparison("lt");
export const lte = comparison("lte");

/** One of `values`; nothing when the list is empty. Keep the list below some thousands. */
export function inArray<T>(column: Column<T>, values: readonly NoInfer<T>[]): Expression {
  return { op: "in", column, values };
}
/** None of `values`; everything when the list is empty. NULL is not found by a list that isn't empty. */
export function notInArray<T>(column: Column<T>, values: readonly NoInfer<T>[]): Expression {
  return { op: "notIn", column, values };
}
export function isNull(column: Column): Expression {
  return { op: "isNull", column };
}
export function isNotNull(column: Column): Expression {
  return { op: "isNotNull", column };
}
/**
 * The text stands somewhere in the column, upper and lower case alike (of A–Z in SQLite, of all letters in
 * MySQL). No character of it has a special meaning.
 */
export function contains(column: Column<string>, text: string): Expression {
  return { op: "contains", column, text };
}
/**
 * The text stands somewhere in the column, exactly as it is written. With a column of text that is in lower case
 * already, and stands in an index, this is several times as fast as `contains`.
 */
export function holds(column: Column<string>, text: string): Expression {
  return { op: "holds", column, text };
}
/** The column begins with the text, upper and lower case alike, as in `contains`. */
export function startsWith(column: Column<string>, text: string): Expression {
  return { op: "startsWith", column, text };
}
/** All of them; parts that are undefined are left out, and `and()` of nothing is true. */
export function and(...parts: readonly (Expression | undefined)[]): Expression {
  return { op: "and", parts: parts.filter((part) => part !== undefined) };
}
/** One of them; parts that are undefined are left out, and `or()` of nothing is false. */
export function or(...parts: readonly (Expression | undefined)[]): Expression {
  return { op: "or", parts: parts.filter((part) => part !== undefined) };
}
export function not(part: Expression): Expression {
  return { op: "not", part };
}

/** Smallest first; NULL comes before everything. */
export function asc(column: Column): Order {
  return { column, descending: false };
}
/** Largest first; NULL comes last. */
export function desc(column: Column): Order {
  return { column, descending: true };
}
