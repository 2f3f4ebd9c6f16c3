/** Migrations between two real libvirtds and QEMUs: memory alone, disks along, cancelled, and with a side killed. */

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type DomainSpec,
  HypervisorError,
  type MigrationRequest,
} from "../../src/core/libvirt/hypervisor.ts";
import { openHypervisor, type RealHypervisor } from "../../src/core/libvirt/real.ts";
import { MachinePair } from "../support/pair.ts";

setDefaultTimeout(90_000);

const clusterId = "cluster-of-the-test";
let pair: MachinePair;
let here: RealHypervisor;
let there: RealHypervisor;

beforeAll(async () => {
  pair = await MachinePair.open();
  here = await openHypervisor({ uri: pair.one.libvirtd.uri, clusterId });
  there = await openHypervisor({ uri: pair.other.libvirtd.uri, clusterId });
  await Promise.all([here.host(), there.host()]);
}, 90_000);
afterAll(async () => {
  await Promise.all([here?.close(), there?.close()]);
  await pair?.close();
}, 30_000);
afterEach(async () => {
  for (const side of [here, there])
    for (const { uuid } of await side.domains()) {
      await side.destroy(uuid);
      await side.undefine(uuid);
    }
  expect([here.liveHandles(), there.liveHandles()]).toEqual([0, 0]);
}, 30_000);

let ports = 26_900;
async function running(path: string, change: Partial<DomainSpec> = {}): Promise<DomainSpec> {
  mkdirSync(dirname(path), { recursive: true });
  await here.images.create(path, { format: "qcow2", sizeBytes: 16 * 1024 ** 2 });
  const spec: DomainSpec = {
    uuid: crypto.randomUUID(),
    name: `moving-${ports}`,
    clusterId,
    memoryMiB: 64,
    vcpus: 1,
    clock: "utc",
    disks: [{ path, format: "qcow2", target: "vda", serial: "disk-1" }],
    seedPath: null,
    interfaces: [],
    vnc: { port: ports++, listen: "127.0.0.1", password: "secret" },
    ...change,
  };
  await here.define(spec);
  await here.start(spec.uuid);
  return spec;
}

function request(spec: DomainSpec, change: Partial<MigrationRequest> = {}): MigrationRequest {
  return {
    peerUri: pair.other.peerUri,
    address: pair.other.address,
    vnc: { ...spec.vnc, port: ports++ },
    paths: [],
    copyDisks: [],
    trustStorage: true,
    tls: false,
    autoConverge: false,
    postcopy: false,
    bandwidthMiBs: null,
    connections: 1,
    ports: { memory: null, disks: null },
    ...change,
  };
}

async function failureOf(call: Promise<unknown>): Promise<HypervisorError> {
  try {
    await call;
  } catch (error) {
    expect(error).toBeInstanceOf(HypervisorError);
    return error as HypervisorError;
  }
  throw new Error("it did not fail");
}

/** Waits until `look` gives something. */
async function until<T>(what: string, look: () => Promise<T | null | false>): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(50);
  }
}

/** Where it runs and where it is defined. */
async function whereabouts(uuid: string): Promise<{ here: string | null; there: string | null }> {
  return {
    here: (await here.domain(uuid))?.state ?? null,
    there: (await there.domain(uuid))?.state ?? null,
  };
}

const arrived = { here: null, there: "running" };
const stayed = { here: "running", there: null };

