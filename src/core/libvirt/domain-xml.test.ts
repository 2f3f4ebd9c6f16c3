/** Domain XML against golden files (`GOLDEN=write bun test` writes them anew), and changes in place. */

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DiskGrounds,
  domainXml,
  guestNamespace,
  patchShape,
  patchVnc,
  readTraits,
} from "./domain-xml.ts";
import type { Acceleration, DomainSpec } from "./hypervisor.ts";
import type { RbdSource } from "./rbd.ts";

const qemu: Acceleration = {
  virtType: "qemu",
  missing: ["cpuFlags"],
  emulator: "/usr/bin/qemu-system-x86_64",
  machine: "pc-i440fx-7.2",
  arch: "x86_64",
  cpuMode: null,
  maxVcpus: 255,
};
const kvm: Acceleration = { ...qemu, virtType: "kvm", missing: [], cpuMode: "host-model" };
const arm: Acceleration = {
  ...kvm,
  emulator: "/usr/bin/qemu-system-aarch64",
  machine: "virt-7.2",
  arch: "aarch64",
};

const linux: DomainSpec = {
  uuid: "2e70f39f-3e28-432a-9388-49d20058659e",
  name: "web-001",
  clusterId: "c0ffee",
  memoryMiB: 1024,
  vcpus: 2,
  clock: "utc",
  disks: [{ path: "/pool/web-001.qcow2", format: "qcow2", target: "vda", serial: "disk-1" }],
  seedPath: null,
  interfaces: [{ mac: "52:54:00:00:00:01", source: { network: "jimv-nat" } }],
  vnc: { port: 15900, listen: "127.0.0.1", password: "s3cr3t!!" },
};
const windows: DomainSpec = { ...linux, name: "win", clock: "localtime" };

const rbd: RbdSource = {
  cephPool: "guests & co",
  monitors: [
    { name: "10.0.0.1", port: "6789" },
    { name: "fd00::2", port: null },
  ],
  user: "jimv",
  secretUuid: "5a3d0d4c-2d6e-4f0e-a6b5-0e8f1d9a7c11",
};

const cases: Record<string, [spec: DomainSpec, acceleration: Acceleration, grounds?: DiskGrounds]> = {
  "linux-qemu-nat": [linux, qemu],
  "linux-kvm-nat": [linux, kvm],
  "windows-qemu-nat": [windows, qemu],
  "windows-kvm-nat": [windows, kvm],
  "linux-kvm-bridge": [
    { ...linux, interfaces: [{ mac: "52:54:00:00:00:01", source: { bridge: "br0" } }] },
    kvm,
  ],
  "linux-kvm-seed": [{ ...linux, seedPath: "/pool/web-001.seed" }, kvm],
  "linux-kvm-arm": [linux, arm],
  "linux-qemu-tmpfs": [linux, qemu, () => ({ directIo: false, rbd: null })],
  "linux-kvm-ceph": [
    {
      ...linux,
      disks: [{ path: "rbd:jimv-pool-1/disk-1", format: "raw", target: "vda", serial: "disk-1" }],
      seedPath: "rbd:jimv-pool-1/web-001.seed",
    },
    kvm,
    () => ({ directIo: true, rbd }),
  ],
  "linux-kvm-data-disks": [
    {
      ...linux,
      disks: [...linux.disks, { path: "/pool/data.raw", format: "raw", target: "vdb", serial: "disk-2" }],
      seedPath: "/pool/web-001.seed",
      interfaces: [],
    },
    kvm,
  ],
  "hostile-name": [{ ...linux, name: `a<b>&amp;"'😀 ]]><!--`, clusterId: `"><x/>` }, qemu],
};

const folder = join(import.meta.dir, "golden");

describe("golden domain XML", () => {
  test.each(Object.entries(cases))("%s", (name, [spec, acceleration, grounds]) => {
    const xml = domainXml(spec, acceleration, grounds);
    const file = join(folder, `${name}.xml`);
    if (process.env.GOLDEN === "write") writeFileSync(file, xml);
    expect(existsSync(file)).toBeTrue();
    expect(xml).toBe(readFileSync(file, "utf8"));
  });

  test("no golden file without a case", () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(cases)
        .map((name) => `${name}.xml`)
        .sort(),
    );
  });
});

test("what is written is read back, whatever the text", () => {
  const [spec, acceleration] = cases["hostile-name"] ?? [linux, qemu];
  expect(readTraits(domainXml(spec, acceleration))).toEqual({
    clusterId: `"><x/>`,
    vcpus: 2,
    memoryMiB: 1024,
  });
});

