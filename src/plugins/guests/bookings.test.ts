import { afterEach, beforeEach, expect, test } from "bun:test";
import { eq, insert, openStore, type Store } from "jimv";
import { Bookings, isOvertaken, nodePlace } from "./bookings.ts";
import { guestsMigrations } from "./migrations.ts";
import { guestInterfaces } from "./schema.ts";

let store: Store;
beforeEach(async () => {
  store = await openStore({ kind: "sqlite", path: ":memory:" }, {});
  await store.migrate([{ name: "guests", migrations: guestsMigrations }]);
});
afterEach(() => store.close());

/** Room for five; any table will do to count what was given away. */
const room = 5;
async function bookOne(bookings: Bookings, name: string, between: () => Promise<unknown>): Promise<boolean> {
  const place = nodePlace("node-1");
  for (;;) {
    const versions = await bookings.read([place]);
    await between();
    const taken = await store.count(guestInterfaces, eq(guestInterfaces.guestUuid, "node-1"));
    if (taken >= room) return false;
    await between();
    try {
      const row = { mac: name, guestUuid: "node-1", position: 0, network: null, bridge: null };
      await store.batch([...bookings.claim(versions, [place, place]), insert(guestInterfaces, row)]);
      return true;
    } catch (error) {
      if (!isOvertaken(error)) throw error;
    }
  }
}

test("two controllers that look at the same room never give it away twice", async () => {
  const [one, other] = [new Bookings(store), new Bookings(store)];
  let seed = 7;
  const pause = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed % 3 === 0 ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve();
  };
  const asked = Array.from({ length: 30 }, (_, at) =>
    bookOne(at % 2 === 0 ? one : other, `mac-${at}`, pause),
  );
  expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(room);
  expect(await store.count(guestInterfaces)).toBe(room);
});

test("what was looked at before somebody booked is refused by the database", async () => {
  const bookings = new Bookings(store);
  const place = nodePlace("node-1");
  const seen = await bookings.read([place]);
  await store.batch(bookings.claim(seen, [place]));
  const late = await store.batch(bookings.claim(seen, [place])).catch((error) => error);
  expect(isOvertaken(late)).toBe(true);
  await store.batch(bookings.claim(await bookings.read([place]), [place]));
});

test("work in turn goes on after one that failed", async () => {
  const bookings = new Bookings(store);
  const order: string[] = [];
  const first = bookings.inTurn(async () => {
    await Promise.resolve();
    order.push("first");
    throw new Error("no");
  });
  const second = bookings.inTurn(async () => order.push("second"));
  expect(await first.catch((error) => error.message)).toBe("no");
  await second;
  expect(order).toEqual(["first", "second"]);
});
