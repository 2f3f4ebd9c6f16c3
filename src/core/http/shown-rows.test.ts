import { expect, test } from "bun:test";
import { mostRowsTold, rowMark, ShownRows } from "./shown-rows.ts";

test("a page hears of the rows that it told, and of those that came since", () => {
  const rows = ShownRows.told(["guest-1", "guest-2"].map(rowMark).join("."));
  expect(["guest-1", "guest-2", "guest-3"].map((id) => rows.has(id))).toEqual([true, true, false]);
  rows.add("guest-3");
  expect(rows.has("guest-3")).toBe(true);
});

test("a page that told nothing hears of all rows; one without rows of none", () => {
  const all = ShownRows.told(null);
  all.add("guest-1");
  expect(all.has("guest-2")).toBe(true);
  expect(ShownRows.told("").has("guest-2")).toBe(false);
});

test("what nobody would send costs no more than what a page may tell", () => {
  const rows = ShownRows.told(
    Array.from({ length: 2 * mostRowsTold }, (_, n) => rowMark(`row-${n}`)).join("."),
  );
  expect([rows.has("row-0"), rows.has(`row-${mostRowsTold}`)]).toEqual([true, false]);
});
