import { expect, test } from "bun:test";
import { isMade, made } from "../store/index.ts";
import { coalesce } from "./coalesce.ts";

const event = (seq: number, key: string, data: unknown = null) => ({ seq, at: 0, topic: "thing", key, data });

test("of one thing's events the last stays, and that the thing is new", () => {
  const events = [
    event(1, "a", { ...made, state: "queued" }),
    event(2, "b"),
    event(3, "a", { state: "running" }),
    event(4, "c", made),
    event(5, "c"),
    event(6, "b", { x: 1 }),
  ];
  const left = coalesce(events);
  expect(left).toEqual([
    event(3, "a", { state: "running", made: true }),
    event(5, "c", { made: true }),
    event(6, "b", { x: 1 }),
  ]);
  expect(left.map(isMade)).toEqual([true, true, false]);
});

test("what says nothing, or a word, tells of nothing new", () => {
  for (const data of [null, undefined, "made", { made: "yes" }])
    expect(isMade(event(1, "a", data))).toBe(false);
});
