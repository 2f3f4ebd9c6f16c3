/** Who is let in, and what the one can do who has a node's papers: against the real executable, MariaDB and Redis. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { realClock } from "../../src/core/clock.ts";
import { makeKeyPair } from "../../src/core/http/certificate.ts";
import { roadProtocol } from "../../src/core/road/contract.ts";
import { openRedisNodeRoad } from "../../src/core/road/redis-node.ts";
import { NodeKey } from "../../src/core/vault.ts";
import { log, TestNode } from "../road/ends.ts";
import { until } from "../support/app.ts";
import { Cluster, type ClusterController } from "../support/cluster.ts";

const patience = 120_000;
let cluster: Cluster;
let controller: ClusterController;

beforeAll(async () => {
  ({ cluster, controller } = await Cluster.open());
}, patience);
afterAll(() => cluster?.close(), patience);

interface Ticket {
  clusterId: string;
  road: { url: string; user: string; password: string };
}

const refusedOf = async (name: string): Promise<string | undefined> =>
  (await controller.ask<{ refused: { detail: string } | null }>("GET", `/nodes/${name}`)).refused?.detail;

test(
  "with the papers of a node that has joined nobody reads, commands or speaks for another one",
  async () => {
    for (const name of ["honest", "stolen"]) {
      const node = cluster.node(name, { machineId: name === "honest" ? "a".repeat(32) : "b".repeat(32) });
      const token = cluster.tokenFile(await controller.joinToken());
      const joined = await node.start(/works for cluster/, ["--join", controller.url, "--token-file", token]);
      expect(joined).not.toBeNull();
      await controller.nodeIs(name, "live");
    }
    const papers = readFileSync(join(cluster.folder, "stolen", "membership.json"), "utf8");
    const { clusterId, road } = JSON.parse(papers) as Ticket;
    const keys = `jimv:${clusterId}`;
    const refused = [
      ["xread", "streams", `${keys}:commands:honest`, "0"],
      ["xread", "streams", `${keys}:reports:honest`, "0"],
      ["xadd", `${keys}:commands:honest`, "*", "command", '{"type":"greet"}'],
      ["xadd", `${keys}:commands:stolen`, "*", "command", '{"type":"greet"}'],
      ["xadd", `${keys}:reports:honest`, "*", "reports", "[]"],
      ["set", `${keys}:generation`, "x"],
      ["publish", `${keys}:wake`, "x"],
      ["keys", "*"],
      ["acl", "list"],
      ["flushall"],
    ];
    for (const command of refused) expect(await cluster.redis.cli(command, road)).toContain("NOPERM");
    // What it may do is what a node does, and no more comes of it than its own reports.
    const own = ["xread", "streams", `${keys}:commands:stolen`, "0"];
    expect(await cluster.redis.cli(own, road)).not.toContain("NOPERM");
    await controller.nodeIs("honest", "live");
  },
  patience,
);

/** Asks to be let in as a program that speaks so would. */
async function join_(name: string, machineId: string, protocol: number): Promise<Response> {
  return fetch(`${controller.url}/api/v1/nodes/join`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      token: await controller.joinToken(),
      name,
      machineId,
      publicKey: NodeKey.random().publicKey,
      tlsKey: makeKeyPair().publicKey,
      address: null,
      version: "9.9.9",
      protocol,
    }),
  });
}

for (const [what, step] of [
  ["newer", 1],
  ["older", -1],
] as const)
  test(
    `a node whose protocol is one ${what} works; by two it is told so, and people are`,
    async () => {
      const machineId = (step === 1 ? "c" : "d").repeat(32);
      const far = await join_(`far-${what}`, machineId, roadProtocol + 2 * step);
      expect(far.status).toBe(409);
      expect(await far.text()).toContain(step === 1 ? "too new" : "too old");
      expect((await controller.api("GET", `/nodes/far-${what}`)).status).toBe(404);

      const near = await join_(what, machineId, roadProtocol + step);
      expect(near.status).toBe(201);
      const { clusterId, road: ticket } = (await near.json()) as Ticket;
      const node = new TestNode(what, machineId);
      const { url, user, password } = ticket;
      const road = openRedisNodeRoad({
        address: { url, user, password },
        clusterId,
        node: what,
        clock: realClock,
        log,
        notes: node.outbox,
      });
      const hello = (protocol: number): void => {
        const { publicKey } = NodeKey.random();
        const body = { machineId, version: "9.9.9", features: [], protocol, publicKey, running: [] };
        node.outbox.add("hello", body, "hello");
      };
      const heard = (type: string): boolean => node.heard.some((command) => command.type === type);
      try {
        node.on(road);
        hello(roadProtocol + step);
        await until("it is welcome", 30_000, () => heard("welcome"));
        expect(await refusedOf(what)).toBeUndefined();
        // Its program was exchanged.
        hello(roadProtocol + 2 * step);
        await until("it is refused", 30_000, () => heard("refused"));
        const word = step === 1 ? "node.refused.tooNew" : "node.refused.tooOld";
        expect(node.heard.find(({ type }) => type === "refused")).toMatchObject({ word });
        await until("people are told", 30_000, async () => (await refusedOf(what)) !== undefined);
        expect(await refusedOf(what)).toContain("9.9.9");
      } finally {
        node.close();
        await road.close();
      }
    },
    patience,
  );
