/**
 * Foreign input against TypeBox schemas: the one validator of API bodies, addresses, queries and forms.
 * What is wrong comes back as fields with word keys, so that a page and a problem document say the same.
 *
 * Stricter than the schemas alone: unknown fields are refused everywhere, numbers are safe integers or
 * finite, and text has no characters that XML, SQL or C would trip over.
 */
import {
  Kind,
  OptionalKind,
  type Static,
  type TObject,
  type TSchema,
  type TUnion,
  TypeGuard,
} from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { Value } from "@sinclair/typebox/value";
import { AppError, type FieldError } from "../errors.ts";
import type { WordArgs } from "../words.ts";

export type Checked<T> = { ok: true; value: T } | { ok: false; errors: FieldError[] };

/** In a schema: the word that says what a text must look like, where `pattern` alone says little. */
export const patternWord = "x-jimv-word";

interface Compiled {
  schema: TSchema;
  check: TypeCheck<TSchema>;
  /** Whether there are defaults to fill in: looking for them takes longer than the check. */
  hasDefaults: boolean;
}

const compiled = new WeakMap<TSchema, Compiled>();

function compile(schema: TSchema): Compiled {
  const known = compiled.get(schema);
  if (known) return known;
  const strict = closed(schema);
  const hasDefaults = JSON.stringify(strict).includes('"default":');
  const made = { schema: strict, check: TypeCompiler.Compile(strict), hasDefaults };
  compiled.set(schema, made);
  return made;
}

/** Checks a value that came as JSON. Defaults are filled in; the input may be changed. */
export function check<S extends TSchema>(schema: S, input: unknown): Checked<Static<S>> {
  const { schema: strict, check: compiledCheck, hasDefaults } = compile(schema);
  const value = hasDefaults ? Value.Default(strict, input) : input;
  const errors = new Map<string, FieldError>();
  if (!compiledCheck.Check(value))
    for (const error of compiledCheck.Errors(value))
      for (const field of fieldErrors(error)) if (!errors.has(field.path)) errors.set(field.path, field);
  if (isOdd(value))
    for (const field of oddValues(value, "")) if (!errors.has(field.path)) errors.set(field.path, field);
  if (errors.size > 0) return { ok: false, errors: [...errors.values()] };
  return { ok: true, value: value as Static<S> };
}

/** As `check`, but throws. @throws AppError invalid with all the fields that are wrong */
export function checked<S extends TSchema>(schema: S, input: unknown): Static<S> {
  const result = check(schema, input);
  if (!result.ok) throw invalid(result.errors);
  return result.value;
}

/** The refusal of a whole input. Its sentence is that of the only wrong field, or a general one. */
export function invalid(errors: readonly FieldError[]): AppError {
  return new AppError("invalid", "http.invalid", { count: errors.length }, { fields: errors });
}

/** Strings by name, as queries and forms have them; a name may stand there several times. */
export type Strings = ReadonlyMap<string, readonly string[]>;

/**
 * Turns strings into the types of a schema's fields. What can't be turned stays a string, so that the check
 * afterwards refuses it. Empty optional fields count as absent. In a form, a checkbox that is off isn't sent
 * at all, so there an absent boolean is false.
 */
export function coerce(
  schema: TObject,
  strings: Strings,
  kind: "query" | "form",
): Checked<Record<string, unknown>> {
  const value: Record<string, unknown> = Object.create(null);
  const errors: FieldError[] = [];
  for (const [name, list] of strings) {
    const field = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    if (!field) {
      if (kind === "query") errors.push({ path: name, word: "field.unknown" });
      continue;
    }
    if (TypeGuard.IsArray(field)) {
      const items: TSchema = field.items;
      value[name] = list.filter((item) => item !== "").map((item) => fromString(items, item));
      continue;
    }
    const [first = "", ...more] = list;
    // A checkbox with a hidden "false" before it sends both.
    const text = kind === "form" && TypeGuard.IsBoolean(field) ? (more.at(-1) ?? first) : first;
    if (more.length > 0 && !(kind === "form" && TypeGuard.IsBoolean(field))) {
      errors.push({ path: name, word: "field.repeated" });
      continue;
    }
    if (text === "" && !takesEmpty(field)) continue;
    value[name] = fromString(field, text);
  }
  if (kind === "form")
    for (const [name, field] of Object.entries(schema.properties)) {
      if (name in value) continue;
      if (TypeGuard.IsBoolean(field)) value[name] = false;
      else if (TypeGuard.IsArray(field)) value[name] = [];
    }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, value };
}

/** Only a required text without a least length means something when it is empty. */
const takesEmpty = (field: TSchema): boolean =>
  field[OptionalKind] === undefined && TypeGuard.IsString(field) && (field.minLength ?? 0) === 0;

function fromString(schema: TSchema, text: string): unknown {
  if (TypeGuard.IsInteger(schema)) return /^\s*-?\d{1,20}\s*$/.test(text) ? Number(text) : text;
  if (TypeGuard.IsNumber(schema)) return /^\s*-?\d{1,20}(\.\d{1,20})?\s*$/.test(text) ? Number(text) : text;
  if (TypeGuard.IsBoolean(schema)) {
    if (text === "true" || text === "on") return true;
    return text === "false" ? false : text;
  }
  if (TypeGuard.IsLiteral(schema)) return String(schema.const) === text ? schema.const : text;
  if (TypeGuard.IsUnion(schema)) {
    for (const branch of schema.anyOf) {
      const value = fromString(branch, text);
      if (Value.Check(branch, value)) return value;
    }
    const only = theOnlyBranch(schema);
    return only ? fromString(only, text) : text;
  }
  return text;
}