test("a domain without our metadata is nobody's, also when it looks similar", () => {
  const traits = (metadata: string) =>
    readTraits(
      `<domain><metadata>${metadata}</metadata><memory unit='KiB'>2097152</memory><vcpu current='1'>4</vcpu></domain>`,
    );
  expect(traits("")).toEqual({ clusterId: null, vcpus: 1, memoryMiB: 2048 });
  expect(traits("<guest><cluster>x</cluster></guest>").clusterId).toBeNull();
  expect(
    traits("<jimv:guest xmlns:jimv='https://other'><jimv:cluster>x</jimv:cluster></jimv:guest>").clusterId,
  ).toBeNull();
  expect(traits(`<p:guest xmlns:p='${guestNamespace}'><p:cluster>mine</p:cluster></p:guest>`).clusterId).toBe(
    "mine",
  );
  expect(traits(`<guest xmlns='${guestNamespace}'><cluster>mine</cluster></guest>`).clusterId).toBe("mine");
});

describe("what XML, libvirt or VNC can't take is refused as invalid", () => {
  const refused: [string, Partial<DomainSpec>][] = [
    ["a control character in the name", { name: "a\u0001b" }],
    ["a line break in the name", { name: "a\nb" }],
    ["a NUL in the name", { name: "a\0b" }],
    ["half of a 4-byte character", { name: "a\ud83d" }],
    ["a blank name", { name: "  " }],
    ["a slash in the name", { name: "../etc" }],
    ["a name longer than file systems take", { name: "😀".repeat(51) }],
    ["a fraction of a vCPU", { vcpus: 1.5 }],
    ["no memory", { memoryMiB: 0 }],
    ["huge memory", { memoryMiB: Number.MAX_SAFE_INTEGER }],
    ["a relative disk path", { disks: [{ path: "a.raw", format: "raw", target: "vda", serial: "" }] }],
    ["a disk target of another bus", { disks: [{ path: "/a", format: "raw", target: "sda", serial: "" }] }],
    ["a serial with a comma", { disks: [{ path: "/a", format: "raw", target: "vda", serial: "a,b" }] }],
    ["a long VNC password", { vnc: { ...linux.vnc, password: "123456789" } }],
    ["a privileged VNC port", { vnc: { ...linux.vnc, port: 80 } }],
  ];
  test.each(refused)("%s", (_, change) => {
    expect(() => domainXml({ ...linux, ...change }, qemu)).toThrow(
      expect.objectContaining({ code: "invalid" }),
    );
  });
});

const stored = `<domain type="kvm"><!-- kept --><name>a&amp;b</name><memory unit="KiB">65536</memory><currentMemory unit="KiB">65536</currentMemory>
  <vcpu placement="static" current="1">4</vcpu><vcpus><vcpu id="0" enabled="yes"/></vcpus>
  <metadata><other:thing xmlns:other="urn:x">&#x4E2D;<![CDATA[<raw>]]></other:thing></metadata>
  <devices><graphics type="spice" port="1"/><graphics type="vnc" port="5901" autoport="yes" websocket="5700" passwd="old"><listen type="socket"/></graphics><hostdev mode="future"/></devices>
</domain>`;

test("changing VNC keeps everything else, known or not", () => {
  const changed = patchVnc(stored, { port: 15999, listen: "::1", password: `a"<b` });
  expect(changed).toContain(
    '<graphics type="vnc" port="15999" autoport="no" passwd="a&quot;&lt;b" listen="::1"><listen type="address" address="::1"/></graphics>',
  );
  const around = (xml: string) => xml.replace(/<graphics type="vnc".*?<\/graphics>/, "");
  expect(around(changed)).toBe(around(stored).replace("&#x4E2D;", "中"));
});

test("changing VNC adds it where there is none", () => {
  const changed = patchVnc("<domain><devices/></domain>", {
    port: 15900,
    listen: "127.0.0.1",
    password: "x",
  });
  expect(changed).toContain('<graphics type="vnc" port="15900"');
});

test("changing the size keeps everything else", () => {
  const changed = patchShape(stored, { vcpus: 8, memoryMiB: 2048 });
  expect(readTraits(changed)).toEqual({ clusterId: null, vcpus: 8, memoryMiB: 2048 });
  expect(changed).toContain('<currentMemory unit="MiB">2048</currentMemory>');
  expect(changed).not.toContain("<vcpus>");
  expect(changed).toContain("<!-- kept -->");
  expect(changed).toContain("<hostdev");
});
