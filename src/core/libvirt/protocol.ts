/** What the main thread and the workers say to each other. All of it survives structured cloning. */

import { hostAddresses } from "./addresses.ts";
import type { Context } from "./call.ts";
import * as connection from "./connection.ts";
import * as domain from "./domain.ts";
import * as filters from "./filters.ts";
import { HypervisorError, type HypervisorErrorCode } from "./hypervisor.ts";
import * as migration from "./migration.ts";
import * as network from "./network.ts";
import { atPeer } from "./peer.ts";
import * as pool from "./pool.ts";
import * as rbdVolume from "./rbd-volume.ts";
import * as snapshot from "./snapshot.ts";
import { allStats } from "./stats.ts";
import { screenshot } from "./stream.ts";
import * as volume from "./volume.ts";

/** Every call that a call worker makes, by name. */
export const calls = {
  ping: connection.ping,
  host: connection.host,
  domainCapabilities: connection.domainCapabilities,
  domains: domain.list,
  domain: domain.one,
  traits: domain.traits,
  define: domain.define,
  undefine: domain.undefine,
  xml: domain.xml,
  act: domain.act,
  setVnc: domain.setVnc,
  reshape: domain.reshape,
  attachDisk: domain.attachDisk,
  detachDisk: domain.detachDisk,
  agent: domain.agent,
  setUserPassword: domain.setUserPassword,
  hostAddresses,
  migrate: migration.migrate,
  migratedXml: migration.storedXml,
  jobStats: migration.jobStats,
  migrationOrder: migration.order,
  maxDowntime: migration.maxDowntime,
  startDirtyRate: migration.startDirtyRate,
  dirtyRate: migration.dirtyRate,
  atPeer,
  stats: allStats,
  screenshot,
  ensurePool: pool.ensure,
  pool: pool.get,
  runningFolder: pool.runningFolder,
  poolNames: pool.names,
  removePool: pool.remove,
  ensureRbdPool: pool.ensureRbd,
  fetchVolume: volume.fetch,
  rbdSource: rbdVolume.source,
  rbdKey: rbdVolume.key,
  rbdExists: rbdVolume.exists,
  rbdRemove: rbdVolume.remove,
  rbdNames: rbdVolume.names,
  hasFilterDriver: filters.hasDriver,
  defineFilters: filters.defineFilters,
  setFilter: filters.setFilter,
  networks: network.list,
  ensureNat: network.ensureNat,
  snapshotCreate: snapshot.create,
  snapshots: snapshot.list,
  snapshotDelete: snapshot.remove,
} as const satisfies Record<string, (context: Context, ...args: never[]) => unknown>;

/** Calls with long lists of small things: these cross as JSON text, which is faster than structured cloning. */
export const jsonCalls: ReadonlySet<CallName> = new Set<CallName>(["domains", "stats"]);

export type CallName = keyof typeof calls;
export type CallArgs<K extends CallName> = (typeof calls)[K] extends (
  context: Context,
  ...args: infer A
) => unknown
  ? A
  : never;
export type CallResult<K extends CallName> = ReturnType<(typeof calls)[K]>;

/** To any worker, once, first. */
export type Role = { kind: "role"; role: "connect" | "events" | "calls" };

/** To a connect worker. */
export type ConnectRequest =
  | {
      kind: "open";
      id: number;
      uri: string;
      keepalive: connection.Keepalive | null;
      /** For the connection that listens: the callbacks, and the number that they give back. */
      events: { callbacks: connection.EventCallbacks; opaque: number } | null;
    }
  /** Closes a connection that `open` made and that was not handed to a call worker. */
  | { kind: "close"; id: number; conn: number; registered: readonly number[] };

/** What `open` answers: the connection, and the callbacks to be taken back before it is closed. */
export interface Opened {
  conn: number;
  registered: readonly number[];
}

/** To a call worker. `attach` hands a connection over: the worker closes it when it gets another one. */
export type CallRequest =
  | { kind: "attach"; conn: number | null }
  | { kind: "call"; id: number; name: CallName; args: unknown[] };

/** To the event worker; `watch` hands over one reference to the connection. */
export type EventRequest =
  | { kind: "watch"; opaque: number; conn: number }
  | { kind: "unwatch"; opaque: number }
  | { kind: "ping"; id: number };

/** To a connect or call worker: its thread ends. */
export type Stop = { kind: "stop" };

export type ToWorker = Role | ConnectRequest | CallRequest | EventRequest | Stop;

/** One event as the callbacks saw it. */
export interface RawEvent {
  uuid: string;
  name: string;
  source: "lifecycle" | "reboot" | "agent" | "pass";
  event: number;
  detail: number;
  at: number;
}

export interface PlainError {
  code: HypervisorErrorCode;
  message: string;
  libvirt?: { code: number; domain: number };
}

export type FromWorker =
  | { kind: "ready"; eventfd?: number; callbacks?: connection.EventCallbacks }
  /** The library or a required symbol is missing: this worker will never work. */
  | { kind: "unusable"; message: string }
  | { kind: "answer"; id: number; value: unknown; liveHandles: number; json?: true }
  | { kind: "failed"; id: number; error: PlainError; liveHandles: number }
  | { kind: "events"; opaque: number; events: RawEvent[] }
  | { kind: "lost"; opaque: number };

export function toPlainError(error: unknown): PlainError {
  if (error instanceof HypervisorError) {
    const { code, message, libvirt } = error;
    return libvirt ? { code, message, libvirt } : { code, message };
  }
  return {
    code: "internal",
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

export function fromPlainError({ code, message, libvirt }: PlainError): HypervisorError {
  return new HypervisorError(code, message, libvirt);
}
