import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { silentLog } from "../log/log.ts";
import { coreMigrations } from "../migrations.ts";
import {
  eq,
  insert,
  LeaseLostError,
  leaderLease,
  openStore,
  type Statement,
  type Store,
  update,
} from "../store/index.ts";
import { peers, type Task, tasks } from "../tasks/schema.ts";
import { timing } from "../timing.ts";
import { Applier } from "./applier.ts";
import type { Command, ControllerRoad, Envelope } from "./contract.ts";
import { knockKind } from "./pump.ts";

let time = 42;
const clock = { now: () => time, after: () => () => {}, every: () => () => {}, sleep: async () => {} };

/** A row to write to; which one does not matter here. */
function row(id: string, exclusiveKey: string | null = null): Task {
  return {
    id,
    kind: "test.kind",
    state: "queued",
    nodeName: "node-1",
    targetType: "test",
    targetKey: id,
    targetName: id,
    exclusiveKey,
    payload: "{}",
    progress: 0,
    step: null,
    etaSeconds: null,
    errorWord: null,
    errorArgs: null,
    leftovers: false,
    cancelRequested: false,
    actor: "system:test",
    fence: 1,
    attempts: 1,
    deadlineAt: 0,
    afterTask: null,
    createdAt: 0,
    sentAt: null,
    startedAt: null,
    endedAt: null,
  };
}

