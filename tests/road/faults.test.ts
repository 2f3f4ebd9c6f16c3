/** The road over Redis while Redis, the wire and the ends misbehave: every report is applied once and in order. */
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { realClock } from "../../src/core/clock.ts";
import { openRedisControllerRoad, type RedisControllerRoad } from "../../src/core/road/redis-controller.ts";
import { openRedisNodeRoad, type RedisNodeRoad } from "../../src/core/road/redis-node.ts";
import { openWire } from "../support/cut.ts";
import { redisPassword, startRedis, type TestRedis, type TestRedisOptions } from "../support/redis.ts";
import { log, TestController, TestNode, until, upTo } from "./ends.ts";

const closes: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close();
});

interface Scene {
  redis: TestRedis;
  controller: TestController;
  controllerRoad: RedisControllerRoad;
  nodes: TestNode[];
  roads: RedisNodeRoad[];
}

/** A Redis, a controller that leads and `count` nodes that pump; `port` is where they look for Redis. */
async function scene(
  count: number,
  options: TestRedisOptions = {},
  redis?: TestRedis,
  port?: number,
): Promise<Scene> {
  const server = redis ?? (await startRedis(options));
  if (!redis) closes.push(() => server.stop());
  const address = { url: `redis://127.0.0.1:${port ?? server.port}`, password: redisPassword };
  const common = { address, clusterId: "c1", clock: realClock, log };
  const names = upTo(count).map((n) => `node-${n}`);
  const members = names.map((name) => ({ name, passwordHash: null }));
  const controllerRoad = await openRedisControllerRoad({
    ...common,
    holder: "one",
    nodes: async () => members,
  });
  closes.push(() => controllerRoad.close());
  const controller = (await TestController.open()).on(controllerRoad);
  closes.push(() => controller.close());
  const roads: RedisNodeRoad[] = [];
  const nodes = names.map((name) => {
    const node = new TestNode(name);
    const road = openRedisNodeRoad({ ...common, node: name, notes: node.outbox });
    roads.push(road);
    closes.push(async () => {
      node.close();
      await road.close();
    });
    return node.on(road);
  });
  return { redis: server, controller, controllerRoad, nodes, roads };
}

/** All nodes have `count` reports applied, each once and in order, and nothing left to tell. */
async function allApplied({ controller, nodes }: Scene, count: number): Promise<void> {
  await until(
    `${count} reports of each node`,
    () => nodes.every(({ name }) => controller.numbers(name).length >= count),
    40_000,
  );
  for (const { name } of nodes) expect(controller.numbers(name)).toEqual(upTo(count));
  await until("outboxes empty", () => nodes.every((node) => node.outbox.count() === 0), 40_000);
}

const note = (nodes: readonly TestNode[], from: number, to: number): void => {
  for (let n = from; n <= to; n++) for (const node of nodes) node.outbox.add("note", { n });
};

