/** Images in a Ceph pool, through libvirt's storage pool. Runs in call workers. */
import { type Pointer, toBuffer } from "bun:ffi";
import {
  borrowString,
  type Context,
  cString,
  eachOf,
  failure,
  numberOf,
  out,
  outPointer,
  pointerOf,
  takeString,
  using,
} from "./call.ts";
import { virError } from "./errors.ts";
import { HypervisorError } from "./hypervisor.ts";
import { type RbdSource, readRbdPool } from "./rbd.ts";

function withPool<T>(context: Context, name: string, body: (pool: Pointer) => T): T {
  const { lib, conn } = context;
  const nameText = cString(name);
  const pool = pointerOf(
    context,
    `find the storage pool ${name}`,
    lib.virStoragePoolLookupByName(conn, nameText),
  );
  return using(pool, lib.virStoragePoolFree, body);
}

/** Where the pool is and who may read it. @throws HypervisorError notFound, invalid when it is no Ceph pool */
export function source(context: Context, name: string): RbdSource {
  const { lib } = context;
  const xml = withPool(context, name, (pool) =>
    takeString(lib, pointerOf(context, "read a pool's definition", lib.virStoragePoolGetXMLDesc(pool, 0))),
  );
  const found = readRbdPool(xml);
  if (!found) throw new HypervisorError("invalid", `The storage pool ${name} is no Ceph pool.`);
  return found;
}

/** The key in a secret, in base64. @throws HypervisorError notFound */
export function key(context: Context, secretUuid: string): string {
  const { lib, conn } = context;
  const uuid = cString(secretUuid);
  const secret = pointerOf(context, "find the Ceph key", lib.virSecretLookupByUUIDString(conn, uuid));
  return using(secret, lib.virSecretFree, () => {
    const size = out(8);
    const value = pointerOf(context, "read the Ceph key", lib.virSecretGetValue(secret, size, 0));
    return using(value, lib.free, () => {
      const bytes = toBuffer(value, 0, Number(size.readBigUInt64LE(0)));
      const text = bytes.toString("base64");
      bytes.fill(0);
      return text;
    });
  });
}

/** The image as a volume. One that was made past libvirt is known to it only after a refresh, which opens them all. */
function find(context: Context, pool: Pointer, image: string): Pointer | null {
  const { lib, conn } = context;
  const name = cString(image);
  for (const refresh of [false, true]) {
    if (refresh) numberOf(context, "look into the Ceph pool", lib.virStoragePoolRefresh(pool, 0));
    const volume = lib.virStorageVolLookupByName(pool, name);
    if (volume) return volume;
    const error = failure(lib, `find the image ${image}`, conn);
    if (error.libvirt?.code !== virError.noStorageVolume) throw error;
  }
  return null;
}

/** Whether the image is there. */
export function exists(context: Context, poolName: string, image: string): boolean {
  return withPool(context, poolName, (pool) => {
    const volume = find(context, pool, image);
    if (volume) context.lib.virStorageVolFree(volume);
    return volume !== null;
  });
}

/** Names of all images in the pool. */
export function names(context: Context, poolName: string): string[] {
  const { lib } = context;
  return withPool(context, poolName, (pool) => {
    numberOf(context, "look into the Ceph pool", lib.virStoragePoolRefresh(pool, 0));
    const array = out(8);
    const count = numberOf(context, "list the images", lib.virStoragePoolListAllVolumes(pool, array, 0));
    const found: string[] = [];
    eachOf(lib, outPointer(array), count, lib.virStorageVolFree, (volume) => {
      found.push(borrowString(pointerOf(context, "read an image's name", lib.virStorageVolGetName(volume))));
    });
    return found.sort();
  });
}

/** Removes an image; one that is not there is fine. Says whether there was one. */
export function remove(context: Context, poolName: string, image: string): boolean {
  const { lib } = context;
  return withPool(context, poolName, (pool) => {
    const volume = find(context, pool, image);
    if (!volume) return false;
    return using(volume, lib.virStorageVolFree, () => {
      numberOf(context, `remove the image ${image}`, lib.virStorageVolDelete(volume, 0));
      return true;
    });
  });
}
