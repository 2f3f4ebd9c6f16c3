/** The program qemu-img: running it, its progress, and what it prints. */
import { timing } from "../timing.ts";
import { type CopyOptions, HypervisorError, type HypervisorErrorCode, type ImageInfo } from "./hypervisor.ts";

const progressEveryMilliseconds = 250;
const errorTailCharacters = 2000;

const messages: [RegExp, HypervisorErrorCode][] = [
  [/No space left on device|Disk quota exceeded/, "noSpace"],
  [/No such file or directory/, "notFound"],
  [/File exists/, "exists"],
  [/error connecting|Connection timed out/, "unavailable"],
  [/Permission denied|Operation not permitted|Failed to get .*lock/, "denied"],
  [/Cannot allocate memory/, "noMemory"],
];

export interface RunOptions {
  signal?: AbortSignal | undefined;
  /** Killed when it prints nothing for so long. */
  silenceMilliseconds: number;
  onOutput?: (text: string) => void;
}

/** Runs qemu-img to its end; what it printed. @throws HypervisorError */
export async function qemuImg(args: string[], options: RunOptions): Promise<string> {
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

/** For what should take no time. */
export const quick: RunOptions = { silenceMilliseconds: timing.imageQuickMilliseconds };

/** Lines of `-p`: `    (12.34/100%)` with carriage returns. */
export function parseProgress(text: string): number | null {
  const last = [...text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)].at(-1)?.[1];
  return last === undefined ? null : Number(last) / 100;
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

/** Copies an image's content. `target` is a path or a place in QEMU's words; it is made. @throws HypervisorError */
export async function convert(
  source: ImageInfo,
  target: string,
  { format, sizeBytes, signal, onProgress }: CopyOptions,
): Promise<void> {
  const total = source.actualSizeBytes;
  let reportedAt = 0;
  await qemuImg(["convert", "-p", "-f", source.format, "-O", format, "--", source.path, target], {
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
  if (sizeBytes !== undefined && sizeBytes > source.virtualSizeBytes)
    await qemuImg(["resize", "-q", "-f", format, "--", target, String(sizeBytes)], quick);
  onProgress?.(total, total);
}
