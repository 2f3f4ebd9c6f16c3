/** The storage pool object: a folder that libvirt knows. Runs in call workers. */

import type { Pointer } from "bun:ffi";
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
import { HypervisorError, type PoolFacts, type RbdPoolSpec } from "./hypervisor.ts";
import { at, plainText, readXml, text, writeXml } from "./xml.ts";

/** What libvirt's own tools make pool folders with: QEMU's user must pass through, others need not look in. */
const folderMode = "0711";

/** XML of a pool that is a folder. @throws HypervisorError invalid */
export function poolXml(name: string, path: string): string {
  plainText(path, "The pool's folder");
  if (!path.startsWith("/"))
    throw new HypervisorError("invalid", "The pool's folder must begin with a slash.");
  return writeXml({
    pool: {
      [at("type")]: "dir",
      name: plainText(name, "The pool's name", 200),
      target: { path, permissions: { mode: folderMode } },
    },
  });
}

/** `host`, `host:port`, `[::1]:port` as libvirt's attributes. */
function monitorOf(monitor: string): Record<string, string> {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(monitor) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined)
    throw new HypervisorError("invalid", `A Ceph monitor is written host or host:port, not ${monitor}.`);
  return { [at("name")]: plainText(host, "The monitor", 255), ...(port ? { [at("port")]: port } : {}) };
}

/** XML of a Ceph pool. @throws HypervisorError invalid */
export function rbdPoolXml({ name, monitors, cephPool, user, secretUuid }: Omit<RbdPoolSpec, "key">): string {
  if (monitors.length === 0) throw new HypervisorError("invalid", "A Ceph pool needs at least one monitor.");
  return writeXml({
    pool: {
      [at("type")]: "rbd",
      name: plainText(name, "The pool's name", 200),
      source: {
        name: plainText(cephPool, "The Ceph pool", 200),
        host: monitors.map(monitorOf),
        auth: {
          [at("type")]: "ceph",
          [at("username")]: plainText(user, "The Ceph user", 64),
          secret: { [at("uuid")]: secretUuid },
        },
      },
    },
  });
}

/**
 * XML of the secret that holds a Ceph key; the key itself is handed over apart. It can be read back by who may command
 * libvirt: QEMU's tools need it for a copy, and it should lie nowhere else.
 */
export function cephSecretXml(uuid: string, usage: string): string {
  return writeXml({
    secret: {
      [at("ephemeral")]: "no",
      [at("private")]: "no",
      uuid,
      usage: { [at("type")]: "ceph", name: plainText(usage, "The secret's use", 200) },
    },
  });
}

function find(context: Context, name: string): Pointer | null {
  const nameText = cString(name);
  const pool = context.lib.virStoragePoolLookupByName(context.conn, nameText);
  if (pool) return pool;
  const error = failure(context.lib, `find the storage pool ${name}`, context.conn);
  if (error.libvirt?.code === virError.noStoragePool) return null;
  throw error;
}

/** The pool's folder; empty for one that is none. */
function pathOf(context: Context, pool: Pointer): string {
  const { lib } = context;
  const xml = takeString(
    lib,
    pointerOf(context, "read a pool's definition", lib.virStoragePoolGetXMLDesc(pool, 0)),
  );
  return text(readXml(xml), "pool", "target", "path") ?? "";
}

function activate(context: Context, pool: Pointer): void {
  const { lib } = context;
  if (numberOf(context, "ask whether the pool runs", lib.virStoragePoolIsActive(pool)) === 1) return;
  // Building makes the folder; one that is there already is fine. A Ceph pool has none.
  // Another machine may make the same shared folder in this very moment, at which libvirt fails: then it is there.
  if (pathOf(context, pool) !== "" && lib.virStoragePoolBuild(pool, 0) < 0)
    numberOf(context, "make the pool's folder", lib.virStoragePoolBuild(pool, 0));
  numberOf(context, "start the pool", lib.virStoragePoolCreate(pool, 0));
}

function facts(context: Context, name: string, pool: Pointer): PoolFacts {
  // virStoragePoolInfo: int state @0; unsigned long long capacity @8, allocation @16, available @24
  const info = out(32);
  numberOf(context, "read the pool's size", context.lib.virStoragePoolGetInfo(pool, info));
  return {
    name,
    path: pathOf(context, pool),
    capacityBytes: Number(info.readBigUInt64LE(8)),
    availableBytes: Number(info.readBigUInt64LE(24)),
    active: info.readInt32LE(0) === 2, // VIR_STORAGE_POOL_RUNNING
  };
}

