/** What both roads promise, in one process and over Redis. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { realClock } from "../../src/core/clock.ts";
import type { ControllerRoad, NodeRoad } from "../../src/core/road/contract.ts";
import { LocalRoad } from "../../src/core/road/local.ts";
import { openRedisControllerRoad } from "../../src/core/road/redis-controller.ts";
import { openRedisNodeRoad } from "../../src/core/road/redis-node.ts";
import { StoreUnavailableError } from "../../src/core/store/index.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { log, TestController, TestNode, until, upTo } from "./ends.ts";

const names = ["node-1", "node-2", "node-3"];

interface Roads {
  controller: ControllerRoad;
  node: (name: string, outbox: TestNode["outbox"]) => NodeRoad;
  close: () => Promise<void>;
}

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const openings: Record<string, () => Promise<Roads>> = {
  "in one process": async () => {
    const road = new LocalRoad(realClock);
    return { controller: road.controller, node: (name) => road.node(name), close: async () => {} };
  },
  "over Redis": async () => {
    await redis.cli(["flushall"]);
    const closes: (() => Promise<void>)[] = [];
    const common = { address: { url: redis.url }, clusterId: "c1", clock: realClock, log };
    const nodes = async () => names.map((name) => ({ name, passwordHash: null }));
    const controller = await openRedisControllerRoad({ ...common, holder: "one", nodes });
    closes.push(() => controller.close());
    const node = (name: string, notes: TestNode["outbox"]): NodeRoad => {
      const road = openRedisNodeRoad({ ...common, node: name, notes });
      closes.push(() => road.close());
      return road;
    };
    return { controller, node, close: async () => void (await Promise.all(closes.map((close) => close()))) };
  },
};

for (const [where, open] of Object.entries(openings))
  describe(`the road ${where}`, () => {
    let roads: Roads;
    let controller: TestController;
    let nodes: TestNode[];

    beforeEach(async () => {
      roads = await open();
      controller = await TestController.open();
      nodes = names.map((name) => new TestNode(name));
    });
    afterEach(async () => {
      for (const node of nodes) node.close();
      await controller.close();
      await roads.close();
    });
    const begin = (): void => {
      for (const node of nodes) node.on(roads.node(node.name, node.outbox));
    };

    test("says that it is there", async () => {
      const road = roads.node("node-1", (nodes[0] as TestNode).outbox);
      await until("connected", () => road.status().connected && roads.controller.status().connected);
      expect(roads.controller.status().reason).toBeNull();
    });

    test("brings commands to their node alone, in order", async () => {
      begin();
      const [one, two] = nodes as [TestNode, TestNode];
      await until("connected", () => roads.controller.status().connected);
      for (const fence of upTo(50)) await roads.controller.send(one.name, { type: "cancel", id: "a", fence });
      await roads.controller.send(two.name, { type: "greet" });
      await until("all heard", () => one.heard.length === 50 && two.heard.length === 1);
      expect(one.heard).toEqual(upTo(50).map((fence) => ({ type: "cancel", id: "a", fence })));
      expect(two.heard).toEqual([{ type: "greet" }]);
    });

    test("brings each node's reports in order, each applied once, and the outboxes become empty", async () => {
      controller.on(roads.controller);
      begin();
      for (const n of upTo(300)) for (const node of nodes) node.outbox.add("note", { n });
      await until("all applied", () => controller.applied.length >= 900);
      for (const { name } of nodes) expect(controller.numbers(name)).toEqual(upTo(300));
      await until("outboxes empty", () => nodes.every((node) => node.outbox.count() === 0));
    });

    test("reports that were written while no controller led are applied when one does", async () => {
      begin();
      const [one] = nodes as [TestNode];
      for (const n of upTo(200)) one.outbox.add("note", { n });
      controller.on(roads.controller);
      await until("all applied", () => controller.applied.length >= 200);
      expect(controller.numbers(one.name)).toEqual(upTo(200));
    });

    test("what the controller refuses comes again, in order", async () => {
      let refusals = 3;
      controller.before = async () => {
        if (refusals-- > 0) throw new StoreUnavailableError("not now", false);
      };
      controller.on(roads.controller);
      begin();
      for (const n of upTo(20)) (nodes[0] as TestNode).outbox.add("note", { n });
      await until("applied", () => controller.numbers("node-1").at(-1) === 20);
      expect(controller.numbers("node-1")).toEqual(upTo(20));
    });

    test("of what only the latest counts, the latest arrives", async () => {
      controller.on(roads.controller);
      begin();
      const [one] = nodes as [TestNode];
      for (const n of upTo(100)) {
        one.outbox.add("note", { n }, "beat");
        if (n % 10 === 0) await Bun.sleep(1);
      }
      await until("the last applied", () => controller.numbers(one.name).at(-1) === 100);
      const heard = controller.numbers(one.name);
      expect(heard).toEqual([...heard].sort((a, b) => a - b));
    });
  });
