/**
 * How a value of each kind travels to the database and back, the same in both dialects, and which values a
 * column takes. Everything in the database is a string, a number or NULL.
 */
import { StoreValueError } from "./errors.ts";
import { type Column, type Kind, metaOf, type Table } from "./schema.ts";

export type Parameter = string | number | null;

interface Codec {
  /** Why the column can't take the value, or undefined. */
  refuse(value: unknown, column: Column): string | undefined;
  encode(value: unknown): Parameter;
  decode(stored: unknown): unknown;
}

const longestLongText = 16 * 1024 * 1024 - 1;

function refuseText(value: unknown, column: Column): string | undefined {
  if (typeof value !== "string") return "is not a string";
  const limit = column.length;
  if (limit === null)
    return value.length * 3 > longestLongText && Buffer.byteLength(value) > longestLongText
      ? "is longer than 16 MiB"
      : undefined;
  // A character outside the basic plane is two of JavaScript's units, but one for the database.
  return value.length > limit && [...value].length > limit ? `is longer than ${limit} characters` : undefined;
}

const refuseNumber =
  (least: number, most: number) =>
  (value: unknown): string | undefined =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : "is not a whole number in the column's range";

const asString: Pick<Codec, "encode" | "decode"> = { encode: String, decode: String };
const asNumber: Pick<Codec, "encode" | "decode"> = { encode: Number, decode: Number };
const safe = refuseNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

const codecs: Record<Kind, Codec> = {
  text: { refuse: refuseText, ...asString },
  longText: { refuse: refuseText, ...asString },
  integer: { refuse: refuseNumber(-(2 ** 31), 2 ** 31 - 1), ...asNumber },
  bigint: { refuse: safe, ...asNumber },
  time: { refuse: safe, ...asNumber },
  bool: {
    refuse: (value) => (typeof value === "boolean" ? undefined : "is not true or false"),
    encode: (value) => (value === true ? 1 : 0),
    decode: (stored) => Number(stored) !== 0,
  },
  json: {
    refuse: (value, column) => {
      const written = JSON.stringify(value);
      return written === undefined ? "has no JSON form" : refuseText(written, column);
    },
    encode: (value) => JSON.stringify(value),
    decode: (stored) => JSON.parse(String(stored)) as unknown,
  },
};

/** A value as the database gets it, unchecked: for comparisons, where a value too long just matches nothing. */
export function encode(column: Column, value: unknown): Parameter {
  return value === null || value === undefined ? null : codecs[column.kind].encode(value);
}

/** A value to be stored. Throws a StoreValueError that names the column when it doesn't fit. */
export function encodeChecked(column: Column, value: unknown): Parameter {
  const codec = codecs[column.kind];
  if (value === null || value === undefined) {
    if (!column.notNull) return null;
    // JSON has a null of its own, so a column of JSON that is NOT NULL can still hold it.
    if (column.kind !== "json" || value === undefined)
      throw new StoreValueError(`${column.table}.${column.key} needs a value.`);
  }
  const reason = codec.refuse(value, column);
  if (reason !== undefined) throw new StoreValueError(`${column.table}.${column.key} ${reason}.`);
  return codec.encode(value);
}

export function decode(column: Column, stored: unknown): unknown {
  return stored === null || stored === undefined ? null : codecs[column.kind].decode(stored);
}

/** A whole new row, every column present, keyed as in TypeScript. Unknown keys are refused. */
export function encodeRow(table: Table, row: Readonly<Record<string, unknown>>): Record<string, Parameter> {
  const { columns, name } = metaOf(table);
  for (const key of Object.keys(row))
    if (!Object.hasOwn(table, key)) throw new StoreValueError(`"${name}" has no column "${key}".`);
  return Object.fromEntries(columns.map((column) => [column.key, encodeChecked(column, row[column.key])]));
}

/** A row read from the database, its values in the order of the table's columns. */
export function decodeRow(table: Table, stored: readonly unknown[]): Record<string, unknown> {
  const { columns } = metaOf(table);
  const row: Record<string, unknown> = {};
  // Thousands of rows a second come this way: without a list of pairs for each.
  for (let position = 0; position < columns.length; position++) {
    const column = columns[position] as Column;
    row[column.key] = decode(column, stored[position]);
  }
  return row;
}
