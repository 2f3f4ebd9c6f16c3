/**
 * Migrations between machines with a libvirtd each, over TLS with the certificates that joining hands out, asked for at
 * the controller's API. What is true is what the libvirtds and files say.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/client.ts";
import { Cluster } from "./lab.ts";

setDefaultTimeout(180_000);

let cluster: Cluster;
let templateId: string;

beforeAll(async () => {
  cluster = await Cluster.open({ nodes: 3, sharedPool: true });
  const first = cluster.worker(0).node;
  const path = "/srv/shared/template.qcow2";
  await first.machine.run("qemu-img", "create", "-q", "-f", "qcow2", path, "16M");
  templateId = await cluster.registerTemplate(path, { init: "none", nodeName: first.name });
});
afterAll(() => cluster?.close());

async function create(name: string, more: Record<string, unknown>): Promise<string> {
  type Made = { tasks: { id: string }[]; guests: { uuid: string }[] };
  const body = { name, templateId, vcpus: 1, memoryMiB: 64, nodeName: "node-1", ...more };
  const { tasks, guests } = await cluster.ask<Made>("POST", "/guests", body);
  for (const { id } of tasks) await cluster.succeeds(id);
  return guests[0]?.uuid ?? "";
}

async function migrate(uuid: string, nodeName: string): Promise<void> {
  type Begun = { task: { id: string } };
  const { task } = await cluster.ask<Begun>("POST", `/guests/${uuid}/migrate`, { nodeName });
  await cluster.succeeds(task.id);
}

/** The path of a guest's only disk. */
async function diskOf(uuid: string): Promise<string> {
  type Disk = { path: string };
  const { items } = await cluster.ask<{ items: Disk[] }>("GET", `/disks?role=all&guestUuid=${uuid}`);
  expect(items).toHaveLength(1);
  return items[0]?.path ?? "";
}

/** Where a guest is defined, and in what state. */
async function places(name: string): Promise<string[]> {
  const found: string[] = [];
  for (const { node } of cluster.workers)
    for (const line of (await node.virsh("list", "--all")).split("\n")) {
      const [, other, state] = /^\s*\S+\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
      if (other === name) found.push(`${node.name} ${state}`);
    }
  return found;
}

/** A node's file as seen from here. */
const fileOn = (index: number, path: string): string => join(cluster.worker(index).node.machine.folder, path);

test("a plugin from /etc/jimv/plugins is loaded on controllers and nodes", async () => {
  const { id, task } = await cluster.ask<{ id: string; task: { id: string } }>("POST", "/notes/node-2", {
    body: "from the lab",
  });
  await cluster.succeeds(task.id);
  expect(await cluster.ask("GET", `/notes/${id}`)).toMatchObject({ body: "from the lab", node: "node-2" });
});

test("a running guest on shared storage moves over TLS, and its file stays where it is", async () => {
  const uuid = await create("shared", { poolId: cluster.sharedPoolId });
  const path = await diskOf(uuid);
  await migrate(uuid, "node-2");
  expect(await places("shared")).toEqual(["node-2 running"]);
  expect(await cluster.ask("GET", `/guests/${uuid}`)).toMatchObject({ nodeName: "node-2", state: "running" });
  expect(await diskOf(uuid)).toBe(path);
});

test("one that is off is carried over with its disk, and leaves nothing behind", async () => {
  const uuid = await create("off", { start: false });
  const path = await diskOf(uuid);
  expect(existsSync(fileOn(0, path))).toBe(true);
  await migrate(uuid, "node-3");
  expect(await places("off")).toEqual(["node-3 shut off"]);
  expect([0, 2].map((node) => existsSync(fileOn(node, path)))).toEqual([false, true]);
});

test("a running guest takes its disk along where storage is not shared, though one of its ports is taken", async () => {
  const uuid = await create("local", {});
  const path = await diskOf(uuid);
  const { address, machine } = cluster.worker(1).node;
  const listens =
    "use Socket; socket(S,2,1,6); setsockopt(S,1,2,1); bind(S,pack_sockaddr_in(49152,inet_aton(shift))); listen(S,9); sleep";
  const other = machine.program("other", ["perl", "-e", listens, address]);
  await other.start();
  await until("the port is taken", 10_000, async () =>
    (await machine.run("cat", "/proc/net/tcp")).includes(":C000 00000000:0000 0A"),
  );
  await migrate(uuid, "node-2");
  await other.kill();
  expect(await places("local")).toEqual(["node-2 running"]);
  expect([0, 1].map((node) => existsSync(fileOn(node, path)))).toEqual([false, true]);
  await migrate(uuid, "node-1");
  expect(await places("local")).toEqual(["node-1 running"]);
  expect([0, 1].map((node) => existsSync(fileOn(node, path)))).toEqual([true, false]);
});

