import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchImage } from "./fetch.ts";
import { HypervisorError } from "./hypervisor.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jimv-fetch-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = Buffer.from("an image from another machine");
const source = { uri: "qemu+tls://192.0.2.7/system", path: "/images/a.qcow2", sizeBytes: bytes.length };
const few = 7;

test("goes on where it was interrupted, and is whole before it has its name", async () => {
  const target = join(folder, "a.qcow2");
  const asked: number[] = [];
  let broken = true;
  const done: number[] = [];
  const piece = async (part: string, offset: number, length: number): Promise<number> => {
    asked.push(offset);
    expect(existsSync(target)).toBe(false);
    appendFileSync(part, bytes.subarray(offset, offset + few));
    if (broken) {
      broken = false;
      throw new HypervisorError("unavailable", "the connection broke");
    }
    appendFileSync(part, bytes.subarray(offset + few, offset + length));
    return length;
  };
  await fetchImage(source, target, piece, { onProgress: (share) => done.push(share) });
  expect(asked).toEqual([0, few]);
  expect(readFileSync(target)).toEqual(bytes);
  expect(done).toEqual([0, few, bytes.length]);
});

test("a source that is shorter than it was is an error, and nothing stays", async () => {
  const target = join(folder, "a.qcow2");
  const piece = async (part: string): Promise<number> => {
    appendFileSync(part, "short");
    return 5;
  };
  const failure = await fetchImage(source, target, piece, {}).catch((error) => error);
  expect(failure).toMatchObject({ code: "invalid" });
  expect(existsSync(target)).toBe(false);
  expect(existsSync(`${target}.part`)).toBe(false);
});

test("ends when it is cancelled, and when the other machine refuses", async () => {
  const target = join(folder, "a.qcow2");
  const refusing = async (): Promise<number> => {
    throw new HypervisorError("notFound", "no such file");
  };
  expect(await fetchImage(source, target, refusing, {}).catch((error) => error.code)).toBe("notFound");
  const abort = new AbortController();
  abort.abort();
  const cancelled = fetchImage(source, target, refusing, { signal: abort.signal });
  expect(await cancelled.catch((error) => error.code)).toBe("cancelled");
  expect(existsSync(`${target}.part`)).toBe(false);
});
