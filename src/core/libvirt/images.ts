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
import { timing } from "../timing.ts";
import { HypervisorError, type HypervisorErrorCode, type ImageInfo, type Images } from "./hypervisor.ts";
import { readQcow2Header } from "./qcow2.ts";

const privateMode = 0o600;
const folderMode = 0o711;
const partSuffix = ".part";
const progressEveryMilliseconds = 250;
const errorTailCharacters = 2000;

function checkPath(path: string): string {
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new HypervisorError("invalid", `An image's path must begin with a slash: ${JSON.stringify(path)}`);
  }
  return path;
}

const messages: [RegExp, HypervisorErrorCode][] = [
  [/No space left on device|Disk quota exceeded/, "noSpace"],
  [/No such file or directory/, "notFound"],
  [/Permission denied|Operation not permitted|Failed to get .*lock/, "denied"],
  [/Cannot allocate memory/, "noMemory"],
];

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

interface RunOptions {
  signal?: AbortSignal | undefined;
  /** Killed when it prints nothing for so long. */
  silenceMilliseconds: number;
  onOutput?: (text: string) => void;
}

/** Runs qemu-img to its end; what it printed. @throws HypervisorError */
async function qemuImg(args: string[], options: RunOptions): Promise<string> {
  if (options.signal?.aborted) throw new HypervisorError("cancelled", "The copy was cancelled.");
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn(["qemu-img", ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, LC_ALL: "C" },
    });
  } catch {
    throw new HypervisorError("unsupported", "qemu-img can't be started: install qemu-utils or qemu-img.");
  }
  let ended: "cancelled" | "timeout" | null = null;
  const kill = (why: "cancelled" | "timeout") => {
    ended ??= why;
    child.kill("SIGKILL");
  };
  const abort = () => kill("cancelled");
  options.signal?.addEventListener("abort", abort, { once: true });
  let silence = setTimeout(() => kill("timeout"), options.silenceMilliseconds);
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => kill("timeout"), options.silenceMilliseconds);
  };
  try {
    const [output, errors, status] = await Promise.all([
      readAll(child.stdout, (text) => {
        heard();
        options.onOutput?.(text);
      }),
      readAll(child.stderr, heard),
      child.exited,
    ]);
    if (ended === "cancelled") throw new HypervisorError("cancelled", "The copy was cancelled.");
    if (ended === "timeout") {
      const seconds = Math.round(options.silenceMilliseconds / 1000);
      throw new HypervisorError(
        "timeout",
        `qemu-img ${args[0]} made no progress for ${seconds} s: check the storage.`,
      );
    }
    if (status !== 0) {
      const message = errors.trim().slice(-errorTailCharacters) || `qemu-img ended with status ${status}`;
      throw new HypervisorError(
        messages.find(([pattern]) => pattern.test(message))?.[1] ?? "invalid",
        message,
      );
    }
    return output;
  } finally {
    clearTimeout(silence);
    options.signal?.removeEventListener("abort", abort);
  }
}

async function readAll(stream: ReadableStream<Uint8Array>, onText: (text: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true });
    all += text;
    onText(text);
  }
  return all;
}

type Json = { [key: string]: unknown };

/** The first value under one of these keys, however deep: formats nest (`children`, `format-specific`). */
function deepString(value: unknown, accept: (key: string, value: string) => boolean): string | null {
  if (typeof value !== "object" || value === null) return null;
  for (const [key, member] of Object.entries(value)) {
    if (typeof member === "string" && accept(key, member)) return member;
    const deeper = deepString(member, accept);
    if (deeper !== null) return deeper;
  }
  return null;
}

const backingKeys = new Set(["backing-filename", "full-backing-filename"]);

/** `qemu-img info --output=json` as ours. Exported for its test. */
export function parseInfo(path: string, json: string): ImageInfo {
  const info = JSON.parse(json) as Json;
  const specific = info["format-specific"] as Json | undefined;
  const extents = (specific?.data as Json | undefined)?.extents;
  return {
    path,
    format: String(info.format),
    virtualSizeBytes: Number(info["virtual-size"] ?? 0),
    actualSizeBytes: Number(info["actual-size"] ?? 0),
    backingFile: deepString(info, (key) => backingKeys.has(key)),
    // A VMDK descriptor names the files that hold its data, which may be any file of this machine.
    dataFile:
      deepString(info, (key) => key === "data-file") ??
      deepString(extents, (key, name) => key === "filename" && name !== path),
    encrypted: info.encrypted === true || info.format === "luks",
  };
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

const quick: RunOptions = { silenceMilliseconds: timing.imageQuickMilliseconds };

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

/** Lines of `-p`: `    (12.34/100%)` with carriage returns. */
export function parseProgress(text: string): number | null {
  const last = [...text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)].at(-1)?.[1];
  return last === undefined ? null : Number(last) / 100;
}

/** Image files on this machine. */
export function openImages(): Images {
  return {
    info,
    exists: (path) => exists(checkPath(path)),

    copy: (source, target, { format, sizeBytes, signal, onProgress }) =>
      making(target, async (part) => {
        const from = await info(source);
        if (from.dataFile !== null) {
          throw new HypervisorError(
            "invalid",
            `The image ${source} keeps its data in another file, ${from.dataFile}.`,
          );
        }
        const total = from.actualSizeBytes;
        let reportedAt = 0;
        await qemuImg(["convert", "-p", "-f", from.format, "-O", format, "--", source, part], {
          signal,
          silenceMilliseconds: timing.imageStallMilliseconds,
          onOutput: (text) => {
            const share = parseProgress(text);
            const now = performance.now();
            if (share === null || now - reportedAt < progressEveryMilliseconds) return;
            reportedAt = now;
            onProgress?.(Math.round(share * total), total);
          },
        });
        if (sizeBytes !== undefined && sizeBytes > from.virtualSizeBytes) {
          await qemuImg(["resize", "-q", "-f", format, "--", part, String(sizeBytes)], quick);
        }
        onProgress?.(total, total);
      }),

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
