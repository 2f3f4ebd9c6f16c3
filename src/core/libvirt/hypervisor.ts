/**
 * What JimV asks of a hypervisor. The real one (`real.ts`) talks to libvirt; scenario tests use a
 * pretended one. Everything is asynchronous, bounded in time, and fails with a `HypervisorError`.
 */

import type { FilterLack, InterfaceFilter, NetworkFilter } from "./network-filter.ts";

export type { FilterLack, FilterRule, InterfaceFilter, NetworkFilter } from "./network-filter.ts";

/** Takes back what a registration gave. Calling it twice does no harm. */
export type Undo = () => void;

/** Why a call failed, in words the rules can act on. `retryable` codes may go away by themselves. */
export const hypervisorErrors = {
  unavailable: { retryable: true }, // no connection to libvirtd
  timeout: { retryable: true }, // the call did not answer in time; it may still happen
  peerUnreachable: { retryable: true }, // another machine's libvirtd does not answer
  notFound: { retryable: false }, // no such domain, pool, network or file
  exists: { retryable: false }, // name or uuid is taken
  wrongState: { retryable: false }, // e.g. starting what runs
  portInUse: { retryable: true }, // the VNC port is taken by something else: book another
  noSpace: { retryable: false }, // the disk is full
  noMemory: { retryable: false },
  agentSilent: { retryable: true }, // no guest agent answers
  denied: { retryable: false },
  invalid: { retryable: false }, // libvirt or qemu-img refused what we said
  unsupported: { retryable: false }, // this libvirt is too old, or a symbol is missing
  cancelled: { retryable: false },
  internal: { retryable: false },
} as const satisfies Record<string, { retryable: boolean }>;

export type HypervisorErrorCode = keyof typeof hypervisorErrors;

export class HypervisorError extends Error {
  override readonly name = "HypervisorError";
  constructor(
    readonly code: HypervisorErrorCode,
    message: string,
    /** libvirt's own error number and domain (virErrorNumber, virErrorDomain), where it was libvirt that failed. */
    readonly libvirt?: { code: number; domain: number },
  ) {
    super(message);
  }
  get retryable(): boolean {
    return hypervisorErrors[this.code].retryable;
  }
}

/** What a domain is doing, as libvirt says it, folded to what JimV tells apart. */
export type DomainState = "running" | "paused" | "stopping" | "off" | "crashed";

export interface DomainFact {
  uuid: string;
  name: string;
  state: DomainState;
  /** libvirt's reason number for the state, for the log. */
  reason: number;
  /** The cluster id in the domain's metadata: whose domain it is; null = not made by JimV. */
  clusterId: string | null;
  vcpus: number;
  memoryMiB: number;
  persistent: boolean;
}

/** A lifecycle event. `kind` is libvirt's; `fact` is read right after it, null when the domain is gone. */
export interface DomainEvent {
  uuid: string;
  name: string;
  kind:
    | "defined"
    | "undefined"
    | "started"
    | "suspended"
    | "resumed"
    | "stopped"
    | "shutdown"
    | "crashed"
    | "rebooted"
    | "agent"
    /** A migration began its pass number `detail`. */
    | "pass";
  /** The state that follows from the event alone, so that a row can change before any further call. */
  state: DomainState | null;
  detail: number;
  /** When the event reached this process, UTC milliseconds. */
  at: number;
}

/** A lamp: one worker or connection of the binding. */
export interface LaneStatus {
  name: string;
  state: "ok" | "busy" | "stuck" | "down";
  /** UTC milliseconds of the last finished turn. */
  lastTurnAt: number | null;
  queueLength: number;
  /** What it is doing since when, if it is busy or stuck. */
  call: string | null;
  since: number | null;
}

export interface HypervisorStatus {
  connected: boolean;
  /** Since when (UTC ms) it has been connected or away. */
  since: number;
  /** A sentence when it is not connected, or when a lane is stuck. */
  reason: string | null;
  lanes: LaneStatus[];
}

