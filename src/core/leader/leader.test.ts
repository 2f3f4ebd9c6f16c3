import { afterEach, expect, test } from "bun:test";
import type { Clock } from "../clock.ts";
import { sleepOn } from "../clock.ts";
import { openStore, type Store } from "../store/index.ts";
import { timing } from "../timing.ts";
import { Leader } from "./leader.ts";

/** A clock that stands still until it is told to move. */
class TestClock implements Clock {
  private time = 1_800_000_000_000;
  private timers: { at: number; fn: () => void }[] = [];
  now = (): number => this.time;
  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.time + ms, fn };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((each) => each !== timer);
    };
  }
  every(): never {
    throw new Error("not used here");
  }
  sleep = (ms: number, signal?: AbortSignal): Promise<void> => sleepOn(this, ms, signal);
  /** Moves on in steps, letting what each timer began come to its end. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const [next] = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.fn();
      await settled();
    }
    this.time = end;
  }
  /** As on a machine that was asleep: time is later, but no timer ran. */
  jump(ms: number): void {
    this.time += ms;
  }
}

/** Everything in these tests runs on microtasks; one turn of the event loop lets all of them end. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const opened: Store[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function shared(clock: Clock): Promise<Store> {
  const store = await openStore({ kind: "sqlite", path: ":memory:" }, { now: () => clock.now() });
  opened.push(store);
  await store.migrate([]);
  return store;
}

/** A controller of a cluster. `away` makes its database unreachable. */
function controller(store: Store, clock: Clock, holder: string) {
  const state = { away: false, errors: 0, told: [] as (number | null)[] };
  const reach =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (state.away) throw new Error("away");
      return call(...args);
    };
  const { leases } = store;
  const leader = new Leader({
    store: {
      dialect: "mysql",
      leases: {
        acquire: reach(leases.acquire),
        renew: reach(leases.renew),
        release: reach(leases.release),
        holder: reach(leases.holder),
      },
    },
    clock,
    holder,
    onError: () => state.errors++,
  });
  leader.onChange((epoch) => state.told.push(epoch));
  return { leader, state };
}

test("alone, it leads at once and for good", async () => {
  const clock = new TestClock();
  const store = await shared(clock);
  const told: (number | null)[] = [];
  const leader = new Leader({ store, clock, holder: "one" });
  leader.onChange((epoch) => told.push(epoch));
  await leader.start();
  await clock.pass(10 * timing.leaseMilliseconds);
  expect(leader.epoch()).toBe(1);
  await leader.stop();
  expect(told).toEqual([null, 1, null]);
  const second = new Leader({ store, clock, holder: "two" });
  await second.start();
  const third = new Leader({ store, clock, holder: "three" });
  await third.start();
  expect(third.epoch()).toBe(3);
  expect(await store.batch([], { epoch: 2 }).catch((error) => error.name)).toBe("LeaseLostError");
  await second.stop();
  // The second's release must not take the lease from the third.
  expect(await store.leases.holder("leader")).toEqual({ holder: "three", epoch: 3 });
});

test("of two, one leads and renews; the other follows at once when the first one stops", async () => {
  const clock = new TestClock();
  const store = await shared(clock);
  const one = controller(store, clock, "one");
  const two = controller(store, clock, "two");
  await one.leader.start();
  await two.leader.start();
  await clock.pass(20 * timing.leaseMilliseconds);
  expect([one.leader.epoch(), two.leader.epoch()]).toEqual([1, null]);
  await one.leader.stop();
  await clock.pass(timing.leaseRenewMilliseconds);
  expect([one.leader.epoch(), two.leader.epoch()]).toEqual([null, 2]);
  expect(one.state.told).toEqual([null, 1, null]);
  expect(two.state.told).toEqual([null, 2]);
});

test("one that can't reach the database stops before another begins", async () => {
  const clock = new TestClock();
  const store = await shared(clock);
  const one = controller(store, clock, "one");
  const two = controller(store, clock, "two");
  await one.leader.start();
  await two.leader.start();
  one.state.away = true;
  const order: string[] = [];
  one.leader.onChange((epoch) => order.push(`one ${epoch} at ${clock.now()}`));
  two.leader.onChange((epoch) => order.push(`two ${epoch} at ${clock.now()}`));
  order.length = 0;
  await clock.pass(2 * timing.leaseMilliseconds);
  expect(order.map((line) => line.slice(0, line.indexOf(" at")))).toEqual(["one null", "two 2"]);
  const [stopped = 0, began = 0] = order.map((line) => Number(line.slice(line.indexOf(" at ") + 4)));
  expect(began - stopped).toBeGreaterThanOrEqual(timing.leaseMarginMilliseconds);
  expect(one.state.errors).toBeGreaterThan(5);
  one.state.away = false;
  await clock.pass(timing.leaseRenewMilliseconds);
  expect([one.leader.epoch(), two.leader.epoch()]).toEqual([null, 2]);
});

test("a short outage costs nothing", async () => {
  const clock = new TestClock();
  const store = await shared(clock);
  const one = controller(store, clock, "one");
  await one.leader.start();
  one.state.away = true;
  await clock.pass(timing.leaseRenewMilliseconds + 2 * timing.leaseRetryMilliseconds);
  one.state.away = false;
  await clock.pass(2 * timing.leaseMilliseconds);
  expect(one.state.told).toEqual([null, 1]);
});

test("after a sleep of the machine it knows that it does not lead, before any timer ran", async () => {
  const clock = new TestClock();
  const store = await shared(clock);
  const one = controller(store, clock, "one");
  await one.leader.start();
  clock.jump(timing.leaseMilliseconds);
  expect(one.leader.epoch()).toBeNull();
  await clock.pass(1);
  expect(one.leader.epoch()).toBe(2);
  expect(one.state.told).toEqual([null, 1, null, 2]);
});

test("the wait times fit each other", () => {
  const own = timing.leaseMilliseconds - timing.leaseMarginMilliseconds;
  // Two renewals may fail before the leader gives up, and the margin covers the clock's whole seconds.
  expect(own).toBeGreaterThan(2 * timing.leaseRenewMilliseconds);
  expect(timing.leaseMarginMilliseconds).toBeGreaterThan(2_000);
  expect(timing.storeQueryMilliseconds).toBeGreaterThan(timing.storeLockWaitSeconds * 1_000);
});
