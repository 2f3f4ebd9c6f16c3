import { expect, test } from "bun:test";
import { remembered } from "./remembered.ts";

test("an answer is asked for once in its time, again after it or when it is forgotten, and a failure is not kept", async () => {
  let now = 0;
  let asked = 0;
  let fails = false;
  const figure = remembered({ now: () => now }, { fresh: 100, most: 100, least: 0 }, async () => {
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
  const figure = remembered({ now: () => now }, { fresh: 100, most: 100, least: 10 }, async () => ++asked);
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

test("nobody waits for a new answer while the last one is not too old, and a failure aside leaves that one", async () => {
  let now = 0;
  let asked = 0;
  const answers: PromiseWithResolvers<number>[] = [];
  const figure = remembered({ now: () => now }, { fresh: 10, most: 100, least: 0 }, () => {
    asked++;
    const answer = Promise.withResolvers<number>();
    answers.push(answer);
    return answer.promise;
  });
  const first = figure();
  answers[0]?.resolve(1);
  expect(await first).toBe(1);
  now = 10;
  expect(await Promise.all([figure(), figure()])).toEqual([1, 1]);
  expect(asked).toBe(2);
  answers[1]?.reject(new Error("away"));
  await Bun.sleep(0);
  expect(await figure()).toBe(1);
  expect(asked).toBe(3);
  now = 50;
  answers[2]?.resolve(3);
  await Bun.sleep(0);
  // As old as its question.
  expect(await figure()).toBe(3);
  expect(asked).toBe(4);
  figure.forget();
  const changed = figure();
  answers[3]?.resolve(4);
  answers[4]?.resolve(5);
  expect(await changed).toBe(5);
  expect(await figure()).toBe(5);
  now = 200;
  const late = figure();
  answers[5]?.resolve(6);
  expect(await late).toBe(6);
});
