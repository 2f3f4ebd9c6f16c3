/** The real hypervisor: libvirt through FFI in workers, and qemu-img for image files. */

import { readFile } from "node:fs/promises";
import { cpus, hostname, loadavg } from "node:os";
import { timing } from "../timing.ts";
import { decideAcceleration, probeHost } from "./acceleration.ts";
import type { ListedDomain, PlainAction } from "./domain.ts";
import { type DiskGround, type DomainTraits, domainXml } from "./domain-xml.ts";
import { type FetchOptions, fetchImage } from "./fetch.ts";
import { roomOf } from "./folder-room.ts";
import {
  type Acceleration,
  type DomainDisk,
  type DomainEvent,
  type DomainFact,
  type DomainSpec,
  type DomainStats,
  type FilterLack,
  type GuestAddress,
  type HostFacts,
  type Hypervisor,
  HypervisorError,
  type HypervisorStatus,
  type Images,
  type InterfaceFilter,
  type NetworkFacts,
  type NetworkFilter,
  type PoolFacts,
  type RbdPoolSpec,
  type RemoteImage,
  type Undo,
} from "./hypervisor.ts";
import { openImages, takesDirectIo } from "./images.ts";
import { knock } from "./knock.ts";
import { RealMigrations } from "./moving.ts";
import { programPath } from "./programs.ts";
import type { RawEvent } from "./protocol.ts";
import { rbdAddress } from "./rbd.ts";
import { imagesOf } from "./rbd-images.ts";
import { Session } from "./session.ts";
import { isHidden, lifecycleOf, stateOf } from "./states.ts";

export interface HypervisorOptions {
  /** libvirt connection URI. Default `qemu:///system`; tests use `test:///default` or a socket of their own. */
  uri?: string;
  /** With it, what changes a domain refuses those that do not carry this cluster's id. */
  clusterId?: string;
}

/** How many domains' XML one call reads, so that a long list does not hold its worker for long. */
const traitsPerCall = 50;

/** Opens a hypervisor. Resolves connected or not: it goes on trying by itself, and `status()` tells. */
export async function openHypervisor(options: HypervisorOptions = {}): Promise<RealHypervisor> {
  const hypervisor = new RealHypervisor(options);
  await hypervisor.open();
  return hypervisor;
}

export class RealHypervisor implements Hypervisor {
  readonly images: Images;
  readonly migrations: RealMigrations;
  private readonly session: Session;
  private readonly clusterId: string | null;
  private readonly domainListeners = new Set<(event: DomainEvent) => void>();
  /** What listing needs of a domain's XML; forgotten when libvirt says that the definition changed. */
  private readonly traits = new Map<string, DomainTraits>();
  /** Counts up with every such event, so that XML read before it is not kept after it. */
  private traitsVersion = 0;
  private accelerationOf: Promise<Acceleration> | null = null;

  constructor(options: HypervisorOptions) {
    this.clusterId = options.clusterId ?? null;
    this.session = new Session(
      options.uri ?? "qemu:///system",
      (events) => this.heard(events),
      () => this.forgetAll(),
    );
    this.images = imagesOf(openImages(), {
      source: (pool) => this.session.call("short", "rbdSource", [pool]),
      key: (secretUuid) => this.session.call("short", "rbdKey", [secretUuid]),
      exists: (pool, image) => this.session.call("long", "rbdExists", [pool, image]),
      remove: (pool, image) => this.session.call("long", "rbdRemove", [pool, image]),
      names: (pool) => this.session.call("long", "rbdNames", [pool]),
    });
    this.migrations = new RealMigrations({
      session: this.session,
      clusterId: this.clusterId,
      guard: (uuid) => this.guard(uuid),
      domain: (uuid) => this.domain(uuid),
      forget: (uuid) => this.forget(uuid),
    });
  }

  /** Makes the first attempt to connect. */
  open(): Promise<void> {
    return this.session.start();
  }

  status(): HypervisorStatus {
    return this.session.status();
  }

  onStatus(listener: (status: HypervisorStatus) => void): Undo {
    return this.session.onStatus(listener);
  }

  onDomain(listener: (event: DomainEvent) => void): Undo {
    this.domainListeners.add(listener);
    return () => void this.domainListeners.delete(listener);
  }