describe("a running guest", () => {
  test("moves with its disk on shared storage, to another VNC port, and is defined there alone", async () => {
    const spec = await running(pair.path("shared.qcow2"));
    const asked = request(spec);
    const passes: number[] = [];
    const undo = here.onDomain((event) => {
      if (event.kind === "pass") passes.push(event.detail);
    });
    await here.migrations.run(spec.uuid, asked);
    undo();
    expect(await whereabouts(spec.uuid)).toEqual(arrived);
    expect(await there.domain(spec.uuid)).toMatchObject({ clusterId, persistent: true });
    for (const flag of ["", "--inactive"])
      expect(await pair.other.libvirtd.virsh("dumpxml", spec.uuid, ...(flag ? [flag] : []))).toContain(
        `port='${asked.vnc.port}'`,
      );
    expect(passes[0]).toBe(1);
    expect(await here.migrations.peer(pair.other.libvirtd.uri).vncPort(spec.uuid)).toBe(asked.vnc.port);
    const job = await here.migrations.peer(pair.other.libvirtd.uri).arrival(spec.uuid);
    expect(job?.downtimeMilliseconds).toBeGreaterThan(0);
    expect(job?.memoryTotalBytes).toBeGreaterThan(64 * 1024 ** 2);
  });

  test("moves with its disk copied along, to another folder", async () => {
    const from = join(pair.one.libvirtd.folder, "lib/here/disk.qcow2");
    const to = join(pair.other.libvirtd.folder, "lib/there/disk.qcow2");
    const spec = await running(from);
    writeFileSync(`${from}.seed`, "seed");
    mkdirSync(dirname(to));
    await there.ensurePool("there", dirname(to));
    const asked = request(spec, { trustStorage: false, copyDisks: ["vda"], paths: [{ from, to }] });
    await here.migrations.run(spec.uuid, asked);
    expect(await whereabouts(spec.uuid)).toEqual(arrived);
    expect(await here.images.info(to)).toMatchObject({ format: "qcow2", virtualSizeBytes: 16 * 1024 ** 2 });
    // The source stays until somebody has seen that the guest has arrived.
    expect(existsSync(from)).toBe(true);
  });

  test("is refused on storage that libvirt can't know to be shared, unless it is trusted", async () => {
    const spec = await running(pair.path("untrusted.qcow2"));
    const error = await failureOf(here.migrations.run(spec.uuid, request(spec, { trustStorage: false })));
    expect(error.message).toMatch(/unsafe/i);
    expect(await whereabouts(spec.uuid)).toEqual(stayed);
  });

  test("shows figures while it moves, answers statistics meanwhile, and stays when it is cancelled", async () => {
    const spec = await running(pair.path("cancelled.qcow2"));
    const moving = failureOf(here.migrations.run(spec.uuid, request(spec, { bandwidthMiBs: 1 })));
    const job = await until("figures", async () => {
      const now = await here.migrations.job(spec.uuid);
      return now && now.pass > 0 ? now : null;
    });
    expect(job).toMatchObject({ operation: "out", pass: 1, diskTotalBytes: 0 });
    expect(job.memoryLeftBytes).toBeGreaterThan(0);
    const began = Date.now();
    expect((await here.stats()).map((each) => each.uuid)).toEqual([spec.uuid]);
    expect(Date.now() - began).toBeLessThan(2000);
    await here.migrations.setDowntime(spec.uuid, 50);
    expect(await here.migrations.downtimeMilliseconds(spec.uuid)).toBe(50);
    await here.migrations.abort(spec.uuid);
    expect((await moving).code).toBe("cancelled");
    expect(await whereabouts(spec.uuid)).toEqual(stayed);
    expect(await here.migrations.job(spec.uuid)).toBeNull();
    expect((await failureOf(here.migrations.abort(spec.uuid))).code).toBe("wrongState");
  });

  test("moves first and is completed afterwards with post-copy", async () => {
    const spec = await running(pair.path("postcopy.qcow2"));
    const moving = here.migrations.run(spec.uuid, request(spec, { bandwidthMiBs: 1, postcopy: true }));
    await until("the first pass", async () => ((await here.migrations.job(spec.uuid))?.pass ?? 0) > 0);
    await here.migrations.startPostcopy(spec.uuid);
    await moving;
    expect(await whereabouts(spec.uuid)).toEqual(arrived);
  });

  test("finds the VNC port taken there, says so and stays", async () => {
    const spec = await running(pair.path("port.qcow2"));
    const asked = request(spec);
    const holder = Bun.spawn(
      pair.other.libvirtd.inNamespace([
        "python3",
        "-c",
        `import socket,time
s=socket.socket(); s.bind(("127.0.0.1",${asked.vnc.port})); s.listen(); print("on",flush=True); time.sleep(60)`,
      ]),
      { stdout: "pipe" },
    );
    try {
      await holder.stdout.getReader().read();
      const error = await failureOf(here.migrations.run(spec.uuid, asked));
      expect([error.code, error.message]).toEqual(["portInUse", expect.any(String)]);
      expect(await whereabouts(spec.uuid)).toEqual(stayed);
    } finally {
      holder.kill();
    }
  });

  test("stays when the other libvirtd dies", async () => {
    const spec = await running(pair.path("dies.qcow2"));
    const moving = failureOf(here.migrations.run(spec.uuid, request(spec, { bandwidthMiBs: 1 })));
    await until("the first pass", async () => ((await here.migrations.job(spec.uuid))?.pass ?? 0) > 0);
    await pair.other.libvirtd.kill();
    await moving;
    expect((await here.domain(spec.uuid))?.state).toBe("running");
    await pair.other.libvirtd.start();
    await until("the other to be free of it", async () => {
      if (!there.status().connected) return false;
      return (await there.domain(spec.uuid)) === null;
    });
  });

  test("stays when this libvirtd dies, and the half-made one goes", async () => {
    const spec = await running(pair.path("dies-here.qcow2"));
    const moving = failureOf(here.migrations.run(spec.uuid, request(spec, { bandwidthMiBs: 1 })));
    await until("the first pass", async () => ((await here.migrations.job(spec.uuid))?.pass ?? 0) > 0);
    await pair.one.libvirtd.kill();
    expect((await moving).code).toBe("unavailable");
    await pair.one.libvirtd.start();
    await until("it to run on here", async () => {
      if (!here.status().connected) return false;
      return (await here.domain(spec.uuid))?.state === "running";
    });
    await until("the other to be free of it", async () => (await there.domain(spec.uuid)) === null);
  });
});

