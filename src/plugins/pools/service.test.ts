/** The rules, API and pages of storage pools on a real controller; nodes are played by the test. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { heartbeat, makeStage, type Stage } from "../../../tests/support/stage.ts";
import { nodesPlugin } from "../nodes/index.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { poolService, poolsPlugin } from "./index.ts";

const gib = 1024 ** 3;
const figures = { capacityBytes: 100 * gib, availableBytes: 40 * gib };
const shared = { name: "fast", kind: "shared", path: "/mnt/fast", nodeNames: ["kvm-1", "kvm-2"] };

let stage: Stage;
beforeEach(async () => {
  stage = await makeStage([tasksPlugin, nodesPlugin, poolsPlugin]);
  for (const node of ["kvm-1", "kvm-2"]) await stage.report("nodes.heartbeat", heartbeat, node);
});
afterEach(() => stage.stop());

const pools = () => stage.controller.use(poolService);
const poolOf = async (name: string) => {
  const pool = (await pools().list()).find((each) => each.name === name);
  if (!pool) throw new Error(`no pool ${name}`);
  return pool;
};
async function end(task: { id: string; fence: number }, node: string, body: Record<string, unknown>) {
  await stage.report(
    "task.ended",
    { id: task.id, fence: task.fence, error: null, leftovers: false, ...body },
    node,
  );
}
/** What a node tells of the pool. */
async function told(node: string, change: Record<string, unknown> = {}): Promise<void> {
  const pool = await poolOf("fast");
  const fact = { libvirtName: `jimv-pool-${pool.id}`, ...figures, mark: pool.id, error: null, ...change };
  await stage.report("pools.facts", { pools: [fact] }, node);
}
async function made(): Promise<string> {
  const admin = await stage.token("administrator");
  const answer = await admin.ask("/api/v1/pools", { json: shared });
  expect(answer.status).toBe(202);
  const { pool } = (await answer.json()) as { pool: { id: string } };
  await end(await stage.command("pools.add"), "kvm-1", { state: "succeeded", result: figures });
  await end(await stage.command("pools.add"), "kvm-2", { state: "succeeded", result: figures });
  return pool.id;
}

test("a shared pool is marked by its first node; the other waits for that, and looks for the mark", async () => {
  const admin = await stage.token("administrator");
  const { tasks } = (await (await admin.ask("/api/v1/pools", { json: shared })).json()) as {
    tasks: { id: string }[];
  };
  expect(tasks).toHaveLength(2);
  const first = await stage.command("pools.add");
  expect(first.payload).toMatchObject({ isFirst: true, path: "/mnt/fast", kind: "shared", trusted: false });
  const task = await (await admin.ask(`/api/v1/tasks/${tasks[1]?.id}`)).json();
  expect(task).toMatchObject({ state: "queued" });
  await end(first, "kvm-1", { state: "succeeded", result: figures });
  const second = await stage.command("pools.add");
  expect(second.payload).toMatchObject({ isFirst: false });
  await end(second, "kvm-2", {
    state: "failed",
    error: { word: "pools.otherStorage", args: { path: "/mnt/fast" } },
  });
  const pool = await poolOf("fast");
  expect(pool.presences.map((each) => [each.nodeName, each.state, each.problem?.word])).toEqual([
    ["kvm-1", "ready", undefined],
    ["kvm-2", "failed", "pools.otherStorage"],
  ]);
  expect(pool).toMatchObject({ trouble: "unhealthy", ...figures, usedPercent: 60 });
  // Mended and tried again.
  expect((await admin.ask(`/api/v1/pools/${pool.id}/nodes`, { json: { nodeName: "kvm-2" } })).status).toBe(
    202,
  );
  await end(await stage.command("pools.add"), "kvm-2", { state: "succeeded", result: figures });
  expect((await poolOf("fast")).trouble).toBeNull();
});

test("when the first node fails, the others fail with its reason", async () => {
  await pools().create({ ...shared, kind: "shared", trustedSharedMount: false, warnPercent: 85 }, someone);
  const error = { word: "pools.notShared", args: { path: "/mnt/fast", type: "ext4" } };
  await end(await stage.command("pools.add"), "kvm-1", { state: "failed", error });
  for (let tries = 0; tries < 200; tries++) {
    if ((await poolOf("fast")).presences.every((each) => each.state === "failed")) break;
    await Bun.sleep(5);
  }
  expect((await poolOf("fast")).presences.map((each) => each.problem?.word)).toEqual([
    error.word,
    error.word,
  ]);
});
const someone = { kind: "user", name: "anna" } as const;

