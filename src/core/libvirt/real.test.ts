/**
 * The whole binding against libvirt's built-in pretended hypervisor, `test:///default`: no server, no QEMU.
 * What only real QEMU can show is in tests/libvirt.
 */

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type DomainEvent, type DomainSpec, HypervisorError } from "./hypervisor.ts";
import { openHypervisor, type RealHypervisor } from "./real.ts";

const clusterId = "cluster-of-the-test";
const uri = "test:///default";
/** The pretended hypervisor comes with one running domain of its own. */
const foreignUuid = "6695eb01-f6a4-8304-79aa-97f2502e193f";

setDefaultTimeout(30_000); // starting threads takes long on a busy machine

let hypervisor: RealHypervisor;
beforeAll(async () => {
  hypervisor = await openHypervisor({ uri, clusterId });
});
afterAll(() => hypervisor.close());
afterEach(async () => {
  await Promise.all(
    (await hypervisor.domains()).map(async ({ uuid, state }) => {
      if (uuid === foreignUuid) return;
      if (state !== "off") await hypervisor.destroy(uuid);
      await hypervisor.undefine(uuid);
    }),
  );
  expect(hypervisor.liveHandles()).toBe(0);
});

function specOf(name: string, change: Partial<DomainSpec> = {}): DomainSpec {
  return {
    uuid: crypto.randomUUID(),
    name,
    clusterId,
    memoryMiB: 64,
    vcpus: 1,
    clock: "utc",
    disks: [],
    seedPath: null,
    interfaces: [],
    vnc: { port: 15900, listen: "127.0.0.1", password: "secret" },
    ...change,
  };
}

/** Defines domains of these names; their uuids. */
async function define(...names: string[]): Promise<string[]> {
  const specs = names.map((name) => specOf(name));
  await Promise.all(specs.map((spec) => hypervisor.define(spec)));
  return specs.map((spec) => spec.uuid);
}

async function defineOne(name: string): Promise<string> {
  const [uuid] = await define(name);
  return uuid ?? "";
}

/** Collects events of these names until `done` says enough; fails after 15 seconds. */
function eventsUntil(names: string[], done: (events: DomainEvent[]) => boolean): Promise<DomainEvent[]> {
  const { promise, resolve, reject } = Promise.withResolvers<DomainEvent[]>();
  const events: DomainEvent[] = [];
  const timer = setTimeout(() => reject(new Error(`only ${JSON.stringify(events)}`)), 15_000);
  const undo = hypervisor.onDomain((event) => {
    if (!names.includes(event.name)) return;
    events.push(event);
    if (!done(events)) return;
    clearTimeout(timer);
    undo();
    resolve(events);
  });
  return promise;
}

/** The code a call fails with; null when it does not fail. */
async function codeOf(call: Promise<unknown>): Promise<string | null> {
  try {
    await call;
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(HypervisorError);
    return (error as HypervisorError).code;
  }
}

test("connects at once and says so", () => {
  const status = hypervisor.status();
  expect(status.connected).toBeTrue();
  expect(status.reason).toBeNull();
  expect(status.lanes.map((lane) => lane.name)).toContain("events");
});

test("the host's figures", async () => {
  const host = await hypervisor.host();
  expect(host.cpus).toBeGreaterThan(0);
  expect(host.memoryMiB).toBeGreaterThan(host.freeMemoryMiB);
  expect(host.libvirtVersion).toMatch(/^\d+\.\d+\.\d+$/);
  expect(host.acceleration.virtType).toBe("qemu"); // it can't do KVM, wherever it runs
});