describe("nothing is lost", () => {
  for (const keeps of [false, true])
    test(`when Redis is killed and comes back ${keeps ? "with" : "without"} its data`, async () => {
      const it = await scene(2, { keeps });
      note(it.nodes, 1, 50);
      await until("some applied", () => it.controller.applied.length > 10);
      await it.redis.kill();
      await until("the ends know", () => !it.controllerRoad.status().connected);
      expect(it.controllerRoad.status().reason).toBeTruthy();
      note(it.nodes, 51, 100);
      await it.redis.start();
      note(it.nodes, 101, 120);
      await allApplied(it, 120);
      await until("connected", () => it.controllerRoad.status().connected);
    }, 60_000);

  test("when Redis is emptied, over and over", async () => {
    const it = await scene(2);
    let losses = 0;
    it.controllerRoad.onLoss(() => void losses++);
    note(it.nodes, 1, 100);
    await until("some applied", () => it.controller.applied.length > 10);
    for (const round of [1, 2, 3]) {
      await it.redis.cli(["flushall"]);
      note(it.nodes, round * 100 + 1, round * 100 + 100);
      await until("the controller knows", () => losses >= round);
    }
    await allApplied(it, 400);
  }, 60_000);

  test("when reports on the road are emptied away before anyone read them, and no one says so", async () => {
    const it = await scene(1);
    it.controller.off();
    await until("connected", () => it.roads.every((road) => road.status().connected));
    note(it.nodes, 1, 30);
    const length = async (): Promise<number> =>
      Number(await it.redis.cli(["xlen", "jimv:c1:reports:node-1"]));
    await until("on the road", async () => (await length()) > 0);
    await it.redis.cli(["del", "jimv:c1:reports:node-1"]);
    it.controller.on(it.controllerRoad);
    note(it.nodes, 31, 40);
    await allApplied(it, 40);
  }, 60_000);

  test("when Redis hangs for seconds", async () => {
    const it = await scene(2);
    note(it.nodes, 1, 20);
    await until("some applied", () => it.controller.applied.length > 10);
    it.redis.freeze();
    note(it.nodes, 21, 60);
    const asked = Date.now();
    await expect(it.controllerRoad.send("node-1", { type: "greet" })).rejects.toThrow("Redis is away");
    expect(Date.now() - asked).toBeLessThan(8_000);
    await until("the ends know", () => !it.controllerRoad.status().connected, 30_000);
    it.redis.thaw();
    await allApplied(it, 60);
  }, 90_000);

  test("when connections are cut in the middle of a delivery", async () => {
    const redis = await startRedis();
    closes.push(() => redis.stop());
    const wire = await openWire(redis.port);
    closes.push(() => wire.close());
    const it = await scene(3, {}, redis, wire.port);
    for (let round = 0; round < 12; round++) {
      wire.cut(200 + round * 377);
      note(it.nodes, round * 25 + 1, round * 25 + 25);
      await Bun.sleep(30);
    }
    wire.cut();
    await allApplied(it, 300);
  }, 60_000);

  test("when a controller is slow: reports wait on the nodes, and little is on the road", async () => {
    const it = await scene(1);
    it.controller.before = () => Bun.sleep(5);
    note(it.nodes, 1, 500);
    let most = 0;
    await until("applied", async () => {
      most = Math.max(most, it.nodes[0]?.outbox.count() ?? 0);
      return it.controller.applied.length >= 500;
    });
    await allApplied(it, 500);
    const left = async (): Promise<string> => it.redis.cli(["xlen", "jimv:c1:reports:node-1"]);
    await until("removed from the road", async () => (await left()) === "0");
  }, 60_000);

  test("of fifty nodes at once", async () => {
    const it = await scene(50);
    note(it.nodes, 1, 40);
    await allApplied(it, 40);
  }, 90_000);

  test("when another controller leads on", async () => {
    const it = await scene(2);
    note(it.nodes, 1, 100);
    await until("some applied", () => it.controller.applied.length > 10);
    it.controller.off();
    note(it.nodes, 101, 150);
    const address = { url: it.redis.url };
    const nodes = async () => it.nodes.map(({ name }) => ({ name, passwordHash: null }));
    const other = await openRedisControllerRoad({
      address,
      clusterId: "c1",
      clock: realClock,
      log,
      holder: "two",
      nodes,
    });
    closes.push(() => other.close());
    it.controller.on(other);
    await allApplied(it, 150);
  }, 60_000);
});

test("controllers wake each other, and not themselves", async () => {
  const it = await scene(1);
  const address = { url: it.redis.url };
  const nodes = async () => [];
  const other = await openRedisControllerRoad({
    address,
    clusterId: "c1",
    clock: realClock,
    log,
    holder: "two",
    nodes,
  });
  closes.push(() => other.close());
  let mine = 0;
  let theirs = 0;
  it.controllerRoad.onWake(() => void mine++);
  other.onWake(() => void theirs++);
  await until("woken", () => {
    it.controllerRoad.wakeOthers();
    return theirs > 0;
  });
  expect(mine).toBe(0);
});

test("whatever happens in whatever order: every report applied once, in order", async () => {
  const long = process.env.JIMV_LONG === "1";
  const redis = await startRedis();
  closes.push(() => redis.stop());
  const wire = await openWire(redis.port);
  closes.push(() => wire.close());
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("report" as const), n: fc.integer({ min: 1, max: 60 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("empty" as const), n: fc.constant(0) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("cut" as const), n: fc.integer({ min: 0, max: 5_000 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("lead anew" as const), n: fc.constant(0) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("wait" as const), n: fc.integer({ min: 1, max: 80 }) }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const before = closes.length;
      await redis.cli(["flushall"]);
      const it = await scene(2, {}, redis, wire.port);
      let told = 0;
      for (const { do: what, n } of steps) {
        if (what === "report") {
          note(it.nodes, told + 1, told + n);
          told += n;
        } else if (what === "empty") await redis.cli(["flushall"]);
        else if (what === "cut") wire.cut(n);
        else if (what === "wait") await Bun.sleep(n);
        else {
          it.controller.off();
          it.controller.on(it.controllerRoad);
        }
      }
      wire.cut();
      await allApplied(it, told);
      for (const close of closes.splice(before).reverse()) await close();
    }),
    { numRuns: long ? 100 : 6, endOnFailure: true },
  );
}, 600_000);
