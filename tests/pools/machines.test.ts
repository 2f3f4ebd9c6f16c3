/** Storage pools and templates' journeys between machines with a libvirtd each, for real. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHypervisor, type RealHypervisor } from "../../src/core/libvirt/real.ts";
import { LabNode } from "../lab/node.ts";
import { Room } from "../lab/room.ts";

const image = "/srv/images/template.raw";
const imageMiB = 160;

let room: Room;
let one: LabNode;
let two: LabNode;
let here: RealHypervisor;
let there: RealHypervisor;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "jimv-pools-"));
  room = await Room.open();
  [one, two] = await Promise.all([LabNode.open(room, "node-1", 11), LabNode.open(room, "node-2", 12)]);
  here = await openHypervisor({ uri: one.uri });
  there = await openHypervisor({ uri: two.uri });
  // Data, then a hole, then data: what arrives must be the same, holes included.
  const make = `mkdir -p /srv/images && head -c 40M /dev/urandom > ${image} && truncate -s ${imageMiB - 1}M ${image} &&
    head -c 1M /dev/urandom >> ${image}`;
  await one.machine.run("bash", "-c", make);
}, 60_000);
afterAll(async () => {
  await Promise.all([here?.close(), there?.close()]);
  await room?.close();
  rmSync(folder, { recursive: true, force: true });
});

const source = () => ({ uri: one.migrationUri, path: image, sizeBytes: imageMiB * 1024 ** 2 });
const digestOf = async (path: string): Promise<string> => {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
};
const original = () => digestOf(join(one.machine.folder, image));

test("an image comes whole from another machine, though its libvirtd is killed on the way", async () => {
  const target = join(folder, "template.raw");
  const seen: number[] = [];
  let killed: Promise<void> | null = null;
  await there.fetchImage(source(), target, {
    onProgress: (done) => {
      seen.push(done);
      if (done > 0) killed ??= one.restartLibvirtd("SIGKILL");
    },
  });
  await killed;
  expect(killed).not.toBeNull();
  expect(await digestOf(target)).toBe(await original());
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  const { blocks } = await import("node:fs/promises").then((fs) => fs.stat(target));
  expect(blocks * 512).toBeLessThan(60 * 1024 ** 2);
  expect(there.liveHandles()).toBe(0);
}, 60_000);

test("what is not there, or is not as long as it was, is said, and nothing stays", async () => {
  const target = join(folder, "other.raw");
  const gone = there.fetchImage({ ...source(), path: "/srv/images/none.raw" }, target);
  expect(await gone.catch((error) => error.code)).toBe("notFound");
  const longer = there.fetchImage({ ...source(), sizeBytes: source().sizeBytes + 1 }, target);
  expect(await longer.catch((error) => error.code)).toBe("invalid");
  expect(await there.images.exists(target)).toBe(false);
  expect(await there.images.exists(`${target}.part`)).toBe(false);
}, 30_000);

test("a pool in the shared folder is the same storage on both, and goes without its files", async () => {
  const [name, path] = ["jimv-pool-shared", "/srv/shared/pool"];
  const facts = await Promise.all([here, there].map((node) => node.ensurePool(name, path)));
  expect(facts.map((each) => [each.active, each.path])).toEqual([
    [true, path],
    [true, path],
  ]);
  await one.machine.run("qemu-img", "create", "-q", "-f", "qcow2", `${path}/a.qcow2`, "10M");
  await there.pool(name);
  expect(await two.virsh("vol-list", name)).toContain("a.qcow2");
  expect(await there.poolNames("jimv-pool-")).toEqual([name]);
  await there.removePool(name);
  await there.removePool(name);
  expect(await there.poolNames("jimv-pool-")).toEqual([]);
  expect(await two.machine.run("ls", path)).toBe("a.qcow2\n");
  await here.removePool(name);
}, 30_000);

test("two nodes that make a pool's folder in the same moment both have it", async () => {
  for (let n = 0; n < 30; n++) {
    const [name, path] = [`jimv-pool-race-${n}`, `/srv/shared/race-${n}`];
    const facts = await Promise.all([here, there].map((node) => node.ensurePool(name, path)));
    expect(facts.map((each) => each.active)).toEqual([true, true]);
    await Promise.all([here, there].map((node) => node.removePool(name)));
  }
}, 60_000);

test("a Ceph pool that nobody answers for is refused, and neither it nor its key stays", async () => {
  const secretUuid = crypto.randomUUID();
  const ceph = {
    name: "jimv-pool-ceph",
    monitors: ["127.0.0.1:1"],
    cephPool: "guests",
    user: "jimv",
    key: Buffer.from("not a key").toString("base64"),
    secretUuid,
  };
  const refused = await here.ensureRbdPool(ceph).catch((error) => error);
  expect(refused).toMatchObject({ name: "HypervisorError" });
  expect(await here.poolNames("jimv-pool-ceph")).toEqual([]);
  expect(await one.virsh("secret-list")).not.toContain(secretUuid);
}, 150_000);