describe("lifecycle", () => {
  test("every change of state, with its event", async () => {
    const stopped = eventsUntil(["one"], (events) => events.at(-1)?.kind === "undefined");
    const uuid = await defineOne("one");
    expect(await hypervisor.domain(uuid)).toEqual({
      uuid,
      name: "one",
      state: "off",
      reason: 0,
      clusterId,
      vcpus: 1,
      memoryMiB: 64,
      persistent: true,
    });
    const steps = [
      ["start", "running"],
      ["suspend", "paused"],
      ["resume", "running"],
      ["reboot", "running"],
      ["destroy", "off"],
      ["start", "running"],
      ["shutdown", "off"],
    ] as const;
    for (const [step, state] of steps) {
      await hypervisor[step](uuid);
      expect((await hypervisor.domain(uuid))?.state).toBe(state);
    }
    await hypervisor.undefine(uuid);
    expect(await hypervisor.domain(uuid)).toBeNull();
    const events = await stopped;
    expect(events.map(({ kind, state }) => [kind, state])).toEqual([
      ["defined", null],
      ["started", "running"],
      ["suspended", "paused"],
      ["resumed", "running"],
      ["stopped", "off"],
      ["started", "running"],
      ["stopped", "off"],
      ["undefined", null],
    ]);
    for (const event of events) expect(event).toMatchObject({ uuid, name: "one" });
  });

  test("doing it twice is a wrong state, except where it is fine", async () => {
    const uuid = await defineOne("twice");
    await hypervisor.start(uuid);
    expect(await codeOf(hypervisor.start(uuid))).toBe("wrongState");
    await hypervisor.destroy(uuid);
    expect(await codeOf(hypervisor.destroy(uuid))).toBeNull();
    expect(await codeOf(hypervisor.resume(uuid))).toBe("wrongState");
    await hypervisor.undefine(uuid);
    expect(await codeOf(hypervisor.undefine(uuid))).toBeNull();
    expect(await codeOf(hypervisor.start(uuid))).toBe("notFound");
  });

  test("names of any printable characters come back as they were", async () => {
    const names = [`a<b>&amp;"'`, "😀 ]]>", "中文", "a  b", "%s%n", "$(reboot)"];
    await define(...names);
    const listed = (await hypervisor.domains()).map((fact) => fact.name);
    for (const name of names) expect(listed).toContain(name);
  });

  test("a taken name is `exists`, a broken one `invalid`", async () => {
    await define("taken");
    expect(await codeOf(define("taken"))).toBe("exists");
    expect(await codeOf(define("a\nb"))).toBe("invalid");
    expect(await codeOf(hypervisor.define(specOf("bad-uuid", { uuid: "no uuid" })))).toBe("invalid");
  });

  test("the stored definition takes a new VNC port, size and name", async () => {
    const uuid = await defineOne("before");
    const events = eventsUntil(["before", "after <1>"], (seen) => seen.length >= 2);
    await hypervisor.setVnc(uuid, { port: 15901, listen: "0.0.0.0", password: `a"<b` });
    await hypervisor.reshape(uuid, { vcpus: 4, memoryMiB: 512, name: "after <1>" });
    expect(await hypervisor.domain(uuid)).toMatchObject({
      name: "after <1>",
      vcpus: 4,
      memoryMiB: 512,
      clusterId,
    });
    const xml = await hypervisor.xml(uuid);
    expect(xml).toContain("port='15901'");
    expect(xml).not.toContain("passwd");
    // A renaming must not look as if the domain were gone.
    expect((await events).map((event) => event.kind)).not.toContain("undefined");
    await hypervisor.start(uuid);
    expect(await codeOf(hypervisor.reshape(uuid, { vcpus: 2 }))).toBe("wrongState");
  });

  test("snapshots are taken, listed and deleted, and do not hinder removal", async () => {
    const uuid = await defineOne("snapped");
    await hypervisor.snapshot(uuid, "first <&>");
    await hypervisor.snapshot(uuid, "second");
    expect((await hypervisor.snapshots(uuid)).sort()).toEqual(["first <&>", "second"]);
    await hypervisor.deleteSnapshot(uuid, "second");
    expect(await hypervisor.snapshots(uuid)).toEqual(["first <&>"]);
    expect(await codeOf(hypervisor.deleteSnapshot(uuid, "second"))).toBe("notFound");
    await hypervisor.undefine(uuid);
    expect(await hypervisor.domain(uuid)).toBeNull();
  });
});

describe("whose a domain is", () => {
  test("a foreign one is listed, but not touched", async () => {
    expect((await hypervisor.domain(foreignUuid))?.clusterId).toBeNull();
    expect(await codeOf(hypervisor.destroy(foreignUuid))).toBe("denied");
    expect(await codeOf(hypervisor.undefine(foreignUuid))).toBe("denied");
    expect(await codeOf(hypervisor.define(specOf("test", { uuid: foreignUuid })))).toBe("denied");
    expect((await hypervisor.domain(foreignUuid))?.state).toBe("running");
  });

  test("libguestfs' domains do not exist, neither in lists nor in events", async () => {
    const seen = eventsUntil(["visible", "guestfs-1234"], (events) => events.at(-1)?.name === "visible");
    const hidden = await defineOne("guestfs-1234");
    await define("visible");
    expect((await seen).map((event) => event.name)).toEqual(["visible"]);
    expect((await hypervisor.domains()).map((fact) => fact.name)).not.toContain("guestfs-1234");
    expect((await hypervisor.stats()).map((entry) => entry.name)).not.toContain("guestfs-1234");
    expect(await hypervisor.domain(hidden)).toBeNull();
    await hypervisor.undefine(hidden);
  });
});

