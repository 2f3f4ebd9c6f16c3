/** The volume object: a file in a pool of another machine, read through that machine's libvirtd. In call workers. */

import type { Pointer } from "bun:ffi";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type Context, cString, failure, numberOf, pointerOf, using } from "./call.ts";
import { openConnection } from "./connection.ts";
import { HypervisorError } from "./hypervisor.ts";
import { poolXml } from "./pool.ts";

const chunkBytes = 256 * 1024;
const nothing = Buffer.alloc(chunkBytes);

/** Pools that are made over there to read images from; they end with that libvirtd, and are in nobody's way. */
export const originPrefix = "jimv-origin-";

/** Finds the file as a volume; where no pool has its folder, one is made for as long as that libvirtd runs. */
function volumeOf(context: Context, path: string): Pointer {
  const { lib, conn } = context;
  const pathText = cString(path);
  const known = lib.virStorageVolLookupByPath(conn, pathText);
  if (known) return known;
  lib.virResetLastError();
  const folder = dirname(path);
  const mark = new Bun.CryptoHasher("sha256").update(folder).digest("hex").slice(0, 12);
  const nameText = cString(originPrefix + mark);
  const xml = cString(poolXml(originPrefix + mark, folder));
  let pool = lib.virStoragePoolCreateXML(conn, xml, 0);
  if (!pool) {
    // It is there already (and then may not know a newer file), or another pool has the folder.
    const error = failure(lib, `look into ${folder}`, conn);
    pool = lib.virStoragePoolLookupByName(conn, nameText);
    if (!pool) throw error;
  }
  return using(pool, lib.virStoragePoolFree, () => {
    numberOf(context, `look into ${folder}`, lib.virStoragePoolRefresh(pool as Pointer, 0));
    const volume = lib.virStorageVolLookupByPath(conn, pathText);
    if (volume) return volume;
    lib.virResetLastError();
    throw new HypervisorError("notFound", `There is no file ${path} on the other machine.`);
  });
}

/**
 * Appends to `target` what the file `path` of the machine at `uri` holds from `offset`, `length` bytes at most.
 * Returns how many came; fewer than asked for is the file's end. Zeros become holes.
 */
export function fetch(
  { lib }: Context,
  uri: string,
  path: string,
  target: string,
  offset: number,
  length: number,
): number {
  const conn = openConnection(lib, uri, null);
  const context = { lib, conn };
  try {
    return using(volumeOf(context, path), lib.virStorageVolFree, (volume) => {
      const stream = pointerOf(context, "open a stream", lib.virStreamNew(conn, 0));
      return using(stream, lib.virStreamFree, () => {
        numberOf(
          context,
          `read ${path}`,
          lib.virStorageVolDownload(volume, stream, BigInt(offset), BigInt(length), 0),
        );
        try {
          const got = receive(context, stream, path, target, offset);
          numberOf(context, `read ${path}`, lib.virStreamFinish(stream));
          return got;
        } catch (error) {
          if (lib.virStreamAbort(stream) < 0) lib.virResetLastError();
          throw error;
        }
      });
    });
  } finally {
    lib.virConnectClose(conn);
  }
}

function receive(context: Context, stream: Pointer, path: string, target: string, offset: number): number {
  const { lib } = context;
  const chunk = Buffer.alloc(chunkBytes);
  const file = openSync(target, "r+");
  let at = offset;
  try {
    for (;;) {
      const got = numberOf(context, `read ${path}`, lib.virStreamRecv(stream, chunk, chunkBytes));
      if (got === 0) break;
      const part = chunk.subarray(0, got);
      if (!part.equals(nothing.subarray(0, got)))
        for (let done = 0; done < got; ) done += writeSync(file, part, done, got - done, at + done);
      at += got;
    }
    // A hole at the end is no write: the size says how far it came.
    ftruncateSync(file, at);
    return at - offset;
  } catch (error) {
    ftruncateSync(file, at);
    if ((error as { code?: string }).code === "ENOSPC")
      throw new HypervisorError("noSpace", `There is no space left for ${target}.`);
    throw error;
  } finally {
    closeSync(file);
  }
}
