import { afterEach, beforeEach, expect, test } from "bun:test";
import { contractMigrations, guest, guests } from "../../tests/support/store-fixtures.ts";
import { Mirror } from "./mirror.ts";
import { eq, insert, openStore, remove, type Statement, type Store, update } from "./store/index.ts";
import { timing } from "./timing.ts";

let store: Store;
let now = 0;
let fails = false;
let reads = 0;
/** Happens when the next read's answer is there, and before anybody sees it. */
let meanwhile: (() => Promise<void>) | null = null;
let tell: (key: string) => void = () => {};

beforeEach(async () => {
  store = await openStore({ kind: "sqlite", path: ":memory:" });
  await store.migrate(contractMigrations);
  [now, fails, reads, meanwhile] = [0, false, 0, null];
});
afterEach(() => store.close());

const pick = async (...asked: Parameters<Store["pick"]>) => {
  reads++;
  if (fails) throw new Error("away");
  const found = await store.pick(...asked);
  const happens = meanwhile;
  meanwhile = null;
  await happens?.();
  return found;
};

const mirrorOf = () => {
  const told = new Map<string, number>();
  const tally = (state: string, change: number): void => {
    const count = (told.get(state) ?? 0) + change;
    if (count === 0) told.delete(state);
    else told.set(state, count);
  };
  const mirror = new Mirror(
    {
      store: { pick: pick as Store["pick"], onEvents: (listener) => store.onEvents(listener) },
      clock: { now: () => now },
      onEvents(listener) {
        tell = (key) => listener([{ topic: "guest", key }]);
        return () => {};
      },
    },
    { table: guests, key: guests.uuid, columns: [guests.state], topic: "guest" },
    (before, after) => {
      expect(after).not.toEqual(before);
      if (before) tally(before[0], -1);
      if (after) tally(after[0], 1);
    },
  );
  const count = async (): Promise<Map<string, number>> => {
    const counts = new Map<string, number>();
    for (const [state] of (await mirror.rows()).values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    // Who listens knows as much as who goes through all of them.
    expect(told).toEqual(counts);
    return counts;
  };
  return { count };
};

const uuidOf = (n: number): string => guest(n).uuid;
const write = (statement: Statement, ...numbers: number[]): Promise<void> =>
  store.batch([statement], { events: numbers.map((n) => ({ topic: "guest", key: uuidOf(n) })) });
const turn = (n: number, state: "off" | "running"): Promise<void> =>
  write(update(guests, { state }, eq(guests.uuid, uuidOf(n))), n);
const truth = () => store.countBy(guests, guests.state);
const rows = (count: number) => Array.from({ length: count }, (_, n) => guest(n, { state: "off" }));

test("knows what was there, and what came, changed and went, reading only that again", async () => {
  const mirror = mirrorOf();
  expect(await mirror.count()).toEqual(new Map());
  await write(insert(guests, rows(3)), 0, 1, 2);
  expect(await mirror.count()).toEqual(new Map([["off", 3]]));
  await turn(1, "running");
  expect(await mirror.count()).toEqual(await truth());
  const before = reads;
  expect(await mirror.count()).toEqual(await truth());
  expect(reads).toBe(before);
  await write(remove(guests, eq(guests.uuid, uuidOf(0))), 0);
  await turn(2, "running");
  expect(await mirror.count()).toEqual(new Map([["running", 2]]));
  expect(reads).toBe(before + 1);
});

test("more rows than are read at once, and more changes than that", async () => {
  const many = 4_500;
  await store.run(insert(guests, rows(many)));
  const mirror = mirrorOf();
  expect(await mirror.count()).toEqual(new Map([["off", many]]));
  await write(update(guests, { state: "running" }, "all"), ...Array.from({ length: many }, (_, n) => n));
  expect(await mirror.count()).toEqual(new Map([["running", many]]));
});

test("a change while it reads is seen by who asks after it", async () => {
  await store.run(insert(guests, rows(2)));
  const mirror = mirrorOf();
  meanwhile = () => turn(0, "running");
  const first = mirror.count();
  expect(await first).toEqual(await truth());
  meanwhile = () => turn(1, "running");
  await turn(0, "off");
  const early = mirror.count();
  await early;
  expect(await mirror.count()).toEqual(await truth());
});

test("who asks while it reads gets an answer that was read after the asking", async () => {
  await store.run(insert(guests, rows(2)));
  const mirror = mirrorOf();
  await mirror.count();
  await turn(0, "running");
  const late: Promise<Map<string, number>>[] = [];
  meanwhile = async () => {
    await turn(1, "running");
    late.push(mirror.count());
  };
  await mirror.count();
  expect(await Promise.all(late)).toEqual([new Map([["running", 2]])]);
});

test("what another controller changed is seen once its event is heard", async () => {
  await store.run(insert(guests, rows(2)));
  const mirror = mirrorOf();
  await mirror.count();
  await store.run(update(guests, { state: "running" }, eq(guests.uuid, uuidOf(0))));
  tell(uuidOf(0));
  expect(await mirror.count()).toEqual(await truth());
});

test("after a failure nothing is lost", async () => {
  await store.run(insert(guests, rows(2)));
  const mirror = mirrorOf();
  fails = true;
  expect(await mirror.count().catch(String)).toBe("Error: away");
  fails = false;
  expect(await mirror.count()).toEqual(await truth());
  await turn(0, "running");
  fails = true;
  expect(await mirror.count().catch(String)).toBe("Error: away");
  fails = false;
  expect(await mirror.count()).toEqual(await truth());
});

test("now and then all is read anew: a change of which no event spoke, and a row that went so", async () => {
  await store.run(insert(guests, rows(3)));
  const mirror = mirrorOf();
  await mirror.count();
  await store.run(update(guests, { state: "running" }, eq(guests.uuid, uuidOf(0))));
  await store.run(remove(guests, eq(guests.uuid, uuidOf(1))));
  now += timing.mirrorMilliseconds - 1;
  expect(await mirror.count()).toEqual(new Map([["off", 3]]));
  now += 1;
  expect(await mirror.count()).toEqual(await truth());
});
