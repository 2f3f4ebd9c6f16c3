/** The tables and small pure functions: states, events, error numbers, subnets, acceleration, qcow2 headers. */

import { describe, expect, test } from "bun:test";
import { decideAcceleration, hasVirtualisationFlag } from "./acceleration.ts";
import { versionText } from "./connection.ts";
import { errorCodeOf } from "./errors.ts";
import { parseQcow2Header } from "./qcow2.ts";
import { parseInfo, parseProgress } from "./qemu-img.ts";
import { isHidden, lifecycleOf, stateOf } from "./states.ts";
import { cidrText, freeSubnets, overlaps, routesOf, type Subnet, subnetOf } from "./subnet.ts";

test.each([
  [1, 1, "running"],
  [2, 0, "running"],
  [3, 1, "paused"],
  [3, 11, "running"], // starting up
  [4, 1, "stopping"],
  [5, 0, "off"],
  [5, 2, "off"], // destroyed
  [5, 3, "crashed"],
  [5, 6, "off"], // the start failed
  [5, 8, "crashed"], // QEMU was gone when libvirtd came back
  [6, 1, "crashed"],
  [7, 0, "paused"],
] as const)("state %i with reason %i is %s", (state, reason, expected) => {
  expect(stateOf(state, reason)).toBe(expected);
});

test.each([
  [2, 0, { kind: "started", state: "running" }],
  [5, 0, { kind: "stopped", state: "off" }],
  [5, 1, { kind: "stopped", state: "off" }],
  [5, 2, { kind: "stopped", state: "crashed" }],
  [5, 5, { kind: "stopped", state: "crashed" }],
  [1, 0, { kind: "undefined", state: null }],
  [1, 1, null], // renamed: it is not gone
  [99, 0, null],
] as const)("event %i with detail %i", (event, detail, expected) => {
  expect(lifecycleOf(event, detail)).toEqual(expected);
});

test("libguestfs' domains are hidden", () => {
  expect(isHidden("guestfs-abc")).toBeTrue();
  expect(isHidden("my-guestfs-abc")).toBeFalse();
});

test.each([
  [42, "Domain not found", "notFound"],
  [55, "domain is already running", "wrongState"],
  [1, "internal error: Failed to reserve port 15900", "portInUse"],
  [
    1,
    "qemu unexpectedly closed the monitor: -vnc 127.0.0.1:1: Failed to find an available port: Address already in use",
    "portInUse",
  ],
  [1, "cannot set up guest memory 'pc.ram': Cannot allocate memory", "noMemory"],
  [38, "unable to write: No space left on device", "noSpace"],
  [86, "Guest agent is not responding", "agentSilent"],
  [
    1,
    "unable to execute QEMU agent command 'guest-exec': The command guest-exec has been disabled for this instance",
    "unsupported",
  ],
  [1, "something else", "internal"],
] as const)("libvirt's error %i (%s) is %s", (number, message, code) => {
  expect(errorCodeOf(number, message)).toBe(code);
});

test("version numbers as text", () => {
  expect(versionText(4_005_000)).toBe("4.5.0");
  expect(versionText(7_002_022)).toBe("7.2.22");
});

describe("subnets", () => {
  const of = (address: string, mask: string) => subnetOf(address, mask) as Subnet;

  test("as text and back, by netmask or prefix", () => {
    expect(cidrText(of("192.168.123.7", "255.255.255.0"))).toBe("192.168.123.0/24");
    expect(cidrText(of("10.1.2.3", "8"))).toBe("10.0.0.0/8");
    expect(cidrText(of("10.1.2.3", "32"))).toBe("10.1.2.3/32");
    expect(subnetOf("fe80::1", "64")).toBeNull();
    expect(subnetOf("300.1.1.1", "24")).toBeNull();
  });

  test("overlap in both directions", () => {
    expect(overlaps(of("10.0.0.0", "8"), of("10.213.1.0", "24"))).toBeTrue();
    expect(overlaps(of("10.213.1.0", "24"), of("10.0.0.0", "8"))).toBeTrue();
    expect(overlaps(of("192.168.123.0", "24"), of("192.168.124.0", "24"))).toBeFalse();
  });

  test("the free ones leave out what is taken", () => {
    const first = (taken: Subnet[]) => freeSubnets(taken).map(cidrText)[0];
    expect(first([])).toBe("192.168.123.0/24");
    expect(first([of("192.168.123.1", "24"), of("192.168.124.128", "25")])).toBe("192.168.125.0/24");
    expect(first([of("192.168.0.0", "16")])).toBe("172.29.1.0/24");
    expect(first([of("192.168.0.0", "16"), of("172.16.0.0", "12"), of("10.0.0.0", "8")])).toBeUndefined();
  });

  test("the kernel's routes without the default one", () => {
    const table =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
      "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
      "eth0\t007BA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    expect(routesOf(table).map(cidrText)).toEqual(["192.168.123.0/24"]);
  });
});

