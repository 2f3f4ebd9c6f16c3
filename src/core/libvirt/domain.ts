/** The domain object. Every function runs in a call worker and frees what it takes. */

import type { Pointer } from "bun:ffi";
import {
  borrowString,
  type Context,
  cString,
  eachOf,
  failure,
  numberOf,
  out,
  pointerOf,
  takeString,
  using,
} from "./call.ts";
import { listAll } from "./connection.ts";
import { patchDiskIn, patchDiskOut } from "./disk-xml.ts";
import {
  type DiskGround,
  type DomainTraits,
  patchShape,
  patchVnc,
  readTraits,
  type ShapeChange,
  type Vnc,
} from "./domain-xml.ts";
import { virError } from "./errors.ts";
import { type DomainDisk, HypervisorError } from "./hypervisor.ts";
import { statsRecords } from "./stats.ts";

const listFlags = { transient: 8 } as const; // VIR_CONNECT_LIST_DOMAINS_TRANSIENT
const xmlFlags = { secure: 1, inactive: 2 } as const; // VIR_DOMAIN_XML_*
/** VIR_DOMAIN_UNDEFINE_*: managed save 1, snapshot metadata 2, NVRAM 4, checkpoint metadata 16 (libvirt 5.6). */
const undefineFlags = [1 | 2 | 4 | 16, 1 | 2 | 4, 1 | 2, 0] as const;
const statsGroups = { state: 1 } as const;
const uuidStringBytes = 37;

/** UUID of a domain object: from memory, no round trip. */
export function uuidOf(context: Context, domain: Pointer): string {
  const buffer = out(uuidStringBytes);
  numberOf(context, "read a domain's uuid", context.lib.virDomainGetUUIDString(domain, buffer));
  return buffer.toString("latin1", 0, uuidStringBytes - 1);
}

/** Name of a domain object: from memory, no round trip. */
export function nameOf(context: Context, domain: Pointer): string {
  return borrowString(pointerOf(context, "read a domain's name", context.lib.virDomainGetName(domain)));
}

/** The domain, or null when there is none. */
function find(context: Context, uuid: string): Pointer | null {
  const text = cString(uuid);
  const domain = context.lib.virDomainLookupByUUIDString(context.conn, text);
  if (domain) return domain;
  const error = failure(context.lib, `find the domain ${uuid}`, context.conn);
  if (error.libvirt?.code === virError.noDomain) return null;
  throw error;
}

/** Looks a domain up, runs `body`, frees it. @throws HypervisorError notFound */
export function withDomain<T>(context: Context, uuid: string, body: (domain: Pointer) => T): T {
  const domain = find(context, uuid);
  if (!domain) throw new HypervisorError("notFound", `There is no domain ${uuid} on this machine.`);
  return using(domain, context.lib.virDomainFree, body);
}

/** One line of the bulk list: uuid, name, virDomainState, reason, transient. */
export type ListedDomain = [uuid: string, name: string, state: number, reason: number, transient: boolean];

/** All domains in two round trips, however many there are. */
export function list(context: Context): ListedDomain[] {
  const { lib } = context;
  const listed: ListedDomain[] = [];
  for (const record of statsRecords(context, statsGroups.state)) {
    listed.push([
      record.uuid,
      record.name,
      Number(record.values["state.state"] ?? 0),
      Number(record.values["state.reason"] ?? 0),
      false,
    ]);
  }
  const { array, count } = listAll(
    context,
    "list the transient domains",
    lib.virConnectListAllDomains,
    listFlags.transient,
  );
  const transient = new Set<string>();
  eachOf(lib, array, count, lib.virDomainFree, (domain) => transient.add(uuidOf(context, domain)));
  if (transient.size > 0) for (const entry of listed) entry[4] = transient.has(entry[0]);
  return listed;
}

/** One domain's line, null when there is none. */
export function one(context: Context, uuid: string): ListedDomain | null {
  const { lib } = context;
  const domain = find(context, uuid);
  if (!domain) return null;
  return using(domain, lib.virDomainFree, () => {
    const state = out(4);
    const reason = out(4);
    if (lib.virDomainGetState(domain, state, reason, 0) < 0) {
      const error = failure(lib, "read a domain's state", context.conn);
      if (error.code === "notFound") return null;
      throw error;
    }
    const persistent = lib.virDomainIsPersistent(domain);
    if (persistent < 0) lib.virResetLastError();
    return [uuid, nameOf(context, domain), state.readInt32LE(0), reason.readInt32LE(0), persistent === 0];
  });
}

