import { afterEach, beforeEach, expect, test } from "bun:test";
import { eq, insert, type NewRow, openStore, remove, type Statement, type Store, update } from "jimv";
import { KnownGuests } from "./known.ts";
import { guestsMigrations } from "./migrations.ts";
import { guests } from "./schema.ts";
import type { GuestState } from "./states.ts";

let store: Store;
let known: KnownGuests;
beforeEach(async () => {
  store = await openStore({ kind: "sqlite", path: ":memory:" });
  await store.migrate([{ name: "guests", migrations: guestsMigrations }]);
  known = new KnownGuests({ store, clock: { now: () => 0 }, onEvents: () => () => {} });
});
afterEach(() => store.close());

const uuidOf = (n: number): string => `aaaaaaaa-0000-4000-8000-${String(n).padStart(12, "0")}`;
const guest = (n: number, nameKey: string, remarkKey: string, state: GuestState): NewRow<typeof guests> => ({
  ...{ uuid: uuidOf(n), name: nameKey, nameKey, remark: remarkKey, remarkKey, state, nodeName: "node-1" },
  ...{ templateName: "Debian", wantedState: "off", vcpus: 1, memoryMiB: 1024, osFamily: "linux" },
  ...{ isWindows: false, init: "none", userName: "root", initState: "done", vncListen: "127.0.0.1" },
  ...{ vncPasswordSealed: "", hostname: nameKey, observedIncarnation: 0, observedSequence: 0, createdAt: 0 },
});
const write = (n: number, statement: Statement): Promise<void> =>
  store.batch([statement], { events: [{ topic: "guest", key: uuidOf(n) }] });

/** What the store says, each guest looked at. */
async function looked(text: string): Promise<string[]> {
  const rows = await store.select(guests);
  const holds = (row: (typeof rows)[number]): boolean =>
    row.nameKey.includes(text) || row.remarkKey.includes(text) || row.uuid === text;
  return rows.filter(holds).map(({ uuid }) => uuid);
}

test("counts and finds as the store would, whatever came, was renamed, changed its state and went", async () => {
  let seed = 11;
  const random = (below: number): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed % below;
  };
  const states: readonly GuestState[] = ["running", "off", "paused"];
  const words = ["web", "db", "数据库", "a", "ab", "b-a", ""];
  const word = (): string => words[random(words.length)] ?? "";
  const there = new Set<number>();
  for (let n = 0; n < 300; n++) {
    const old = [...there][random(there.size || 1)];
    const what = random(6);
    if (old === undefined || what < 3) {
      await write(n, insert(guests, [guest(n, `${word()}${n}`, word(), states[random(3)] ?? "off")]));
      there.add(n);
    } else if (what === 3) {
      await write(old, remove(guests, eq(guests.uuid, uuidOf(old))));
      there.delete(old);
    } else {
      const change =
        what === 4 ? { state: states[random(3)] ?? "off" } : { nameKey: `${word()}${n}`, remarkKey: word() };
      await write(old, update(guests, change, eq(guests.uuid, uuidOf(old))));
    }
    const text = [word(), String(random(300)), uuidOf(random(300))][random(3)] || "a";
    expect((await known.holding(text, 1000))?.sort()).toEqual((await looked(text)).sort());
    expect(await known.counts()).toEqual(await store.countBy(guests, guests.state));
  }
});

test("each guest is found once, and none when they are more than asked for", async () => {
  await store.run(
    insert(
      guests,
      ["aaa", "aab", "b"].map((name, n) => guest(n, name, "aaa", "off")),
    ),
  );
  expect(await known.holding("a", 3)).toEqual([uuidOf(0), uuidOf(1), uuidOf(2)]);
  expect(await known.holding("a", 2)).toBeNull();
  expect(await known.holding("zz", 0)).toEqual([]);
});

test("a text over the seam of two guests' words hides no one behind it", async () => {
  await store.run(insert(guests, [guest(0, "a", "x", "off"), guest(1, "x", "x\nx", "off")]));
  expect(await known.holding("x\nx\nx", 10)).toContain(uuidOf(1));
});
