import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Estimate, MigrationEstimator, type MigrationSample } from "./estimate.ts";

const mib = 1024 ** 2;

/** A guest and a road, as QEMU would migrate the one over the other. */
interface Story {
  memoryMiB: number;
  usedMiB: number;
  /** MiB written in a second, at random places in a set of so many MiB. */
  rate: number;
  set: number;
  speed: number;
  downtimeMilliseconds: number;
  /** Whether the load was measured beforehand. */
  measured: boolean;
  knowsUsed: boolean;
}

interface Told {
  at: number;
  estimate: Estimate;
  sample: MigrationSample;
}

const secondsMost = 600;
const lookMilliseconds = 500;

/** Plays a migration and asks twice a second. `ended` is when it is over (milliseconds), null when it never is. */
function play(story: Story): { told: Told[]; ended: number | null } {
  const dirtied = (seconds: number) => -Math.expm1((-story.rate * seconds) / story.set) * story.set * mib;
  const speed = story.speed * mib;
  const enough = (speed * story.downtimeMilliseconds) / 1000;
  const total = story.memoryMiB * mib;
  const estimator = new MigrationEstimator({
    downtimeMilliseconds: story.downtimeMilliseconds,
    usedBytes: story.knowsUsed ? story.usedMiB * mib : null,
    dirtied: story.measured ? [1, 3].map((seconds) => ({ seconds, bytes: dirtied(seconds) })) : [],
    autoConverge: true,
    postcopy: false,
  });
  const told: Told[] = [];
  const zeros = total - story.usedMiB * mib;
  let clock = 0;
  let sent = 0;
  let pass = 1;
  let toSend = story.usedMiB * mib;
  let nextLook = 0;
  while (clock < secondsMost * 1000) {
    const begun = clock;
    const ends = clock + (toSend / speed) * 1000;
    for (; nextLook < Math.min(ends, secondsMost * 1000); nextLook += lookMilliseconds) {
      const done = ((nextLook - begun) / 1000) * speed;
      // Memory that was never written lies evenly between the rest, and costs nothing to pass by.
      const zerosLeft = pass === 1 ? zeros * (1 - done / toSend) : 0;
      const sample: MigrationSample = {
        at: nextLook,
        diskTotalBytes: 0,
        diskLeftBytes: 0,
        pass,
        memoryTotalBytes: total,
        memoryLeftBytes: toSend - done + zerosLeft,
        memorySentBytes: sent + done,
        dirtyBytesPerSecond: 0,
        throttlePercent: 0,
        isPostcopy: false,
      };
      told.push({ at: nextLook, estimate: estimator.update(sample), sample });
    }
    clock = ends;
    sent += toSend;
    toSend = Math.min(total, dirtied((ends - begun) / 1000));
    if (toSend <= enough) return { told, ended: clock + (toSend / speed) * 1000 };
    pass++;
  }
  return { told, ended: null };
}

/** The error of the time left as a share of the true one, where a share of the way is over. */
function errorAt(run: ReturnType<typeof play>, share: number): number {
  const ended = run.ended ?? Number.NaN;
  const here = run.told.findLast(({ at }) => at <= ended * share);
  if (!here || here.estimate.secondsLeft === null) return Number.POSITIVE_INFINITY;
  const truth = (ended - here.at) / 1000;
  return Math.abs(here.estimate.secondsLeft - truth) / truth;
}

const quiet: Story = {
  memoryMiB: 4096,
  usedMiB: 2048,
  rate: 10,
  set: 1e9,
  speed: 100,
  downtimeMilliseconds: 300,
  measured: true,
  knowsUsed: true,
};

describe("the time left", () => {
  test.each([
    ["an idle guest", { ...quiet, rate: 0 }],
    ["a guest that writes a little", quiet],
    ["one that writes half as fast as is sent", { ...quiet, rate: 50 }],
    ["one that writes the same 200 MiB again and again", { ...quiet, rate: 80, set: 200, speed: 800 }],
    [
      "one whose first pass takes much longer than the measurements before it",
      { ...quiet, memoryMiB: 512, usedMiB: 140, rate: 3.5, set: 117, speed: 5 },
    ],
    ["unused memory that nobody told of", { ...quiet, knowsUsed: false, rate: 0 }],
  ] satisfies [string, Story][])("is right for %s", (_, story) => {
    const run = play(story);
    expect(run.ended).not.toBeNull();
    for (const share of [0.3, 0.5, 0.8]) expect(errorAt(run, share)).toBeLessThan(0.1);
  });

  test("is the geometric series: 1 + 1/2 + 1/4 … of the first pass", () => {
    const run = play({ ...quiet, rate: 50, downtimeMilliseconds: 1 });
    const early = run.told.find(({ estimate }) => estimate.secondsLeft !== null);
    // 2048 MiB at 100 MiB/s, twice.
    expect((early?.estimate.secondsLeft ?? 0) + (early?.at ?? 0) / 1000).toBeCloseTo(40.96, 0);
  });

  test("learns the dirtying from the first pass when nobody measured it", () => {
    const run = play({ ...quiet, rate: 50, measured: false });
    const second = run.told.find(
      ({ sample, estimate }) => sample.pass === 2 && estimate.secondsLeft !== null,
    );
    expect(second?.estimate.dirtiedPerSecond).toBeCloseTo(50 * mib, -7);
    expect(errorAt(run, 0.8)).toBeLessThan(0.15);
  });

  test("is not told for a guest that writes faster than is sent, but what will be done is", () => {
    const run = play({ ...quiet, rate: 150 });
    expect(run.ended).toBeNull();
    const { estimate } = run.told.at(-1) as Told;
    expect(estimate.secondsLeft).toBeNull();
    expect(estimate.converging).toBe(false);
    expect(estimate.remedy).toMatchObject({ kind: "throttle", percent: 20 });
    expect(estimate.percent).toBeLessThan(100);
  });
});