  /** libvirt objects held by workers: zero when no call runs, or something leaks. */
  liveHandles(): number {
    return this.session.liveHandles();
  }

  private forgetAll(): void {
    this.traits.clear();
    this.traitsVersion++;
    this.accelerationOf = null;
  }

  private heard(events: RawEvent[]): void {
    for (const raw of events) {
      const event = eventOf(raw);
      if (!event) continue;
      if (event.kind === "defined" || event.kind === "undefined" || event.kind === "stopped") {
        this.traits.delete(event.uuid);
        this.traitsVersion++;
      }
      for (const listener of this.domainListeners) listener(event);
    }
  }

  // ---- host

  async host(): Promise<HostFacts> {
    const [raw, acceleration, meminfo] = await Promise.all([
      this.session.call("short", "host", []),
      this.acceleration(),
      readFile("/proc/meminfo", "utf8"),
    ]);
    // libvirt's own figure leaves out memory that was plugged in later.
    const memory = (name: string) =>
      Math.floor(Number(meminfo.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))?.[1] ?? 0) / 1024);
    return {
      hostname: raw.hostname || hostname(),
      cpus: raw.cpus,
      cpuModel: cpus()[0]?.model ?? "",
      memoryMiB: memory("MemTotal"),
      freeMemoryMiB: memory("MemAvailable"),
      load1: loadavg()[0] ?? 0,
      libvirtVersion: raw.libvirtVersion,
      qemuVersion: raw.hypervisorVersion,
      acceleration,
    };
  }

  /** Asked once per connection: libvirt starts every QEMU it finds to learn its capabilities. */
  private acceleration(): Promise<Acceleration> {
    this.accelerationOf ??= this.findAcceleration().catch((error) => {
      this.accelerationOf = null;
      throw error;
    });
    return this.accelerationOf;
  }

  private async findAcceleration(): Promise<Acceleration> {
    const host = await probeHost();
    const kvmXml = await this.session.call("long", "domainCapabilities", ["kvm"]);
    const qemuXml = await this.session.call("long", "domainCapabilities", ["qemu"]);
    return decideAcceleration({ ...host, kvmXml, qemuXml });
  }

  // ---- domains

  async domains(): Promise<DomainFact[]> {
    const listed = (await this.session.call("short", "domains", [])).filter(([, name]) => !isHidden(name));
    const traits = await this.traitsOf(listed.map(([uuid]) => uuid));
    const present = new Set(listed.map(([uuid]) => uuid));
    for (const uuid of this.traits.keys()) if (!present.has(uuid)) this.traits.delete(uuid);
    return listed.flatMap((entry) => {
      const of = traits.get(entry[0]);
      return of ? [factOf(entry, of)] : []; // Without traits it vanished between the two calls.
    });
  }

  async domain(uuid: string): Promise<DomainFact | null> {
    const entry = await this.session.call("short", "domain", [uuid]);
    if (!entry || isHidden(entry[1])) return null;
    const traits = (await this.traitsOf([uuid])).get(uuid);
    return traits ? factOf(entry, traits) : null;
  }

  private async traitsOf(uuids: string[]): Promise<Map<string, DomainTraits>> {
    const found = new Map<string, DomainTraits>();
    const missing: string[] = [];
    for (const uuid of uuids) {
      const known = this.traits.get(uuid);
      if (known) found.set(uuid, known);
      else missing.push(uuid);
    }
    for (let i = 0; i < missing.length; i += traitsPerCall) {
      const version = this.traitsVersion;
      const read = await this.session.call("short", "traits", [missing.slice(i, i + traitsPerCall)]);
      for (const [uuid, traits] of read) {
        found.set(uuid, traits);
        if (version === this.traitsVersion) this.traits.set(uuid, traits);
      }
    }
    return found;
  }

  /** Refuses to change a domain that is not this cluster's. One that is not there is left to the call itself. */
  private async guard(uuid: string): Promise<void> {
    if (this.clusterId === null) return;
    const traits = (await this.traitsOf([uuid])).get(uuid);
    if (!traits || traits.clusterId === this.clusterId) return;
    throw new HypervisorError("denied", `The domain ${uuid} was not made by this JimV: it is left alone.`);
  }

  async define(spec: DomainSpec): Promise<void> {
    await this.guard(spec.uuid);
    const acceleration = await this.acceleration();
    const paths = [...spec.disks.map(({ path }) => path), ...(spec.seedPath === null ? [] : [spec.seedPath])];
    const grounds = new Map<string, DiskGround>();
    for (const path of paths) grounds.set(path, await this.groundOf(path));
    const xml = domainXml(spec, acceleration, (path) => grounds.get(path) ?? { directIo: false, rbd: null });
    await this.session.call("short", "define", [xml, spec]);
    this.forget(spec.uuid);
  }

  /** What a disk lies on. @throws HypervisorError notFound when it is a pool that this machine does not have */
  private async groundOf(path: string): Promise<DiskGround> {
    const inCeph = rbdAddress(path);
    if (!inCeph) return { directIo: await takesDirectIo(path), rbd: null };
    return { directIo: true, rbd: await this.session.call("short", "rbdSource", [inCeph.pool]) };
  }

  private forget(uuid: string): void {
    this.traits.delete(uuid);
    this.traitsVersion++;
  }

  async undefine(uuid: string): Promise<void> {
    await this.guard(uuid);
    await this.session.call("short", "undefine", [uuid]);
    this.forget(uuid);
  }

  xml(uuid: string): Promise<string> {
    return this.session.call("short", "xml", [uuid]);
  }

  private async act(action: PlainAction, uuid: string): Promise<void> {
    await this.guard(uuid);
    await this.session.call("long", "act", [action, uuid]);
  }

  start(uuid: string): Promise<void> {
    return this.act("start", uuid);
  }
  shutdown(uuid: string): Promise<void> {
    return this.act("shutdown", uuid);
  }
  reboot(uuid: string): Promise<void> {
    return this.act("reboot", uuid);
  }
  destroy(uuid: string): Promise<void> {
    return this.act("destroy", uuid);
  }
  reset(uuid: string): Promise<void> {
    return this.act("reset", uuid);
  }
  suspend(uuid: string): Promise<void> {
    return this.act("suspend", uuid);
  }
  resume(uuid: string): Promise<void> {
    return this.act("resume", uuid);
  }

  async setVnc(uuid: string, vnc: DomainSpec["vnc"]): Promise<void> {
    await this.guard(uuid);
    await this.session.call("short", "setVnc", [uuid, vnc]);
  }

  async reshape(uuid: string, change: { vcpus?: number; memoryMiB?: number; name?: string }): Promise<void> {
    await this.guard(uuid);
    await this.session.call("short", "reshape", [uuid, change]);
    this.forget(uuid);
  }

  async attachDisk(uuid: string, disk: DomainDisk): Promise<void> {
    await this.guard(uuid);
    await this.session.call("short", "attachDisk", [uuid, disk, await this.groundOf(disk.path)]);
  }

  async detachDisk(uuid: string, path: string): Promise<void> {
    await this.guard(uuid);
    await this.session.call("short", "detachDisk", [uuid, path, await this.groundOf(path)]);
  }

  // ---- guest agent

  async agentAnswers(uuid: string, timeoutSeconds: number): Promise<boolean> {
    return this.agent(uuid, { execute: "guest-ping" }, timeoutSeconds).then(
      () => true,
      () => false,
    );
  }

  async agent(
    uuid: string,
    command: { execute: string; arguments?: unknown },
    timeoutSeconds: number,
  ): Promise<unknown> {
    await this.guard(uuid);
    const seconds = Math.max(1, Math.ceil(timeoutSeconds));
    const deadline = seconds * 1000 + timing.libvirtAgentGraceMilliseconds;
    return this.session.call("agent", "agent", [uuid, JSON.stringify(command), seconds], deadline);
  }

  async setUserPassword(uuid: string, user: string, password: string): Promise<void> {
    await this.guard(uuid);
    await this.session.call("agent", "setUserPassword", [uuid, user, password]);
  }

  // ---- figures and pictures

  stats(): Promise<DomainStats[]> {
    return this.session.call("stats", "stats", []);
  }

  leases(uuid: string): Promise<GuestAddress[]> {
    return this.session.call("short", "hostAddresses", [uuid, "lease"]);
  }

  neighbours(uuid: string): Promise<GuestAddress[]> {
    return this.session.call("short", "hostAddresses", [uuid, "arp"]);
  }

  screenshot(uuid: string): Promise<{ mime: string; data: Uint8Array }> {
    return this.session.call("long", "screenshot", [uuid]);
  }

  // ---- pools and networks

  ensurePool(name: string, path: string): Promise<PoolFacts> {
    return this.session.call("long", "ensurePool", [name, path]);
  }

  async pool(name: string): Promise<PoolFacts> {
    // Asked every few seconds: libvirt's refresh would open each image in the folder.
    const path = await this.session.call("short", "runningFolder", [name]);
    const room = path === null ? null : await roomOf(path);
    if (path !== null && room) return { name, path, ...room, active: true };
    return this.session.call("long", "pool", [name]);
  }

  poolNames(prefix: string): Promise<string[]> {
    return this.session.call("short", "poolNames", [prefix]);
  }

  removePool(name: string, secretUuid?: string): Promise<void> {
    return this.session.call("long", "removePool", [name, secretUuid ?? null]);
  }

  ensureRbdPool(spec: RbdPoolSpec): Promise<PoolFacts> {
    return this.session.call("long", "ensureRbdPool", [spec]);
  }

  async fetchImage(source: RemoteImage, target: string, options: FetchOptions = {}): Promise<void> {
    await knock(source.uri);
    const part = (part: string, offset: number, length: number) =>
      this.session.call(
        "transfer",
        "fetchVolume",
        [source.uri, source.path, part, offset, length],
        timing.imageStallMilliseconds,
      );
    return fetchImage(source, target, part, options);
  }

  ensureNatNetwork(name: string): Promise<NetworkFacts> {
    return this.session.call("long", "ensureNat", [name]);
  }

  networks(): Promise<NetworkFacts[]> {
    return this.session.call("short", "networks", []);
  }

  async filterLacks(): Promise<FilterLack[]> {
    const hasDriver = await this.session.call("short", "hasFilterDriver", []);
    const hasTool = programPath("ebtables") !== null;
    return [...(hasDriver ? [] : (["driver"] as const)), ...(hasTool ? [] : (["ebtables"] as const))];
  }

  ensureFilters(filters: readonly NetworkFilter[]): Promise<void> {
    return this.session.call("long", "defineFilters", [filters]);
  }

  async setFilter(uuid: string, mac: string, filter: InterfaceFilter | null): Promise<void> {
    await this.guard(uuid);
    await this.session.call("long", "setFilter", [uuid, mac, filter]);
  }

  // ---- snapshots

  /** Takes an internal snapshot. @throws HypervisorError notFound, invalid */
  async snapshot(uuid: string, name: string): Promise<void> {
    await this.guard(uuid);
    await this.session.call("long", "snapshotCreate", [uuid, name]);
  }

  /** Names of a domain's snapshots. */
  snapshots(uuid: string): Promise<string[]> {
    return this.session.call("short", "snapshots", [uuid]);
  }

  /** @throws HypervisorError notFound */
  async deleteSnapshot(uuid: string, name: string): Promise<void> {
    await this.guard(uuid);
    await this.session.call("long", "snapshotDelete", [uuid, name]);
  }

  close(): Promise<void> {
    this.domainListeners.clear();
    return this.session.close();
  }
}

/** A raw event in our words; null for one that this version does not know. */
function eventOf(raw: RawEvent): DomainEvent | null {
  const { uuid, name, at, detail } = raw;
  switch (raw.source) {
    case "reboot":
      return { uuid, name, at, detail, kind: "rebooted", state: null };
    case "agent":
      return { uuid, name, at, detail: raw.event, kind: "agent", state: null };
    case "pass":
      return { uuid, name, at, detail, kind: "pass", state: null };
    case "lifecycle": {
      const known = lifecycleOf(raw.event, detail);
      return known ? { uuid, name, at, detail, ...known } : null;
    }
  }
}

function factOf(entry: ListedDomain, traits: DomainTraits): DomainFact {
  const [uuid, name, state, reason, transient] = entry;
  return { uuid, name, state: stateOf(state, reason), reason, persistent: !transient, ...traits };
}