/** The branch of `T | null`. */
function theOnlyBranch(schema: TUnion): TSchema | null {
  const [first, ...more] = schema.anyOf.filter((branch) => !TypeGuard.IsNull(branch));
  return first && more.length === 0 ? first : null;
}

/** The same schema with every object closed, unless it says otherwise itself. */
function closed(schema: TSchema): TSchema {
  if (TypeGuard.IsObject(schema)) {
    const properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, closed(property)]),
    );
    return { ...schema, properties, additionalProperties: schema.additionalProperties ?? false };
  }
  if (TypeGuard.IsArray(schema)) return { ...schema, items: closed(schema.items) };
  if (TypeGuard.IsUnion(schema)) return { ...schema, anyOf: schema.anyOf.map(closed) };
  return schema;
}

function fieldErrors(error: ValueError): FieldError[] {
  const path = dotted(error.path);
  const { schema } = error;
  const one = (word: string, args: WordArgs = {}): FieldError[] => [{ path, word, args }];
  switch (error.type) {
    case ValueErrorType.ObjectRequiredProperty:
      return one("field.required");
    case ValueErrorType.ObjectAdditionalProperties:
      return one("field.unknown");
    case ValueErrorType.StringMinLength:
      return error.value === "" ? one("field.required") : one("field.tooShort", { min: schema.minLength });
    case ValueErrorType.StringMaxLength:
      return one("field.tooLong", { max: schema.maxLength });
    case ValueErrorType.StringPattern:
    case ValueErrorType.StringFormat:
    case ValueErrorType.StringFormatUnknown:
      return typeof schema[patternWord] === "string" ? one(schema[patternWord]) : one("field.pattern");
    case ValueErrorType.IntegerMinimum:
    case ValueErrorType.NumberMinimum:
      return one("field.min", { min: schema.minimum });
    case ValueErrorType.IntegerExclusiveMinimum:
    case ValueErrorType.NumberExclusiveMinimum:
      return one("field.above", { min: schema.exclusiveMinimum });
    case ValueErrorType.IntegerMaximum:
    case ValueErrorType.NumberMaximum:
      return one("field.max", { max: schema.maximum });
    case ValueErrorType.IntegerExclusiveMaximum:
    case ValueErrorType.NumberExclusiveMaximum:
      return one("field.below", { max: schema.exclusiveMaximum });
    case ValueErrorType.IntegerMultipleOf:
    case ValueErrorType.NumberMultipleOf:
      return one("field.multiple", { of: schema.multipleOf });
    case ValueErrorType.ArrayMinItems:
      return one("field.fewItems", { min: schema.minItems });
    case ValueErrorType.ArrayMaxItems:
      return one("field.manyItems", { max: schema.maxItems });
    case ValueErrorType.Integer:
      return one("field.integer");
    case ValueErrorType.Number:
      return one("field.number");
    case ValueErrorType.Literal:
      return one("field.choice", { choices: String(schema.const) });
    case ValueErrorType.Union:
      return unionErrors(error, path);
    default:
      return one("field.type", { type: typeName(schema) });
  }
}

function unionErrors(error: ValueError, path: string): FieldError[] {
  const union = error.schema as TUnion;
  const choices = union.anyOf.flatMap((branch) =>
    TypeGuard.IsLiteral(branch) ? [String(branch.const)] : [],
  );
  if (choices.length > 0) return [{ path, word: "field.choice", args: { choices: choices.join(", ") } }];
  const only = theOnlyBranch(union);
  const inner = only && error.value !== null ? [...Value.Errors(only, error.value)].flatMap(fieldErrors) : [];
  if (inner.length === 0) return [{ path, word: "field.type", args: { type: typeName(union) } }];
  return inner.map((each) => ({ ...each, path: each.path === "" ? path : `${path}.${each.path}` }));
}

function typeName(schema: TSchema): string {
  if (TypeGuard.IsUnion(schema)) return schema.anyOf.map(typeName).join(" / ");
  return typeof schema.type === "string" ? schema.type : String(schema[Kind]).toLowerCase();
}

/** `/disks/0/sizeGiB` → `disks.0.sizeGiB`. */
const dotted = (pointer: string): string =>
  pointer
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".");

// XML 1.0 has no way to write these, a C string ends at NUL, and half a surrogate pair isn't UTF-8.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
const refusedCharacters = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/;

/** Whether there is anything for `oddValues` to name. */
function isOdd(value: unknown): boolean {
  if (typeof value === "string") return refusedCharacters.test(value) || !value.isWellFormed();
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return false;
  for (const name in value) if (isOdd((value as Record<string, unknown>)[name])) return true;
  return false;
}

/** What no schema says but nothing of ours can hold. */
function* oddValues(value: unknown, path: string): Generator<FieldError> {
  if (typeof value === "string") {
    if (refusedCharacters.test(value) || !value.isWellFormed()) yield { path, word: "field.characters" };
  } else if (typeof value === "number") {
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      yield { path, word: value < 0 ? "field.min" : "field.max", args: limits(value) };
  } else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value))
      yield* oddValues(item, path === "" ? name : `${path}.${name}`);
  }
}

const limits = (value: number): WordArgs =>
  value < 0 ? { min: Number.MIN_SAFE_INTEGER } : { max: Number.MAX_SAFE_INTEGER };
