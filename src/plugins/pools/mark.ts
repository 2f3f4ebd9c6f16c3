/**
 * A pool's folder carries a mark with the pool's id. It tells whether a folder on another node is the same storage,
 * and whether a mount is still there: without it, guests' disks would be written below the empty mount point, onto
 * the machine's own disk. Node side.
 */
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path/posix";
import { AppError, timing } from "jimv";

export const markName = ".jimv-pool";

/** The id in the folder's mark; null: no mark; `silent`: the storage does not answer. */
export type Mark = { id: string | null } | "silent";

/**
 * Reads the mark in a process of its own: a dead network storage blocks whoever touches it, for hours, and must
 * not block this program.
 */
export async function readMark(folder: string): Promise<Mark> {
  const child = Bun.spawn(["cat", "--", join(folder, markName)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const silent = Promise.withResolvers<"silent">();
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    silent.resolve("silent");
  }, timing.poolMarkMilliseconds);
  try {
    const ended = (async (): Promise<Mark> => {
      const text = await new Response(child.stdout).text();
      return { id: (await child.exited) === 0 ? text.trim() : null };
    })();
    return await Promise.race([ended, silent.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the mark. @throws AppError conflict when the folder can't be written */
export async function writeMark(folder: string, poolId: string): Promise<void> {
  try {
    const file = await open(join(folder, markName), "wx", 0o644);
    try {
      await file.writeFile(`${poolId}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return;
    const detail = error instanceof Error ? error.message : String(error);
    throw new AppError("conflict", "pools.folderDenied", { path: folder, detail });
  }
}

export async function removeMark(folder: string, poolId: string): Promise<void> {
  const mark = await readMark(folder);
  if (mark !== "silent" && mark.id === poolId) await rm(join(folder, markName), { force: true });
}

/**
 * Before anything is written to a pool that is a mount: that it is there. `mark` null: nothing to look for.
 * @throws AppError conflict
 */
export async function demandMark(folder: string, mark: string | null): Promise<void> {
  if (mark === null) return;
  const found = await readMark(folder);
  if (found === "silent") throw new AppError("conflict", "pools.silent", { path: folder });
  if (found.id !== mark) throw new AppError("conflict", "pools.notMounted", { path: folder });
}

/** The type of the file system that a folder lies on, as the kernel names it. */
export async function fileSystemOf(folder: string): Promise<string> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).trim().split("\n");
  let best = { point: "", type: "unknown" };
  for (const line of lines) {
    const [before = "", after = ""] = line.split(" - ");
    const point = (before.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = point === "/" || folder === point || folder.startsWith(`${point}/`);
    // Of two mounts on one point the later hides the earlier.
    if (holds && point.length >= best.point.length) best = { point, type: after.split(" ")[0] ?? "unknown" };
  }
  return best.type;
}

/** File systems that several machines can mount at once. */
const sharedTypes = new Set([
  "nfs",
  "nfs4",
  "cifs",
  "smb3",
  "ceph",
  "fuse.ceph",
  "fuse.glusterfs",
  "gfs2",
  "ocfs2",
  "gpfs",
  "lustre",
  "beegfs",
  "fuse.mfs",
  "fuse.lizardfs",
  "afs",
]);

/** Why a folder is not what the pool needs, by its file system; null when it is. */
export function refusedFileSystem(
  kind: "local" | "shared" | "gluster",
  type: string,
  trusted: boolean,
): "pools.notShared" | "pools.notGluster" | null {
  if (kind === "gluster") return type === "fuse.glusterfs" ? null : "pools.notGluster";
  if (kind === "shared" && !trusted && !sharedTypes.has(type)) return "pools.notShared";
  return null;
}
