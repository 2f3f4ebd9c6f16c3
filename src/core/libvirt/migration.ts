/**
 * Moving a running domain to another libvirtd, and what can be asked and done meanwhile. Runs in call workers:
 * `migrate` blocks one of the patient lane for as long as it takes, the rest answers at once.
 */

import { type Pointer, ptr, read } from "bun:ffi";
import { type Context, cString, failure, numberOf, out, outPointer, using } from "./call.ts";
import { withDomain, xmlOf } from "./domain.ts";
import type { MigrationJob, MigrationRequest } from "./hypervisor.ts";
import { type Changes, patchMigration } from "./migration-xml.ts";
import { type Parameter, unlessNothing, withParameters } from "./parameters.ts";
import { parseParameters } from "./stats.ts";

/** virDomainMigrateFlags */
const flags = {
  live: 1,
  peerToPeer: 2,
  persistThere: 8,
  undefineHere: 16,
  copyDisks: 64,
  unsafe: 512,
  autoConverge: 8192,
  postcopy: 32768,
  tls: 65536,
  parallel: 131072,
} as const;

const xmlFlags = { secure: 1, inactive: 2, migratable: 8 } as const; // VIR_DOMAIN_XML_*
const jobStatsFlags = { completed: 1 } as const; // VIR_DOMAIN_JOB_STATS_*
const jobTypes = { none: 0 } as const; // virDomainJobType
/** virDomainStatsTypes */
const statsGroups = { dirtyRate: 512 } as const;
/** virDomainDirtyRateStatus */
const dirtyRateMeasured = 2;
const bytesPerMiB = 1024 ** 2;

/** virDomainJobOperation */
const operations: Record<number, MigrationJob["operation"]> = { 4: "in", 5: "out" };

/**
 * Moves the domain and returns when it runs there and is gone here.
 * @throws HypervisorError cancelled, wrongState, portInUse, noSpace, unavailable …; the domain then runs on here,
 * unless the peer was lost in the last moment (see `Migrations.run`)
 */
export function migrate(context: Context, uuid: string, request: MigrationRequest): void {
  const { lib } = context;
  withDomain(context, uuid, (domain) => {
    // The running one and the one for its next start differ: both go along, changed in the same way.
    const running = patchMigration(xmlOf(context, domain, xmlFlags.secure | xmlFlags.migratable), request);
    const stored = storedOf(context, domain, request);
    const { memory, disks } = request.ports;
    const port = memory === null ? "" : `:${memory}`;
    const parameters: [string, Parameter][] = [
      ["migrate_uri", { string: `tcp://${hostPart(request.address)}${port}` }],
      ["destination_xml", { string: running }],
      ["persistent_xml", { string: stored }],
      ...request.copyDisks.map((target): [string, Parameter] => ["migrate_disks", { string: target }]),
    ];
    if (disks !== null) parameters.push(["disks_port", { int: disks }]);
    if (request.bandwidthMiBs !== null) parameters.push(["bandwidth", { long: request.bandwidthMiBs }]);
    if (request.connections > 1) parameters.push(["parallel.connections", { int: request.connections }]);
    const peer = cString(request.peerUri);
    withParameters(context, parameters, (list, count) => {
      const result = lib.virDomainMigrateToURI3(domain, peer, list, count, flagsOf(request));
      if (result < 0) throw failure(lib, "migrate the domain", context.conn);
    });
  });
}

/** The stored definition with the changes of a migration: for a domain that is off. Holds the VNC password. */
export function storedXml(context: Context, uuid: string, changes: Changes): string {
  return withDomain(context, uuid, (domain) => storedOf(context, domain, changes));
}

function storedOf(context: Context, domain: Pointer, changes: Changes): string {
  const stored = xmlFlags.secure | xmlFlags.inactive | xmlFlags.migratable;
  return patchMigration(xmlOf(context, domain, stored), changes);
}

function flagsOf(request: MigrationRequest): number {
  let all = flags.live | flags.peerToPeer | flags.persistThere | flags.undefineHere;
  if (request.copyDisks.length > 0) all |= flags.copyDisks;
  if (request.trustStorage) all |= flags.unsafe;
  if (request.autoConverge) all |= flags.autoConverge;
  if (request.postcopy) all |= flags.postcopy;
  if (request.tls) all |= flags.tls;
  if (request.connections > 1) all |= flags.parallel;
  return all;
}