describe("the applier", () => {
  let store: Store;
  let deliver: (envelopes: Envelope[]) => Promise<void>;
  let sent: Command[];
  let away: boolean;
  let epoch: number | undefined;
  let applier: Applier;

  beforeEach(async () => {
    store = await openStore({ kind: "sqlite", path: ":memory:" });
    await store.migrate(coreMigrations);
    sent = [];
    away = false;
    epoch = undefined;
    deliver = async () => {
      throw new Error("nobody listens");
    };
    const road: ControllerRoad = {
      send: async (_node, command) => {
        if (away) throw new Error("the road is away");
        sent.push(command);
      },
      onReports: (handler) => {
        deliver = handler;
        return () => {};
      },
      onLoss: () => () => {},
      status: () => ({ kind: "local", connected: true, since: 0, reason: null }),
    };
    applier = new Applier({ store, clock, road, log: silentLog }, () => epoch);
    applier.start();
  });
  afterEach(() => store.close());

  const report = (sequence: number, kind = "make", generation = "one"): Envelope => ({
    node: "node-1",
    machine: "",
    generation,
    sequence,
    after: 0,
    key: null,
    incarnation: 1,
    at: 0,
    kind,
    body: {},
  });
  const position = async (): Promise<number | undefined> =>
    (await store.first(peers, { where: eq(peers.name, "node-1") }))?.position;
  const made = (): Promise<number> => store.count(tasks);
  const making = (): void => {
    applier.on("make", (envelope) => ({ statements: [insert(tasks, row(`task-${envelope.sequence}`))] }));
  };

  test("applies each report once, in order, and says how far", async () => {
    making();
    await deliver([report(1), report(2)]);
    await deliver([report(1), report(2), report(3)]);
    expect(await made()).toBe(3);
    expect(await position()).toBe(3);
    expect(sent.at(-1)).toEqual({ type: "applied", generation: "one", sequence: 3 });
  });

  describe("of reports of which only the latest counts it says how far", () => {
    const beat = (sequence: number, kind = "beat"): Envelope => ({ ...report(sequence, kind), key: "beat" });
    const told = (): number[] => sent.map((command) => (command.type === "applied" ? command.sequence : -1));

    test("once, then not before a while has passed", async () => {
      await deliver([beat(1)]);
      await deliver([beat(2)]);
      await deliver([beat(3)]);
      expect(told()).toEqual([1]);
      expect(await position()).toBe(3);
      time += timing.roadRestMilliseconds;
      await deliver([beat(4)]);
      await deliver([beat(5)]);
      expect(told()).toEqual([1, 4]);
    });

    test("when there were many, so that what a node may have under way never runs out", async () => {
      await deliver([beat(1)]);
      for (let sequence = 2; sequence <= 33; sequence++) await deliver([beat(sequence)]);
      expect(told()).toEqual([1, 17, 33]);
    });

    test("at once when it is asked, is told one again, or one is missing", async () => {
      await deliver([beat(1)]);
      await deliver([beat(2, knockKind)]);
      await deliver([beat(2)]);
      await deliver([{ ...beat(9), after: 8 }]);
      expect(told()).toEqual([1, 2, 2, 2]);
      expect(sent.at(-1)).toMatchObject({ again: true });
    });

    test("with the next one that must not be lost", async () => {
      making();
      await deliver([beat(1)]);
      await deliver([beat(2)]);
      await deliver([beat(3), report(4)]);
      expect(told()).toEqual([1, 4]);
    });

    test("after a word that was lost", async () => {
      away = true;
      await deliver([beat(1)]);
      away = false;
      await deliver([beat(2)]);
      expect(told()).toEqual([2]);
    });
  });

  test("a node whose clock is ahead tells of nothing later than now", async () => {
    const seen: number[] = [];
    applier.on("make", ({ at }) => {
      seen.push(at);
      return { statements: [] };
    });
    const now = clock.now();
    await deliver([
      { ...report(1), at: now + 3_600_000 },
      { ...report(2), at: now - 5 },
    ]);
    expect(seen[0]).toBeLessThan(now + 60_000);
    expect(seen[1]).toBe(now - 5);
  });

  test("effects and position are one: what fails leaves neither", async () => {
    applier.on("make", () => {
      const statements: Statement[] = [insert(tasks, row("task-1"))];
      return { statements };
    });
    const failing = store.batch;
    store.batch = async () => {
      throw new LeaseLostError(1);
    };
    await expect(deliver([report(1)])).rejects.toThrow();
    store.batch = failing;
    expect(await made()).toBe(0);
    expect(sent).toEqual([]);
  });

  test("a new generation starts over, and an old position does not hide it", async () => {
    making();
    await deliver([report(100)]);
    await deliver([report(1, "make", "two")]);
    expect(await made()).toBe(2);
    expect(sent.at(-1)).toEqual({ type: "applied", generation: "two", sequence: 1 });
  });

  test("a node that counts from too low is told where to go on", async () => {
    making();
    await deliver([report(100)]);
    await deliver([report(5)]);
    expect(sent.at(-1)).toEqual({ type: "applied", generation: "one", sequence: 100 });
  });

  test("a handler whose rows changed, or whose booking was taken, decides anew", async () => {
    await store.batch([insert(tasks, row("holder", "key-1"))]);
    let asked = 0;
    applier.on("make", () => {
      asked++;
      return { statements: [insert(tasks, row(`task-${asked}`, `key-${asked}`))] };
    });
    applier.on("stale", () => {
      asked++;
      const expected = asked < 5 ? 7 : 1;
      return { statements: [update(tasks, { progress: 9 }, eq(tasks.id, "holder"), { expect: expected })] };
    });
    await deliver([report(1)]);
    expect(asked).toBe(2);
    await deliver([report(2, "stale")]);
    expect(asked).toBe(5);
    expect((await store.first(tasks, { where: eq(tasks.id, "holder") }))?.progress).toBe(9);
  });

  test("what can never be applied is passed over and does not hold up what follows", async () => {
    making();
    applier.on("never", () => ({
      statements: [update(tasks, { progress: 1 }, eq(tasks.id, "nobody"), { expect: 1 })],
    }));
    applier.on("broken", () => {
      throw new Error("a defect");
    });
    await deliver([report(1, "never"), report(2, "broken"), report(3, "unheard of"), report(4)]);
    expect(await made()).toBe(1);
    expect(await position()).toBe(4);
  });

  test("who has lost the lead writes nothing, not even the position", async () => {
    making();
    const mine = await store.leases.acquire(leaderLease, "me", 60_000);
    epoch = mine ?? 0;
    applier.start();
    await deliver([report(1)]);
    await store.leases.acquire(leaderLease, "another", 60_000, true);
    await expect(deliver([report(2)])).rejects.toBeInstanceOf(LeaseLostError);
    expect(await position()).toBe(1);
    expect(await made()).toBe(1);
  });

  test("another machine of a node's name changes nothing, and both sides are told", async () => {
    making();
    await deliver([report(1)]);
    await store.run(update(peers, { machineId: "its own" }, eq(peers.name, "node-1")));
    applier.forget();
    sent.length = 0;
    const theirs = (sequence: number, kind: string): Envelope => ({
      ...report(sequence, kind, "theirs"),
      machine: "another",
    });
    await deliver([theirs(5, "make"), theirs(6, "hello"), theirs(7, "make")]);
    expect(await made()).toBe(1);
    expect(await position()).toBe(1);
    const refused = { word: "node.refused.taken", args: { node: "node-1", machine: "another" } };
    expect(sent).toEqual([{ type: "refused", machine: "another", ...refused }]);
    const [peer] = await store.select(peers);
    expect(peer?.refusal).toEqual({ ...refused, at: time, own: false });
    await deliver([{ ...report(2), machine: "its own" }]);
    expect(await made()).toBe(2);
  });

  test("where nodes join with a token, who has not joined is not heard", async () => {
    const road: ControllerRoad = {
      send: async (_node, command) => void sent.push(command),
      onReports: (handler) => {
        deliver = handler;
        return () => {};
      },
      onLoss: () => () => {},
      status: () => ({ kind: "redis", connected: true, since: 0, reason: null }),
    };
    new Applier({ store, clock, road, log: silentLog, membersOnly: true }, () => epoch).start();
    await deliver([report(1, "hello"), report(2)]);
    expect(await store.count(peers)).toBe(0);
    expect(sent).toMatchObject([{ type: "refused", word: "node.refused.unknown" }]);
  });
});