/** Its XML, with virDomainXMLFlags. */
export function xmlOf(context: Context, domain: Pointer, flags: number): string {
  return takeString(
    context.lib,
    pointerOf(context, "read a domain's definition", context.lib.virDomainGetXMLDesc(domain, flags)),
  );
}

/** Whose they are and how big, from their XML. Domains that vanished meanwhile are left out. */
export function traits(context: Context, uuids: readonly string[]): [uuid: string, traits: DomainTraits][] {
  const found: [string, DomainTraits][] = [];
  for (const uuid of uuids) {
    const domain = find(context, uuid);
    if (!domain) continue;
    using(domain, context.lib.virDomainFree, () => {
      try {
        found.push([uuid, readTraits(xmlOf(context, domain, 0))]);
      } catch (error) {
        if (!(error instanceof HypervisorError) || error.code !== "notFound") throw error;
      }
    });
  }
  return found;
}

/** Defines XML. @throws HypervisorError exists (the name is another domain's), invalid */
export function define(context: Context, xml: string, of: { uuid: string; name: string } | null): void {
  const { lib, conn } = context;
  const text = cString(xml);
  const domain = lib.virDomainDefineXML(conn, text);
  if (domain) {
    using(domain, lib.virDomainFree, () => undefined);
    return;
  }
  const error = failure(lib, "define the domain", conn);
  // libvirt has no number for a taken name, and its text follows libvirtd's language: so look.
  if (of && error.libvirt?.code === virError.operationFailed && isNameTaken(context, of)) {
    throw new HypervisorError(
      "exists",
      `Another domain on this machine is called ${of.name}.`,
      error.libvirt,
    );
  }
  throw error;
}

function isNameTaken(context: Context, of: { uuid: string; name: string }): boolean {
  const { lib } = context;
  const name = cString(of.name);
  const other = lib.virDomainLookupByName(context.conn, name);
  if (!other) {
    lib.virResetLastError();
    return false;
  }
  return using(other, lib.virDomainFree, () => uuidOf(context, other) !== of.uuid);
}

/** Removes the definition and what libvirt keeps beside it; absent is fine. */
export function undefine(context: Context, uuid: string): void {
  const { lib } = context;
  const domain = find(context, uuid);
  if (!domain) return;
  using(domain, lib.virDomainFree, () => {
    // A libvirt refuses flags that it does not know yet, so ask for less until it agrees.
    for (const flags of undefineFlags) {
      if (lib.virDomainUndefineFlags(domain, flags) === 0) return;
      const error = failure(lib, "remove the domain's definition", context.conn);
      if (error.code === "notFound") return;
      const unknownFlag = error.code === "invalid" || error.code === "unsupported";
      if (!unknownFlag || flags === 0) throw error;
    }
  });
}

/** The stored definition without secrets: libvirt leaves them out unless asked for them. */
export function xml(context: Context, uuid: string): string {
  return withDomain(context, uuid, (domain) => xmlOf(context, domain, xmlFlags.inactive));
}

interface Action {
  /** Completes "libvirt could not …". */
  what: string;
  call: (lib: Context["lib"], domain: Pointer) => number;
  /** virDomainStates in which it makes sense. */
  from: readonly number[];
}

const running = [1, 2]; // RUNNING, BLOCKED
const off = [5, 6]; // SHUTOFF, CRASHED
const paused = [3, 7]; // PAUSED, PMSUSPENDED

/** The calls that take nothing but the domain. */
const actions = {
  start: { what: "start the domain", call: (lib, it) => lib.virDomainCreate(it), from: off },
  shutdown: {
    what: "ask the guest to shut down",
    call: (lib, it) => lib.virDomainShutdown(it),
    from: running,
  },
  reboot: { what: "ask the guest to reboot", call: (lib, it) => lib.virDomainReboot(it, 0), from: running },
  destroy: {
    what: "force the domain off",
    call: (lib, it) => lib.virDomainDestroy(it),
    from: [1, 2, 3, 4, 6, 7],
  },
  reset: {
    what: "reset the domain",
    call: (lib, it) => lib.virDomainReset(it, 0),
    from: [...running, ...paused],
  },
  suspend: { what: "pause the domain", call: (lib, it) => lib.virDomainSuspend(it), from: running },
  resume: { what: "resume the domain", call: (lib, it) => lib.virDomainResume(it), from: paused },
} as const satisfies Record<string, Action>;

export type PlainAction = keyof typeof actions;

