/** The binding against a real libvirtd and real QEMU (software emulation is enough: no guest system boots). */

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type DomainEvent,
  type DomainSpec,
  HypervisorError,
  type HypervisorStatus,
} from "../../src/core/libvirt/hypervisor.ts";
import { openHypervisor, type RealHypervisor } from "../../src/core/libvirt/real.ts";
import { PrivateLibvirtd } from "../support/libvirtd.ts";
import { watchStalls } from "../support/stalls.ts";

setDefaultTimeout(60_000);

const clusterId = "cluster-of-the-test";
let libvirtd: PrivateLibvirtd;
let hypervisor: RealHypervisor;

beforeAll(async () => {
  libvirtd = await PrivateLibvirtd.open({ privateNetwork: true });
  hypervisor = await openHypervisor({ uri: libvirtd.uri, clusterId });
  await hypervisor.host(); // libvirt learns of QEMU here, once; that takes seconds
}, 60_000);
afterAll(async () => {
  await hypervisor?.close();
  await libvirtd?.close();
}, 20_000);
afterEach(async () => {
  for (const { uuid } of await hypervisor.domains()) {
    await hypervisor.destroy(uuid);
    await hypervisor.undefine(uuid);
  }
  expect(hypervisor.liveHandles()).toBe(0);
}, 30_000);

