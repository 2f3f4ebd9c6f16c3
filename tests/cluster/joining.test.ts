/** Joining, leaving and names, with the real executable on MariaDB and Redis. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/app.ts";
import { Cluster, type ClusterController } from "../support/cluster.ts";

const patience = 120_000;
const works = /works for cluster/;

describe("a cluster", () => {
  let cluster: Cluster;
  let controller: ClusterController;

  beforeAll(async () => {
    ({ cluster, controller } = await Cluster.open());
  }, patience);
  afterAll(() => cluster.close(), patience);

  const join_ = (token: string): string[] => [
    "--join",
    controller.url,
    "--token-file",
    cluster.tokenFile(token),
  ];

  test(
    "a machine joins with a token, once, and starts again without it",
    async () => {
      const token = await controller.joinToken();
      const node = cluster.node("alpha");
      const list = await controller.stream("/events?view=nodes");
      expect(await node.start(works, join_(token))).not.toBeNull();
      // An open list shows it.
      await list("<hx-reload>");
      await controller.nodeIs("alpha", "live");
      const data = join(cluster.folder, "alpha");
      for (const file of ["membership.json", "pki/key.pem", "pki/cert.pem", "node.key"])
        expect(statSync(join(data, file)).mode & 0o077).toBe(0);
      const pem = (file: string): X509Certificate => new X509Certificate(readFileSync(join(data, file)));
      expect(pem("pki/cert.pem").checkIssued(pem("pki/ca.pem"))).toBe(true);
      expect(pem("pki/cert.pem").checkHost("alpha")).toBe("alpha");
      expect(pem("etc-pki/libvirt/servercert.pem").fingerprint256).toBe(pem("pki/cert.pem").fingerprint256);

      await node.stop();
      expect(await node.start(works)).not.toBeNull();

      // A new token is how its certificate is renewed: it stays the same node.
      const before = pem("pki/cert.pem").fingerprint256;
      await node.stop();
      expect(await node.start(works, join_(await controller.joinToken()))).not.toBeNull();
      await controller.nodeIs("alpha", "live");
      expect(pem("pki/cert.pem").fingerprint256).not.toBe(before);
      expect(pem("etc-pki/libvirt/servercert.pem").fingerprint256).toBe(pem("pki/cert.pem").fingerprint256);

      // The token is spent: another machine gets nothing, and nothing of it stays.
      const other = cluster.node("beta", { machineId: "b".repeat(32) });
      expect(await other.start(works, join_(token))).toBeNull();
      expect(other.output).toContain("used by node alpha");
      expect(existsSync(join(cluster.folder, "beta", "membership.json"))).toBe(false);
      expect((await controller.api("GET", "/nodes/beta")).status).toBe(404);
      expect(controller.program.output).toContain("a machine was not let in");
    },
    patience,
  );

  test(
    "wrong and ended tokens are refused with a sentence",
    async () => {
      const token = await controller.joinToken();
      const wrong = token.replace(/\.([\w-]{4})/, ".AAAA");
      const node = cluster.node("gamma");
      expect(await node.start(works, join_(wrong))).toBeNull();
      expect(node.output).toContain("not one of this cluster");
      expect(await node.start(works, join_("nonsense"))).toBeNull();
      expect(node.output).toContain("the token is incomplete");
      const [row] = (await cluster.mariadb.query("show databases like 'test%'")) as Record<string, string>[];
      const database = Object.values(row ?? {})[0] ?? "";
      await cluster.mariadb.query(
        `update \`${database}\`.nodes_join_tokens set expires_at = 1 where used_at is null`,
      );
      expect(await node.start(works, join_(token))).toBeNull();
      expect(node.output).toContain("The token has ended");
      expect((await controller.api("GET", "/nodes/gamma")).status).toBe(404);
    },
    patience,
  );

  test(
    "a second machine of a name that is taken is refused, at joining and at hello",
    async () => {
      const twin = cluster.node("alpha", { data: "twin", machineId: "c".repeat(32) });
      expect(await twin.start(works, join_(await controller.joinToken()))).toBeNull();
      expect(twin.output).toContain("The name alpha belongs to another machine");

      // A cloned machine has the other's very papers, but not its machine-id.
      const clone = cluster.node("alpha", { data: "clone", machineId: "d".repeat(32) });
      Bun.spawnSync(["cp", "-a", `${cluster.folder}/alpha/.`, `${cluster.folder}/clone/`]);
      Bun.spawnSync(["rm", "-f", `${cluster.folder}/clone/jimv.lock`]);
      expect(await clone.start(/belongs to another machine/)).not.toBeNull();
      const { body } = await controller.api<{ refused: { detail: string } | null }>("GET", "/nodes/alpha");
      expect(body.refused?.detail).toContain("d".repeat(32));
      await clone.stop("SIGKILL");
      await controller.nodeIs("alpha", "live");
    },
    patience,
  );

  test(
    "two nodes never have one address",
    async () => {
      const first = cluster.node("delta", { address: "10.77.0.1" });
      expect(await first.start(works, join_(await controller.joinToken()))).not.toBeNull();
      const second = cluster.node("epsilon", { address: "10.77.0.1" });
      expect(await second.start(works, join_(await controller.joinToken()))).toBeNull();
      expect(second.output).toContain("10.77.0.1");
      const change = await controller.api("PATCH", "/nodes/alpha", { managementAddress: "10.77.0.1" });
      expect(change.status).toBe(409);
      await first.stop("SIGKILL");
    },
    patience,
  );

  test(
    "a renamed machine is taken over, and an offline node is removed with what was chosen",
    async () => {
      const renamed = cluster.node("delta-new", { data: "delta" });
      expect(await renamed.start(works)).toBeNull();
      expect(renamed.output).toContain('joined as node "delta", but is called "delta-new" now');
      expect(await renamed.start(works, join_(await controller.joinToken()))).not.toBeNull();
      await controller.nodeIs("delta", "offline");
      const early = await controller.api("POST", "/nodes/delta-new/remove", { fates: {} });
      expect(early.status).toBe(409);
      await controller.ask("POST", "/nodes/delta-new/take-over", { from: "delta" });
      expect((await controller.api("GET", "/nodes/delta")).status).toBe(404);
      await controller.nodeIs("delta-new", "live");

      await renamed.stop("SIGKILL");
      await controller.nodeIs("delta-new", "offline");
      const { belongings } = await controller.ask<{ belongings: unknown[] }>(
        "GET",
        "/nodes/delta-new/belongings",
      );
      expect(belongings).toEqual([]);
      expect(
        (await controller.api("POST", "/nodes/delta-new/remove", { fates: { "guest:x": "keep" } })).status,
      ).toBe(409);
      await controller.ask("POST", "/nodes/delta-new/remove", { fates: {} });
      expect((await controller.api("GET", "/nodes/delta-new")).status).toBe(404);
      // Its secret opens nothing any more.
      await renamed.start(/Redis refuses this node's secret/);
      expect((await controller.api("GET", "/nodes/delta-new")).status).toBe(404);
      await renamed.stop("SIGKILL");
    },
    patience,
  );

  test(
    "of two controllers one leads; when it is killed the other takes over, and pages go on",
    async () => {
      const second = await cluster.controller("controller-2");
      expect(second.program.output).not.toContain(" leading ");
      await second.nodeIs("alpha", "live");
      // What is changed through one is heard by the other's stream.
      const heard = fetch(`${second.url}/api/v1/events`, {
        headers: { authorization: `Bearer ${await tokenOf(cluster)}`, accept: "text/event-stream" },
      }).then(async (response) => {
        let text = "";
        const decoder = new TextDecoder();
        for await (const chunk of response.body ?? []) {
          text += decoder.decode(chunk, { stream: true });
          if (text.includes('"alpha"')) return text;
        }
        return text;
      });
      await controller.ask("PATCH", "/nodes/alpha", { acceptsGuests: false });
      expect(await heard).toContain("alpha");

      await controller.program.stop("SIGKILL");
      await until("the second leads", 60_000, () => / leading /.test(second.program.output));
      await second.nodeIs("alpha", "live");
      await second.ask("PATCH", "/nodes/alpha", { acceptsGuests: true });
      const { task } = await second.ask<{ task: { id: string } }>("POST", "/nodes/alpha/configure", {
        storagePath: `${cluster.folder}/storage`,
      });
      await until("the new leader's task ends", 60_000, async () => {
        const { state } = await second.ask<{ state: string }>("GET", `/tasks/${task.id}`);
        return !["queued", "running"].includes(state);
      });
      await controller.start();
      await controller.nodeIs("alpha", "live");
    },
    patience,
  );
});

const tokenOf = async (cluster: Cluster): Promise<string> =>
  (await cluster.once(["token", "create", "--name", `t${crypto.randomUUID()}`], "controller-1")).trim();