test("health follows what nodes tell: a lost mount, an error, silence; and how a disk could move", async () => {
  const id = await made();
  await told("kvm-1");
  await told("kvm-2", { mark: null });
  expect(await pools().standing(id, "kvm-1", "kvm-2")).toMatchObject({
    present: false,
    shared: true,
    problem: { word: "pools.notMounted" },
  });
  await told("kvm-2", { error: { word: "pools.silent", args: { path: "/mnt/fast" } } });
  expect((await poolOf("fast")).presences[1]?.problem?.word).toBe("pools.silent");
  await told("kvm-2", { availableBytes: gib });
  expect(await pools().standing(id, "kvm-1", "kvm-2")).toEqual({
    present: true,
    shared: true,
    trusted: false,
    path: "/mnt/fast",
    problem: null,
  });
  expect(await poolOf("fast")).toMatchObject({ availableBytes: gib, usedPercent: 99, trouble: "nearlyFull" });
  expect(await pools().standing(id, "kvm-1", "kvm-3")).toMatchObject({
    present: false,
    problem: { word: "pools.notOnNode" },
  });
  // libvirt over there has forgotten it: it is set up again.
  await stage.report("pools.facts", { pools: [] }, "kvm-2");
  expect((await stage.command("pools.add")).payload).toMatchObject({ isFirst: false, poolId: id });
});

test("the API refuses what makes no sense, and takes pools away once nothing has them", async () => {
  const admin = await stage.token("administrator");
  const status = async (json: unknown): Promise<number> =>
    (await admin.ask("/api/v1/pools", { json })).status;
  for (const wrong of [
    { ...shared, path: undefined },
    { ...shared, path: "relative" },
    { ...shared, path: "/etc" },
    { ...shared, name: "a b" },
    { ...shared, kind: "nfs" },
    { ...shared, nodeNames: [] },
    { ...shared, kind: "ceph" },
    { ...shared, warnPercent: 0 },
    { ...shared, extra: 1 },
  ])
    expect([wrong, await status(wrong)]).toEqual([wrong, 422]);
  expect(await status({ ...shared, nodeNames: ["nobody"] })).toBe(409);
  const id = await made();
  expect(await status(shared)).toBe(409);
  expect((await admin.ask(`/api/v1/pools/${id}`, { method: "DELETE" })).status).toBe(409);
  expect((await admin.ask("/api/v1/pools/local", { method: "DELETE" })).status).toBe(409);
  for (const query of ["sort=path", "kind=odd", "colour=red"])
    expect((await admin.ask(`/api/v1/pools?${query}`)).status).toBe(422);
  expect(await (await admin.ask("/api/v1/pools?kind=shared&nodeName=kvm-2")).json()).toMatchObject({
    total: 1,
    items: [{ id, nodes: [{ nodeName: "kvm-1" }, { nodeName: "kvm-2" }] }],
  });
  for (const node of ["kvm-1", "kvm-2"]) {
    expect((await admin.ask(`/api/v1/pools/${id}/nodes/${node}`, { method: "DELETE" })).status).toBe(202);
    const task = await stage.command("pools.remove");
    expect(task.payload).toMatchObject({ isLast: node === "kvm-2" });
    await end(task, node, { state: "succeeded", result: {} });
  }
  expect((await admin.ask(`/api/v1/pools/${id}`, { method: "DELETE" })).status).toBe(204);
  const reader = await stage.token("reader");
  expect((await reader.ask("/api/v1/pools", { json: shared })).status).toBe(403);
});

test("pages show pools, their nodes and dialogs", async () => {
  const id = await made();
  const { ask } = await stage.session();
  for (const path of ["/pools", `/pools/${id}`, "/pools/local", "/pools/new"]) {
    const response = await ask(path);
    expect([path, response.status]).toEqual([path, 200]);
  }
  for (const dialog of ["edit", "add", "delete", "nodes/kvm-1/delete"])
    expect((await ask(`/pools/${id}/${dialog}`, { headers: { "hx-request": "true" } })).status).toBe(200);
  expect(await (await ask(`/pools/${id}`)).text()).toContain("/mnt/fast");
  expect(stage.errors).toEqual([]);
});
