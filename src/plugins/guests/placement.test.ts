import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Candidate, type Need, type PoolRoom, place, refusal, type Seat } from "./placement.ts";

const gib = 1024 ** 3;
const seat = (node: string, change: Partial<Seat> = {}): Seat => ({
  node,
  usedMiB: 0,
  mostMiB: 16_384,
  usedVcpus: 0,
  mostVcpus: 64,
  vcpusEach: 8,
  pool: node,
  freePorts: 100,
  ports: { first: 15900, last: 15999 },
  ...change,
});
const room = (change: Partial<PoolRoom> = {}): PoolRoom => ({
  freeBytes: 1000 * gib,
  growBytes: 2000 * gib,
  onceBytes: 0,
  ...change,
});
const need: Need = { memoryMiB: 1024, vcpus: 1, writeBytes: gib, growBytes: 4 * gib };
const seats = (...all: Seat[]): Candidate[] => all.map((each) => ({ seat: each }));

/** A few nodes in a few pools, with room for a handful of guests each. */
const arbitrary = fc
  .record({
    nodes: fc.array(
      fc.record({
        usedMiB: fc.integer({ min: 0, max: 8192 }),
        mostMiB: fc.integer({ min: 1, max: 16_384 }),
        usedVcpus: fc.integer({ min: 0, max: 8 }),
        mostVcpus: fc.integer({ min: 1, max: 24 }),
        vcpusEach: fc.integer({ min: 1, max: 6 }),
        pool: fc.constantFrom("a", "b", "c"),
        freePorts: fc.integer({ min: 0, max: 6 }),
        closed: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    rooms: fc.array(
      fc.record({
        freeBytes: fc.integer({ min: 0, max: 12 }),
        growBytes: fc.integer({ min: 0, max: 40 }),
        onceBytes: fc.integer({ min: 0, max: 3 }),
      }),
      { minLength: 3, maxLength: 3 },
    ),
    need: fc.record({
      memoryMiB: fc.integer({ min: 64, max: 8192 }),
      vcpus: fc.integer({ min: 1, max: 6 }),
      writeBytes: fc.integer({ min: 0, max: 3 }),
      growBytes: fc.integer({ min: 1, max: 8 }),
    }),
    count: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ nodes, rooms, ...rest }) => ({
    candidates: nodes.map(({ closed, ...values }, at): Candidate => {
      const node = `node-${at}`;
      return closed
        ? { refusal: { of: node, word: "guests.nodeClosed", args: { node } } }
        : { seat: { ...seat(node), ...values } };
    }),
    rooms: new Map(["a", "b", "c"].map((key, at) => [key, room(rooms[at])])),
    ...rest,
  }));

const open = (candidates: readonly Candidate[]): Seat[] =>
  candidates.flatMap((each) => ("seat" in each ? [each.seat] : []));

/** How many guests a node takes at most, its pool aside. */
function mostOn(each: Seat, { vcpus, memoryMiB }: Need): number {
  if (vcpus > each.vcpusEach) return 0;
  const byMemory = Math.floor((each.mostMiB - each.usedMiB) / memoryMiB);
  const byVcpus = Math.floor((each.mostVcpus - each.usedVcpus) / vcpus);
  return Math.max(0, Math.min(byMemory, byVcpus, each.freePorts));
}

/** … and a pool. */
function mostIn({ freeBytes, growBytes, onceBytes }: PoolRoom, wanted: Need): number {
  if (onceBytes > freeBytes) return 0;
  const byWriting =
    wanted.writeBytes === 0
      ? Number.MAX_SAFE_INTEGER
      : Math.floor((freeBytes - onceBytes) / wanted.writeBytes);
  return Math.max(0, Math.min(byWriting, Math.floor(growBytes / wanted.growBytes)));
}

test("no node and no pool is ever given more than it has", () => {
  fc.assert(
    fc.property(arbitrary, ({ candidates, rooms, need, count }) => {
      const placed = place(candidates, rooms, need, count);
      if (!placed.ok) return;
      expect(placed.nodes).toHaveLength(count);
      for (const each of open(candidates)) {
        const here = placed.nodes.filter((node) => node === each.node).length;
        expect(here).toBeLessThanOrEqual(mostOn(each, need));
      }
      for (const [key, each] of rooms) {
        const names = open(candidates)
          .filter((one) => one.pool === key)
          .map((one) => one.node);
        const here = placed.nodes.filter((node) => names.includes(node)).length;
        if (here > 0) expect(here).toBeLessThanOrEqual(mostIn(each, need));
      }
      const closed = candidates.flatMap((each) => ("refusal" in each ? [each.refusal.of] : []));
      expect(placed.nodes.filter((node) => closed.includes(node))).toEqual([]);
    }),
  );
});

test("places as many as can be placed at all, and otherwise says why, once for each node", () => {
  fc.assert(
    fc.property(arbitrary, ({ candidates, rooms, need, count }) => {
      const placed = place(candidates, rooms, need, count);
      let possible = 0;
      for (const [key, each] of rooms) {
        const onNodes = open(candidates)
          .filter((one) => one.pool === key)
          .reduce((sum, one) => sum + mostOn(one, need), 0);
        possible += Math.min(onNodes, mostIn(each, need));
      }
      expect(placed.ok).toBe(possible >= count);
      if (placed.ok) return;
      expect(placed.placed).toBe(possible);
      const all = candidates.map((each) => ("seat" in each ? each.seat.node : each.refusal.of));
      expect(placed.reasons.map((reason) => reason.of)).toEqual(all.sort());
      for (const reason of placed.reasons) expect(reason.word).toStartWith("guests.");
    }),
  );
});

test("the order in which nodes are listed decides nothing", () => {
  fc.assert(
    fc.property(arbitrary, fc.integer(), ({ candidates, rooms, need, count }, seed) => {
      const shuffled = candidates
        .map((each, at) => ({ each, by: Math.sin(seed + at * 7919) }))
        .sort((a, b) => a.by - b.by)
        .map(({ each }) => each);
      expect(place(shuffled, rooms, need, count)).toEqual(place(candidates, rooms, need, count));
    }),
  );
});

test("equal nodes get equally many, one more at most", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 60 }), (nodes, count) => {
      const all = Array.from({ length: nodes }, (_, at) =>
        seat(`n${at}`, { mostMiB: 1_000_000, mostVcpus: 1000 }),
      );
      const placed = place(seats(...all), new Map(all.map((one) => [one.pool, room()])), need, count);
      if (!placed.ok) throw new Error("does not fit");
      const each = all.map((one) => placed.nodes.filter((node) => node === one.node).length);
      expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1);
    }),
  );
});

