/** What others see of guests: pages, API, console and other plugins. Made from rows here, in one place. */
import { type Task, type TSchema, Type } from "jimv";
import type { Disk } from "../disks/index.ts";
import type { GuestBadge } from "./contract.ts";
import type { Args, Guest, GuestInterface, ObservedAddress } from "./schema.ts";
import {
  type Action,
  allowed,
  type GuestState,
  guestActions,
  guestStates,
  hasVanished,
  type Init,
  type InitState,
  type OsFamily,
  vanishedWord,
} from "./states.ts";

/** A word with its arguments: each reader gets their own language. */
export interface Said {
  word: string;
  args: Args;
}

/** The open task of a guest, as far as a row shows it. */
export interface GuestTask {
  id: string;
  kind: string;
  state: "queued" | "running";
  /** Percent. */
  progress: number;
  /** A word key. */
  step: string | null;
  etaSeconds: number | null;
  cancellable: boolean;
}

export interface GuestDiskView {
  uuid: string;
  name: string;
  role: "system" | "data";
  sizeGiB: number;
  target: string | null;
  state: Disk["state"];
}

/** A row of the list. */
export interface GuestView {
  uuid: string;
  name: string;
  remark: string;
  nodeName: string;
  templateId: string | null;
  templateName: string;
  icon: string | null;
  state: GuestState;
  /**
   * What to show: the state, or `unknown` while the node is offline, `queued` while its creation waits, `vanished` where the
   * node has no such domain any more.
   */
  shown: GuestState | "unknown" | "queued" | "vanished";
  wantedState: "running" | "off";
  /** Why it failed, null unless `state` is `failed`. */
  error: Said | null;
  vcpus: number;
  memoryMiB: number;
  /** Of the system disk; null once there is none (a failed creation). */
  diskSizeGiB: number | null;
  osFamily: OsFamily;
  isWindows: boolean;
  init: Init;
  /** The first set-up through the guest agent. */
  initState: InitState;
  initError: Said | null;
  /** What a set-up that succeeded could not do. */
  initNote: Said | null;
  userName: string;
  hasPassword: boolean;
  hostname: string;
  /** Those that it was seen with, IPv4 first; none while it is off. */
  addresses: string[];
  /** Those that were booked for it, whether it uses them or not. */
  bookedAddresses: string[];
  /** Booked ones that it does not use; none while nothing is known of it. */
  unusedAddresses: string[];
  /** IPv4 addresses that it uses beside the one that was booked for it. */
  unbookedAddresses: string[];
  vncPort: number | null;
  /** What may be asked of it now. */
  actions: readonly Action[];
  /** Tasks under way about it, the one that changes it first. */
  tasks: GuestTask[];
  /** What other plugins have to say. */
  badges: GuestBadge[];
  /** UTC milliseconds. */
  startedAt: number | null;
  createdAt: number;
}

/** Everything about one guest. */
export interface GuestDetail extends GuestView {
  disks: GuestDiskView[];
  interfaces: {
    mac: string;
    network: string | null;
    bridge: string | null;
    addresses: ObservedAddress[];
  }[];
  observedState: string | null;
  observedAt: number | null;
}

/** Where a guest's screen is; for the console. */
export interface GuestScreen {
  uuid: string;
  name: string;
  nodeName: string;
  port: number;
  /** The address QEMU listens on at its node. */
  listen: string;
  password: string;
}

const literals = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))));
const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const SaidSchema = Type.Object({
  word: Type.String(),
  args: Type.Record(Type.String(), Type.Unknown()),
  detail: Type.String(),
});

