/** Attaching and detaching disks through libvirt's pretended hypervisor. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type DomainDisk, type DomainSpec, HypervisorError } from "./hypervisor.ts";
import { openHypervisor, type RealHypervisor } from "./real.ts";

setDefaultTimeout(30_000); // starting threads takes long on a busy machine

const clusterId = "cluster-of-the-test";
const spec: DomainSpec = {
  uuid: crypto.randomUUID(),
  name: "disks",
  clusterId,
  memoryMiB: 64,
  vcpus: 1,
  clock: "utc",
  disks: [{ path: "/storage/system.qcow2", format: "qcow2", target: "vda", serial: "system" }],
  seedPath: null,
  interfaces: [],
  vnc: { port: 15900, listen: "127.0.0.1", password: "secret" },
};
const data: DomainDisk = { path: "/storage/a&b.qcow2", format: "qcow2", target: "vdb", serial: "data" };

let hypervisor: RealHypervisor;
beforeAll(async () => {
  hypervisor = await openHypervisor({ uri: "test:///default", clusterId });
});
afterAll(() => hypervisor.close());

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "nothing",
    (error) => (error instanceof HypervisorError ? error.code : String(error)),
  );

test("a disk comes and goes while the guest is off, and twice is as good as once", async () => {
  await hypervisor.define(spec);
  await hypervisor.attachDisk(spec.uuid, data);
  await hypervisor.attachDisk(spec.uuid, data);
  const xml = await hypervisor.xml(spec.uuid);
  expect(xml.match(/a&amp;b\.qcow2/g)).toHaveLength(1);
  expect(xml).toContain("/storage/system.qcow2");
  expect(await codeOf(hypervisor.attachDisk(spec.uuid, { ...data, path: "/storage/c.qcow2" }))).toBe(
    "exists",
  );
  await hypervisor.start(spec.uuid);
  expect(await codeOf(hypervisor.detachDisk(spec.uuid, data.path))).toBe("wrongState");
  await hypervisor.destroy(spec.uuid);
  await hypervisor.detachDisk(spec.uuid, data.path);
  await hypervisor.detachDisk(spec.uuid, data.path);
  expect(await hypervisor.xml(spec.uuid)).not.toContain("a&amp;b");
  expect(await codeOf(hypervisor.attachDisk(crypto.randomUUID(), data))).toBe("notFound");
  await hypervisor.undefine(spec.uuid);
});
