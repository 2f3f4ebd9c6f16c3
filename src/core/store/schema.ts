/**
 * The column kit: one description of a table, from which come the TypeScript types, the queries of both
 * dialects and the SQL that makes the table. A description is plain data and knows no database.
 */

export type Kind = "text" | "longText" | "integer" | "bigint" | "time" | "bool" | "json";

/** VARCHAR keys stay within InnoDB's 767 bytes a column in COMPACT rows: 191 characters of 4 bytes. */
const longestKeyText = 191;
/** InnoDB's limit for all columns of one index together. */
const longestIndexBytes = 3072;

/** Carries a column's TypeScript type; exists only for the compiler. */
declare const valueType: unique symbol;

/** A column before it has a name: what `text(36)` and its kin return. */
export class ColumnSpec<T = unknown, N extends boolean = boolean> {
  declare readonly [valueType]?: T;
  constructor(
    readonly kind: Kind,
    readonly length: number | null,
    readonly isNotNull: N,
    readonly isPrimaryKey: boolean,
  ) {}

  /** The column may not be NULL (columns are nullable unless this is called). */
  notNull(): ColumnSpec<T, true> {
    return new ColumnSpec<T, true>(this.kind, this.length, true, this.isPrimaryKey);
  }

  /** The column is the primary key, and so not NULL. For keys of several columns see `primaryKey()`. */
  primaryKey(): ColumnSpec<T, true> {
    return new ColumnSpec<T, true>(this.kind, this.length, true, true);
  }
}

/** Text of at most `length` characters (≤ 191), compared byte by byte; trailing spaces don't count. */
export function text<T extends string = string>(length: number): ColumnSpec<T, false> {
  if (!Number.isInteger(length) || length < 1 || length > longestKeyText)
    throw new RangeError(
      `text(${length}): a text column holds 1 to ${longestKeyText} characters; use longText() for more`,
    );
  return new ColumnSpec<T, false>("text", length, false, false);
}
/** Text of up to 16 MiB. Can't be part of an index. */
export function longText(): ColumnSpec<string, false> {
  return new ColumnSpec<string, false>("longText", null, false, false);
}
/** A whole number of 32 bits with sign. */
export function integer(): ColumnSpec<number, false> {
  return new ColumnSpec<number, false>("integer", null, false, false);
}
/** A whole number that JavaScript holds exactly (±2^53). */
export function bigint(): ColumnSpec<number, false> {
  return new ColumnSpec<number, false>("bigint", null, false, false);
}
/** A moment, in UTC milliseconds. */
export function time(): ColumnSpec<number, false> {
  return new ColumnSpec<number, false>("time", null, false, false);
}
/** True or false. */
export function bool(): ColumnSpec<boolean, false> {
  return new ColumnSpec<boolean, false>("bool", null, false, false);
}
/** Any JSON value, stored as text of up to 16 MiB. `T` is trusted on reading: only we write it. */
export function json<T = unknown>(): ColumnSpec<T, false> {
  return new ColumnSpec<T, false>("json", null, false, false);
}

/** A column of a table. `T` is its type without null, `N` whether it is NOT NULL. */
export interface Column<T = unknown, N extends boolean = boolean> {
  readonly [valueType]?: T;
  readonly kind: Kind;
  readonly length: number | null;
  readonly notNull: N;
  /** Its name in TypeScript. */
  readonly key: string;
  /** Its name in SQL: the key in snake_case. */
  readonly name: string;
  /** The SQL name of its table. */
  readonly table: string;
}

export type Columns = { readonly [key: string]: ColumnSpec };

export interface Index {
  readonly name: string;
  readonly unique: boolean;
  readonly columns: readonly Column[];
}

/** Where a table keeps what isn't a column, so that any column name is free. */
export const tableMeta: unique symbol = Symbol("tableMeta");

export interface TableMeta<S extends Columns = Columns> {
  readonly name: string;
  readonly spec: S;
  readonly columns: readonly Column[];
  readonly primaryKey: readonly Column[];
  readonly indexes: readonly Index[];
}

type ColumnsOf<S extends Columns> = {
  readonly [K in keyof S]: S[K] extends ColumnSpec<infer T, infer N> ? Column<T, N> : never;
};

export type Table<S extends Columns = Columns> = ColumnsOf<S> & { readonly [tableMeta]: TableMeta<S> };

type SpecOf<T> = T extends { readonly [tableMeta]: TableMeta<infer S> } ? S : never;
type Flat<T> = { [K in keyof T]: T[K] };
type Value<C> = C extends ColumnSpec<infer T, infer N> ? (N extends true ? T : T | null) : never;
type RequiredKeys<S extends Columns> = {
  [K in keyof S]: S[K] extends ColumnSpec<unknown, true> ? K : never;
}[keyof S];