describe("what is done about one that does not converge", () => {
  const sample: MigrationSample = {
    at: 0,
    diskTotalBytes: 0,
    diskLeftBytes: 0,
    pass: 1,
    memoryTotalBytes: 1000 * mib,
    memoryLeftBytes: 1000 * mib,
    memorySentBytes: 0,
    dirtyBytesPerSecond: 0,
    throttlePercent: 0,
    isPostcopy: false,
  };
  const terms = {
    downtimeMilliseconds: 300,
    usedBytes: null,
    dirtied: [{ seconds: 1, bytes: 300 * mib }],
    autoConverge: false,
    postcopy: false,
  };
  const later = { ...sample, at: 1000, memoryLeftBytes: 900 * mib, memorySentBytes: 100 * mib };
  const remedyOf = (change: Partial<typeof terms>, throttlePercent = 0) => {
    const estimator = new MigrationEstimator({ ...terms, ...change });
    estimator.update({ ...sample, throttlePercent });
    return estimator.update({ ...later, throttlePercent }).remedy;
  };

  test.each([
    ["nothing, where nothing is allowed", {}, 0, { kind: "none" }],
    [
      "the first step of slowing down",
      { autoConverge: true },
      0,
      { kind: "throttle", percent: 20, inSeconds: 9 },
    ],
    ["the next step", { autoConverge: true }, 40, { kind: "throttle", percent: 50, inSeconds: 9 }],
    ["the last step", { autoConverge: true }, 95, { kind: "throttle", percent: 99, inSeconds: 9 }],
    ["nothing more after the last step", { autoConverge: true }, 99, { kind: "none" }],
    ["moving the guest first", { autoConverge: true, postcopy: true }, 0, { kind: "postcopy", inSeconds: 9 }],
  ] as const)("%s", (_, change, throttle, remedy) => {
    expect(remedyOf(change, throttle)).toEqual(remedy);
  });
});

test("disks are counted before the memory, and what follows a post-copy only once", () => {
  const estimator = new MigrationEstimator({
    downtimeMilliseconds: 300,
    usedBytes: 100 * mib,
    dirtied: [],
    autoConverge: false,
    postcopy: true,
  });
  const sample: MigrationSample = {
    at: 0,
    diskTotalBytes: 1000 * mib,
    diskLeftBytes: 1000 * mib,
    pass: 0,
    memoryTotalBytes: 200 * mib,
    memoryLeftBytes: 200 * mib,
    memorySentBytes: 0,
    dirtyBytesPerSecond: 0,
    throttlePercent: 0,
    isPostcopy: false,
  };
  expect(estimator.update(sample)).toMatchObject({ phase: "disks", secondsLeft: null });
  const half = estimator.update({ ...sample, at: 5000, diskLeftBytes: 500 * mib });
  expect(half).toMatchObject({ phase: "disks", secondsLeft: 6, bytesLeft: 500 * mib });
  estimator.update({ ...sample, at: 10_000, diskLeftBytes: 0, pass: 1 });
  const moved = { ...sample, diskLeftBytes: 0, pass: 2, isPostcopy: true };
  estimator.update({ ...moved, at: 11_000, memoryLeftBytes: 60 * mib });
  const after = estimator.update({ ...moved, at: 11_500, memoryLeftBytes: 10 * mib });
  expect(after).toMatchObject({ phase: "postcopy", converging: true });
  expect(after.secondsLeft).toBeLessThan(1);
});

const anyStory = fc.record({
  memoryMiB: fc.integer({ min: 512, max: 65_536 }),
  usedMiB: fc.integer({ min: 64, max: 512 }),
  rate: fc.integer({ min: 0, max: 500 }),
  set: fc.integer({ min: 1, max: 1_000_000 }),
  speed: fc.integer({ min: 5, max: 2000 }),
  downtimeMilliseconds: fc.constantFrom(100, 300, 2000),
  measured: fc.constantFrom(true, false),
  knowsUsed: fc.constantFrom(true, false),
});

describe("of any migration", () => {
  test("progress never runs backwards or beyond 99, and the time left is a number or nothing", () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        let percent = 0;
        for (const { estimate } of play(story).told) {
          expect(estimate.percent).toBeGreaterThanOrEqual(percent);
          expect(estimate.percent).toBeLessThanOrEqual(99);
          percent = estimate.percent;
          const { secondsLeft } = estimate;
          if (secondsLeft !== null) expect(Number.isFinite(secondsLeft) && secondsLeft >= 0).toBe(true);
          expect(estimate.remedy === null).toBe(estimate.converging);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("what was measured beforehand makes the estimate right from early on", () => {
    fc.assert(
      fc.property(anyStory, (any) => {
        const rate = Math.min(any.rate, any.speed * 0.7);
        const story = { ...any, measured: true, knowsUsed: true, rate };
        const run = play(story);
        expect(run.ended).not.toBeNull();
        if ((run.ended ?? 0) < 10_000) return;
        for (const share of [0.3, 0.5, 0.8]) expect(errorAt(run, share)).toBeLessThan(0.15);
      }),
      { numRuns: 200 },
    );
  });
});