/** An address as a URI wants it. */
export function hostPart(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** Figures of the migration that runs, or with `completed` of the last one; null when there is none. */
export function jobStats(context: Context, uuid: string, completed: boolean): MigrationJob | null {
  const { lib } = context;
  return withDomain(context, uuid, (domain) => {
    const type = out(4);
    const list = out(8);
    const count = out(4);
    const asked = completed ? jobStatsFlags.completed : 0;
    const result = lib.virDomainGetJobStats(domain, type, list, count, asked);
    return unlessNothing(context, "read the figures of the migration", result, () => {
      const items = count.readInt32LE(0);
      if (items === 0) return null;
      return using(
        outPointer(list),
        (each) => lib.virTypedParamsFree(each, items),
        (each) => {
          const values = parseParameters(lib, each, items);
          const operation = operations[Number(values.operation ?? 0)];
          if (type.readInt32LE(0) === jobTypes.none || !operation) return null;
          return jobOf(values, operation);
        },
      );
    });
  });
}

/** libvirt's names for what it tells, as ours; whatever is missing is 0. */
export function jobOf(
  values: Record<string, number | string | boolean>,
  operation: MigrationJob["operation"],
): MigrationJob {
  const number = (name: string): number => {
    const value = values[name];
    return typeof value === "number" ? value : 0;
  };
  return {
    operation,
    elapsedMilliseconds: number("time_elapsed"),
    diskTotalBytes: number("disk_total"),
    diskLeftBytes: number("disk_remaining"),
    pass: number("memory_iteration"),
    memoryTotalBytes: number("memory_total"),
    memoryLeftBytes: number("memory_remaining"),
    memorySentBytes: number("memory_normal_bytes"),
    dirtyBytesPerSecond: number("memory_dirty_rate") * number("memory_page_size"),
    throttlePercent: number("auto_converge_throttle"),
    downtimeMilliseconds: number("downtime"),
  };
}

/** What is allowed while a migration runs. */
export type MigrationOrder =
  | { order: "abort" }
  | { order: "postcopy" }
  | { order: "bandwidth"; mebibytesPerSecond: number }
  | { order: "downtime"; milliseconds: number };

/** @throws HypervisorError wrongState when no migration runs */
export function order(context: Context, uuid: string, wanted: MigrationOrder): void {
  const { lib } = context;
  withDomain(context, uuid, (domain) => {
    switch (wanted.order) {
      case "abort":
        numberOf(context, "cancel the migration", lib.virDomainAbortJob(domain));
        return;
      case "postcopy":
        numberOf(context, "move the guest first", lib.virDomainMigrateStartPostCopy(domain, 0));
        return;
      case "bandwidth": {
        const speed = wanted.mebibytesPerSecond;
        numberOf(context, "limit the migration", lib.virDomainMigrateSetMaxSpeed(domain, speed, 0));
        return;
      }
      case "downtime": {
        const most = wanted.milliseconds;
        numberOf(context, "set the pause allowed", lib.virDomainMigrateSetMaxDowntime(domain, most, 0));
      }
    }
  });
}

/** How long the guest may stand still at the end, milliseconds. */
export function maxDowntime(context: Context, uuid: string): number {
  return withDomain(context, uuid, (domain) => {
    const value = out(8);
    const result = context.lib.virDomainMigrateGetMaxDowntime(domain, value, 0);
    numberOf(context, "read the pause allowed", result);
    return Number(value.readBigUInt64LE(0));
  });
}

/** Begins to measure how fast the domain writes to its memory. False where this libvirt or QEMU can't. */
export function startDirtyRate(context: Context, uuid: string, seconds: number): boolean {
  const start = context.lib.virDomainStartDirtyRateCalc;
  if (!start) return false;
  return withDomain(context, uuid, (domain) => {
    if (start(domain, seconds, 0) === 0) return true;
    const error = failure(context.lib, "measure how fast the guest writes", context.conn);
    if (error.retryable) throw error;
    return false;
  });
}

/** What was measured, bytes a second; null while it is still being measured. */
export function dirtyRate(context: Context, uuid: string): number | null {
  const { lib } = context;
  return withDomain(context, uuid, (domain) => {
    const wanted = out(16);
    wanted.writeBigUInt64LE(BigInt(domain), 0);
    const array = out(8);
    const result = lib.virDomainListGetStats(ptr(wanted), statsGroups.dirtyRate, array, 0);
    numberOf(context, "read how fast the guest writes", result);
    return using(outPointer(array), lib.virDomainStatsRecordListFree, (records) => {
      const record = read.ptr(records, 0) as Pointer;
      const values = parseParameters(lib, read.ptr(record, 8) as Pointer, read.i32(record, 16));
      if (values["dirtyrate.calc_status"] !== dirtyRateMeasured) return null;
      return Number(values["dirtyrate.megabytes_per_second"] ?? 0) * bytesPerMiB;
    });
  });
}

/** What virConnectCompareCPU says of the CPU that a domain's XML asks for. Only KVM guests ask for one. */
export function compareCpu(context: Context, cpuXml: string): boolean {
  const text = cString(cpuXml);
  const result = context.lib.virConnectCompareCPU(context.conn, text, 0);
  return numberOf(context, "compare the CPUs", result) >= cpuIdentical;
}
/** virCPUCompareResult: 0 incompatible, 1 identical, 2 superset */
const cpuIdentical = 1;