test("a node is emptied for maintenance, takes nothing, and takes guests again afterwards", async () => {
  // With the one that is back from the test before, three: running on shared storage, running and off on its own.
  await create("drained", { poolId: cluster.sharedPoolId });
  await create("resting", { start: false });
  type Drain = { state: string; steps: { name: string; state: string; reasons: unknown[] }[] };
  const { items } = await cluster.ask<{ items: { name: string; toNode: string | null }[] }>(
    "GET",
    "/nodes/node-1/drain-plan",
  );
  expect(items.map(({ name }) => name).sort()).toEqual(["drained", "local", "resting"]);
  expect(items.every(({ toNode }) => toNode !== null)).toBe(true);
  await cluster.ask("POST", "/nodes/node-1/drain");
  const body = { name: "late", templateId, vcpus: 1, memoryMiB: 64, nodeName: "node-1" };
  expect(await cluster.api("POST", "/guests", body)).toMatchObject({ status: 409 });
  let drain: Drain | null = null;
  await until("the node is empty", 120_000, async () => {
    ({ drain } = await cluster.ask<{ drain: Drain | null }>("GET", "/nodes/node-1/drain"));
    return drain?.state !== "draining";
  });
  expect(drain).toMatchObject({ state: "ended" });
  expect((drain as Drain | null)?.steps.map(({ state, reasons }) => ({ state, reasons }))).toEqual(
    Array.from({ length: 3 }, () => ({ state: "moved", reasons: [] })),
  );
  expect((await cluster.worker(0).node.virsh("list", "--all", "--name")).trim()).toBe("");
  await cluster.ask("PATCH", "/nodes/node-1", { maintenance: false });
  expect(await cluster.ask("GET", "/nodes/node-1/drain")).toEqual({ drain: null });
  await create("back", {});
  expect(await places("back")).toEqual(["node-1 running"]);
});

/** Begins a migration and kills JimV on the node that it leaves. */
async function leaveUnheard(name: string, uuid: string): Promise<string> {
  type Begun = { task: { id: string } };
  const body = { nodeName: "node-2", bandwidthMiBs: 1 };
  const { task } = await cluster.ask<Begun>("POST", `/guests/${uuid}/migrate`, body);
  await until("it is on its way", 60_000, async () => (await places(name)).length === 2);
  await cluster.worker(0).agent.kill();
  return task.id;
}

/** How a migration may end unheard: what becomes of the guest where it was, and what the list says of it there. */
const unheardEnds = {
  async "also defined"(name: string, xml: string) {
    await runsThereAlone(name);
    await define(name, xml);
    return "off";
  },
  async gone(name: string) {
    await runsThereAlone(name);
    return "failed";
  },
  // As where the last answer is lost together with libvirtd. Without its disk: the one that runs there holds that.
  async paused(name: string, xml: string) {
    await runsThereAlone(name);
    await define(name, xml.replaceAll(/<disk [\s\S]*?<\/disk>/g, ""));
    await cluster.worker(0).node.virsh("start", "--paused", name);
    return "paused";
  },
} satisfies Record<string, (name: string, xml: string) => Promise<string>>;

/** The other node runs it a moment before this one has let it go. */
async function runsThereAlone(name: string): Promise<void> {
  await until("it runs there alone", 60_000, async () => (await places(name)).join() === "node-2 running");
}

async function define(name: string, xml: string): Promise<void> {
  const file = `/srv/${name}.xml`;
  writeFileSync(fileOn(0, file), xml);
  await cluster.worker(0).node.virsh("define", fileOn(0, file));
}

for (const [end, make] of Object.entries(unheardEnds))
  test(`a guest whose migration ended unheard, ${end} where it was, is adopted where it runs`, async () => {
    const name = `unheard-${end.replace(" ", "-")}`;
    const uuid = await create(name, { poolId: cluster.sharedPoolId });
    const xml = await cluster.worker(0).node.virsh("dumpxml", "--inactive", "--security-info", name);
    const task = await leaveUnheard(name, uuid);
    const state = await make(name, xml);
    // It was sent as often as it may.
    await cluster.services.query(`update tasks set attempts = 20 where id = '${task}'`);
    await cluster.worker(0).agent.start();
    expect(await cluster.ended(task)).toMatchObject({ state: "failed", error: { word: "task.interrupted" } });
    await until(`it is ${state} in the list`, 60_000, async () => {
      const guest = await cluster.ask<{ state: string }>("GET", `/guests/${uuid}`);
      return guest.state === state;
    });
    await until("the other node has it, too", 60_000, async () => {
      type Domain = { uuid: string; kind: string };
      const path = "/foreign-domains?nodeName=node-2";
      const { items } = await cluster.ask<{ items: Domain[] }>("GET", path);
      return items.some((domain) => domain.uuid === uuid && domain.kind === "orphan");
    });
    const status = 409;
    for (const action of ["start", "resume"])
      expect(await cluster.api("POST", `/guests/${uuid}/${action}`)).toMatchObject({ status });
    expect(await cluster.api("DELETE", `/guests/${uuid}`, { force: true })).toMatchObject({ status });
    expect(await cluster.api("POST", `/guests/${uuid}/migrate`, { nodeName: "node-3" })).toMatchObject({
      status,
    });
    await migrate(uuid, "node-2");
    expect(await places(name)).toEqual(["node-2 running"]);
    expect(await cluster.ask("GET", `/guests/${uuid}`)).toMatchObject({
      nodeName: "node-2",
      state: "running",
    });
    expect(await cluster.screen(uuid)).toBe(`QEMU (${name})`);
  });

test("nothing is left over", async () => {
  const { findings, doubts } = await cluster.audit();
  expect([...findings, ...doubts].map(({ text }) => text)).toEqual([]);
});