/** How guests run on this machine, and why. */
export interface Acceleration {
  virtType: "kvm" | "qemu";
  /** Why not KVM, one entry per thing that is missing; empty with KVM. */
  missing: ("cpuFlags" | "device" | "capabilities")[];
  emulator: string;
  machine: string;
  arch: string;
  /** The guest CPU model to ask for: `host-model` with KVM, else QEMU's default (null). */
  cpuMode: "host-model" | null;
  maxVcpus: number;
}

export interface HostFacts {
  hostname: string;
  cpus: number;
  cpuModel: string;
  memoryMiB: number;
  freeMemoryMiB: number;
  load1: number;
  libvirtVersion: string;
  qemuVersion: string;
  acceleration: Acceleration;
}

/** A domain to define. All strings are foreign text: names may hold any character. */
export interface DomainSpec {
  uuid: string;
  name: string;
  clusterId: string;
  memoryMiB: number;
  vcpus: number;
  clock: "utc" | "localtime";
  disks: DomainDisk[];
  /** A read-only NoCloud seed image, attached as a virtio disk after the others. */
  seedPath: string | null;
  interfaces: DomainInterface[];
  /** Where QEMU's VNC server listens. Password: at most 8 characters (the protocol's limit). */
  vnc: { port: number; listen: string; password: string };
}

export interface DomainDisk {
  path: string;
  format: "qcow2" | "raw";
  /** `vda`, `vdb`, … */
  target: string;
  /** Shown to the guest as the disk's serial; at most 20 characters. */
  serial: string;
}

export interface DomainInterface {
  mac: string;
  source: { network: string } | { bridge: string };
  /** What it may send; everything where there is none. */
  filter?: InterfaceFilter;
}

/** What `qemu-img info` says of an image. Sizes in bytes. */
export interface ImageInfo {
  path: string;
  format: string;
  virtualSizeBytes: number;
  actualSizeBytes: number;
  backingFile: string | null;
  /** An external data file (qcow2 `data-file`), which JimV refuses in templates. */
  dataFile: string | null;
  encrypted: boolean;
}

export interface CopyOptions {
  format: "qcow2" | "raw";
  /** Grow the copy to this many bytes afterwards; never shrinks. */
  sizeBytes?: number;
  signal?: AbortSignal;
  /** At most 4 times a second; bytes of the source's data that have been copied, and of how many. */
  onProgress?: (done: number, total: number) => void;
}

/** How a program with Ceph's own client reaches an image. */
export interface CephAccess {
  /** `POOL/IMAGE` in Ceph's own words. */
  image: string;
  /** Without `client.`. */
  user: string;
  /** What its two files hold, the keyring lying at `path`. The key is in it: not for disks that keep. */
  files(path: string): { conf: string; keyring: string };
}

/** Image files on this machine. Partial files are removed on failure. */
export interface Images {
  /** @throws HypervisorError notFound, invalid, denied */
  info(path: string): Promise<ImageInfo>;
  /** A full copy that depends on nothing else. The target must not exist. */
  copy(source: string, target: string, options: CopyOptions): Promise<void>;
  /** A qcow2 overlay on `source`. The target must not exist. */
  link(source: string, target: string, options: { sourceFormat: string; sizeBytes?: number }): Promise<void>;
  /** An empty disk. */
  create(target: string, options: { format: "qcow2" | "raw"; sizeBytes: number }): Promise<void>;
  /** Writes a small file (a seed image) atomically, mode 0600. */
  write(path: string, data: Uint8Array): Promise<void>;
  /** Makes a folder, and those above it: QEMU's user passes through, others can't look in. */
  makeFolder(path: string): Promise<void>;
  /** Removes a file; one that is not there is fine. Says whether there was one. */
  remove(path: string): Promise<boolean>;
  exists(path: string): Promise<boolean>;
  /** Null for a file. @throws HypervisorError notFound when there is no such pool here */
  cephAccess(path: string): Promise<CephAccess | null>;
  /** Regular files directly in a folder, or all images of a Ceph pool (`rbd:POOL`). */
  list(folder: string): Promise<string[]>;
}

export interface PoolFacts {
  name: string;
  path: string;
  capacityBytes: number;
  availableBytes: number;
  active: boolean;
}

