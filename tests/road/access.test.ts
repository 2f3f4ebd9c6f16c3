/** What somebody can do who has a node's credentials: read its commands, add to its reports, and nothing else. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { realClock } from "../../src/core/clock.ts";
import { openRedisControllerRoad, type RedisControllerRoad } from "../../src/core/road/redis-controller.ts";
import { nodeRules, redisKeys } from "../../src/core/road/redis-keys.ts";
import type { RoadCredentials, RoadMember } from "../../src/core/road/redis-members.ts";
import { openRedisNodeRoad } from "../../src/core/road/redis-node.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { log, TestController, TestNode, until } from "./ends.ts";

let redis: TestRedis;
let road: RedisControllerRoad;
let stolen: RoadCredentials;
let other: RoadCredentials;
/** The nodes as the store would list them. */
let listed: RoadMember[];

beforeAll(async () => {
  redis = await startRedis();
  listed = [];
  road = await openRedisControllerRoad({
    address: { url: redis.url },
    clusterId: "c1",
    holder: "one",
    clock: realClock,
    log,
    nodes: async () => listed,
  });
  await until("connected", () => road.status().connected);
  stolen = await join("stolen");
  other = await join("other");
  await road.send("stolen", { type: "greet" });
  await road.send("other", { type: "greet" });
});
afterAll(async () => {
  await road.close();
  await redis.stop();
});

async function join(name: string): Promise<RoadCredentials> {
  const credentials = road.members.newCredentials(name);
  listed = [...listed, { name, passwordHash: credentials.passwordHash }];
  await road.members.admit({ name, passwordHash: credentials.passwordHash });
  return credentials;
}

test("a node works with its own credentials", async () => {
  const node = new TestNode("other");
  const address = { url: `redis://127.0.0.1:${redis.port}`, user: other.user, password: other.password };
  const end = openRedisNodeRoad({
    address,
    clusterId: "c1",
    node: "other",
    clock: realClock,
    log,
    notes: node.outbox,
  });
  const controller = (await TestController.open()).on(road);
  try {
    node.on(end);
    node.outbox.add("note", { n: 1 });
    await until(
      "heard and applied",
      () => controller.numbers("other").length === 1 && node.heard.length >= 1,
    );
    expect(node.heard[0]).toEqual({ type: "greet" });
  } finally {
    await controller.close();
    node.close();
    await end.close();
  }
});

const commands = "jimv:c1:commands:";
const reports = "jimv:c1:reports:";
const refusedCommands: Record<string, string[]> = {
  "reads another's commands": ["xread", "streams", `${commands}other`, "0"],
  "reads another's reports": ["xread", "streams", `${reports}other`, "0"],
  "reads its own reports": ["xread", "streams", `${reports}stolen`, "0"],
  "commands itself": ["xadd", `${commands}stolen`, "*", "command", "{}"],
  "commands another": ["xadd", `${commands}other`, "*", "command", "{}"],
  "speaks for another": ["xadd", `${reports}other`, "*", "reports", "{}"],
  "removes its commands": ["xdel", `${commands}stolen`, "1-1"],
  "forges the generation": ["set", "jimv:c1:generation", "x"],
  "empties Redis": ["flushall"],
  "changes the configuration": ["config", "set", "maxmemory", "1"],
  "reads the configuration": ["config", "get", "*"],
  "lists the keys": ["keys", "*"],
  "walks the keys": ["scan", "0"],
  "makes itself an administrator": ["acl", "setuser", "default", "nopass"],
  "runs a script": ["eval", "return redis.call('keys', '*')", "0"],
  "listens to controllers": ["subscribe", "jimv:c1:wake"],
  "wakes controllers": ["publish", "jimv:c1:wake", "x"],
  "watches others": ["monitor"],
  "reads what others sent": ["client", "list"],
  "stops the server": ["shutdown", "nosave"],
  "removes a key": ["del", `${commands}stolen`],
  "copies the data": ["psync", "?", "-1"],
};
for (const [what, command] of Object.entries(refusedCommands))
  test(`a stolen node is refused when it ${what}`, async () => {
    expect(await redis.cli(command, stolen)).toContain("NOPERM");
  });

test("a wrong password is refused", async () => {
  expect(await redis.cli(["ping"], { user: stolen.user, password: other.password })).toContain("WRONGPASS");
});

test("after a restart Redis has forgotten its users, and they are made again", async () => {
  await redis.kill();
  await redis.start();
  await until("let in again", async () => (await redis.cli(["ping"], other)) === "PONG");
});

test("who is expelled is shut out at once, also when Redis was away then, and its streams go", async () => {
  listed = listed.filter(({ name }) => name !== "stolen");
  await road.members.expel("stolen");
  expect(await redis.cli(["ping"], stolen)).toContain("WRONGPASS");
  expect(await redis.cli(["exists", `${commands}stolen`])).toBe("0");
  const late = await join("late");
  await until("let in", async () => (await redis.cli(["ping"], late)) === "PONG");
  listed = listed.filter(({ name }) => name !== "late");
  await until("shut out", async () => (await redis.cli(["ping"], late)).includes("WRONGPASS"));
});

test("Redis 6 gets rules of whole keys", () => {
  const rules = nodeRules(redisKeys("c1"), "a", "0".repeat(64), "keys");
  expect(rules).toContain("~jimv:c1:commands:a");
  expect(rules.some((rule) => rule.startsWith("%"))).toBe(false);
});

test("names that would stand for several keys are refused", () => {
  expect(() => redisKeys("c1").commands("*")).toThrow("can't be a node's name");
});

test("the controller says what of this Redis a person should know", async () => {
  await until("asked", () => road.facts() !== null);
  expect(road.facts()).toMatchObject({ access: "streams", warnings: ["notKept"] });
});