describe("acceleration", () => {
  const capabilities = (type: string) =>
    `<domainCapabilities><path>/usr/bin/qemu</path><domain>${type}</domain><machine>pc-1</machine><arch>x86_64</arch><vcpu max='288'/></domainCapabilities>`;
  const all = { cpuFlags: true, device: true, kvmXml: capabilities("kvm"), qemuXml: capabilities("qemu") };

  test("KVM when all three agree", () => {
    expect(decideAcceleration(all)).toEqual({
      virtType: "kvm",
      missing: [],
      emulator: "/usr/bin/qemu",
      machine: "pc-1",
      arch: "x86_64",
      cpuMode: "host-model",
      maxVcpus: 288,
    });
  });

  test.each([
    [{ cpuFlags: false }, ["cpuFlags"]],
    [{ device: false }, ["device"]],
    [{ kvmXml: null }, ["capabilities"]],
    [{ kvmXml: capabilities("qemu") }, ["capabilities"]],
    [{ cpuFlags: false, device: false, kvmXml: null }, ["cpuFlags", "device", "capabilities"]],
  ] as const)("emulation when %j", (change, missing) => {
    const decided = decideAcceleration({ ...all, ...change });
    expect(decided).toMatchObject({ virtType: "qemu", missing: [...missing], cpuMode: null });
  });

  test("the CPU's flags", () => {
    expect(hasVirtualisationFlag("flags\t\t: fpu vme svm lm\n")).toBeTrue();
    expect(hasVirtualisationFlag("flags\t\t: fpu vmx\n")).toBeTrue();
    expect(hasVirtualisationFlag("flags\t\t: fpu svm_lock vme\n")).toBeFalse();
    expect(hasVirtualisationFlag("Features\t: fp asimd\n")).toBeTrue(); // ARM shows none
  });
});

describe("qemu-img's words", () => {
  test("progress is the last figure", () => {
    expect(parseProgress("    (1.00/100%)\r    (42.50/100%)\r")).toBe(0.425);
    expect(parseProgress("something")).toBeNull();
  });

  test("backing and data files are found however deep they stand", () => {
    const nested = {
      format: "luks",
      "virtual-size": 5,
      "actual-size": 4,
      children: [
        {
          name: "file",
          info: { "backing-filename": "/b", "format-specific": { data: { "data-file": "/d" } } },
        },
      ],
    };
    expect(parseInfo("/i", JSON.stringify(nested))).toEqual({
      path: "/i",
      format: "luks",
      virtualSizeBytes: 5,
      actualSizeBytes: 4,
      backingFile: "/b",
      dataFile: "/d",
      encrypted: true,
    });
  });
});

describe("qcow2 headers", () => {
  /** A version 3 header with a data file extension and a backing file name behind it. */
  function header(): Buffer {
    const bytes = Buffer.alloc(200);
    bytes.write("QFI\xfb", "latin1");
    bytes.writeUInt32BE(3, 4);
    bytes.writeBigUInt64BE(1_000_000n, 24);
    bytes.writeUInt32BE(104, 100);
    bytes.writeUInt32BE(0x6803f857, 104); // the feature name table comes first
    bytes.writeUInt32BE(3, 108);
    bytes.writeUInt32BE(0x44415441, 120);
    bytes.writeUInt32BE(5, 124);
    bytes.write("/data", 128);
    bytes.writeBigUInt64BE(150n, 8);
    bytes.writeUInt32BE(5, 16);
    bytes.write("/back", 150);
    return bytes;
  }

  test("data file only when the feature bit says so", () => {
    const bytes = header();
    expect(parseQcow2Header(bytes)).toMatchObject({
      virtualSizeBytes: 1_000_000,
      backingFile: "/back",
      dataFile: null,
    });
    bytes.writeBigUInt64BE(4n, 72);
    expect(parseQcow2Header(bytes)?.dataFile).toBe("/data");
  });

  test("cut off or foreign files", () => {
    expect(parseQcow2Header(Buffer.alloc(200))).toBeNull();
    expect(parseQcow2Header(header().subarray(0, 40))).toBeNull();
    const cut = header().subarray(0, 122);
    cut.writeBigUInt64BE(4n, 72);
    expect(parseQcow2Header(cut)?.dataFile).toBe("");
  });
});
