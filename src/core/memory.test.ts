import { expect, test } from "bun:test";
import { trimWhenQuiet } from "./memory.ts";
import { timing } from "./timing.ts";

const mebibyte = 1024 ** 2;

/** Looks, each with the milliseconds of processor since the last one and the memory at that moment. */
function shrinksAt(looks: readonly [busyMilliseconds: number, mebibytes: number][]): number[] {
  let look = (): void => {};
  const usage = { cpuMilliseconds: 0, rssBytes: 0 };
  const shrunk: number[] = [];
  let at = 0;
  trimWhenQuiet(
    {
      every: (_, fn) => {
        look = fn;
        return () => {};
      },
    },
    () => ({ ...usage }),
    () => shrunk.push(at),
  );
  for (const [busy, mebibytes] of looks) {
    usage.cpuMilliseconds += busy;
    usage.rssBytes = mebibytes * mebibyte;
    look();
    at++;
  }
  return shrunk;
}

const idle = timing.memoryLookMilliseconds * 0.02;
const busy = timing.memoryLookMilliseconds * 0.5;

test("shrinks at the first quiet look, and then only after growth", () => {
  expect(
    shrinksAt([
      [busy, 150],
      [idle, 150],
      [idle, 110], // what is left
      [idle, 112],
      [idle, 113],
    ]),
  ).toEqual([1]);
});

test("waits for the end of work, then shrinks once", () => {
  expect(
    shrinksAt([
      [idle, 120],
      [idle, 110],
      [busy, 190],
      [busy, 200],
      [idle, 180],
      [idle, 112],
      [idle, 113],
    ]),
  ).toEqual([0, 4]);
});

test("slow growth while quiet is given back, too", () => {
  expect(
    shrinksAt([
      [idle, 120],
      [idle, 110],
      [idle, 113],
      [idle, 115],
      [idle, 110],
      [idle, 113],
    ]),
  ).toEqual([0, 3]);
});

test("work right after a shrink does not hide what it leaves", () => {
  expect(
    shrinksAt([
      [idle, 120],
      [busy, 190],
      [idle, 180],
      [idle, 110],
      [idle, 111],
    ]),
  ).toEqual([0, 2]);
});
