/** A lane whose worker is stuck in C: deadlines hold, the worker is replaced, and the old one goes when it can. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { steadyNow } from "../../src/core/clock.ts";
import { Connector } from "../../src/core/libvirt/connector.ts";
import { HypervisorError } from "../../src/core/libvirt/hypervisor.ts";
import { Lane } from "../../src/core/libvirt/lane.ts";
import { timing } from "../../src/core/timing.ts";
import { PrivateLibvirtd } from "../support/libvirtd.ts";

setDefaultTimeout(60_000);

let libvirtd: PrivateLibvirtd;
const connector = new Connector();
const deadlineMilliseconds = 200;

beforeAll(async () => {
  libvirtd = await PrivateLibvirtd.open({ privateNetwork: true });
}, 60_000);
afterAll(async () => {
  connector.stop();
  await libvirtd.close();
}, 20_000);

async function codeOf(call: Promise<unknown>): Promise<string | null> {
  try {
    await call;
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(HypervisorError);
    return (error as HypervisorError).code;
  }
}

test("a stuck worker is replaced, and no call waits for it", async () => {
  const lane = new Lane({
    name: "test",
    size: 1,
    stuckMilliseconds: 100,
    open: () => connector.request<number>({ kind: "open", uri: libvirtd.uri, keepalive: null, events: null }),
    release: (conn) => void connector.request({ kind: "close", conn }),
    onUnavailable: () => undefined,
    onUnusable: (message) => {
      throw new Error(message);
    },
  });
  try {
    lane.connect();
    expect(await codeOf(lane.call("ping", 5000))).toBeNull();
    libvirtd.signal("SIGSTOP");
    const [begun, queued] = [
      lane.call("ping", deadlineMilliseconds),
      lane.call("networks", deadlineMilliseconds),
    ];
    expect(await Promise.all([codeOf(begun), codeOf(queued)])).toEqual(["timeout", "timeout"]);
    expect(lane.status(steadyNow())).toMatchObject([
      { name: "test-1", state: "stuck", call: "ping", queueLength: 0 },
    ]);

    const next = lane.call("ping", 10_000);
    lane.sweep(steadyNow()); // not yet
    expect(lane.status(steadyNow())[0]?.name).toBe("test-1");
    lane.sweep(steadyNow() + timing.libvirtReplaceMilliseconds + deadlineMilliseconds);
    expect(lane.status(steadyNow())).toMatchObject([{ name: "test-2", queueLength: 1 }]);
    libvirtd.signal("SIGCONT");
    expect(await codeOf(next)).toBeNull();
    expect(lane.status(steadyNow())).toMatchObject([{ name: "test-2", state: "ok", queueLength: 0 }]);
    expect(lane.liveHandles()).toBe(0);
  } finally {
    libvirtd.signal("SIGCONT");
    lane.close();
  }
  expect(await codeOf(lane.call("ping", deadlineMilliseconds))).toBe("unavailable");
}, 30_000);

test("a call whose worker was replaced meanwhile still hears its answer", async () => {
  const lane = new Lane({
    name: "late",
    size: 1,
    stuckMilliseconds: 100,
    open: () => connector.request<number>({ kind: "open", uri: libvirtd.uri, keepalive: null, events: null }),
    release: (conn) => void connector.request({ kind: "close", conn }),
    onUnavailable: () => undefined,
    onUnusable: (message) => {
      throw new Error(message);
    },
  });
  const patientMilliseconds = 60_000;
  try {
    lane.connect();
    expect(await codeOf(lane.call("ping", 5000))).toBeNull();
    libvirtd.signal("SIGSTOP");
    const begun = performance.now();
    const late = codeOf(lane.call("ping", patientMilliseconds));
    lane.sweep(steadyNow() + 3_600_000);
    expect(lane.status(steadyNow())).toEqual([]);
    libvirtd.signal("SIGCONT");
    expect(await late).toBeNull();
    expect(performance.now() - begun).toBeLessThan(patientMilliseconds / 2);
  } finally {
    libvirtd.signal("SIGCONT");
    lane.close();
  }
}, 90_000);

test("a connection that breaks alone is replaced", async () => {
  let opened = 0;
  const lane = new Lane({
    name: "breaking",
    size: 1,
    stuckMilliseconds: 1000,
    open: () => {
      opened++;
      return connector.request<number>({ kind: "open", uri: libvirtd.uri, keepalive: null, events: null });
    },
    release: (conn) => void connector.request({ kind: "close", conn }),
    onUnavailable: () => undefined,
    onUnusable: () => undefined,
  });
  try {
    lane.connect();
    expect(await codeOf(lane.call("ping", 5000))).toBeNull();
    await libvirtd.kill();
    expect(await codeOf(lane.call("ping", 5000))).toBe("unavailable");
    const waiting = codeOf(lane.call("ping", 20_000));
    await libvirtd.start();
    expect(await waiting).toBeNull();
    expect(opened).toBeGreaterThan(1);
  } finally {
    lane.close();
  }
}, 30_000);