/** The API's form of `GuestView`. */
export const GuestSchema = Type.Object({
  uuid: Type.String(),
  name: Type.String(),
  remark: Type.String(),
  nodeName: Type.String(),
  templateId: nullable(Type.String()),
  templateName: Type.String(),
  state: literals(guestStates),
  shown: literals([...guestStates, "unknown", "queued", "vanished"]),
  wantedState: literals(["running", "off"]),
  error: nullable(SaidSchema),
  vcpus: Type.Integer(),
  memoryMiB: Type.Integer(),
  diskSizeGiB: nullable(Type.Integer()),
  osFamily: Type.String(),
  isWindows: Type.Boolean(),
  init: Type.String(),
  initState: Type.String(),
  initError: nullable(SaidSchema),
  initNote: nullable(SaidSchema),
  userName: Type.String(),
  hasPassword: Type.Boolean(),
  hostname: Type.String(),
  addresses: Type.Array(Type.String(), {
    description: "Told by the node's DHCP server, the guest agent or, without one, the node's ARP table",
  }),
  bookedAddresses: Type.Array(Type.String(), {
    description: "From address pools; [] for a guest that asks DHCP",
  }),
  unusedAddresses: Type.Array(Type.String(), { description: "Booked ones that it does not use" }),
  unbookedAddresses: Type.Array(Type.String(), {
    description: "IPv4 addresses that it uses beside the one booked for it",
  }),
  vncPort: nullable(Type.Integer()),
  actions: Type.Array(literals(guestActions), { description: "What may be asked of it now" }),
  tasks: Type.Array(
    Type.Object({
      id: Type.String(),
      kind: Type.String(),
      state: literals(["queued", "running"]),
      progress: Type.Integer({ minimum: 0, maximum: 100 }),
      step: nullable(Type.String()),
      etaSeconds: nullable(Type.Integer()),
      cancellable: Type.Boolean(),
    }),
  ),
  badges: Type.Array(
    Type.Object({
      word: Type.String(),
      args: Type.Record(Type.String(), Type.Unknown()),
      tone: Type.String(),
      until: nullable(Type.Integer()),
    }),
    { description: "Short notes of plugins" },
  ),
  startedAt: nullable(Type.Integer({ description: "UTC milliseconds" })),
  createdAt: Type.Integer({ description: "UTC milliseconds" }),
});

/** The API's form of `GuestDetail`. */
export const GuestDetailSchema = Type.Composite([
  GuestSchema,
  Type.Object({
    disks: Type.Array(
      Type.Object({
        uuid: Type.String(),
        name: Type.String(),
        role: literals(["system", "data"]),
        sizeGiB: Type.Integer(),
        target: nullable(Type.String()),
        state: Type.String(),
      }),
    ),
    interfaces: Type.Array(
      Type.Object({
        mac: Type.String(),
        network: nullable(Type.String()),
        bridge: nullable(Type.String()),
        addresses: Type.Array(
          Type.Object({
            address: Type.String(),
            prefix: Type.Integer(),
            source: literals(["lease", "agent", "arp"]),
          }),
        ),
      }),
    ),
    observedState: nullable(Type.String()),
    observedAt: nullable(Type.Integer()),
  }),
]);

/** How what was booked for a guest that runs differs from what it was seen with. */
function differences(
  { state }: Pick<Guest, "state">,
  { booked, interfaces }: { booked: string[]; interfaces: readonly GuestInterface[] },
): Pick<GuestView, "unusedAddresses" | "unbookedAddresses"> {
  const seen = interfaces.flatMap(({ addresses }) => addresses ?? []);
  if (state !== "running" || seen.length === 0 || booked.length === 0)
    return { unusedAddresses: [], unbookedAddresses: [] };
  const used = new Set(seen.map(({ address }) => address));
  // A lease may be of its first boot, and IPv6 guests choose addresses by themselves.
  const isStrange = ({ address, source }: ObservedAddress): boolean =>
    source !== "lease" && isIpv4(address) && !booked.includes(address);
  return {
    unusedAddresses: booked.filter((address) => !used.has(address)),
    unbookedAddresses: booked.some(isIpv4) ? seen.filter(isStrange).map(({ address }) => address) : [],
  };
}
const isIpv4 = (address: string): boolean => !address.includes(":");

/** Of all interfaces in their order, those that people type more often first. */
function addressesOf(interfaces: readonly GuestInterface[]): string[] {
  const all = [...interfaces]
    .sort((a, b) => a.position - b.position)
    .flatMap(({ addresses }) => (addresses ?? []).map(({ address }) => address));
  return [...all.filter((one) => !one.includes(":")), ...all.filter((one) => one.includes(":"))];
}

