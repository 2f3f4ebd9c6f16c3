/** What every dialect of the store must do beside rows: number events, keep leases, say how it is. */
import { afterEach, describe, expect, test } from "bun:test";
import { eq, insert, LeaseLostError, leaderLease, remove, type Store } from "../../src/core/store/index.ts";
import { contractMigrations, failure, guest, guests, leaves } from "./store-fixtures.ts";

/** Declares the tests. `open` gives an empty store each time; it is closed after each test. */
export function logContract(name: string, open: () => Promise<Store>): void {
  describe(`events and leases on ${name}`, () => {
    const opened: Store[] = [];
    const fresh = async (): Promise<Store> => {
      const store = await open();
      opened.push(store);
      await store.migrate(contractMigrations);
      return store;
    };
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    test("events are numbered by commit, told in order, and rolled back with their batch", async () => {
      const store = await fresh();
      const heard: number[] = [];
      const stop = store.onEvents((events) => heard.push(...events.map((event) => event.seq)));
      expect([await store.lastEventSeq(), await store.oldestEventSeq()]).toEqual([0, null]);
      await store.batch([], {
        events: [
          { topic: "a", key: "1" },
          { topic: "b", key: "2", data: { x: ["é"] } },
        ],
      });
      await failure(
        store.batch([remove(guests, "all", { expect: 1 })], { events: [{ topic: "never", key: "x" }] }),
      );
      await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          store.batch([insert(guests, guest(n))], { events: [{ topic: "guest", key: `uuid-${n}` }] }),
        ),
      );
      expect(heard).toEqual(Array.from({ length: 32 }, (_, n) => n + 1));
      const stored = await store.eventsAfter(0, 100);
      expect(stored.map((event) => event.seq)).toEqual(heard);
      expect(stored[0]).toMatchObject({ topic: "a", key: "1", data: null });
      expect(stored[1]).toMatchObject({ topic: "b", key: "2", data: { x: ["é"] } });
      expect((await store.eventsAfter(30, 1)).map((event) => event.seq)).toEqual([31]);
      stop();
      await store.batch([], { events: [{ topic: "a", key: "1" }] });
      expect(heard.length).toBe(32);
      expect([await store.lastEventSeq(), await store.oldestEventSeq()]).toEqual([33, 1]);
    });

    test("a listener is told after the commit, and one that throws harms nobody", async () => {
      const store = await fresh();
      const heard: string[] = [];
      const inner: Promise<void>[] = [];
      store.onEvents((events) => {
        if (events[0]?.topic === "first")
          inner.push(store.batch([], { events: [{ topic: "second", key: "k" }] }));
        if (events[0]?.topic === "first") throw new Error("a broken listener");
      });
      store.onEvents((events) => heard.push(...events.map((event) => event.topic)));
      await store.batch([], { events: [{ topic: "first", key: "k" }] });
      await Promise.all(inner);
      expect(heard).toEqual(["first", "second"]);
    });

    test("old events are pruned, but the newest are kept", async () => {
      const store = await fresh();
      const many = Array.from({ length: 2_500 }, (_, n) => ({ topic: "t", key: String(n) }));
      await store.batch([], { events: many });
      expect(await store.pruneEvents(10, 0)).toBe(0);
      expect(await store.pruneEvents(10, Date.now() + 60_000)).toBe(2_490);
      expect([await store.oldestEventSeq(), await store.lastEventSeq()]).toEqual([2_491, 2_500]);
      await store.batch([], { events: [{ topic: "t", key: "more" }] });
      expect(await store.lastEventSeq()).toBe(2_501);
    });

    test("leases: one holder, a new epoch for each, and the old one's batches are refused", async () => {
      const { leases, ...store } = await fresh();
      expect(await leases.acquire(leaderLease, "one", 60_000)).toBe(1);
      expect(await leases.acquire(leaderLease, "two", 60_000)).toBeNull();
      expect(await leases.acquire("other", "two", 60_000)).toBe(1);
      expect(await leases.renew(leaderLease, "one", 1, 60_000)).toBe(true);
      expect(await leases.renew(leaderLease, "two", 1, 60_000)).toBe(false);
      expect(await leases.holder(leaderLease)).toEqual({ holder: "one", epoch: 1 });
      await store.batch([insert(guests, guest(1))], { epoch: 1 });
      await leases.release(leaderLease, "one", 1);
      expect(await leases.holder(leaderLease)).toBeNull();
      // Released, but nobody else began to lead: what is under way may finish.
      await store.batch([insert(guests, guest(2))], { epoch: 1 });
      expect(await leases.acquire(leaderLease, "two", 60_000)).toBe(2);
      const late = await failure(store.batch([insert(guests, guest(3))], { epoch: 1 }));
      expect(late).toBeInstanceOf(LeaseLostError);
      expect(await store.count(guests)).toBe(2);
      expect(await leases.acquire(leaderLease, "three", 0, true)).toBe(3);
      expect(await leases.renew(leaderLease, "two", 2, 60_000)).toBe(false);
      expect(await leases.acquire(leaderLease, "four", 60_000)).toBe(4);
    });

    test("of many who ask for a free lease one gets it", async () => {
      const { leases } = await fresh();
      const asked = Array.from({ length: 20 }, (_, n) => leases.acquire(leaderLease, `holder-${n}`, 60_000));
      const epochs = (await Promise.all(asked)).filter((epoch) => epoch !== null);
      expect(epochs).toEqual([1]);
    });

    test("says its version, and refuses everything once closed", async () => {
      const store = await fresh();
      const answer = await store.ping();
      expect(answer.version).toMatch(/^\d+\.\d+/);
      expect(answer.milliseconds).toBeGreaterThan(0);
      await store.close();
      await store.close();
      expect(await failure(store.count(guests))).toMatchObject({ name: "StoreUnavailableError" });
    });

    test("a column of another table is a mistake, not wrong SQL", async () => {
      const store = await fresh();
      expect(await failure(store.select(guests, { where: eq(leaves.hits, 1) }))).toBeInstanceOf(TypeError);
    });
  });
}
