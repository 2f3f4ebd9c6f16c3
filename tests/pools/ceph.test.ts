/** Guests whose disks lie in a real Ceph: from the request through libvirt's pool to a guest that boots from it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type App, demoTemplate, until } from "../support/app.ts";
import { audit } from "../support/audit.ts";
import { TestCeph } from "../support/ceph.ts";
import { saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { libguestfsGround } from "../support/libguestfs.ts";

setDefaultTimeout(240_000);

const folder = mkdtempSync("/var/tmp/jimv-test-cephguests-");
let ceph: TestCeph;
let lab: Lab;
let app: App;
let templateId: string;
let poolId: string;

beforeAll(async () => {
  lab = await openLab({ environment: await libguestfsGround(folder) });
  app = lab.app;
  ceph = await TestCeph.open(lab.outside);
  templateId = await app.registerTemplate(await demoTemplate(folder));
}, 300_000);
afterAll(async () => {
  await lab?.close();
  await ceph?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface PoolBody {
  id: string;
  nodes: { healthy: boolean; availableBytes: number; problem: { detail: string } | null }[];
}
interface Begun {
  pool: { id: string };
  tasks: { id: string }[];
}

const poolOf = (more: Record<string, unknown> = {}) => ({
  name: "rados",
  kind: "ceph",
  nodeNames: [app.nodeName],
  monitors: ceph.monitor,
  cephPool: ceph.pool,
  cephUser: ceph.user,
  cephKey: ceph.key,
  ...more,
});
const pool = () => app.ask<PoolBody>("GET", `/pools/${poolId}`);
/** Asks for something and waits until it is done. */
async function done(method: string, path: string, body?: unknown): Promise<void> {
  const { task } = await app.ask<{ task: { id: string } }>(method, path, body);
  const { state, error } = await app.ended(task.id);
  expect([path, state, error]).toEqual([path, "succeeded", null]);
}

const rooms = () => readdirSync("/run").filter((name) => name.startsWith("jimv-ceph-"));

test("a wrong key is refused with Ceph's reason, and leaves no pool and no secret", async () => {
  const begun = await app.ask<Begun>(
    "POST",
    "/pools",
    poolOf({ name: "wrong", cephKey: await ceph.keyOf("stranger") }),
  );
  const ended = await app.ended(begun.tasks[0]?.id ?? "");
  expect(ended.state).toBe("failed");
  expect(ended.error?.detail).toContain("RADOS");
  expect(await lab.libvirtd.virsh("pool-list", "--all", "--name")).not.toContain(begun.pool.id);
  expect((await lab.libvirtd.virsh("secret-list")).split("\n").slice(2).join("").trim()).toBe("");
});

test("a pool is put on the node, and says how much room there is", async () => {
  const begun = await app.ask<Begun>("POST", "/pools", poolOf());
  poolId = begun.pool.id;
  const ended = await app.ended(begun.tasks[0]?.id ?? "");
  expect([ended.state, ended.error]).toEqual(["succeeded", null]);
  await until("the pool is healthy", 30_000, async () => (await pool()).nodes[0]?.healthy === true);
  expect((await pool()).nodes[0]?.availableBytes).toBeGreaterThan(1024 ** 3);
});

