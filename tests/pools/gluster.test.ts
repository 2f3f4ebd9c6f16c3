/** A GlusterFS volume of one brick, mounted through FUSE, as a storage pool. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openImages } from "../../src/core/libvirt/images.ts";
import {
  demandMark,
  fileSystemOf,
  readMark,
  refusedFileSystem,
  writeMark,
} from "../../src/plugins/pools/mark.ts";
import { demoTemplate, until } from "../support/app.ts";
import { soon } from "../support/in-guest.ts";
import { openLab } from "../support/lab.ts";
import { run } from "../support/processes.ts";

/** Of a network for documentation: gluster refuses loopback's own. */
const address = "192.0.2.77";
const startMilliseconds = 20_000;

let folder: string;
let brick: string;
let mount: string;
let glusterd: Bun.Subprocess | null = null;
const inFolder = (name: string): string => join(folder, name);
const gluster = (...args: string[]) =>
  run(["gluster", "--mode=script", `--glusterd-sock=${inFolder("glusterd.socket")}`, ...args]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "jimv-gluster-"));
  brick = inFolder("brick");
  mount = inFolder("mount");
  await run(["mkdir", "-p", brick, mount, inFolder("state"), inFolder("run")]);
  await run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", brick]);
  await run(["ip", "address", "replace", `${address}/32`, "dev", "lo"]);
  const options = [
    `working-directory ${inFolder("state")}`,
    `run-directory ${inFolder("run")}`,
    `glusterd-sockfile ${inFolder("glusterd.socket")}`,
    "transport-type socket",
    "transport.address-family inet",
    `transport.socket.bind-address ${address}`,
  ];
  const lines = [
    "volume management",
    "type mgmt/glusterd",
    ...options.map((each) => `option ${each}`),
    "end-volume",
  ];
  writeFileSync(inFolder("glusterd.vol"), `${lines.join("\n")}\n`);
  glusterd = Bun.spawn(
    ["glusterd", "-N", "-f", inFolder("glusterd.vol"), "-p", inFolder("pid"), "-l", inFolder("glusterd.log")],
    { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  await until("glusterd answers", startMilliseconds, () =>
    gluster("volume", "list").then(
      () => true,
      () => false,
    ),
  );
  await gluster("volume", "create", "jimv", `${address}:${brick}/data`, "force");
  await gluster("volume", "start", "jimv");
  await run([
    "mount",
    "-t",
    "glusterfs",
    "-o",
    `log-file=${inFolder("mount.log")}`,
    `${address}:/jimv`,
    mount,
  ]);
}, 60_000);

afterAll(async () => {
  const quietly = (asked: Promise<unknown>) => asked.catch(() => {});
  await quietly(run(["umount", "-l", mount]));
  await quietly(gluster("volume", "stop", "jimv", "force"));
  glusterd?.kill();
  await glusterd?.exited;
  await quietly(run(["umount", "-l", brick]));
  await quietly(run(["ip", "address", "del", `${address}/32`, "dev", "lo"]));
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

test("is known as shared by its file system, carries the pool's mark, and holds disks", async () => {
  const type = await fileSystemOf(mount);
  expect(type).toBe("fuse.glusterfs");
  expect(refusedFileSystem("gluster", type, false)).toBeNull();
  expect(refusedFileSystem("shared", type, false)).toBeNull();
  await writeMark(mount, "the-pool");
  await demandMark(mount, "the-pool");

  const images = openImages();
  const [disk, copy] = [join(mount, "disk.qcow2"), join(mount, "templates/copy.qcow2")];
  await images.create(disk, { format: "qcow2", sizeBytes: 64 * 1024 ** 2 });
  await images.makeFolder(join(mount, "templates"));
  await images.copy(disk, copy, { format: "qcow2" });
  expect(await images.info(copy)).toMatchObject({ format: "qcow2", virtualSizeBytes: 64 * 1024 ** 2 });
  // It lies on the brick, not below the mount point.
  expect(existsSync(join(brick, "data/disk.qcow2"))).toBe(true);
}, 30_000);

/** QEMU's own client takes ten seconds to take its leave of the volume. See docs/adr/0011-gluster-is-a-mount.md. */
test.if(process.env.JIMV_LONG === "1")(
  "QEMU's own client sees through gluster:// what the mount wrote",
  async () => {
    const image = join(mount, "raw.img");
    await openImages().create(image, { format: "raw", sizeBytes: 64 * 1024 ** 2 });
    const direct = `gluster://${address}/jimv/raw.img`;
    const seen = JSON.parse(await run(["qemu-img", "info", "--output=json", "--", direct]));
    expect(seen).toMatchObject({ format: "raw", "virtual-size": 64 * 1024 ** 2 });
    rmSync(image);
  },
  60_000,
);

test("a mount that went away is noticed before anything is written below it", async () => {
  await run(["umount", mount]);
  expect(await readMark(mount)).toEqual({ id: null });
  expect(await demandMark(mount, "the-pool").catch((error) => error.word)).toBe("pools.notMounted");
  await run([
    "mount",
    "-t",
    "glusterfs",
    "-o",
    `log-file=${inFolder("mount.log")}`,
    `${address}:/jimv`,
    mount,
  ]);
  await demandMark(mount, "the-pool");
}, 30_000);

test("a guest's disk lies in it and the guest boots from there", async () => {
  const lab = await openLab();
  try {
    const { app, libvirtd } = lab;
    const templateId = await app.registerTemplate(await demoTemplate(folder));
    const [pools, disks] = [join(mount, "pool"), join(brick, "data/pool")];
    await run(["mkdir", pools]);
    const { pool, tasks } = await app.ask<{ pool: { id: string }; tasks: { id: string }[] }>(
      "POST",
      "/pools",
      {
        name: "bricks",
        kind: "gluster",
        path: pools,
        nodeNames: [app.nodeName],
      },
    );
    const put = await app.ended(tasks[0]?.id ?? "");
    expect([put.state, put.error]).toEqual(["succeeded", null]);
    await until("the pool is healthy", 30_000, async () => {
      type Body = { nodes: { healthy: boolean }[] };
      return (await app.ask<Body>("GET", `/pools/${pool.id}`)).nodes[0]?.healthy === true;
    });
    const made = await app.ask<{ task: { id: string }; guests: { uuid: string }[] }>("POST", "/guests", {
      name: "on-bricks",
      templateId,
      vcpus: 1,
      memoryMiB: 128,
      poolId: pool.id,
    });
    const ended = await app.ended(made.task.id);
    expect([ended.state, ended.error]).toEqual(["succeeded", null]);
    const images = () => readdirSync(disks).filter((name) => name.endsWith(".qcow2"));
    expect(images()).toHaveLength(1);
    await until("the guest's agent answers", 120_000, () => soon(libvirtd, "on-bricks", "true"), 500);
    const gone = await app.ask<{ task: { id: string } }>("DELETE", `/guests/${made.guests[0]?.uuid}`, {
      force: true,
    });
    expect((await app.ended(gone.task.id)).state).toBe("succeeded");
    expect(images()).toEqual([]);
  } finally {
    await lab.close();
  }
}, 240_000);
