import { describe, expect, test } from "bun:test";
import { writingOf } from "./writing.ts";

const mib = 1024 ** 2;
const memoryMiB = 512;

/** What QEMU would count of a guest that writes so much a second into so large a set, without chance. */
const counted = ({ rate, set }: { rate: number; set: number }) =>
  [1, 4].map((seconds) => {
    const written = -Math.expm1((-rate * seconds) / set) * set;
    return { seconds, bytes: Math.floor(written / seconds) * seconds * mib };
  });

const told = (measured: ReturnType<typeof counted>, usedMiB: number | null = 240) =>
  writingOf(measured, memoryMiB * mib, usedMiB === null ? null : usedMiB * mib);

describe("of few pages that have changed", () => {
  test.each([
    { rate: 2, set: 200, after16: 29.6 },
    { rate: 6, set: 200, after16: 76.2 },
    { rate: 8, set: 64, after16: 55.3 },
    { rate: 9, set: 240, after16: 108.3 },
    { rate: 14, set: 24, after16: 24 },
  ])(
    "it tells what lies in the middle of what may be: $rate MiB/s into $set MiB",
    ({ rate, set, after16 }) => {
      const answer = told(counted({ rate, set })).find(({ seconds }) => seconds === 16);
      const written = (answer?.bytes ?? 0) / mib;
      expect(written).toBeGreaterThan(after16 * 0.45);
      expect(written).toBeLessThan(after16 * 2);
    },
  );

  test("a guest that writes nothing is not told to write much", () => {
    const answer = told(counted({ rate: 0, set: 1 }));
    expect(answer.find(({ seconds }) => seconds === 16)?.bytes ?? Number.NaN).toBeLessThan(4 * mib);
  });

  test("more time means more bytes, ever fewer a second, and no more than is in use", () => {
    const answer = told(counted({ rate: 14, set: 100 }));
    for (const [i, { seconds, bytes }] of answer.entries()) {
      const before = answer[i - 1];
      expect(bytes).toBeLessThanOrEqual(240 * mib);
      if (!before) continue;
      expect(bytes).toBeGreaterThanOrEqual(before.bytes);
      expect(bytes / seconds).toBeLessThan(before.bytes / before.seconds);
    }
  });
});

test("where many pages have changed what was measured is kept as it is", () => {
  const measured = [
    { seconds: 1, bytes: 400 * mib },
    { seconds: 4, bytes: 900 * mib },
  ];
  expect(writingOf(measured, 4096 * mib, null)).toEqual(measured);
});

test("a guest whose whole memory has changed is one, too", () => {
  const all = [1, 4].map((seconds) => ({ seconds, bytes: 100 * mib }));
  for (const { bytes } of writingOf(all, 100 * mib, null)) expect(Number.isFinite(bytes)).toBe(true);
});

test("without a measurement nothing is told", () => {
  expect(writingOf([], 512 * mib, null)).toEqual([]);
});
