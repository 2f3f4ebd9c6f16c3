/**
 * Image files through qemu-img. A new file is made under `<target>.part` and renamed when it is whole, so
 * that after a crash no half-made file can be taken for a disk; `remove` takes both away.
 *
 * Paths must be absolute: QEMU reads anything with a colon before the first slash as a protocol (`nbd:…`,
 * `json:…`) and a leading dash as an option, and an absolute path can be neither.
 */

import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HypervisorError, type HypervisorErrorCode, type ImageInfo, type Images } from "./hypervisor.ts";
import { readQcow2Header } from "./qcow2.ts";
import { convert, parseInfo, qemuImg, quick } from "./qemu-img.ts";

const privateMode = 0o600;
const folderMode = 0o711;
const partSuffix = ".part";

function checkPath(path: string): string {
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new HypervisorError("invalid", `An image's path must begin with a slash: ${JSON.stringify(path)}`);
  }
  return path;
}

/** What the file system's errors mean, and how they are said. */
const errnos: Record<string, [code: HypervisorErrorCode, says: (path: string) => string]> = {
  ENOENT: ["notFound", (path) => `There is no file ${path}.`],
  ENOTDIR: ["notFound", (path) => `There is no file ${path}.`],
  EEXIST: ["exists", (path) => `The file ${path} exists already.`],
  EACCES: ["denied", (path) => `Access to ${path} was refused: check its owner and mode.`],
  EPERM: ["denied", (path) => `Access to ${path} was refused: check its owner and mode.`],
  EROFS: ["denied", (path) => `${path} lies on a file system that is mounted read-only.`],
  ENOSPC: ["noSpace", (path) => `There is no space left for ${path}.`],
  EDQUOT: ["noSpace", (path) => `There is no space left for ${path}.`],
  ENAMETOOLONG: ["invalid", (path) => `The file name ${path} is too long.`],
  EISDIR: ["invalid", (path) => `${path} is a folder, not an image.`],
};

/** A file system's error as ours. */
export function fileError(error: unknown, path: string): HypervisorError {
  if (error instanceof HypervisorError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const known = errnos[code ?? ""];
  if (known) return new HypervisorError(known[0], known[1](path));
  return new HypervisorError("internal", `${path}: ${message ?? String(error)}`);
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

/** Makes sure that what was written, and its name, survive a power cut. */
async function publish(part: string, target: string): Promise<void> {
  await chmod(part, privateMode);
  await sync(part, constants.O_RDWR);
  await rename(part, target);
  await sync(dirname(target), constants.O_RDONLY);
}

async function sync(path: string, flags: number): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes `target` through a temporary name beside it; nothing stays behind when `body` fails. */
export async function making(target: string, body: (part: string) => Promise<void>): Promise<void> {
  checkPath(target);
  if (await exists(target)) throw new HypervisorError("exists", `The file ${target} exists already.`);
  const part = target + partSuffix;
  try {
    await rm(part, { force: true });
    await body(part);
    await publish(part, target);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw fileError(error, target);
  }
}

async function info(path: string): Promise<ImageInfo> {
  checkPath(path);
  try {
    // Even `info` opens an external data file, which may be a network address: don't let it come to that.
    const header = await readQcow2Header(path);
    if (header?.dataFile != null) {
      return {
        path,
        format: "qcow2",
        virtualSizeBytes: header.virtualSizeBytes,
        actualSizeBytes: (await lstat(path)).blocks * 512,
        backingFile: header.backingFile,
        dataFile: header.dataFile,
        encrypted: header.encrypted,
      };
    }
  } catch (error) {
    throw fileError(error, path);
  }
  return parseInfo(path, await qemuImg(["info", "--output=json", "-U", "--", path], quick));
}

/** An image that is in one file. @throws HypervisorError invalid when it is not */
export async function wholeImage(path: string): Promise<ImageInfo> {
  const found = await info(path);
  if (found.dataFile !== null)
    throw new HypervisorError(
      "invalid",
      `The image ${path} keeps its data in another file, ${found.dataFile}.`,
    );
  return found;
}

/** Image files on this machine. */
export function openImages(): Images {
  return {
    info,
    exists: (path) => exists(checkPath(path)),
    cephAccess: async () => null,

    copy: (source, target, options) =>
      making(target, async (part) => convert(await wholeImage(source), part, options)),

    link: (source, target, { sourceFormat, sizeBytes }) =>
      making(target, async (part) => {
        const from = await info(source);
        const size = String(Math.max(sizeBytes ?? 0, from.virtualSizeBytes));
        await qemuImg(
          ["create", "-q", "-f", "qcow2", "-F", sourceFormat, "-b", source, "--", part, size],
          quick,
        );
      }),

    create: (target, { format, sizeBytes }) =>
      making(target, async (part) => {
        await qemuImg(["create", "-q", "-f", format, "--", part, String(sizeBytes)], quick);
      }),

    async write(path, data) {
      checkPath(path);
      const part = path + partSuffix;
      try {
        await rm(part, { force: true });
        const file = await open(part, "wx", privateMode);
        try {
          await file.writeFile(data);
        } finally {
          await file.close();
        }
        await publish(part, path);
      } catch (error) {
        await rm(part, { force: true }).catch(() => undefined);
        throw fileError(error, path);
      }
    },

    async makeFolder(path) {
      checkPath(path);
      try {
        await mkdir(path, { recursive: true, mode: folderMode });
      } catch (error) {
        throw fileError(error, path);
      }
    },

    async remove(path) {
      checkPath(path);
      let there = false;
      for (const name of [path, path + partSuffix]) {
        try {
          await rm(name);
          there = true;
        } catch (error) {
          const ours = fileError(error, name);
          if (ours.code !== "notFound") throw ours;
        }
      }
      return there;
    },

    async list(folder) {
      checkPath(folder);
      try {
        const entries = await readdir(folder, { withFileTypes: true });
        return entries.filter((entry) => entry.isFile()).map((entry) => join(folder, basename(entry.name)));
      } catch (error) {
        throw fileError(error, folder);
      }
    },
  };
}

/** Whether a file's file system takes O_DIRECT; a file that is not there can't be asked, so it counts as yes. */
export async function takesDirectIo(path: string): Promise<boolean> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_DIRECT)).close();
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "EINVAL";
  }
}
