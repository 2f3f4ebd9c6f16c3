import { describe, expect, test } from "bun:test";
import { patchDiskIn, patchDiskOut } from "./disk-xml.ts";
import { domainXml } from "./domain-xml.ts";
import type { Acceleration, DomainDisk, DomainSpec } from "./hypervisor.ts";

const acceleration: Acceleration = {
  virtType: "qemu",
  missing: [],
  emulator: "/usr/bin/qemu-system-x86_64",
  machine: "q35",
  arch: "x86_64",
  cpuMode: null,
  maxVcpus: 8,
};
const spec: DomainSpec = {
  uuid: "6f1d4b9e-0000-4000-8000-000000000001",
  name: 'a "name" & <more>',
  clusterId: "c",
  memoryMiB: 128,
  vcpus: 1,
  clock: "utc",
  disks: [{ path: "/storage/a & b.qcow2", format: "qcow2", target: "vda", serial: "system" }],
  seedPath: "/storage/seed.iso",
  interfaces: [],
  vnc: { port: 15900, listen: "127.0.0.1", password: "<&\"'" },
};
const before = domainXml(spec, acceleration);
const ground = { directIo: true, rbd: null };
const data: DomainDisk = { path: "/storage/<data>.qcow2", format: "qcow2", target: "vdb", serial: "data-1" };

/** Targets by path, as the XML says. */
function disksOf(xml: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [disk] of xml.matchAll(/<disk\b.*?<\/disk>/gs))
    found[/file="([^"]*)"/.exec(disk)?.[1] ?? ""] = /<target [^>]*dev="([^"]*)"/.exec(disk)?.[1] ?? "";
  return found;
}

describe("disks in a stored definition", () => {
  test("one is added, and the seed makes room for it", () => {
    const after = patchDiskIn(before, data, ground);
    expect(disksOf(before)).toEqual({ "/storage/a &amp; b.qcow2": "vda", "/storage/seed.iso": "vdb" });
    expect(disksOf(after)).toEqual({
      "/storage/a &amp; b.qcow2": "vda",
      "/storage/seed.iso": "vdz",
      "/storage/&lt;data&gt;.qcow2": "vdb",
    });
    expect(after).toContain("<serial>data-1</serial>");
    expect(after).toContain('cache="none"');
  });

  test("adding and taking away again leaves the rest untouched", () => {
    const plainXml = domainXml({ ...spec, seedPath: null }, acceleration);
    const untouched = patchDiskOut(plainXml, "/storage/nothing", ground);
    expect(untouched).toBe(plainXml);
    const there = patchDiskIn(plainXml, data, ground);
    expect(patchDiskIn(there, data, ground)).toBe(there);
    const back = patchDiskOut(there, data.path, ground);
    // Written anew, so compared as written anew.
    expect(patchDiskOut(patchDiskIn(back, data, ground), data.path, ground)).toBe(back);
    expect(disksOf(back)).toEqual(disksOf(plainXml));
  });

  test("a target that another disk has is refused, so are bad targets and paths", () => {
    const code = (disk: Partial<DomainDisk>): string => {
      try {
        patchDiskIn(before, { ...data, ...disk }, ground);
        return "nothing";
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code({ target: "vda" })).toBe("exists");
    expect(code({ target: 'vdb"/>' })).toBe("invalid");
    expect(code({ path: "relative" })).toBe("invalid");
  });

  test("a disk in a Ceph pool is known by its image, there and back", () => {
    const rbd = {
      cephPool: "guests",
      monitors: [{ name: "10.0.0.1", port: null }],
      user: "jimv",
      secretUuid: "5a3d0d4c-2d6e-4f0e-a6b5-0e8f1d9a7c11",
    };
    const inCeph = { ...data, path: "rbd:jimv-pool-1/disk-9", format: "raw" } as const;
    const there = patchDiskIn(before, inCeph, { directIo: true, rbd });
    expect(there).toContain('name="guests/disk-9"');
    expect(there).toContain('secret type="ceph"');
    expect(patchDiskIn(there, inCeph, { directIo: true, rbd })).toBe(there);
    expect(patchDiskOut(there, "rbd:jimv-pool-1/disk-8", { rbd })).toBe(there);
    expect(patchDiskOut(there, inCeph.path, { rbd })).not.toContain("guests/disk-9");
    expect(() => patchDiskIn(before, inCeph, ground)).toThrow("no storage pool jimv-pool-1");
  });
});
