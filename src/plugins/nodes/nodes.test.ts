import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tasks, timing } from "jimv";
import { heartbeat, makeStage, type Stage } from "../../../tests/support/stage.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { refusedFolder } from "./folder.ts";
import { type NodeConfig, nodeService, nodesPlugin } from "./index.ts";
import { portFacts, prepareFolder, removeEmptyFolder } from "./machine.ts";
import { stateAfter, troubleOf } from "./view.ts";

const config = { storagePath: "/srv/jimv", bridge: null, vncPortFirst: 15900, vncPortLast: 15999 };
const actor = { kind: "user", name: "anna" } as const;

describe("which folders may hold disks", () => {
  test.each([
    "/srv/jimv",
    "/var/lib/jimv/disks",
    "/home/jimv",
    "/tmp/x",
    "/mnt/ssd",
    "/etcetera",
    "/opt/Images",
  ])("%s may", (path) => expect(refusedFolder(path)).toBeNull());
  test.each([
    ["srv/jimv", "nodes.folder.absolute"],
    ["", "nodes.folder.absolute"],
    ["/", "nodes.folder.system"],
    ["/var", "nodes.folder.system"],
    ["/var/lib", "nodes.folder.system"],
    ["/etc", "nodes.folder.system"],
    ["/etc/jimv", "nodes.folder.system"],
    ["/root/disks", "nodes.folder.system"],
    ["/proc/1", "nodes.folder.system"],
    ["/srv/../etc", "nodes.folder.plain"],
    ["/srv//x", "nodes.folder.plain"],
    ["/srv/x/", "nodes.folder.plain"],
    ["/srv/x\ny", "nodes.folder.plain"],
    [`/srv/${"x".repeat(200)}`, "nodes.folder.plain"],
  ])("%s may not", (path, word) => expect(refusedFolder(path)).toBe(word as never));
});

describe("a folder on the machine", () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync("/var/tmp/jimv-nodes-test-");
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  test("is made with mode 0711, tried, and left empty", async () => {
    const path = join(base, "a/disks");
    await prepareFolder(path);
    expect(statSync(path).mode & 0o777).toBe(0o711);
    await removeEmptyFolder(path);
    expect(() => statSync(path)).toThrow();
  });

  test("that QEMU can't reach is told", async () => {
    expect(await prepareFolder(join(base, "disks"))).toEqual([base]);
  });

  test("that is a file or a link is refused", async () => {
    writeFileSync(join(base, "file"), "");
    mkdirSync(join(base, "real"));
    symlinkSync(join(base, "real"), join(base, "link"));
    await expect(prepareFolder(join(base, "file"))).rejects.toMatchObject({ word: "nodes.folder.noFolder" });
    await expect(prepareFolder(join(base, "link"))).rejects.toMatchObject({ word: "nodes.folder.link" });
    await expect(prepareFolder(join(base, "file/x"))).rejects.toMatchObject({ word: "nodes.folder.denied" });
  });

  test("with something in it is not taken away", async () => {
    writeFileSync(join(base, "disk.qcow2"), "");
    await removeEmptyFolder(base);
    expect(statSync(base).isDirectory()).toBe(true);
  });
});

test("ports that something listens on are found", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    expect((await portFacts()).listening).toContain(server.port);
  } finally {
    server.stop();
  }
});

test("a node is silent after 6 s and offline after 20 s", () => {
  expect([0, 6_000, 6_001, 20_000, 20_001].map(stateAfter)).toEqual([
    "live",
    "live",
    "silent",
    "silent",
    "offline",
  ]);
});

