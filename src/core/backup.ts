/**
 * A backup file: gzip of JSON lines. The first line describes it, then come rows of the store's snapshot, and the
 * last line holds counts and a SHA-256 of all before, so that half a file is never taken for a whole one. Secrets in
 * the rows are sealed with the master key; the key itself is in the file only when a password seals it there.
 */
import { closeSync, createReadStream, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { constants, createGunzip, createGzip, type Gzip } from "node:zlib";
import { type Snapshot, SnapshotError, type SnapshotHeader, type SnapshotRows } from "./store/index.ts";

const format = "jimv-backup";
const formatVersion = 1;

export interface BackupHeader extends SnapshotHeader {
  format: typeof format;
  formatVersion: number;
  /** The release that made it. */
  version: string;
  /** UTC ms. */
  at: number;
  clusterId: string;
  /** Which master key seals its secrets. */
  keyFingerprint: string;
  /** Files of the data folder (the master key among them) by path, sealed with a password; null without one. */
  secrets: { salt: string; sealed: string } | null;
}

interface LastLine {
  end: true;
  rows: Record<string, number>;
  sha256: string;
}

/** Writes a backup: mode 0600, and under its name only when it is whole. Resolves with the rows by table. */
export async function writeBackup(
  path: string,
  about: Omit<BackupHeader, "format" | "formatVersion" | keyof SnapshotHeader>,
  snapshot: Snapshot,
): Promise<Record<string, number>> {
  const part = `${path}.part`;
  const file = openSync(part, "w", 0o600);
  try {
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    const written = (async () => {
      for await (const chunk of gzip) {
        const bytes = chunk as Buffer;
        for (let from = 0; from < bytes.length; ) from += writeSync(file, bytes, from);
      }
    })();
    const hash = new Bun.CryptoHasher("sha256");
    const line = async (value: unknown): Promise<void> => {
      const text = `${JSON.stringify(value)}\n`;
      hash.update(text);
      await put(gzip, text);
    };
    const rows: Record<string, number> = {};
    await line({ format, formatVersion, ...about, ...snapshot.header } satisfies BackupHeader);
    for await (const some of snapshot.rows()) {
      rows[some.table] = (rows[some.table] ?? 0) + some.rows.length;
      await line(some);
    }
    await put(
      gzip,
      `${JSON.stringify({ end: true, rows, sha256: hash.digest("hex") } satisfies LastLine)}\n`,
    );
    gzip.end();
    await written;
    fsyncSync(file);
    closeSync(file);
    renameSync(part, path);
    return rows;
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function put(gzip: Gzip, text: string): Promise<void> {
  return new Promise((resolve, reject) => gzip.write(text, (error) => (error ? reject(error) : resolve())));
}

/** Reads the whole file once and checks it. @throws SnapshotError when it is damaged, or of an unknown format */
export async function checkBackup(path: string): Promise<BackupHeader> {
  const hash = new Bun.CryptoHasher("sha256");
  let header: BackupHeader | null = null;
  let last: LastLine | null = null;
  for await (const line of lines(path)) {
    if (last) throw damaged(path, "something follows its end");
    const value = parse(path, line);
    if (!header) header = headerOf(path, value);
    if ("end" in value) last = value as unknown as LastLine;
    else hash.update(`${line}\n`);
  }
  if (!header || !last) throw damaged(path, "it is cut short");
  if (hash.digest("hex") !== last.sha256) throw damaged(path, "its checksum is wrong");
  return header;
}

/** The rows of a file that `checkBackup` has checked. */
export async function* backupRows(path: string): AsyncGenerator<SnapshotRows> {
  let first = true;
  for await (const line of lines(path)) {
    const value = parse(path, line);
    if (!first && !("end" in value)) yield value as unknown as SnapshotRows;
    first = false;
  }
}

async function* lines(path: string): AsyncGenerator<string> {
  const source = createReadStream(path);
  const gunzip = createGunzip();
  source.on("error", (error) => gunzip.destroy(error));
  try {
    yield* createInterface({ input: source.pipe(gunzip), crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw damaged(path, reason);
  } finally {
    source.destroy();
  }
}

function parse(path: string, line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw damaged(path, "a line of it can't be read");
}

function headerOf(path: string, value: Record<string, unknown>): BackupHeader {
  if (value.format !== format) throw damaged(path, "it is not a backup of JimV");
  if (value.formatVersion !== formatVersion)
    throw new SnapshotError(
      `The backup ${path} has a format that this release doesn't know. Use the one that made it.`,
    );
  return value as unknown as BackupHeader;
}

const damaged = (path: string, reason: string): SnapshotError =>
  new SnapshotError(`The backup ${path} can't be used: ${reason}. Nothing was changed; take another backup.`);