/** A Ceph pool as libvirt reaches it. */
export interface RbdPoolSpec {
  name: string;
  /** `host` or `host:port`. */
  monitors: readonly string[];
  cephPool: string;
  /** The Ceph user without `client.`, and its key in base64. */
  user: string;
  key: string;
  /** Of the libvirt secret that holds the key. */
  secretUuid: string;
}

/** An image on another machine, to be fetched through its libvirtd. */
export interface RemoteImage {
  /** How the other libvirtd is reached, e.g. `qemu+tls://192.0.2.7/system`. */
  uri: string;
  path: string;
  /** The whole file's size; less than that is a broken transfer. */
  sizeBytes: number;
}

export interface NetworkFacts {
  name: string;
  /** The host's bridge device, when the network is active. */
  bridge: string | null;
  /** `192.168.123.0/24` for a NAT network of ours. */
  cidr: string | null;
  active: boolean;
}

/** One domain's figures from the bulk stats call: libvirt's own names (`balloon.current`) to values. */
export interface DomainStats {
  uuid: string;
  name: string;
  values: Record<string, number | string | boolean>;
}

/** One address of a guest's network interface. */
export interface GuestAddress {
  /** Lower case, with colons. */
  mac: string;
  address: string;
  /** Length of the network's prefix in bits. */
  prefix: number;
}

/** How a running domain moves to another machine. */
export interface MigrationRequest {
  /** The peer's libvirtd as this machine's libvirtd reaches it. */
  peerUri: string;
  /** Where the peer takes in the guest's memory and disks: an address, no name. */
  address: string;
  /** Where QEMU listens there for memory and for copied disks; null: libvirt chooses. */
  ports: { memory: number | null; disks: number | null };
  /** Where QEMU's VNC server listens there. */
  vnc: DomainSpec["vnc"];
  /** Disks that have another path there. */
  paths: readonly { from: string; to: string }[];
  /** Targets (`vda`) of the disks that are copied along; the others must be the same files on both machines. */
  copyDisks: readonly string[];
  /** The disks are shared although libvirt can't know it: the pool's owner says so. */
  trustStorage: boolean;
  /** Memory and disks go through TLS, with the machines' certificates. */
  tls: boolean;
  /** Slow the guest down when it writes faster than can be sent. */
  autoConverge: boolean;
  /** Allow `startPostcopy`. */
  postcopy: boolean;
  /** Most that is sent in a second; null: as much as goes. */
  bandwidthMiBs: number | null;
  /** TCP connections for the memory; more than one needs libvirt 5.2. */
  connections: number;
}

/** On which ports nodes listen for guests that come, unless the settings say otherwise: libvirt's own range. */
export const migrationPorts = { first: 49_152, last: 49_215 } as const;

/** Figures of a migration, bytes of guest memory or disks. What is not known (yet) is 0. */
export interface MigrationJob {
  operation: "out" | "in";
  elapsedMilliseconds: number;
  diskTotalBytes: number;
  diskLeftBytes: number;
  /** The pass of memory, from 1; 0 before it begins. */
  pass: number;
  memoryTotalBytes: number;
  /** Left of this pass. */
  memoryLeftBytes: number;
  /** Sent as whole pages; what is all zero is not in here. */
  memorySentBytes: number;
  /** QEMU's own figure of the last pass; 0 while it has none. */
  dirtyBytesPerSecond: number;
  throttlePercent: number;
  /** How long the guest stood still; known at the end. */
  downtimeMilliseconds: number;
}

/** A file of this machine that goes into a storage pool of the peer. */
export interface PeerFile {
  from: string;
  pool: string;
  to: string;
}

/**
 * Another machine's libvirtd. Each call connects anew and is bounded in time, but for `send`.
 * All throw HypervisorError peerUnreachable or timeout when it can't be reached.
 */