/** @throws HypervisorError wrongState, portInUse, noMemory, notFound */
export function act(context: Context, action: PlainAction, uuid: string): void {
  const { what, call, from } = actions[action];
  withDomain(context, uuid, (domain) => {
    if (call(context.lib, domain) === 0) return;
    const error = failure(context.lib, what, context.conn);
    if (error.code !== "internal" && error.code !== "wrongState") throw error;
    // Some drivers have no number of their own for a wrong state: then the state itself tells.
    const wrong =
      error.code === "wrongState" || !(from as readonly number[]).includes(stateOf(context, domain));
    if (wrong && action === "destroy") return; // off already
    throw wrong ? new HypervisorError("wrongState", error.message, error.libvirt) : error;
  });
}

function stateOf({ lib }: Context, domain: Pointer): number {
  const state = out(4);
  if (lib.virDomainGetState(domain, state, null, 0) < 0) lib.virResetLastError();
  return state.readInt32LE(0);
}

/** Reads the stored definition with its secrets, changes it and defines it again; null leaves it. */
export function redefine(context: Context, uuid: string, patch: (xml: string) => string | null): void {
  const before = withDomain(context, uuid, (domain) =>
    xmlOf(context, domain, xmlFlags.secure | xmlFlags.inactive),
  );
  const after = patch(before);
  if (after !== null) define(context, after, null);
}

/** Port and password of the stored definition. */
export function setVnc(context: Context, uuid: string, vnc: Vnc): void {
  redefine(context, uuid, (before) => patchVnc(before, vnc));
}

/** vCPUs and memory of the stored definition, and the name (libvirt renames only what is off). */
export function reshape(context: Context, uuid: string, change: ShapeChange & { name?: string }): void {
  const { lib } = context;
  const current = one(context, uuid);
  if (!current) throw new HypervisorError("notFound", `There is no domain ${uuid} on this machine.`);
  if (current[2] !== 5) {
    throw new HypervisorError("wrongState", "The domain must be off before its size or name can change.");
  }
  const { name } = change;
  if (name !== undefined && name !== current[1]) {
    const text = cString(name);
    withDomain(context, uuid, (domain) => {
      numberOf(context, "rename the domain", lib.virDomainRename(domain, text, 0));
    });
  }
  if (change.vcpus !== undefined || change.memoryMiB !== undefined) {
    redefine(context, uuid, (before) => patchShape(before, change));
  }
}

function mustBeOff(context: Context, uuid: string): void {
  const current = one(context, uuid);
  if (!current) throw new HypervisorError("notFound", `There is no domain ${uuid} on this machine.`);
  if (current[2] !== 5)
    throw new HypervisorError("wrongState", "The domain must be off before its disks can change.");
}

/** One more disk in the stored definition. `directIo`: the file system takes O_DIRECT. */
export function attachDisk(context: Context, uuid: string, disk: DomainDisk, ground: DiskGround): void {
  mustBeOff(context, uuid);
  redefine(context, uuid, (before) => patchDiskIn(before, disk, ground));
}

/** Without the disk of this path. */
export function detachDisk(
  context: Context,
  uuid: string,
  path: string,
  ground: Pick<DiskGround, "rbd">,
): void {
  mustBeOff(context, uuid);
  redefine(context, uuid, (before) => patchDiskOut(before, path, ground));
}

/**
 * Any guest-agent command.
 * @returns the agent's `return` value
 * @throws HypervisorError agentSilent, unsupported, denied
 */
export function agent(context: Context, uuid: string, command: string, timeoutSeconds: number): unknown {
  const { lib } = context;
  const send = lib.virDomainQemuAgentCommand;
  if (!send) {
    throw new HypervisorError(
      "unsupported",
      "libvirt-qemu.so.0 is missing: install libvirt's client libraries.",
    );
  }
  const text = cString(command);
  return withDomain(context, uuid, (domain) => {
    const answer = send(domain, text, timeoutSeconds, 0);
    if (!answer) throw failure(lib, "talk to the guest agent", context.conn);
    return (JSON.parse(takeString(lib, answer)) as { return?: unknown }).return ?? null;
  });
}

/** Through the guest agent. */
export function setUserPassword(context: Context, uuid: string, user: string, password: string): void {
  const userText = cString(user);
  const passwordText = cString(password);
  withDomain(context, uuid, (domain) => {
    numberOf(
      context,
      "set the user's password through the guest agent",
      context.lib.virDomainSetUserPassword(domain, userText, passwordText, 0),
    );
  });
}
