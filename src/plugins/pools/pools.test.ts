import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  demandMark,
  fileSystemOf,
  markName,
  readMark,
  refusedFileSystem,
  removeMark,
  writeMark,
} from "./mark.ts";
import type { Pool, Presence } from "./schema.ts";
import { poolView, presenceView, roomKey } from "./view.ts";

const now = 1_700_000_000_000;
const clock = { now: () => now };
const gib = 1024 ** 3;

const pool = (change: Partial<Pool> = {}): Pool => ({
  id: "p",
  name: "fast",
  nameKey: "fast",
  kind: "shared",
  path: "/mnt/fast",
  ceph: null,
  keySealed: null,
  trustedSharedMount: false,
  warnPercent: 85,
  createdAt: now,
  ...change,
});
const presence = (nodeName: string, change: Partial<Presence> = {}): Presence => ({
  poolId: "p",
  nodeName,
  path: "/mnt/fast",
  libvirtName: "jimv-pool-p",
  state: "ready",
  word: null,
  args: null,
  healthy: true,
  capacityBytes: 100 * gib,
  availableBytes: 40 * gib,
  seenAt: now,
  ...change,
});
const view = (of: Pool, ...rows: Presence[]) =>
  poolView(
    of,
    rows.map((row) => presenceView(row, clock)),
  );

describe("a pool", () => {
  test("that is shared has its storage once, one of local folders has it on each node", () => {
    const rows = [presence("a"), presence("b", { availableBytes: 30 * gib })];
    expect(view(pool(), ...rows)).toMatchObject({
      capacityBytes: 100 * gib,
      availableBytes: 30 * gib,
      usedPercent: 70,
      trouble: null,
    });
    expect(view(pool({ kind: "local" }), ...rows)).toMatchObject({
      capacityBytes: 200 * gib,
      availableBytes: 70 * gib,
    });
    expect(roomKey(pool(), "a")).toBe(roomKey(pool(), "b"));
    expect(roomKey(pool({ kind: "local" }), "a")).not.toBe(roomKey(pool({ kind: "local" }), "b"));
  });

  test("tells what is wrong, worst first", () => {
    expect(view(pool()).trouble).toBe("nowhere");
    expect(view(pool(), presence("a", { availableBytes: 10 * gib })).trouble).toBe("nearlyFull");
    const sick = presence("b", { healthy: false, word: "pools.notMounted", args: { path: "/mnt/fast" } });
    const both = view(pool(), presence("a", { availableBytes: 10 * gib }), sick);
    expect(both.trouble).toBe("unhealthy");
    expect(both.presences[1]?.problem).toEqual({ word: "pools.notMounted", args: { path: "/mnt/fast" } });
  });

  test("that nobody has told of for a while is not healthy", () => {
    const quiet = presenceView(presence("a", { seenAt: now - 60_000 }), clock);
    expect(quiet).toMatchObject({ healthy: false, problem: { word: "pools.untold", args: { node: "a" } } });
  });
});

describe("a folder's mark", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "jimv-mark-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const refusal = (asked: Promise<unknown>) =>
    asked.then(
      () => "nothing",
      (error) => error.word,
    );

  test("says whose the folder is, and that the storage is there", async () => {
    expect(await readMark(folder)).toEqual({ id: null });
    expect(await refusal(demandMark(folder, "p"))).toBe("pools.notMounted");
    expect(await refusal(demandMark(folder, null))).toBe("nothing");
    await writeMark(folder, "p");
    await writeMark(folder, "other");
    expect(await readMark(folder)).toEqual({ id: "p" });
    expect(await refusal(demandMark(folder, "p"))).toBe("nothing");
    await removeMark(folder, "other");
    expect(await readMark(folder)).toEqual({ id: "p" });
    await removeMark(folder, "p");
    expect(await readMark(folder)).toEqual({ id: null });
  });

  test("is not waited for when the storage never answers", async () => {
    // A pipe that nobody writes into: who reads it waits, as with a dead network storage.
    const made = Bun.spawnSync(["mkfifo", join(folder, markName)]);
    expect(made.exitCode).toBe(0);
    expect(await readMark(folder)).toBe("silent");
  });

  test("the file system decides what is shared, unless somebody vouches for it", async () => {
    expect(await fileSystemOf("/proc/self")).toBe("proc");
    expect(await fileSystemOf(folder)).not.toBe("unknown");
    expect(refusedFileSystem("shared", "ext4", false)).toBe("pools.notShared");
    expect(refusedFileSystem("shared", "ext4", true)).toBeNull();
    expect(refusedFileSystem("shared", "nfs4", false)).toBeNull();
    expect(refusedFileSystem("gluster", "ext4", true)).toBe("pools.notGluster");
    expect(refusedFileSystem("gluster", "fuse.glusterfs", false)).toBeNull();
    expect(refusedFileSystem("local", "ext4", false)).toBeNull();
  });

  test("in a folder that can't be written is refused with the reason", async () => {
    await rm(folder, { recursive: true });
    await writeFile(folder, "");
    await chmod(folder, 0o600);
    expect(await refusal(writeMark(folder, "p"))).toBe("pools.folderDenied");
  });
});