test("the less loaded node is filled up first, by whatever is scarcer there", () => {
  const rooms = new Map([
    ["a", room()],
    ["b", room()],
  ]);
  const busy = seat("a", { usedMiB: 8192 });
  expect(place(seats(busy, seat("b")), rooms, need, 4)).toEqual({ ok: true, nodes: ["b", "b", "b", "b"] });
  const threaded = seat("b", { usedVcpus: 60 });
  expect(place(seats(busy, threaded), rooms, need, 2)).toEqual({ ok: true, nodes: ["a", "a"] });
});

test("a pool that several nodes share is counted once, and a template is copied into it once", () => {
  const both = [seat("a", { pool: "shared" }), seat("b", { pool: "shared" })];
  const rooms = new Map([["shared", room({ freeBytes: 4 * gib, onceBytes: gib })]]);
  expect(place(seats(...both), rooms, need, 3)).toEqual({ ok: true, nodes: ["a", "b", "a"] });
  const full = place(seats(...both), rooms, need, 4);
  expect(full).toMatchObject({
    ok: false,
    placed: 3,
    reasons: [
      { of: "a", word: "guests.noDisk", args: { node: "a", needMiB: 1024, freeMiB: 0 } },
      { of: "b", word: "guests.noDisk" },
    ],
  });
});

test("each kind of shortage has its own reason, with the figures that decide", () => {
  const why = (change: Partial<Seat>, roomChange: Partial<PoolRoom> = {}, count = 1) =>
    refusal(seat("n", change), room(roomChange), need, count);
  expect(why({})).toBeNull();
  expect(why({ vcpusEach: 0 })).toMatchObject({ word: "guests.manyVcpus", args: { vcpus: 1, most: 0 } });
  expect(why({ usedMiB: 16_000 }, {}, 2)).toMatchObject({
    word: "guests.noMemory",
    args: { needMiB: 2048, freeMiB: 384, mostMiB: 16_384 },
  });
  expect(why({ usedVcpus: 64 })).toMatchObject({
    word: "guests.noVcpus",
    args: { need: 1, free: 0, most: 64 },
  });
  expect(why({ freePorts: 1 }, {}, 2)).toMatchObject({ word: "guests.noPort", args: { first: 15900 } });
  expect(why({}, { freeBytes: 5 })).toMatchObject({
    word: "guests.noDisk",
    args: { needMiB: 1024, freeMiB: 0 },
  });
  expect(why({}, { growBytes: gib })).toMatchObject({
    word: "guests.noDiskGrowth",
    args: { needMiB: 4096, freeMiB: 1024 },
  });
});