export interface PeerHypervisor {
  /** null when there is none. */
  domain(uuid: string): Promise<DomainFact | null>;
  /** Figures of the migration that runs there, or null. */
  job(uuid: string): Promise<MigrationJob | null>;
  /** Figures of the migration that brought a domain there, or null. */
  arrival(uuid: string): Promise<MigrationJob | null>;
  /** The port of a domain's VNC server there; null without a domain, or without such a server. */
  vncPort(uuid: string): Promise<number | null>;
  destroy(uuid: string): Promise<void>;
  resume(uuid: string): Promise<void>;
  undefine(uuid: string): Promise<void>;
  /** Defines a domain of this machine there, too, with the changes of a migration. */
  define(uuid: string, change: Pick<MigrationRequest, "vnc" | "paths">): Promise<void>;
  /** Whether it has the CPU that a domain's XML asks for. */
  hasCpuOf(xml: string): Promise<boolean>;
  /** Copies a file there. It must not exist; half a file is removed. */
  send(
    file: PeerFile,
    options: { signal?: AbortSignal; onProgress?: CopyOptions["onProgress"] },
  ): Promise<void>;
  /** Removes a file of a pool; one that is not there is fine. */
  remove(pool: string, path: string): Promise<void>;
  has(pool: string, path: string): Promise<boolean>;
}

/** Moving running domains to other machines. */
export interface Migrations {
  /**
   * Resolves when the domain runs there and is gone here. When it throws, the domain mostly runs on here; but
   * where the peer or either libvirtd was lost in the last moment, only a look at both sides tells.
   */
  run(uuid: string, request: MigrationRequest): Promise<void>;
  /** Figures of the migration that runs, or null. */
  job(uuid: string): Promise<MigrationJob | null>;
  /** @throws HypervisorError wrongState when none runs */
  abort(uuid: string): Promise<void>;
  /** Moves the guest now, the rest of its memory afterwards. From then on both machines are needed. */
  startPostcopy(uuid: string): Promise<void>;
  setBandwidth(uuid: string, mebibytesPerSecond: number): Promise<void>;
  /** How long the guest may stand still at the end. */
  downtimeMilliseconds(uuid: string): Promise<number>;
  setDowntime(uuid: string, milliseconds: number): Promise<void>;
  /** Different bytes that the guest writes in so many seconds; takes as long. null where it can't be measured. */
  measureDirtied(uuid: string, seconds: number): Promise<number | null>;
  /** How much of the guest's memory is in use on this machine; null where it can't be told. */
  usedBytes(uuid: string): Promise<number | null>;
  /** Whether something takes connections there. QEMU may begin to listen beside it, and guests would end up with it. */
  answers(address: string, port: number): Promise<boolean>;
  peer(uri: string): PeerHypervisor;
}

export interface Hypervisor {
  /** At once, from memory: never asks libvirtd, so it answers while libvirtd hangs. */
  status(): HypervisorStatus;
  onStatus(listener: (status: HypervisorStatus) => void): Undo;
  /** Lifecycle events of all domains except `guestfs-*`. They flow again by themselves after a reconnect. */
  onDomain(listener: (event: DomainEvent) => void): Undo;

  host(): Promise<HostFacts>;
  /** All domains, active or not, except `guestfs-*`. */
  domains(): Promise<DomainFact[]>;
  /** null when there is none. */
  domain(uuid: string): Promise<DomainFact | null>;
  /** Defines or redefines. @throws HypervisorError exists, invalid */
  define(spec: DomainSpec): Promise<void>;
  /** Removes the definition; absent is fine. Also drops NVRAM, managed save and snapshot metadata. */
  undefine(uuid: string): Promise<void>;
  /** The stored definition without secrets: what the next start uses. */
  xml(uuid: string): Promise<string>;

  /** @throws HypervisorError wrongState, portInUse, noMemory, notFound */
  start(uuid: string): Promise<void>;
  /** Asks the guest (ACPI, agent); returns when asked, not when off. */
  shutdown(uuid: string): Promise<void>;
  reboot(uuid: string): Promise<void>;
  /** Ends QEMU at once. A domain that is off is fine. */
  destroy(uuid: string): Promise<void>;
  reset(uuid: string): Promise<void>;
  suspend(uuid: string): Promise<void>;
  resume(uuid: string): Promise<void>;