test("a guest is made in it with a data disk, boots, writes, and is deleted with everything", async () => {
  const linked = await app.api("POST", "/guests", {
    name: "linked",
    templateId,
    vcpus: 1,
    memoryMiB: 128,
    poolId,
    linked: true,
  });
  expect(linked.status).toBe(409);

  const made = await app.ask<{ task: { id: string }; guests: { uuid: string }[] }>("POST", "/guests", {
    name: "in-ceph",
    templateId,
    vcpus: 1,
    memoryMiB: 128,
    poolId,
    dataDisks: [{ sizeGiB: 1 }],
  });
  const uuid = made.guests[0]?.uuid ?? "";
  const ended = await app.ended(made.task.id);
  expect([ended.state, ended.error]).toEqual(["succeeded", null]);
  const { items } = await app.ask<{ items: { uuid: string; role: string; path: string; format: string }[] }>(
    "GET",
    `/disks?role=all&guestUuid=${uuid}`,
  );
  expect(items.map((disk) => [disk.role, disk.format]).sort()).toEqual([
    ["data", "raw"],
    ["system", "raw"],
  ]);
  const names = items.map((disk) => disk.path.slice(disk.path.lastIndexOf("/") + 1));
  expect((await ceph.images()).sort()).toEqual(names.sort());
  const xml = await lab.libvirtd.virsh("dumpxml", "in-ceph");
  expect(xml).toContain("protocol='rbd'");
  expect(xml).not.toContain(ceph.key);
  await until("the guest's agent answers", 90_000, () => soon(lab.libvirtd, "in-ceph", "true"), 500);
  expect(await saidIn(lab.libvirtd, "in-ceph", "ls /sys/block")).toContain("vdb");
  await saidIn(lab.libvirtd, "in-ceph", "echo written in the guest > /dev/vdb; sync");
  const data = items.find((disk) => disk.role === "data");
  const image = data?.path.slice(data.path.lastIndexOf("/") + 1) ?? "";
  await ceph.run("rbd", "export", `${ceph.pool}/${image}`, join(folder, "exported"));
  expect((await Bun.file(join(folder, "exported")).text()).slice(0, 20)).toBe("written in the guest");

  // Apart, and together again.
  await done("POST", `/guests/${uuid}/force-stop`);
  await done("PATCH", `/disks/${data?.uuid}`, { guestUuid: null });
  expect(await lab.libvirtd.virsh("dumpxml", "in-ceph")).not.toContain(image);
  await done("PATCH", `/disks/${data?.uuid}`, { guestUuid: uuid });
  expect(await lab.libvirtd.virsh("dumpxml", "in-ceph")).toContain(image);
  // Boot jobs reach into Ceph, too.
  const job = await app.ask<{ id: string }>("POST", "/boot-jobs", {
    name: "Say so",
    scope: "user",
    onFailure: "stay",
    rules: [{ kind: "write", path: "/etc/said", content: "{NAME}\n" }],
  });
  await app.ask("POST", "/boot-jobs/queue", { guests: [uuid], jobs: [job.id] });
  await done("POST", `/guests/${uuid}/start`);
  await until("it boots again", 90_000, () => soon(lab.libvirtd, "in-ceph", "grep -q written /dev/vdb"), 500);
  expect(await saidIn(lab.libvirtd, "in-ceph", "cat /etc/said")).toBe("in-ceph");
  expect(readdirSync("/run/jimv/boot-jobs")).toEqual([]);

  // The audit sees into the pool: all is well, until somebody leaves an image behind.
  expect(await audit(app)).toMatchObject({ status: 0, told: { findings: [], doubts: [] } });
  const left = crypto.randomUUID();
  await ceph.run("rbd", "create", "--size", "8M", `${ceph.pool}/${left}`);
  const { told } = await audit(app);
  expect(told.findings.map(({ word }) => word)).toEqual(["audit.file.nobody"]);
  expect(told.findings[0]?.text).toContain(left);
  await ceph.run("rbd", "rm", "--no-progress", `${ceph.pool}/${left}`);

  await done("DELETE", `/guests/${uuid}`, { force: true, keepDataDisks: false });
  expect(await ceph.images()).toEqual([]);
  expect(rooms()).toEqual([]);
});

// Ceph's client is patient, so this takes a minute.
test.if(process.env.JIMV_LONG === "1")(
  "a Ceph that does not answer fails the creation with a reason, and nothing is left when it is back",
  async () => {
    ceph.hang(true);
    const made = await app.ask<{ task: { id: string }; guests: { uuid: string }[] }>("POST", "/guests", {
      name: "in-vain",
      templateId,
      vcpus: 1,
      memoryMiB: 128,
      poolId,
    });
    const ended = await app.ended(made.task.id);
    ceph.hang(false);
    expect(ended.state).toBe("failed");
    expect(ended.error?.detail).toBeTruthy();
    await done("DELETE", `/guests/${made.guests[0]?.uuid}`);
    await until("no image is left", 60_000, async () => (await ceph.images()).length === 0);
    expect(await lab.libvirtd.virsh("list", "--all", "--name")).not.toContain("in-vain");
  },
);
