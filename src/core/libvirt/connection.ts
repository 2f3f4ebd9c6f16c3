/** The connection object: opening, closing, and what libvirt says of the host. Runs in workers. */

import type { Pointer } from "bun:ffi";
import { type Context, cString, failure, numberOf, out, outPointer, pointerOf, takeString } from "./call.ts";
import { HypervisorError } from "./hypervisor.ts";
import type { Libvirt } from "./symbols.ts";

/** Event ids of virConnectDomainEventRegisterAny that are listened to. */
const eventIds = { lifecycle: 0, reboot: 1, agent: 18, pass: 20 } as const;

/** C function pointers of the event worker's callbacks, and the number they are called with. */
export interface EventCallbacks {
  lifecycle: number;
  reboot: number;
  agent: number;
  pass: number;
}

/** Seconds between probes of libvirtd, and how many may stay unanswered before the connection counts as dead. */
export interface Keepalive {
  seconds: number;
  count: number;
}

/**
 * Opens a connection; with `keepalive`, a libvirtd that died without a word is noticed.
 * @throws HypervisorError unavailable, denied
 */
export function openConnection(lib: Libvirt, uri: string, keepalive: Keepalive | null): Pointer {
  const name = cString(uri);
  const conn = lib.virConnectOpen(name);
  if (!conn) {
    const error = failure(lib, `connect to ${uri}`, null);
    if (error.code === "denied") throw error;
    throw new HypervisorError(
      "unavailable",
      `${error.message}. Check that libvirtd is running.`,
      error.libvirt,
    );
  }
  // Local drivers (test:///) have no server to probe: they answer an error, which does not matter.
  if (keepalive && lib.virConnectSetKeepAlive(conn, keepalive.seconds, keepalive.count) < 0)
    lib.virResetLastError();
  return conn;
}

/** Registers the event worker's callbacks; the ids that take them back. A driver may lack some events. */
export function registerEvents(context: Context, callbacks: EventCallbacks, opaque: number): number[] {
  const ids: number[] = [];
  for (const [name, event] of Object.entries(eventIds)) {
    const id = context.lib.virConnectDomainEventRegisterAny(
      context.conn,
      null,
      event,
      callbacks[name as keyof EventCallbacks] as Pointer,
      opaque as Pointer,
      null,
    );
    if (id >= 0) ids.push(id);
    else if (event === eventIds.lifecycle)
      throw failure(context.lib, "listen to domain events", context.conn);
    else context.lib.virResetLastError();
  }
  return ids;
}

/** Takes callbacks back. They hold the connection, so this is needed on a dead one, too. */
export function deregisterEvents(context: Context, ids: readonly number[]): void {
  for (const id of ids) {
    if (context.lib.virConnectDomainEventDeregisterAny(context.conn, id) < 0) context.lib.virResetLastError();
  }
}

/** `9000000` as `9.0.0`. */
export function versionText(version: number): string {
  return `${Math.floor(version / 1_000_000)}.${Math.floor(version / 1000) % 1000}.${version % 1000}`;
}

export interface HostRaw {
  hostname: string;
  cpus: number;
  libvirtVersion: string;
  /** Empty: there is no emulator. */
  hypervisorVersion: string;
}

/** Empty where libvirt finds no emulator: it says so as an error like any other, and that is an answer here. */
function emulatorVersion({ lib, conn }: Context, version: Buffer): string {
  if (lib.virConnectGetVersion(conn, version) === 0) return versionText(Number(version.readBigUInt64LE(0)));
  const error = failure(lib, "read the hypervisor's version", conn);
  if (error.retryable) throw error;
  return "";
}

/** Name, CPUs and versions of the host, as libvirt sees it. */
export function host(context: Context): HostRaw {
  const { lib, conn } = context;
  const hostname = takeString(
    lib,
    pointerOf(context, "read the host's name", lib.virConnectGetHostname(conn)),
  );
  const version = out(8);
  numberOf(context, "read libvirt's version", lib.virConnectGetLibVersion(conn, version));
  const libvirtVersion = versionText(Number(version.readBigUInt64LE(0)));
  const hypervisorVersion = emulatorVersion(context, version);
  // virNodeInfo: char model[32]; unsigned long memory @32; unsigned int cpus @40; …
  const info = out(64);
  numberOf(context, "count the host's CPUs", lib.virNodeGetInfo(conn, info));
  return {
    hostname,
    cpus: info.readUInt32LE(40),
    libvirtVersion,
    hypervisorVersion,
  };
}

/** A round trip that does nothing: shows that libvirtd answers. */
export function ping(context: Context): void {
  const version = out(8);
  numberOf(context, "reach libvirtd", context.lib.virConnectGetLibVersion(context.conn, version));
}

/** virConnectGetDomainCapabilities' XML for one virtualisation type, null when this host can't do it. */
export function domainCapabilities(context: Context, virtType: "kvm" | "qemu"): string | null {
  const { lib, conn } = context;
  const type = cString(virtType);
  const xml = lib.virConnectGetDomainCapabilities(conn, null, null, null, type, 0);
  if (xml) return takeString(lib, xml);
  const error = failure(lib, `read the capabilities for ${virtType}`, conn);
  if (error.retryable) throw error;
  return null;
}

/** Raw array and length of a virConnectListAll… call. */
export function listAll(
  context: Context,
  what: string,
  list: (conn: Pointer, array: Buffer, flags: number) => number,
  flags: number,
): { array: Pointer; count: number } {
  const array = out(8);
  const count = numberOf(context, what, list(context.conn, array, flags));
  return { array: outPointer(array), count };
}