/** Makes sure the pool exists, runs and starts by itself. @throws HypervisorError exists when it is another folder */
export function ensure(context: Context, name: string, path: string): PoolFacts {
  const { lib, conn } = context;
  const known = find(context, name);
  const xml = cString(poolXml(name, path));
  const pool = known ?? pointerOf(context, "define the pool", lib.virStoragePoolDefineXML(conn, xml, 0));
  return using(pool, lib.virStoragePoolFree, () => {
    const there = pathOf(context, pool);
    if (there !== path.replace(/(?<=.)\/+$/, "")) {
      throw new HypervisorError(
        "exists",
        `The storage pool ${name} exists already and is the folder ${there}.`,
      );
    }
    try {
      activate(context, pool);
    } catch (error) {
      // A pool that never ran is ours to take back; an older one stays as it was.
      if (!known && lib.virStoragePoolUndefine(pool) < 0) lib.virResetLastError();
      throw error;
    }
    numberOf(context, "let the pool start by itself", lib.virStoragePoolSetAutostart(pool, 1));
    return facts(context, name, pool);
  });
}

/** Figures after a refresh. @throws HypervisorError notFound */
export function get(context: Context, name: string): PoolFacts {
  const { lib } = context;
  const pool = find(context, name);
  if (!pool) throw new HypervisorError("notFound", `There is no storage pool ${name} on this machine.`);
  return using(pool, lib.virStoragePoolFree, () => {
    activate(context, pool);
    // A refresh reads every file in the folder and stops the pool when it fails, e.g. because another refresh
    // runs or a file went away under it: then the pool is started again, which reads the folder, too.
    if (lib.virStoragePoolRefresh(pool, 0) < 0) {
      lib.virResetLastError();
      activate(context, pool);
    }
    return facts(context, name, pool);
  });
}

/** The folder of a pool that runs, which needs no refresh; null: it does not run, or is no folder. @throws HypervisorError notFound */
export function runningFolder(context: Context, name: string): string | null {
  const { lib } = context;
  const pool = find(context, name);
  if (!pool) throw new HypervisorError("notFound", `There is no storage pool ${name} on this machine.`);
  return using(pool, lib.virStoragePoolFree, () => {
    const runs = numberOf(context, "ask whether the pool runs", lib.virStoragePoolIsActive(pool)) === 1;
    return (runs && pathOf(context, pool)) || null;
  });
}

/** Names of the pools that begin with `prefix`. */
export function names(context: Context, prefix: string): string[] {
  const { lib, conn } = context;
  const array = out(8);
  const count = numberOf(
    context,
    "list the storage pools",
    lib.virConnectListAllStoragePools(conn, array, 0),
  );
  const found: string[] = [];
  eachOf(lib, outPointer(array), count, lib.virStoragePoolFree, (pool) => {
    const name = borrowString(pointerOf(context, "read a pool's name", lib.virStoragePoolGetName(pool)));
    if (name.startsWith(prefix)) found.push(name);
  });
  return found.sort();
}

/** Stops a pool and removes its definition, and a secret; what is not there is fine. */
export function remove(context: Context, name: string, secretUuid: string | null): void {
  const { lib, conn } = context;
  const pool = find(context, name);
  if (pool)
    using(pool, lib.virStoragePoolFree, () => {
      if (numberOf(context, "ask whether the pool runs", lib.virStoragePoolIsActive(pool)) === 1)
        numberOf(context, "stop the pool", lib.virStoragePoolDestroy(pool));
      numberOf(context, "remove the pool's definition", lib.virStoragePoolUndefine(pool));
    });
  if (secretUuid === null) return;
  const uuid = cString(secretUuid);
  const secret = lib.virSecretLookupByUUIDString(conn, uuid);
  if (!secret) lib.virResetLastError();
  else
    using(secret, lib.virSecretFree, () =>
      numberOf(context, "remove the pool's secret", lib.virSecretUndefine(secret)),
    );
}

/** Makes sure that a Ceph pool runs, with its key in a secret. Nothing stays of a new one that can't be started. */
export function ensureRbd(context: Context, spec: RbdPoolSpec): PoolFacts {
  const { lib, conn } = context;
  const { name, secretUuid } = spec;
  const xml = cString(rbdPoolXml(spec));
  const secretXml = cString(cephSecretXml(secretUuid, name));
  const there = find(context, name);
  if (there) lib.virStoragePoolFree(there);
  const known = there !== null;
  try {
    const secret = pointerOf(context, "keep the Ceph key", lib.virSecretDefineXML(conn, secretXml, 0));
    using(secret, lib.virSecretFree, () => {
      const key = Buffer.from(spec.key, "base64");
      numberOf(context, "keep the Ceph key", lib.virSecretSetValue(secret, key, key.length, 0));
      key.fill(0);
    });
    const pool = pointerOf(context, "define the pool", lib.virStoragePoolDefineXML(conn, xml, 0));
    return using(pool, lib.virStoragePoolFree, () => {
      if (numberOf(context, "ask whether the pool runs", lib.virStoragePoolIsActive(pool)) !== 1)
        numberOf(context, "start the pool", lib.virStoragePoolCreate(pool, 0));
      numberOf(context, "let the pool start by itself", lib.virStoragePoolSetAutostart(pool, 1));
      return facts(context, name, pool);
    });
  } catch (error) {
    if (!known) remove(context, name, secretUuid);
    throw error;
  }
}
