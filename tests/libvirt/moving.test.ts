/** The migration's operation as a node carries it out, between two real libvirtds. */

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PayloadOf } from "jimv";
import type { DomainSpec } from "../../src/core/libvirt/hypervisor.ts";
import { openHypervisor, type RealHypervisor } from "../../src/core/libvirt/real.ts";
import type { migrateGuest } from "../../src/plugins/migration/tasks.ts";
import { Mover } from "../support/mover.ts";
import { MachinePair } from "../support/pair.ts";

setDefaultTimeout(90_000);

const clusterId = "cluster-of-the-test";
let pair: MachinePair;
let here: RealHypervisor;
let there: RealHypervisor;
let mover: Mover;
let folders: { here: string; there: string };

beforeAll(async () => {
  pair = await MachinePair.open();
  here = await openHypervisor({ uri: pair.one.libvirtd.uri, clusterId });
  there = await openHypervisor({ uri: pair.other.libvirtd.uri, clusterId });
  await Promise.all([here.host(), there.host()]);
  folders = {
    here: join(pair.one.libvirtd.folder, "lib/guests"),
    there: join(pair.other.libvirtd.folder, "lib/guests"),
  };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  await here.ensurePool("jimv", folders.here);
  await there.ensurePool("jimv", folders.there);
  mover = await Mover.start(here, clusterId, pair.shared);
}, 90_000);
afterAll(async () => {
  mover?.stop();
  await Promise.all([here?.close(), there?.close()]);
  await pair?.close();
}, 30_000);
afterEach(async () => {
  for (const side of [here, there])
    for (const { uuid } of await side.domains()) {
      await side.destroy(uuid);
      await side.undefine(uuid);
    }
  expect(mover.journal()).toBe(0);
}, 30_000);

let ports = 27_900;
async function guest(): Promise<{ spec: DomainSpec; payload: PayloadOf<typeof migrateGuest> }> {
  const uuid = crypto.randomUUID();
  const [disk, seed] = [`${uuid}.qcow2`, `${uuid}.seed.iso`];
  await here.images.create(join(folders.here, disk), { format: "qcow2", sizeBytes: 16 * 1024 ** 2 });
  writeFileSync(join(folders.here, seed), crypto.getRandomValues(new Uint8Array(40_960)));
  const port = ports++;
  const spec: DomainSpec = {
    uuid,
    name: `moving-${port}`,
    clusterId,
    memoryMiB: 64,
    vcpus: 1,
    clock: "utc",
    disks: [{ path: join(folders.here, disk), format: "qcow2", target: "vda", serial: "disk-1" }],
    seedPath: join(folders.here, seed),
    interfaces: [],
    vnc: { port, listen: "127.0.0.1", password: "secret" },
  };
  await here.define(spec);
  const file = (name: string) => ({
    path: join(folders.here, name),
    to: join(folders.there, name),
    pool: "jimv",
    copy: true,
  });
  const payload: PayloadOf<typeof migrateGuest> = {
    uuid,
    name: spec.name,
    toNode: "pair-other",
    address: pair.other.address,
    // libvirtd reaches its peer through the wire, this process (for what it asks itself) only through the socket.
    peerUri: pair.other.libvirtd.uri,
    vncPort: ports++,
    vncListen: "127.0.0.1",
    vncPassword: "secret",
    takenPorts: [],
    disks: [{ uuid: crypto.randomUUID(), target: "vda", ...file(disk) }],
    seed: file(seed),
    trustStorage: false,
    tls: false,
    autoConverge: true,
    postcopy: false,
    bandwidthMiBs: null,
    connections: 1,
    memoryPort: null,
    diskPort: null,
  };
  return { spec, payload };
}

const arrived = async ({ payload }: Awaited<ReturnType<typeof guest>>, state: string) => {
  expect(await here.domain(payload.uuid)).toBeNull();
  expect(await there.domain(payload.uuid)).toMatchObject({ state, persistent: true });
  for (const { path, to } of [...payload.disks, ...(payload.seed ? [payload.seed] : [])])
    expect([existsSync(path), existsSync(to)]).toEqual([false, true]);
};

test("a guest that runs arrives with its disk and seed, and leaves nothing behind", async () => {
  const moving = await guest();
  await here.start(moving.spec.uuid);
  const { id, ended } = mover.begin(moving.payload);
  expect(await ended).toMatchObject({ state: "succeeded", result: { state: "running" } });
  await arrived(moving, "running");
  expect(mover.told.get(id)?.at(-1)?.figures.pass).toBeGreaterThan(0);
});

test("a guest that is off is carried over, and starts there", async () => {
  const moving = await guest();
  expect(await mover.begin(moving.payload).ended).toMatchObject({
    state: "succeeded",
    result: { state: "off", downtimeMilliseconds: null },
  });
  await arrived(moving, "off");
  await there.start(moving.spec.uuid);
  expect((await there.domain(moving.spec.uuid))?.state).toBe("running");
});

test("a cancelled one runs on here, and nothing is left there", async () => {
  const moving = await guest();
  await here.start(moving.spec.uuid);
  const { id, ended } = mover.begin({ ...moving.payload, bandwidthMiBs: 2 });
  const end = Date.now() + 30_000;
  // Its empty disk alone takes eight seconds at this speed.
  while (!mover.told.has(id)) {
    expect(Date.now()).toBeLessThan(end);
    await Bun.sleep(50);
  }
  mover.cancel(id);
  expect(await ended).toMatchObject({ state: "cancelled", leftovers: false });
  expect((await here.domain(moving.spec.uuid))?.state).toBe("running");
  expect(await there.domain(moving.spec.uuid)).toBeNull();
  for (const { path, to } of moving.payload.disks)
    expect([existsSync(path), existsSync(to)]).toEqual([true, false]);
});