  /** Changes port and password of the stored definition (takes effect at next start). */
  setVnc(uuid: string, vnc: { port: number; listen: string; password: string }): Promise<void>;
  /** Changes vCPUs, memory or name of the stored definition of a domain that is off. */
  reshape(uuid: string, change: { vcpus?: number; memoryMiB?: number; name?: string }): Promise<void>;

  /**
   * Adds a disk to the stored definition of a domain that is off; one with that path already is fine.
   * @throws HypervisorError wrongState, exists (the target is taken), notFound
   */
  attachDisk(uuid: string, disk: DomainDisk): Promise<void>;
  /** Takes the disk with this path out of the stored definition of a domain that is off; absent is fine. */
  detachDisk(uuid: string, path: string): Promise<void>;

  /** True when the guest agent answers a ping within `timeoutSeconds`. Never throws for silence. */
  agentAnswers(uuid: string, timeoutSeconds: number): Promise<boolean>;
  /** Any guest-agent command; its `return` value. @throws HypervisorError agentSilent, unsupported, denied */
  agent(
    uuid: string,
    command: { execute: string; arguments?: unknown },
    timeoutSeconds: number,
  ): Promise<unknown>;
  /** Through the guest agent (virDomainSetUserPassword). */
  setUserPassword(uuid: string, user: string, password: string): Promise<void>;

  /** What the host's own DHCP server gave to a running guest; of a bridged one it knows nothing. */
  leases(uuid: string): Promise<GuestAddress[]>;
  /**
   * At which addresses the host has spoken with a running guest (its ARP table), also ones that the guest has left
   * lately. Their prefix is 0: nobody says it.
   */
  neighbours(uuid: string): Promise<GuestAddress[]>;

  /** One bulk call for all domains, never one per guest. */
  stats(): Promise<DomainStats[]>;
  /** A picture of the guest's screen as libvirt hands it out (PNG or PPM). */
  screenshot(uuid: string): Promise<{ mime: string; data: Uint8Array }>;

  /** Makes sure a `dir` pool of this name and folder exists, runs and starts by itself. */
  ensurePool(name: string, path: string): Promise<PoolFacts>;
  /** A pool's present figures; one that stands still is started. @throws HypervisorError notFound, timeout */
  pool(name: string): Promise<PoolFacts>;
  /** Names of the pools that begin so, running or not. */
  poolNames(prefix: string): Promise<string[]>;
  /** Stops a pool and removes its definition; files stay, and a pool that is not there is fine. */
  removePool(name: string, secretUuid?: string): Promise<void>;
  /** Makes sure that a Ceph pool and the secret with its key exist and run. @throws HypervisorError */
  ensureRbdPool(spec: RbdPoolSpec): Promise<PoolFacts>;
  /**
   * Fetches an image into `target`, which gets its name when it is whole: what came before an interruption is not
   * fetched again. @throws HypervisorError peerUnreachable at once when nobody listens there, unavailable, notFound, noSpace, cancelled, invalid
   */
  fetchImage(
    source: RemoteImage,
    target: string,
    options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void },
  ): Promise<void>;
  /** Makes sure a NAT network of this name runs, on a free /24; keeps what is there. */
  ensureNatNetwork(name: string): Promise<NetworkFacts>;
  networks(): Promise<NetworkFacts[]>;

  /** What this machine lacks to filter what guests send; nothing where it can. */
  filterLacks(): Promise<FilterLack[]>;
  /** Makes sure that these filters are there, in these versions. @throws HypervisorError unsupported */
  ensureFilters(filters: readonly NetworkFilter[]): Promise<void>;
  /**
   * Puts an interface under a filter, or under none: at once where the domain runs, and in its stored definition.
   * @throws HypervisorError notFound when there is no such domain or interface, internal when the filter can't be made
   */
  setFilter(uuid: string, mac: string, filter: InterfaceFilter | null): Promise<void>;

  readonly images: Images;
  readonly migrations: Migrations;
  /** Ends workers and connections. */
  close(): Promise<void>;
}