const said = (word: string | null, args: Args | null): Said | null =>
  word ? { word, args: args ?? {} } : null;

/** A row's view. `tasks` are the open ones about this guest. */
export function guestView(
  guest: Guest,
  of: {
    tasks: readonly Task[];
    nodeOffline: boolean;
    systemDisk: Pick<Disk, "sizeGiB"> | null;
    interfaces: readonly GuestInterface[];
    booked: string[];
    cancellable: (kind: string) => boolean;
    badges: GuestBadge[];
  },
): GuestView {
  const creation = of.tasks.find((task) => task.kind === "guests.create");
  const queued = creation?.state === "queued" ? "queued" : null;
  const shown = of.nodeOffline ? "unknown" : hasVanished(guest) ? "vanished" : (queued ?? guest.state);
  return {
    uuid: guest.uuid,
    name: guest.name,
    remark: guest.remark,
    nodeName: guest.nodeName,
    templateId: guest.templateId,
    templateName: guest.templateName,
    icon: guest.icon,
    state: guest.state,
    shown,
    wantedState: guest.wantedState,
    error: guest.state === "failed" ? said(guest.failedWord, guest.failedArgs) : null,
    vcpus: guest.vcpus,
    memoryMiB: guest.memoryMiB,
    diskSizeGiB: of.systemDisk?.sizeGiB ?? null,
    osFamily: guest.osFamily,
    isWindows: guest.isWindows,
    init: guest.init,
    initState: guest.initState,
    initError: guest.initState === "failed" ? said(guest.initWord, guest.initArgs) : null,
    initNote: guest.initState === "done" ? said(guest.initWord, guest.initArgs) : null,
    userName: guest.userName,
    hasPassword: guest.passwordSealed !== null,
    hostname: guest.hostname,
    addresses: addressesOf(of.interfaces),
    bookedAddresses: of.booked,
    ...differences(guest, of),
    vncPort: guest.vncPort,
    actions: allowed[guest.state],
    tasks: [...of.tasks]
      .sort((a, b) => Number(a.exclusiveKey !== guest.uuid) - Number(b.exclusiveKey !== guest.uuid))
      .map((task) => ({
        id: task.id,
        kind: task.kind,
        state: task.state === "running" ? "running" : "queued",
        progress: task.progress,
        step: task.step,
        etaSeconds: task.etaSeconds,
        cancellable: task.state === "queued" || of.cancellable(task.kind),
      })),
    badges: of.badges,
    startedAt: guest.startedAt,
    createdAt: guest.createdAt,
  };
}

const elsewhereWord = "guests.foundElsewhere";

/** One that is gone from its node, but which another node has: what to do is to migrate it to there. */
export function foundElsewhere(guest: GuestView, other: string): GuestView {
  const args = { name: guest.name, node: guest.nodeName, other };
  return { ...guest, error: { word: elsewhereWord, args }, actions: ["migrate"] };
}

/** Whether it is gone from its node; else one in the state `failed` was never created. */
export const isGone = ({ error }: Pick<GuestView, "error">): boolean =>
  error?.word === vanishedWord || error?.word === elsewhereWord;

export function guestDetail(
  view: GuestView,
  guest: Guest,
  disks: readonly Disk[],
  interfaces: readonly GuestInterface[],
): GuestDetail {
  return {
    ...view,
    disks: disks
      .map(({ uuid, name, role, sizeGiB, target, state }) => ({ uuid, name, role, sizeGiB, target, state }))
      .sort((a, b) => (a.target ?? "").localeCompare(b.target ?? "")),
    interfaces: [...interfaces]
      .sort((a, b) => a.position - b.position)
      .map(({ mac, network, bridge, addresses }) => ({ mac, network, bridge, addresses: addresses ?? [] })),
    observedState: guest.observedState,
    observedAt: guest.observedAt,
  };
}
