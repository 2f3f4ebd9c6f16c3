/** Fetching an image from another machine, piece by piece, so that an interruption costs one piece at most. */
import { constants } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import { timing } from "../timing.ts";
import { HypervisorError, type RemoteImage } from "./hypervisor.ts";
import { fileError, making } from "./images.ts";

export interface FetchOptions {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Appends a piece of the source to a file; says how many bytes came. */
export type FetchPiece = (target: string, offset: number, length: number) => Promise<number>;

/** Long enough that opening a connection for each does not matter, short enough to show progress and to cancel. */
const pieceBytes = 32 * 1024 * 1024;

/**
 * Fetches `source` into `target` through `piece`. While the other machine can't be reached it is tried again, from
 * where it stopped, for as long as `timing.fetchPatienceMilliseconds`.
 */
export function fetchImage(
  source: RemoteImage,
  target: string,
  piece: FetchPiece,
  { signal, onProgress }: FetchOptions,
): Promise<void> {
  const { sizeBytes, path } = source;
  return making(target, async (part) => {
    await touch(part);
    let silentSince: number | null = null;
    for (;;) {
      if (signal?.aborted) throw new HypervisorError("cancelled", "The transfer was cancelled.");
      const offset = (await stat(part)).size;
      if (offset > sizeBytes) throw changed(path);
      onProgress?.(offset, sizeBytes);
      if (offset === sizeBytes) return;
      try {
        const asked = Math.min(pieceBytes, sizeBytes - offset);
        const got = await piece(part, offset, asked);
        if (got < asked) throw changed(path);
        silentSince = null;
      } catch (error) {
        if (!(error instanceof HypervisorError && error.retryable)) throw error;
        const now = performance.now();
        silentSince ??= now;
        if (now - silentSince > timing.fetchPatienceMilliseconds) throw error;
        await Bun.sleep(timing.fetchRetryMilliseconds);
      }
    }
  });
}

const changed = (path: string): HypervisorError =>
  new HypervisorError("invalid", `The file ${path} on the other machine is not as long as it was.`);

async function touch(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await (await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)).close();
  } catch (error) {
    throw fileError(error, path);
  }
}