test("what a guest writes and uses is measured, where libvirt can", async () => {
  const spec = await running(pair.path("measured.qcow2"));
  expect(await here.migrations.measureDirtied(spec.uuid, 1)).toBeGreaterThanOrEqual(0);
  const used = await here.migrations.usedBytes(spec.uuid);
  expect(used).toBeGreaterThan(0);
  expect(used).toBeLessThanOrEqual(64 * 1024 ** 2);
});

test("files go to the other machine through its libvirtd, and can be taken away again", async () => {
  const peer = here.migrations.peer(pair.other.libvirtd.uri);
  const folder = join(pair.other.libvirtd.folder, "lib/files");
  mkdirSync(folder);
  await there.ensurePool("files", folder);
  const from = pair.path("sent.bin");
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  writeFileSync(from, bytes);
  const file = { from, pool: "files", to: join(folder, "sent.bin") };
  await peer.send(file, {});
  expect(new Uint8Array(await Bun.file(file.to).arrayBuffer())).toEqual(bytes);
  const nowhere = here.migrations.peer("qemu+unix:///system?socket=/nowhere");
  expect((await failureOf(nowhere.has("files", file.to))).code).toBe("peerUnreachable");
  expect((await failureOf(peer.send(file, {}))).code).toBe("exists");
  expect(await peer.has("files", file.to)).toBe(true);
  await peer.remove("files", file.to);
  await peer.remove("files", file.to);
  expect(existsSync(file.to)).toBe(false);
});

test("a machine that can't be reached is unavailable, and nothing has happened", async () => {
  const spec = await running(pair.path("unreachable.qcow2"));
  const peerUri = "qemu+tcp://10.213.7.2:1/system";
  const error = await failureOf(here.migrations.run(spec.uuid, request(spec, { peerUri })));
  expect(error.code).toBe("peerUnreachable");
  expect(await whereabouts(spec.uuid)).toEqual(stayed);
});
