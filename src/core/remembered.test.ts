import { expect, test } from "bun:test";
import { remembered } from "./remembered.ts";

test("an answer is asked for once in its time, again after it or when it is forgotten, and a failure is not kept", async () => {
  let now = 0;
  let asked = 0;
  let fails = false;
  const figure = remembered({ now: () => now }, 100, async () => {
    asked++;
    if (fails) throw new Error("away");
    return asked;
  });
  expect(await Promise.all([figure(), figure()])).toEqual([1, 1]);
  now = 99;
  expect(await figure()).toBe(1);
  now = 100;
  expect(await figure()).toBe(2);
  figure.forget();
  fails = true;
  expect(await figure().catch((error: Error) => error.message)).toBe("away");
  fails = false;
  expect(await figure()).toBe(4);
});

test("an answer that is forgotten all the time is kept for a least while all the same", async () => {
  let now = 0;
  let asked = 0;
  const figure = remembered({ now: () => now }, 100, async () => ++asked, 10);
  for (now = 0; now < 40; now++) {
    await figure();
    figure.forget();
  }
  expect(asked).toBe(4);
  now = 200;
  expect(await figure()).toBe(5);
  now = 220;
  figure.forget();
  expect(await figure()).toBe(6);
});
