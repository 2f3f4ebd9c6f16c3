/** Forms and lists: strings made into types, and schemas made into HTML constraints. */
import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { constraintsOf, parseForm } from "./forms.ts";
import { sortOf, windowOf } from "./list.ts";
import { check, patternWord } from "./validate.ts";

const schema = Type.Object({
  name: Type.String({ minLength: 2, maxLength: 10, pattern: "^[a-z]+$", [patternWord]: "guest.nameForm" }),
  note: Type.String({ maxLength: 20 }),
  memoryMiB: Type.Integer({ minimum: 64, maximum: 4096, multipleOf: 64 }),
  share: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
  node: Type.Optional(Type.String({ minLength: 1 })),
  linked: Type.Boolean(),
  tags: Type.Array(Type.String({ minLength: 1 }), { maxItems: 2 }),
  firmware: Type.Union([Type.Literal("bios"), Type.Literal("uefi")]),
  limit: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { default: null }),
});
const good = { name: "web", note: "", memoryMiB: "128", firmware: "uefi", tags: "a" };

const wordsOf = (form: Record<string, string | string[]>): Record<string, string> => {
  const parsed = parseForm(schema, form);
  return parsed.ok ? {} : Object.fromEntries(parsed.errors.map((error) => [error.path, error.word]));
};

describe("a posted form", () => {
  test("becomes the schema's types; what is empty or off is absent or false", () => {
    expect(parseForm(schema, { ...good, share: "0.5", node: "", linked: "on", button: "save" })).toEqual({
      ok: true,
      value: {
        name: "web",
        note: "",
        memoryMiB: 128,
        share: 0.5,
        linked: true,
        tags: ["a"],
        firmware: "uefi",
        limit: null,
      },
    });
    expect(parseForm(schema, { ...good, tags: ["a", "b"], limit: "7" })).toMatchObject({
      value: { tags: ["a", "b"], linked: false, limit: 7 },
    });
    expect(parseForm(schema, { ...good, linked: ["false", "on"] })).toMatchObject({
      value: { linked: true },
    });
  });

  test.each<[string, Record<string, string | string[]>, Record<string, string>]>([
    [
      "nothing at all",
      { note: "" },
      { name: "field.required", memoryMiB: "field.required", firmware: "field.required" },
    ],
    ["an empty name", { ...good, name: "" }, { name: "field.required" }],
    ["a short name", { ...good, name: "a" }, { name: "field.tooShort" }],
    ["a long name", { ...good, name: "abcdefghijk" }, { name: "field.tooLong" }],
    ["a name of another form", { ...good, name: "a'b" }, { name: "guest.nameForm" }],
    ["a name twice", { ...good, name: ["ab", "cd"] }, { name: "field.repeated" }],
    ["too little", { ...good, memoryMiB: "0" }, { memoryMiB: "field.min" }],
    ["too much", { ...good, memoryMiB: "99999999999999999999" }, { memoryMiB: "field.max" }],
    ["a crooked number", { ...good, memoryMiB: "100" }, { memoryMiB: "field.multiple" }],
    ["no number", { ...good, memoryMiB: "12 GiB" }, { memoryMiB: "field.integer" }],
    ["hexadecimal", { ...good, memoryMiB: "0x80" }, { memoryMiB: "field.integer" }],
    ["a fraction", { ...good, memoryMiB: "128.5" }, { memoryMiB: "field.integer" }],
    ["an exclusive bound", { ...good, share: "1" }, { share: "field.below" }],
    ["no such choice", { ...good, firmware: "coreboot" }, { firmware: "field.choice" }],
    ["a checkbox with a word", { ...good, linked: "maybe" }, { linked: "field.type" }],
    ["too many", { ...good, tags: ["a", "b", "c"] }, { tags: "field.manyItems" }],
    ["a limit below", { ...good, limit: "0" }, { limit: "field.min" }],
    ["a control character", { ...good, note: "a\u0000b" }, { note: "field.characters" }],
  ])("%s is refused at its field", (_, form, expected) => {
    expect(wordsOf(form)).toEqual(expected);
  });
});

test("a schema gives the constraints that HTML knows", () => {
  expect(constraintsOf(schema, "name")).toEqual({
    required: true,
    minlength: 2,
    maxlength: 10,
    pattern: "[a-z]+",
  });
  expect(constraintsOf(schema, "note")).toEqual({ maxlength: 20 });
  expect(constraintsOf(schema, "memoryMiB")).toEqual({ required: true, min: 64, max: 4096, step: 64 });
  expect(constraintsOf(schema, "share")).toEqual({ step: "any" });
  expect(constraintsOf(schema, "node")).toEqual({ minlength: 1 });
  expect(constraintsOf(schema, "linked")).toEqual({});
  expect(constraintsOf(schema, "firmware")).toEqual({ required: true });
  expect(constraintsOf(schema, "limit")).toEqual({ min: 1, step: 1 });
  expect(() => constraintsOf(schema, "nmae")).toThrow("nmae");
});

test("a list's order and window are taken from its query", () => {
  expect(sortOf("-name" as "-name" | undefined, "name")).toEqual({ field: "name", descending: true });
  expect(sortOf<"name">(undefined, "name")).toEqual({ field: "name", descending: false });
  expect(windowOf({ page: 3, pageSize: 20 })).toEqual({ offset: 40, limit: 20 });
});

test("objects inside arrays and unions are closed, too", () => {
  const inner = Type.Object({ a: Type.Optional(Type.Integer()) });
  const outer = Type.Object({ list: Type.Array(inner), maybe: Type.Union([inner, Type.Null()]) });
  const result = check(outer, { list: [{ b: 1 }], maybe: { c: 1 } });
  expect(result.ok ? [] : result.errors.map((error) => `${error.path} ${error.word}`).sort()).toEqual([
    "list.0.b field.unknown",
    "maybe.c field.unknown",
  ]);
  expect(check(outer, { list: [], maybe: null }).ok).toBe(true);
});
