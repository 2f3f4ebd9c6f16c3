/** Changes as data: made by services, run together by `store.batch`. Values are checked when they are made. */
import { StoreValueError } from "./errors.ts";
import { and, type Expression, eq, type Where } from "./expressions.ts";
import { type Column, metaOf, type NewRow, type Row, type Table } from "./schema.ts";
import { encodeChecked, encodeRow, type Parameter } from "./values.ts";

/** In a `set`: a column's value plus a number, counted by the database. Made by `plus()`. */
export class Plus {
  constructor(
    readonly column: Column,
    readonly amount: number,
  ) {}
}

/** Encoded values by column key. */
export type Assignments = Readonly<Record<string, Parameter | Plus>>;

export interface InsertStatement {
  readonly op: "insert";
  readonly table: Table;
  readonly rows: readonly Record<string, Parameter>[];
}
export interface UpdateStatement {
  readonly op: "update";
  readonly table: Table;
  readonly set: Assignments;
  readonly where: Where;
  readonly expect?: number;
}
/** One row of an `updateEach`. */
export interface EachRow {
  readonly key: Parameter;
  readonly set: Readonly<Record<string, Parameter>>;
  readonly where: Expression;
}
export interface UpdateEachStatement {
  readonly op: "updateEach";
  readonly table: Table;
  readonly key: Column;
  readonly rows: readonly EachRow[];
}
export interface RemoveStatement {
  readonly op: "remove";
  readonly table: Table;
  readonly where: Where;
  readonly expect?: number;
}
export interface UpsertStatement {
  readonly op: "upsert";
  readonly table: Table;
  readonly row: Record<string, Parameter>;
  /** Finds the row that would be in the way. */
  readonly where: Expression;
  /** The unique index that decides whether the row is there. */
  readonly index: string;
  readonly set: Assignments;
}
export type Statement =
  | InsertStatement
  | UpdateStatement
  | UpdateEachStatement
  | RemoveStatement
  | UpsertStatement;

/** New values for some columns; numbers may be `plus(column, n)`. Undefined means: leave it. */
export type SetOf<T> = {
  readonly [K in keyof Row<T>]?: Row<T>[K] | ([Row<T>[K]] extends [number | null] ? Plus : never) | undefined;
};

/** The rows must number this many, else the batch is rolled back with a StoreExpectationError. */
export interface Expect {
  expect?: number;
}

/** `set: { attempts: plus(tasks.attempts, 1) }`. */
export function plus(column: Column<number>, amount: number): Plus {
  if (!Number.isSafeInteger(amount)) throw new StoreValueError(`plus(${amount}): not a whole number.`);
  return new Plus(column, amount);
}

/** Adds one row or several. No row at all is allowed and does nothing. */
export function insert<T extends Table>(table: T, rows: NewRow<T> | readonly NewRow<T>[]): InsertStatement {
  const list: readonly object[] = Array.isArray(rows) ? rows : [rows];
  return { op: "insert", table, rows: list.map((row) => encodeRow(table, { ...row })) };
}

/** Changes the rows that match. A row counts as matched also when its values stay the same. */
export function update<T extends Table>(
  table: T,
  set: SetOf<T>,
  where: Where,
  expect: Expect = {},
): UpdateStatement {
  return { op: "update", table, set: assignments(table, { ...set }), where, ...expect };
}

/**
 * Changes several rows at once, each to values of its own: one way to the server instead of many. All set the same
 * columns, and never the key. Each must be there and match its `where`, else the batch is rolled back with a
 * StoreExpectationError; so one key must not come twice.
 */
export function updateEach<T extends Table, V extends string | number>(
  table: T,
  key: Column<V>,
  rows: readonly { key: V; set: { readonly [K in keyof Row<T>]?: Row<T>[K] }; where?: Expression }[],
): UpdateEachStatement {
  const encoded = rows.map((row) => ({
    key: encodeChecked(key, row.key),
    set: assignments(table, { ...row.set }) as Record<string, Parameter>,
    where: row.where ?? and(),
  }));
  const names = (row: EachRow | undefined): string => Object.keys(row?.set ?? {}).join(" ");
  const [first] = encoded;
  if (encoded.some((row) => names(row) !== names(first) || key.key in row.set))
    throw new StoreValueError(
      `"${metaOf(table).name}": all rows of an updateEach set the same columns, and not the key.`,
    );
  return { op: "updateEach", table, key, rows: encoded };
}

/** Deletes the rows that match. */
export function remove<T extends Table>(table: T, where: Where, expect: Expect = {}): RemoveStatement {
  return { op: "remove", table, where, ...expect };
}

/**
 * Adds the row, or where a row with the same `conflictKeys` exists, changes that one: to `set`, or to the new
 * row's other columns where no `set` is given (`{}` leaves it as it is). `conflictKeys` (columns, or their
 * keys) are exactly the columns of the primary key or of one unique index; a clash on another index is a
 * StoreUniqueError in both dialects.
 */
export function upsert<T extends Table>(
  table: T,
  row: NewRow<T>,
  conflictKeys: readonly (Column | (keyof Row<T> & string))[],
  set?: SetOf<T>,
): UpsertStatement {
  const meta = metaOf(table);
  const encoded = encodeRow(table, { ...row });
  const names = conflictKeys.map((key) => (typeof key === "string" ? key : key.key));
  const same = (columns: readonly Column[]): boolean =>
    columns.length === names.length && columns.every((column) => names.includes(column.key));
  const index = same(meta.primaryKey)
    ? "PRIMARY"
    : meta.indexes.find((each) => each.unique && same(each.columns))?.name;
  if (index === undefined)
    throw new TypeError(`upsert into "${meta.name}": no unique index has exactly (${names.join(", ")})`);
  const keys = meta.columns.filter((column) => names.includes(column.key));
  const given: Readonly<Record<string, unknown>> = { ...row };
  const rest = Object.fromEntries(Object.entries(encoded).filter(([key]) => !names.includes(key)));
  return {
    op: "upsert",
    table,
    row: encoded,
    where: and(...keys.map((column) => eq(column, given[column.key]))),
    index,
    set: set === undefined ? rest : assignments(table, { ...set }),
  };
}

function assignments(table: Table, set: Readonly<Record<string, unknown>>): Assignments {
  const { columns, name } = metaOf(table);
  const result: Record<string, Parameter | Plus> = {};
  for (const [key, value] of Object.entries(set)) {
    if (value === undefined) continue;
    const column = columns.find((each) => each.key === key);
    if (column === undefined) throw new StoreValueError(`"${name}" has no column "${key}".`);
    result[key] = value instanceof Plus ? value : encodeChecked(column, value);
  }
  return result;
}