describe("with a controller", () => {
  let stage: Stage;
  const service = () => stage.controller.use(nodeService);
  const nodeEvents = async () =>
    (await stage.store.eventsAfter(0, 1000)).filter((event) => event.topic === "node");
  beforeEach(async () => {
    stage = await makeStage([tasksPlugin, nodesPlugin]);
    await stage.report("nodes.heartbeat", heartbeat);
  });
  afterEach(() => stage.stop());

  test("a heartbeat makes a node known, and an unreadable one changes nothing", async () => {
    expect(await service().get("kvm-1")).toMatchObject({
      state: "live",
      configured: false,
      facts: { cpus: 2, freeMemoryMiB: 4096 },
      hypervisor: { connected: true },
    });
    await stage.report("nodes.heartbeat", { ...heartbeat, load: "much" });
    expect((await service().get("kvm-1"))?.load?.cpuPercent).toBe(10);
  });

  test("a clock that is off is marked, with how much and in which direction", async () => {
    const hour = 3_600_000;
    for (const [ahead, trouble] of [
      [0, "unconfigured"],
      [hour, "clock"],
      [-hour, "clock"],
    ] as const) {
      await stage.report("nodes.heartbeat", { ...heartbeat, at: stage.clock.now() + ahead });
      const node = await service().need("kvm-1");
      expect(node.clockAheadMilliseconds).toBe(ahead);
      expect(troubleOf({ ...node, configured: trouble === "clock" })).toBe(trouble);
    }
  });

  test("only what a person would notice becomes an event", async () => {
    const before = (await nodeEvents()).length;
    for (const cpuPercent of [10.2, 10.4, 9.8])
      await stage.report("nodes.heartbeat", { ...heartbeat, load: { ...heartbeat.load, cpuPercent } });
    expect((await nodeEvents()).length).toBe(before);
    await stage.report("nodes.heartbeat", {
      ...heartbeat,
      hypervisor: { connected: false, since: 2, reason: "libvirtd went away" },
    });
    expect((await nodeEvents()).length).toBe(before + 1);
  });

  test("the leader notices silence and return, once each", async () => {
    const states = async () =>
      (await nodeEvents()).flatMap((event) => {
        const { state } = (event.data ?? {}) as { state?: string };
        return state ? [state] : [];
      });
    for (const ms of [1_000, 6_000, 1_000, 15_000, 1_000]) {
      stage.clock.pass(ms);
      await service().lookForSilence();
    }
    expect(await states()).toEqual(["silent", "offline"]);
    const before = (await nodeEvents()).length;
    await stage.report("nodes.heartbeat", heartbeat);
    expect((await service().get("kvm-1"))?.state).toBe("live");
    expect((await nodeEvents()).length).toBe(before + 1);
  });

  test("of some nodes it says which are heard of: those that are not offline", async () => {
    const heard = async () => [...(await service().heardOf(["kvm-1", "nobody"]))];
    expect(await heard()).toEqual(["kvm-1"]);
    stage.clock.pass(timing.nodeOfflineMilliseconds);
    expect([await heard(), (await service().get("kvm-1"))?.state]).toEqual([["kvm-1"], "silent"]);
    stage.clock.pass(1);
    expect([await heard(), (await service().get("kvm-1"))?.state]).toEqual([[], "offline"]);
    expect([...(await service().heardOf([]))]).toEqual([]);
  });

  test("configuring sends a task, and its end makes the node ready", async () => {
    const id = await service().configure("kvm-1", config, actor);
    expect((await service().get("kvm-1"))?.config.state).toBe("configuring");
    const command = await stage.command("nodes.configure");
    expect(command).toMatchObject({ id, payload: config });
    await expect(service().configure("kvm-1", config, actor)).rejects.toMatchObject({
      index: "tasks_exclusive",
    });
    const result = {
      poolName: "jimv",
      capacityBytes: 100,
      availableBytes: 60,
      networkName: "jimv",
      notes: [],
    };
    await stage.end(command, { state: "succeeded", result });
    expect(await service().get("kvm-1")).toMatchObject({
      configured: true,
      config: { state: "ready", error: null },
      storage: { poolName: "jimv", path: "/srv/jimv", capacityBytes: 100, availableBytes: 60 },
      network: { network: "jimv" },
      vnc: { first: 15900, last: 15999, listen: "127.0.0.1" },
    });
  });

  test("a failed configuration says why and leaves the one before", async () => {
    const result = {
      poolName: "jimv",
      capacityBytes: 100,
      availableBytes: 60,
      networkName: "jimv",
      notes: [],
    };
    await service().configure("kvm-1", config, actor);
    await stage.end(await stage.command("nodes.configure"), { state: "succeeded", result });
    await service().configure("kvm-1", { ...config, storagePath: "/srv/other" }, actor);
    const error = { word: "nodes.folder.denied", args: { path: "/srv/other", detail: "no" } };
    await stage.end(await stage.command("nodes.configure"), { state: "failed", error });
    expect(await service().get("kvm-1")).toMatchObject({
      configured: true,
      config: { state: "failed", error },
      storage: { path: "/srv/jimv" },
    });
  });

  test("a pool that went away is set up again, once a minute at most", async () => {
    const result = {
      poolName: "jimv",
      capacityBytes: 100,
      availableBytes: 60,
      networkName: "jimv",
      notes: [],
    };
    await service().configure("kvm-1", config, actor);
    await stage.end(await stage.command("nodes.configure"), { state: "succeeded", result });
    await stage.report("nodes.heartbeat", heartbeat);
    const command = await stage.command("nodes.configure");
    await stage.end(command, { state: "succeeded", result });
    await stage.report("nodes.heartbeat", heartbeat);
    await stage.report("nodes.heartbeat", heartbeat);
    expect(await stage.store.count(tasks)).toBe(2);
  });

  test("what can't be is refused before a task is made", async () => {
    const refuse = (change: Partial<NodeConfig>) =>
      service().configure("kvm-1", { ...config, ...change }, actor);
    await expect(refuse({ storagePath: "/etc" })).rejects.toMatchObject({ word: "nodes.folder.system" });
    await expect(refuse({ vncPortLast: 15800 })).rejects.toMatchObject({ word: "nodes.fewPorts" });
    await expect(refuse({ bridge: "br9" })).rejects.toMatchObject({ word: "nodes.noBridge" });
    await expect(service().configure("nobody", config, actor)).rejects.toMatchObject({ kind: "notFound" });
    stage.clock.pass(30_000);
    await expect(refuse({})).rejects.toMatchObject({ word: "nodes.offline" });
  });

  test("the API lists, changes and refuses", async () => {
    const admin = await stage.token("administrator");
    const reader = await stage.token("reader");
    const list = (await (await reader.ask("/api/v1/nodes?state=live")).json()) as {
      items: { name: string }[];
    };
    expect(list.items.map((node) => node.name)).toEqual(["kvm-1"]);
    expect((await reader.ask("/api/v1/nodes?colour=red")).status).toBe(422);
    expect((await reader.ask("/api/v1/nodes/none")).status).toBe(404);
    const patch = { method: "PATCH", json: { acceptsGuests: false } };
    expect((await reader.ask("/api/v1/nodes/kvm-1", patch)).status).toBe(403);
    expect(await (await admin.ask("/api/v1/nodes/kvm-1", patch)).json()).toMatchObject({
      node: { name: "kvm-1", acceptsGuests: false },
      task: null,
    });
    const wrong = { json: { storagePath: "/srv/../etc", vncPortFirst: 15900, vncPortLast: 15999 } };
    const refused = await admin.ask("/api/v1/nodes/kvm-1/configure", wrong);
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ errors: [{ path: "storagePath" }] });
    const accepted = await admin.ask("/api/v1/nodes/kvm-1/configure", { json: { storagePath: "/srv/jimv" } });
    expect(accepted.status).toBe(202);
    expect(await accepted.json()).toMatchObject({ task: { state: "queued", title: "Set up node kvm-1" } });
  });

  test("its page says whether guests run on KVM or are emulated, and what KVM lacks", async () => {
    const { ask } = await stage.session();
    const said = async (virtType: "kvm" | "qemu"): Promise<string> => {
      const missing = virtType === "qemu" ? (["device"] as const) : [];
      await stage.report("nodes.heartbeat", {
        ...heartbeat,
        facts: {
          ...heartbeat.facts,
          acceleration: { ...heartbeat.facts.acceleration, virtType, missing: [...missing] },
        },
      });
      return (await ask("/nodes/kvm-1")).text();
    };
    const emulated = await said("qemu");
    expect(emulated).toContain("<b>Software emulation</b>");
    expect(emulated).toContain("modprobe kvm_intel");
    expect(emulated).not.toContain("<b>KVM</b>");
    const direct = await said("kvm");
    expect(direct).toContain("<b>KVM</b>");
    expect(direct).not.toContain("Software emulation");
    expect(direct).not.toContain("modprobe");
  });

  test("pages show what a node said as text, whatever it said", async () => {
    const evil = '<img src=x onerror=alert(1)>"';
    await stage.report("nodes.heartbeat", {
      ...heartbeat,
      facts: { ...heartbeat.facts, cpuModel: evil },
      hypervisor: { connected: false, since: 1, reason: evil },
      lamps: [{ ...heartbeat.lamps[0], name: evil, state: "stuck" }],
    });
    const { ask } = await stage.session();
    for (const path of ["/nodes", "/nodes/kvm-1", "/nodes/kvm-1/configure"]) {
      const response = await ask(path);
      const page = await response.text();
      expect(response.status).toBe(200);
      expect(page).not.toContain("<img");
      if (path === "/nodes/kvm-1") expect(page).toContain("&lt;img");
    }
    expect(stage.errors).toEqual([]);
  });

  test("the form keeps what was typed and says what is wrong at its field", async () => {
    const { ask, csrf } = await stage.session();
    const form = {
      _csrf: csrf,
      node: "kvm-1",
      storagePath: "/etc/x",
      vncPortFirst: "15900",
      vncPortLast: "15999",
    };
    const response = await ask("/nodes/kvm-1/configure", { form, headers: { "hx-request": "true" } });
    const text = await response.text();
    expect(response.status).toBe(422);
    expect(text).toContain("belongs to the system");
    expect(text).toContain('value="/etc/x"');
    const ok = await ask("/nodes/kvm-1/configure", { form: { ...form, storagePath: "/srv/jimv" } });
    expect(ok.status).toBe(303);
  });

  test("the list has pages, troubled nodes first", async () => {
    for (let n = 0; n < 60; n++)
      await stage.report("nodes.heartbeat", heartbeat, `kvm-${String(n + 100).padStart(3, "0")}`);
    const stuck = { ...heartbeat, lamps: [{ ...heartbeat.lamps[0], name: "tasks", state: "stuck" }] };
    await stage.report("nodes.heartbeat", stuck, "kvm-159");
    const { ask } = await stage.session();
    const rows = async (path: string): Promise<string[]> =>
      [...(await (await ask(path)).text()).matchAll(/<tr id="node-([\w-]+)"/g)].map(([, name = ""]) => name);
    const first = await rows("/nodes");
    expect(first).toHaveLength(50);
    expect(first.slice(0, 2)).toEqual(["kvm-159", "kvm-1"]);
    const second = await rows("/nodes?page=2");
    expect(second).toHaveLength(11);
    expect(new Set([...first, ...second]).size).toBe(61);
    expect(await rows("/nodes?q=159")).toEqual(["kvm-159"]);
    expect(await (await ask("/nodes")).text()).toContain("1–50 of 61");
  });

  test("its page is live", async () => {
    const { ask } = await stage.session();
    expect(await (await ask("/nodes")).text()).toContain("view=nodes");
  });
});
