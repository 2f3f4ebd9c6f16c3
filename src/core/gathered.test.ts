import { expect, test } from "bun:test";
import { Gathered } from "./gathered.ts";

test("what is asked for together is one question; what comes during it is the next", async () => {
  const questions: number[][] = [];
  const gathered = new Gathered<number, string>(async (keys) => {
    questions.push([...keys]);
    await Bun.sleep(1);
    return new Map(keys.filter((key) => key < 10).map((key) => [key, `row ${key}`]));
  });
  const first = Promise.all([gathered.of(1), gathered.of(2), gathered.of(1), gathered.of(99)]);
  await Promise.resolve();
  const next = gathered.of(1);
  expect(await first).toEqual(["row 1", "row 2", "row 1", undefined]);
  expect(await next).toBe("row 1");
  expect(questions).toEqual([[1, 2, 99], [1]]);
});

test("an error is everybody's who asked, and nobody's who asks later", async () => {
  let isDown = true;
  const gathered = new Gathered<string, number>(async (keys) => {
    if (isDown) throw new Error("down");
    return new Map(keys.map((key) => [key, key.length]));
  });
  const both = await Promise.allSettled([gathered.of("a"), gathered.of("bb")]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isDown = false;
  expect(await gathered.of("bb")).toBe(2);
});
