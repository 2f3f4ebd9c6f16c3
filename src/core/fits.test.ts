import { expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { fits } from "./fits.ts";

const Report = Type.Object({
  kind: Type.Union([Type.Literal("a"), Type.Literal("b")]),
  count: Type.Integer({ minimum: 0 }),
  body: Type.Record(Type.String(), Type.Unknown()),
  more: Type.Optional(Type.Array(Type.String({ maxLength: 3 }))),
});

test.each([
  [{ kind: "a", count: 0, body: {} }, true],
  [{ kind: "b", count: 7, body: { x: [1, null] }, more: ["abc"], other: "is let through" }, true],
  [{ kind: "c", count: 0, body: {} }, false],
  [{ kind: "a", count: -1, body: {} }, false],
  [{ kind: "a", count: 1.5, body: {} }, false],
  [{ kind: "a", count: Number.NaN, body: {} }, false],
  [{ kind: "a", count: 0, body: [] }, false],
  [{ kind: "a", count: 0, body: {}, more: ["abcd"] }, false],
  [{ kind: "a", count: 0 }, false],
  [[], false],
  [null, false],
  ["text", false],
])("%j fits: %p", (value, answer) => {
  expect(fits(Report, value)).toBe(answer);
  expect(fits(Report, value)).toBe(answer);
});
