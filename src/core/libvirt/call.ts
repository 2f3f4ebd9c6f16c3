/**
 * The unwrap around every libvirt call: strings in and out, the count of what is not yet freed, and the
 * error, read in the same thread straight after the call that failed.
 */

import { CString, type Pointer, read } from "bun:ffi";
import { errorCodeOf } from "./errors.ts";
import { HypervisorError } from "./hypervisor.ts";
import type { Libvirt } from "./symbols.ts";

/** A loaded library and a connection: what every object function needs first. */
export interface Context {
  lib: Libvirt;
  conn: Pointer;
}

let live = 0;

/** How many libvirt objects and strings this thread holds. Zero between calls, or something leaks. */
export function liveHandles(): number {
  return live;
}

/** Runs `body` with an object and frees it afterwards, whatever happens. */
export function using<T>(
  handle: Pointer,
  free: (handle: Pointer) => unknown,
  body: (handle: Pointer) => T,
): T {
  live++;
  try {
    return body(handle);
  } finally {
    free(handle);
    live--;
  }
}

/**
 * A JavaScript string as C wants it. Keep the Buffer in a variable until the call is over.
 * @throws HypervisorError invalid when it holds a NUL, which C would cut off at
 */
export function cString(text: string): Buffer {
  if (text.includes("\0")) throw new HypervisorError("invalid", "A text must not hold a NUL character.");
  return Buffer.from(`${text}\0`, "utf8");
}

/** Copies a C string that libvirt keeps. */
export function borrowString(pointer: Pointer): string {
  return new CString(pointer).toString();
}

/** Copies a C string that is ours, and frees it. */
export function takeString(lib: Libvirt, pointer: Pointer): string {
  return using(pointer, lib.free, borrowString);
}

/** An out-parameter of `bytes` zeroed bytes. */
export function out(bytes: number): Buffer {
  return Buffer.alloc(bytes);
}

/** Reads a pointer out of an out-parameter. */
export function outPointer(buffer: Buffer): Pointer {
  return Number(buffer.readBigUInt64LE(0)) as Pointer;
}

/** The fields of `virError` that matter: int code @0, int domain @4, char *message @8. */
function lastError(lib: Libvirt): { code: number; domain: number; message: string } {
  const error = lib.virGetLastError();
  if (!error) return { code: 1, domain: 0, message: "libvirt gave no reason" };
  const message = read.ptr(error, 8) as Pointer;
  return {
    code: read.i32(error, 0),
    domain: read.i32(error, 4),
    message: message ? borrowString(message) : "libvirt gave no reason",
  };
}

/** The error of the call that just failed in this thread, as ours. `what` completes "libvirt could not …". */
export function failure(lib: Libvirt, what: string, conn: Pointer | null): HypervisorError {
  const { code, domain, message } = lastError(lib);
  lib.virResetLastError();
  const ours = conn && lib.virConnectIsAlive(conn) !== 1 ? "unavailable" : errorCodeOf(code, message);
  return new HypervisorError(ours, `libvirt could not ${what}: ${message}`, { code, domain });
}

/** For calls that answer NULL when they fail. */
export function pointerOf(context: Context, what: string, result: Pointer | null): Pointer {
  if (!result) throw failure(context.lib, what, context.conn);
  return result;
}

/** For calls that answer -1 when they fail. */
export function numberOf(context: Context, what: string, result: number): number {
  if (result < 0) throw failure(context.lib, what, context.conn);
  return result;
}

/**
 * Walks a NULL-less array of `count` object pointers (as virConnectListAll* hands out), frees each object
 * and the array.
 */
export function eachOf(
  lib: Libvirt,
  array: Pointer,
  count: number,
  free: (handle: Pointer) => unknown,
  body: (handle: Pointer) => void,
): void {
  using(array, lib.free, () => {
    for (let i = 0; i < count; i++) {
      const handle = read.ptr(array, i * 8) as Pointer;
      live++;
      try {
        body(handle);
      } finally {
        free(handle);
        live--;
      }
    }
  });
}