/** A row as it is read: every column, null where it may be null. */
export type Row<T> = Flat<{ -readonly [K in keyof SpecOf<T>]: Value<SpecOf<T>[K]> }>;

/** A row to be written: columns that may be null may be left out. */
export type NewRow<T> = Flat<
  { -readonly [K in RequiredKeys<SpecOf<T>>]: Value<SpecOf<T>[K]> } & {
    -readonly [K in Exclude<keyof SpecOf<T>, RequiredKeys<SpecOf<T>>>]?: Value<SpecOf<T>[K]> | undefined;
  }
>;

interface PrimaryKey {
  readonly primaryKey: readonly Column[];
}

/** A unique index. Its name starts with the table's and is what `StoreUniqueError.index` says. */
export function unique(name: string, ...columns: Column[]): Index {
  return { name, unique: true, columns };
}
/** An index for reading. */
export function index(name: string, ...columns: Column[]): Index {
  return { name, unique: false, columns };
}
/** A primary key of several columns. */
export function primaryKey(...columns: Column[]): PrimaryKey {
  return { primaryKey: columns };
}

/** The SQL name of a key: `memoryMiB` → `memory_mib`, `nodeName` → `node_name`. */
export function snakeCase(key: string): string {
  return key
    .replace(/([KMGT])iB/g, "$1ib")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

/**
 * Describes a table. `extras` gets the columns and returns indexes and, where it has several columns, the
 * primary key. Throws a TypeError for a description that MariaDB 5.5 or SQLite could not hold.
 */
export function table<const S extends Columns>(
  name: string,
  spec: S,
  extras?: (columns: ColumnsOf<S>) => readonly (Index | PrimaryKey)[],
): Table<S> {
  const refuse = (reason: string): never => {
    throw new TypeError(`table "${name}": ${reason}`);
  };
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(name)) refuse("a name is snake_case of at most 48 characters");
  const columns: Column[] = [];
  for (const [key, column] of Object.entries(spec)) {
    if (!/^[a-z][a-zA-Z0-9]{0,47}$/.test(key)) refuse(`column key "${key}" is not camelCase`);
    const { kind, length, isNotNull } = column;
    columns.push(Object.freeze({ kind, length, notNull: isNotNull, key, name: snakeCase(key), table: name }));
  }
  if (new Set(columns.map((column) => column.name)).size < columns.length)
    refuse("two columns have the same SQL name");
  const byKey = Object.fromEntries(columns.map((column) => [column.key, column])) as ColumnsOf<S>;
  const more = extras?.(byKey) ?? [];
  const indexes = more.filter((extra): extra is Index => "unique" in extra);
  const composite = more.filter((extra): extra is PrimaryKey => "primaryKey" in extra);
  const single = columns.filter((column) => spec[column.key]?.isPrimaryKey);
  const keys = [...composite.map((key) => key.primaryKey), ...single.map((column) => [column])];
  const [primary = [], ...others] = keys;
  if (primary.length === 0 || others.length > 0) refuse("needs exactly one primary key");
  if (primary.some((column) => !column.notNull)) refuse("a primary key's columns must be notNull()");
  if (new Set(indexes.map((each) => each.name)).size < indexes.length)
    refuse("two indexes have the same name");
  for (const each of indexes)
    if (!each.name.startsWith(`${name}_`) || !/^[a-z0-9_]{1,64}$/.test(each.name))
      refuse(`index "${each.name}" must be snake_case and start with "${name}_": names are global in SQLite`);
  for (const indexed of [primary, ...indexes.map((each) => each.columns)]) {
    if (indexed.length === 0) refuse("an index needs at least one column");
    if (indexed.some((column) => column.kind === "longText" || column.kind === "json"))
      refuse("long text and JSON can't be indexed");
    const bytes = indexed.reduce((sum, column) => sum + (column.length === null ? 8 : column.length * 4), 0);
    if (bytes > longestIndexBytes)
      refuse(`an index takes ${bytes} bytes, more than the ${longestIndexBytes} that InnoDB allows`);
  }
  const meta: TableMeta<S> = { name, spec, columns, primaryKey: primary, indexes };
  return Object.freeze({ ...byKey, [tableMeta]: meta }) as Table<S>;
}

/** What a table is made of. */
export function metaOf(described: Table): TableMeta {
  return described[tableMeta];
}

/** True for what `table()` returned. */
export function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && tableMeta in value;
}
