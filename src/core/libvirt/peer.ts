/**
 * Another machine's libvirtd, reached from here: what a migration has to ask and to clean up there, and files that
 * go there through it. Runs in call workers of the patient lane, since a machine that is gone answers nothing.
 */

import { type Pointer, ptr } from "bun:ffi";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type Context, cString, failure, numberOf, pointerOf, using } from "./call.ts";
import { openConnection } from "./connection.ts";
import * as domain from "./domain.ts";
import { HypervisorError, type PeerFile } from "./hypervisor.ts";
import { compareCpu, jobStats } from "./migration.ts";
import { at, writeXml } from "./xml.ts";

const chunkBytes = 1024 * 1024;
/** Numbers shared with the main thread while a file is sent. */
export const sendingSlots = { sentMiB: 0, cancelled: 1, count: 2 } as const;

/** What may be asked of a peer. */
const peerCalls = {
  domain: domain.one,
  traits: domain.traits,
  xml: domain.xml,
  act: domain.act,
  define: domain.define,
  undefine: domain.undefine,
  jobStats,
  compareCpu,
  sendFile,
  removeFile,
  hasFile,
} as const satisfies Record<string, (context: Context, ...args: never[]) => unknown>;

export type PeerCall = keyof typeof peerCalls;
export type PeerArgs<K extends PeerCall> = (typeof peerCalls)[K] extends (
  context: Context,
  ...args: infer A
) => unknown
  ? A
  : never;
export type PeerResult<K extends PeerCall> = ReturnType<(typeof peerCalls)[K]>;

/** Makes one call at the libvirtd of this URI. @throws HypervisorError peerUnreachable */
export function atPeer(context: Context, uri: string, name: PeerCall, args: unknown[]): unknown {
  const { lib } = context;
  try {
    return using(openConnection(lib, uri, null), lib.virConnectClose, (conn) => {
      const call = peerCalls[name] as (context: Context, ...args: unknown[]) => unknown;
      return call({ lib, conn }, ...args);
    });
  } catch (error) {
    // It is not this machine's libvirtd that is away.
    if (error instanceof HypervisorError && error.code === "unavailable")
      throw new HypervisorError("peerUnreachable", error.message, error.libvirt);
    throw error;
  }
}

function volume(context: Context, path: string): Pointer | null {
  const text = cString(path);
  const found = context.lib.virStorageVolLookupByPath(context.conn, text);
  if (found) return found;
  const error = failure(context.lib, `find ${path}`, context.conn);
  if (error.code === "notFound") return null;
  throw error;
}

/** Whether a file is there, in a pool that is up to date. */
function hasFile(context: Context, pool: string, path: string): boolean {
  refresh(context, pool);
  const found = volume(context, path);
  if (!found) return false;
  return using(found, context.lib.virStorageVolFree, () => true);
}

/** Removes a file; one that is not there is fine. Files that libvirt made without its pool's knowing are found. */
function removeFile(context: Context, pool: string, path: string): void {
  const { lib } = context;
  refresh(context, pool);
  const found = volume(context, path);
  if (!found) return;
  using(found, lib.virStorageVolFree, () => {
    numberOf(context, `remove ${path}`, lib.virStorageVolDelete(found, 0));
  });
}

function withPool<T>(context: Context, name: string, body: (pool: Pointer) => T): T {
  const { lib, conn } = context;
  const text = cString(name);
  const pool = pointerOf(context, `find the pool ${name}`, lib.virStoragePoolLookupByName(conn, text));
  return using(pool, lib.virStoragePoolFree, body);
}

function refresh(context: Context, name: string): void {
  withPool(context, name, (pool) => {
    numberOf(context, `look through the pool ${name}`, context.lib.virStoragePoolRefresh(pool, 0));
  });
}

/**
 * Sends a file of this machine into a pool of the peer. The target must not exist; half a file is removed.
 * @throws HypervisorError exists, noSpace, cancelled, unavailable
 */
function sendFile(context: Context, { from, pool, to }: PeerFile, shared: SharedArrayBuffer): void {
  const { lib, conn } = context;
  const slots = new Float64Array(shared);
  const file = openSync(from, "r");
  try {
    const size = fstatSync(file).size;
    const xml = writeXml({
      volume: {
        [at("type")]: "file",
        name: to.slice(to.lastIndexOf("/") + 1),
        capacity: { [at("unit")]: "bytes", "#text": 0 },
        target: { format: { [at("type")]: "raw" } },
      },
    });
    const text = cString(xml);
    withPool(context, pool, (there) => {
      const made = lib.virStorageVolCreateXML(there, text, 0);
      const target = pointerOf(context, `make ${to}`, made);
      using(target, lib.virStorageVolFree, () => {
        try {
          const stream = pointerOf(context, "open a stream", lib.virStreamNew(conn, 0));
          using(stream, lib.virStreamFree, () => send(context, target, stream, file, size, slots));
        } catch (error) {
          if (lib.virStorageVolDelete(target, 0) < 0) lib.virResetLastError();
          throw error;
        }
      });
    });
  } finally {
    closeSync(file);
  }
}

function send(
  context: Context,
  target: Pointer,
  stream: Pointer,
  file: number,
  size: number,
  slots: Float64Array,
): void {
  const { lib } = context;
  numberOf(context, "send a file", lib.virStorageVolUpload(target, stream, 0, size, 0));
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let total = 0;
    for (;;) {
      if (slots[sendingSlots.cancelled]) throw new HypervisorError("cancelled", "Sending was cancelled.");
      const got = readSync(file, chunk, 0, chunkBytes, null);
      if (got === 0) break;
      for (let sent = 0; sent < got; ) {
        const part = lib.virStreamSend(stream, ptr(chunk, sent), got - sent);
        sent += numberOf(context, "send a file", part);
      }
      total += got;
      slots[sendingSlots.sentMiB] = total / chunkBytes;
    }
    numberOf(context, "send a file to its end", lib.virStreamFinish(stream));
  } catch (error) {
    if (lib.virStreamAbort(stream) < 0) lib.virResetLastError();
    throw error;
  }
}