describe("pools and networks", () => {
  test("a pool is made once, and another folder under its name refused", async () => {
    const facts = await hypervisor.ensurePool("jimv-test", "/tmp/jimv-test-pool/");
    expect(facts).toMatchObject({ name: "jimv-test", path: "/tmp/jimv-test-pool", active: true });
    expect(await hypervisor.ensurePool("jimv-test", "/tmp/jimv-test-pool")).toEqual(facts);
    expect(await hypervisor.pool("jimv-test")).toEqual(facts);
    expect(await codeOf(hypervisor.ensurePool("jimv-test", "/tmp/other"))).toBe("exists");
    expect(await codeOf(hypervisor.ensurePool("jimv-relative", "tmp"))).toBe("invalid");
    expect(await codeOf(hypervisor.pool("none"))).toBe("notFound");
  });

  test("a NAT network gets a subnet that no other has, and keeps it", async () => {
    const network = await hypervisor.ensureNatNetwork("jimv-test");
    expect(network).toMatchObject({ name: "jimv-test", active: true });
    expect(network.cidr).toMatch(/\.0\/24$/);
    expect(await hypervisor.ensureNatNetwork("jimv-test")).toEqual(network);
    const second = await hypervisor.ensureNatNetwork("jimv-test-2");
    expect(second.cidr).not.toBe(network.cidr);
    expect((await hypervisor.networks()).map((each) => each.name)).toContain("jimv-test-2");
  });
});

describe("without a connection", () => {
  test("calls fail at once, and the status says why", async () => {
    const away = await openHypervisor({ uri: "qemu+unix:///system?socket=/nowhere/libvirt-sock" });
    try {
      expect(away.status().connected).toBeFalse();
      expect(away.status().reason).toContain("/nowhere/libvirt-sock");
      expect(await codeOf(away.domains())).toBe("unavailable");
    } finally {
      await away.close();
    }
  });

  test("after closing, too", async () => {
    const closed = await openHypervisor({ uri });
    await closed.close();
    expect(await codeOf(closed.domains())).toBe("unavailable");
  });
});

describe("a thousand domains", () => {
  test("are listed with one XML read each, ever, and leak nothing", async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `many-${i}`);
    const uuids = await define(...names);
    expect(await hypervisor.domains()).toHaveLength(1001);
    const started = performance.now();
    const rounds = 20;
    for (let i = 0; i < rounds; i++) expect(await hypervisor.domains()).toHaveLength(1001);
    const each = (performance.now() - started) / rounds;
    expect(each).toBeLessThan(500); // it takes about 10 ms; one XML read a domain would take far longer
    expect(await hypervisor.stats()).toHaveLength(1001);
    expect(hypervisor.liveHandles()).toBe(0);
    // Its definition changed: the memory of it must not be used.
    await hypervisor.reshape(uuids[500] ?? "", { vcpus: 3 });
    expect((await hypervisor.domains()).find((fact) => fact.uuid === uuids[500])?.vcpus).toBe(3);
  }, 60_000);

  test("memory stays flat over many calls, also failing ones", async () => {
    const uuid = await defineOne("leak");
    const round = async () => {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          for (let i = 0; i < 16; i++) await hypervisor.xml(uuid);
          await hypervisor.stats();
          expect(await codeOf(hypervisor.resume(uuid))).toBe("wrongState");
          expect(await codeOf(hypervisor.start(crypto.randomUUID()))).toBe("notFound");
        }),
      );
    };
    // The process grows and shrinks for reasons of its own (other tests' garbage, workers that come and go), but
    // a leak grows in every window: 8,000 texts of an XML of 1 KB would be 8 MB.
    const windows: number[] = [];
    for (let i = 0; i < 10; i++) await round();
    for (let window = 0; window < 8 && !windows.some((grown) => grown < 3 * 1024 * 1024); window++) {
      Bun.gc(true);
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 10; i++) await round();
      Bun.gc(true);
      windows.push(process.memoryUsage.rss() - before);
    }
    expect(Math.min(...windows)).toBeLessThan(3 * 1024 * 1024);
    expect(hypervisor.liveHandles()).toBe(0);
  }, 60_000);
});