let ports = 25900;
async function define(name: string, change: Partial<DomainSpec> = {}): Promise<DomainSpec> {
  const path = join(libvirtd.folder, `${crypto.randomUUID()}.qcow2`);
  await hypervisor.images.create(path, { format: "qcow2", sizeBytes: 1024 * 1024 });
  const spec: DomainSpec = {
    uuid: crypto.randomUUID(),
    name,
    clusterId,
    memoryMiB: 32,
    vcpus: 1,
    clock: "utc",
    disks: [{ path, format: "qcow2", target: "vda", serial: "disk-1" }],
    seedPath: null,
    interfaces: [],
    vnc: { port: ports++, listen: "127.0.0.1", password: "secret" },
    ...change,
  };
  await hypervisor.define(spec);
  return spec;
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

function killQemu(name: string): void {
  const pid = libvirtd.qemuPid(name);
  if (!pid) throw new Error(`no QEMU runs ${name}`);
  process.kill(pid, "SIGKILL");
}

/** The first event of a domain that `wanted` accepts. */
function eventOf(
  uuid: string,
  wanted: (event: DomainEvent) => boolean,
  milliseconds = 10_000,
): Promise<DomainEvent> {
  const { promise, resolve, reject } = Promise.withResolvers<DomainEvent>();
  const seen: string[] = [];
  const timer = setTimeout(() => reject(new Error(`only saw ${seen.join(", ")}`)), milliseconds);
  const undo = hypervisor.onDomain((event) => {
    if (event.uuid !== uuid) return;
    seen.push(event.kind);
    if (!wanted(event)) return;
    clearTimeout(timer);
    undo();
    resolve(event);
  });
  return promise;
}

/** The first status that `wanted` accepts, be it the present one. */
function statusOf(
  wanted: (status: HypervisorStatus) => boolean,
  milliseconds: number,
): Promise<HypervisorStatus> {
  const now = hypervisor.status();
  if (wanted(now)) return Promise.resolve(now);
  const { promise, resolve, reject } = Promise.withResolvers<HypervisorStatus>();
  const timer = setTimeout(() => reject(new Error(JSON.stringify(hypervisor.status()))), milliseconds);
  const undo = hypervisor.onStatus((status) => {
    if (!wanted(status)) return;
    clearTimeout(timer);
    undo();
    resolve(status);
  });
  return promise;
}

test("the host says what it can do", async () => {
  const host = await hypervisor.host();
  expect(host.acceleration.emulator).toMatch(/qemu/);
  expect(host.acceleration.maxVcpus).toBeGreaterThan(1);
  expect(host.qemuVersion).toMatch(/^\d+\.\d+\.\d+$/);
});

describe("lifecycle", () => {
  test("start, pause, resume, reset, off", async () => {
    const { uuid } = await define(`a<b>"'&😀`);
    const started = eventOf(uuid, (event) => event.kind === "started");
    await hypervisor.start(uuid);
    expect((await started).state).toBe("running");
    expect(await hypervisor.domain(uuid)).toMatchObject({
      state: "running",
      clusterId,
      memoryMiB: 32,
      vcpus: 1,
    });
    expect((await failureOf(hypervisor.start(uuid))).code).toBe("wrongState");
    await hypervisor.suspend(uuid);
    expect((await hypervisor.domain(uuid))?.state).toBe("paused");
    await hypervisor.resume(uuid);
    await hypervisor.reset(uuid);
    expect((await hypervisor.domains()).map(({ state }) => state)).toEqual(["running"]);
    const stopped = eventOf(uuid, (event) => event.kind === "stopped");
    await hypervisor.destroy(uuid);
    expect((await stopped).state).toBe("off");
    expect((await hypervisor.domain(uuid))?.state).toBe("off");
  }, 30_000);

  test("QEMU killed is a crash, told within a second, and it can start again", async () => {
    const { uuid } = await define("crashing");
    await hypervisor.start(uuid);
    const crashed = eventOf(uuid, (event) => event.state === "crashed");
    const stalls = watchStalls();
    const at = Date.now();
    killQemu("crashing");
    expect((await crashed).at - at).toBeLessThan(stalls.allow(1000));
    stalls.stop();
    expect((await hypervisor.domain(uuid))?.state).toBe("crashed");
    await hypervisor.start(uuid);
    expect((await hypervisor.domain(uuid))?.state).toBe("running");
  }, 30_000);

  test("a disk on a file system without direct I/O starts, too", async () => {
    const path = "/dev/shm/jimv-libvirt-test.qcow2";
    rmSync(path, { force: true });
    try {
      await hypervisor.images.create(path, { format: "qcow2", sizeBytes: 1024 * 1024 });
      const { uuid } = await define("on-tmpfs", {
        disks: [{ path, format: "qcow2", target: "vda", serial: "x" }],
      });
      await hypervisor.start(uuid);
      expect((await hypervisor.domain(uuid))?.state).toBe("running");
    } finally {
      rmSync(path, { force: true });
    }
  }, 30_000);

  test("what is missing is said when starting", async () => {
    const { uuid, disks } = await define("no-disk");
    rmSync(disks[0]?.path ?? "");
    expect((await failureOf(hypervisor.start(uuid))).code).toBe("notFound");
    expect((await hypervisor.domain(uuid))?.state).toBe("off");
  }, 30_000);

  test("with seed, network and Windows' clock, QEMU takes what we describe", async () => {
    const network = await hypervisor.ensureNatNetwork("jimv-nat");
    const seedPath = join(libvirtd.folder, "seed.img");
    await hypervisor.images.write(seedPath, new Uint8Array(4096));
    const { uuid } = await define("everything", {
      seedPath,
      clock: "localtime",
      interfaces: [{ mac: "52:54:00:12:34:56", source: { network: network.name } }],
    });
    await hypervisor.start(uuid);
    const xml = await hypervisor.xml(uuid);
    expect(xml).toContain("<mac address='52:54:00:12:34:56'/>");
    expect(xml).toContain("org.qemu.guest_agent.0");
    expect(xml).not.toContain("secret");
    // No program in it asks for one; the guest of the end-to-end tests does.
    expect(await hypervisor.leases(uuid)).toEqual([]);
    expect(await hypervisor.neighbours(uuid)).toEqual([]);
  }, 60_000);
});

describe("VNC", () => {
  test("a port that another guest or program has is `portInUse`; a new one works", async () => {
    const first = await define("first");
    await hypervisor.start(first.uuid);
    const second = await define("second", { vnc: first.vnc });
    expect((await failureOf(hypervisor.start(second.uuid))).code).toBe("portInUse");
    // A program of the same network that is not a guest.
    const port = ports++;
    await hypervisor.setVnc(second.uuid, { ...first.vnc, port });
    const listen = `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("ready"))`;
    const blocker = Bun.spawn(libvirtd.inNamespace([process.execPath, "-e", listen]), { stdout: "pipe" });
    try {
      await blocker.stdout.getReader().read();
      expect((await failureOf(hypervisor.start(second.uuid))).code).toBe("portInUse");
    } finally {
      blocker.kill();
      await blocker.exited;
    }
    await hypervisor.setVnc(second.uuid, { ...first.vnc, port: ports++ });
    await hypervisor.start(second.uuid);
    expect((await hypervisor.domain(second.uuid))?.state).toBe("running");
  }, 60_000);
});

describe("figures, pictures, agent", () => {
  test("statistics of all guests in one call", async () => {
    const specs = [await define("one"), await define("two"), await define("three")];
    for (const { uuid } of specs.slice(0, 2)) await hypervisor.start(uuid);
    const stats = await hypervisor.stats();
    expect(stats).toHaveLength(3);
    const one = stats.find((entry) => entry.name === "one");
    expect(one?.uuid).toBe(specs[0]?.uuid ?? "");
    expect(one?.values).toMatchObject({ "state.state": 1, "vcpu.current": 1, "block.0.name": "vda" });
    expect(Number(one?.values["cpu.time"])).toBeGreaterThan(0);
    expect(one?.values["block.0.capacity"]).toBe(1024 * 1024);
  }, 30_000);

  test("a picture of the screen", async () => {
    const { uuid } = await define("screen");
    expect((await failureOf(hypervisor.screenshot(uuid))).code).toBe("wrongState");
    await hypervisor.start(uuid);
    const { mime, data } = await hypervisor.screenshot(uuid);
    const magic = Buffer.from(data).toString("latin1", 0, 4);
    expect([mime, magic]).toBeOneOf([
      ["image/png", "\x89PNG"],
      ["image/x-portable-pixmap", "P6\n7"],
    ]);
  }, 30_000);

  test("an agent that is not there is silent, and asking does not throw", async () => {
    const { uuid } = await define("silent");
    await hypervisor.start(uuid);
    expect(await hypervisor.agentAnswers(uuid, 1)).toBeFalse();
    expect((await failureOf(hypervisor.agent(uuid, { execute: "guest-info" }, 1))).code).toBe("agentSilent");
    expect((await failureOf(hypervisor.setUserPassword(uuid, "root", "x"))).code).toBe("agentSilent");
  }, 30_000);
});

describe("pools and networks", () => {
  test("a folder becomes a pool whose figures are those of the file system", async () => {
    const path = join(libvirtd.folder, "made", "pool");
    const pool = await hypervisor.ensurePool("jimv-pool", path);
    expect(pool).toMatchObject({ path, active: true });
    expect(pool.capacityBytes).toBeGreaterThan(pool.availableBytes);
    // Asked anew each time: a small file system that nobody else writes to.
    const mebibyte = 1024 ** 2;
    await Bun.$`mount -t tmpfs -o size=16M tmpfs ${path}`;
    try {
      await Bun.write(join(path, "image.bin"), new Uint8Array(4 * mebibyte));
      const filled = { name: "jimv-pool", path, active: true, capacityBytes: 16 * mebibyte };
      expect(await hypervisor.pool("jimv-pool")).toEqual({ ...filled, availableBytes: 12 * mebibyte });
    } finally {
      await Bun.$`umount ${path}`;
    }
    await libvirtd.virsh("pool-destroy", "jimv-pool");
    expect((await hypervisor.pool("jimv-pool")).active).toBeTrue();
    expect(await libvirtd.virsh("pool-info", "jimv-pool")).toMatch(/Autostart:\s+yes/);
  }, 30_000);

  test("the NAT network runs with DHCP on a subnet of its own", async () => {
    const network = await hypervisor.ensureNatNetwork("jimv-nat-2");
    expect(network).toMatchObject({ active: true, bridge: expect.stringMatching(/^virbr\d+$/) });
    expect(await libvirtd.virsh("net-info", "jimv-nat-2")).toMatch(/Autostart:\s+yes/);
    await libvirtd.virsh("net-destroy", "jimv-nat-2");
    expect(await hypervisor.ensureNatNetwork("jimv-nat-2")).toEqual(network);
  }, 30_000);
});

describe("libvirtd dies or hangs", () => {
  /** What waits for a libvirtd that hangs waits for as long as it hangs, here some ten seconds. */
  const blockedMilliseconds = 2_000;

  test("killed and started again: guests live on, the connection is back, and events flow", async () => {
    const { uuid } = await define("survivor");
    await hypervisor.start(uuid);
    await libvirtd.kill();
    const away = await statusOf((status) => !status.connected, 2000);
    expect(away.reason).toBeTruthy();
    expect((await failureOf(hypervisor.domains())).code).toBe("unavailable");
    const died = Date.now();
    await libvirtd.start();
    await statusOf((status) => status.connected, 10_000);
    expect(Date.now() - died).toBeLessThan(10_000);
    expect((await hypervisor.domain(uuid))?.state).toBe("running");
    // This waits until libvirtd has taken its guest up again; before, it would tell of no end.
    await hypervisor.suspend(uuid);
    const crashed = eventOf(uuid, (event) => event.state === "crashed");
    killQemu("survivor");
    await crashed;
  }, 60_000);

  test("a guest that died while libvirtd was away is crashed, not off", async () => {
    const { uuid } = await define("orphan");
    await hypervisor.start(uuid);
    await libvirtd.kill();
    killQemu("orphan");
    await statusOf((status) => !status.connected, 2000);
    await libvirtd.start();
    await statusOf((status) => status.connected, 10_000);
    // libvirtd looks after its guests in the background.
    const end = Date.now() + 5000;
    while ((await hypervisor.domain(uuid))?.state !== "crashed" && Date.now() < end) await Bun.sleep(20);
    expect((await hypervisor.domain(uuid))?.state).toBe("crashed");
  }, 60_000);

  test("stopped: nothing blocks, the status says so, and all is well when it goes on", async () => {
    const { uuid } = await define("waiting");
    await hypervisor.start(uuid);
    let ticks = 0;
    let longest = 0;
    let last = performance.now();
    const ticker = setInterval(() => {
      ticks++;
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 10);
    libvirtd.signal("SIGSTOP");
    try {
      const stopped = Date.now();
      const listing = failureOf(hypervisor.domains());
      const hung = await statusOf((status) => status.reason !== null, 6000);
      expect(Date.now() - stopped).toBeLessThan(6000);
      expect(hung.reason).toMatch(/does not answer|unusually long/);
      await statusOf((status) => status.lanes.some((lane) => lane.state === "stuck"), 6000);
      // libvirt's keepalive gives the connection up: the caller hears of it, and the lamp is the connect worker's.
      expect((await listing).retryable).toBeTrue();
      const away = await statusOf((status) => !status.connected, 20_000);
      expect(away.lanes.find((lane) => lane.name === "events")?.state).toBe("ok");
      const connect = (status: HypervisorStatus) =>
        status.lanes.find((lane) => lane.name === "connect")?.state;
      await statusOf((status) => connect(status) === "stuck", 10_000);
      const asked = performance.now();
      hypervisor.status();
      expect(performance.now() - asked).toBeLessThan(blockedMilliseconds);
    } finally {
      libvirtd.signal("SIGCONT");
      clearInterval(ticker);
    }
    expect(ticks).toBeGreaterThan(100);
    expect(longest).toBeLessThan(blockedMilliseconds);
    await statusOf((status) => status.connected && status.reason === null, 10_000);
    expect((await hypervisor.domain(uuid))?.state).toBe("running");
    const stoppedEvent = eventOf(uuid, (event) => event.kind === "stopped");
    await hypervisor.destroy(uuid);
    await stoppedEvent;
  }, 90_000);

  test("stopped for a moment only: calls just take longer", async () => {
    const { uuid } = await define("moment");
    libvirtd.signal("SIGSTOP");
    const asked = hypervisor.domain(uuid);
    await statusOf((status) => status.reason !== null, 6000);
    libvirtd.signal("SIGCONT");
    expect((await asked)?.state).toBe("off");
    await statusOf((status) => status.connected && status.reason === null, 5000);
  }, 30_000);
});

test("closing does not wait for a libvirtd that hangs", async () => {
  const other = await openHypervisor({ uri: libvirtd.uri });
  libvirtd.signal("SIGSTOP");
  try {
    const asked = performance.now();
    await other.close();
    expect(performance.now() - asked).toBeLessThan(3000);
  } finally {
    libvirtd.signal("SIGCONT");
  }
}, 20_000);

test("folders of a pool may be there already", async () => {
  const path = join(libvirtd.folder, "there");
  mkdirSync(path);
  expect((await hypervisor.ensurePool("there", path)).active).toBeTrue();
});
