import { describe, expect, test } from "bun:test";
import { domainXml } from "./domain-xml.ts";
import { HypervisorError } from "./hypervisor.ts";
import { hostPart, jobOf } from "./migration.ts";
import { cpuOf, patchMigration } from "./migration-xml.ts";
import { usedIn } from "./resident.ts";

const xml = domainXml(
  {
    uuid: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    name: `a<b>&"'`,
    clusterId: "cluster",
    memoryMiB: 512,
    vcpus: 1,
    clock: "utc",
    disks: [
      { path: "/one/system.qcow2", format: "qcow2", target: "vda", serial: "a" },
      { path: "/one/data & more.qcow2", format: "qcow2", target: "vdb", serial: "b" },
    ],
    seedPath: "/one/seed.iso",
    interfaces: [],
    vnc: { port: 5950, listen: "127.0.0.1", password: "secret" },
  },
  {
    virtType: "qemu",
    missing: [],
    emulator: "/usr/bin/qemu",
    machine: "q35",
    arch: "x86_64",
    cpuMode: null,
    maxVcpus: 8,
  },
);
const vnc = { port: 5999, listen: "10.0.0.2", password: "other" };

describe("a definition that moves", () => {
  test("has its VNC server and the named disks where they will be, and nothing else changed", () => {
    const moved = patchMigration(xml, {
      vnc,
      paths: [
        { from: "/one/data & more.qcow2", to: "/two/data & more.qcow2" },
        { from: "/one/seed.iso", to: "/two/seed.iso" },
      ],
    });
    const back = patchMigration(moved, {
      vnc: { port: 5950, listen: "127.0.0.1", password: "secret" },
      paths: [
        { from: "/two/data & more.qcow2", to: "/one/data & more.qcow2" },
        { from: "/two/seed.iso", to: "/one/seed.iso" },
      ],
    });
    expect(moved).toContain('file="/one/system.qcow2"');
    expect(moved).toContain('file="/two/data &amp; more.qcow2"');
    expect(moved).toContain('port="5999"');
    expect(moved).not.toContain("5950");
    expect(back).toBe(
      patchMigration(back, { vnc: { port: 5950, listen: "127.0.0.1", password: "secret" }, paths: [] }),
    );
    expect(moved.replaceAll(/\s/g, "").length).toBeGreaterThan(500);
  });

  test("must have the disks that are to change", () => {
    const paths = [{ from: "/one/other.qcow2", to: "/two/other.qcow2" }];
    expect(() => patchMigration(xml, { vnc, paths })).toThrow(HypervisorError);
  });
});

test("only a guest with a CPU of its own has something to compare", () => {
  expect(cpuOf(xml)).toBeNull();
  const custom = (type: string) =>
    `<domain type="${type}"><cpu mode="custom" match="exact"><model>Skylake</model></cpu></domain>`;
  expect(cpuOf(custom("kvm"))).toContain("<model>Skylake</model>");
  expect(cpuOf(custom("qemu"))).toBeNull();
});

test("figures that libvirt leaves out are 0", () => {
  const job = jobOf({ memory_total: 100, memory_dirty_rate: 3, memory_page_size: 4096 }, "out");
  expect(job).toMatchObject({
    memoryTotalBytes: 100,
    dirtyBytesPerSecond: 12_288,
    pass: 0,
    diskTotalBytes: 0,
  });
});

test.each([
  ["10.0.0.2", "10.0.0.2"],
  ["fd00::2", "[fd00::2]"],
])("an address in a URI: %s", (address, part) => {
  expect(hostPart(address)).toBe(part);
});

describe("memory in use", () => {
  const map = (lines: [string, number, number][]) =>
    lines
      .map(([rights, size, rss]) => `7f00-7f01 ${rights} 0 00:00 0\nSize: ${size} kB\nRss: ${rss} kB`)
      .join("\n");
  const mib = 1024;

  test("is what is there of the mapping that is as large as the memory", () => {
    const text = map([
      ["rw-p", 256 * mib, 100 * mib],
      ["rw-p", 16 * mib, 16 * mib],
      ["rwxp", 250 * mib, 3 * mib],
      ["---p", 255 * mib, 0],
    ]);
    expect(usedIn(text, 256 * mib * 1024)).toBe(100 * mib * 1024);
  });

  test("is not told where no mapping, or more than one, could be it", () => {
    expect(usedIn(map([["rw-p", 16 * mib, 16 * mib]]), 256 * mib * 1024)).toBeNull();
    const two: [string, number, number] = ["rw-p", 256 * mib, 1];
    expect(usedIn(map([two, two]), 256 * mib * 1024)).toBeNull();
  });
});
