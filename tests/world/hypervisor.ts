/** A hypervisor for one process on a pretended machine. Every call takes time, and may be the process's last. */

import type { Clock } from "../../src/core/clock.ts";
import {
  type CopyOptions,
  type DomainDisk,
  type DomainEvent,
  type DomainFact,
  type DomainSpec,
  type FilterLack,
  type GuestAddress,
  type HostFacts,
  type Hypervisor,
  HypervisorError,
  type HypervisorErrorCode,
  type HypervisorStatus,
  type Images,
  type InterfaceFilter,
  type NetworkFacts,
  type PoolFacts,
  type RemoteImage,
} from "../../src/core/libvirt/hypervisor.ts";
import { timing } from "../../src/core/timing.ts";
import type { Machine, PretendedDomain, PretendedFile } from "./machine.ts";
import { PretendedMigrations } from "./migrations.ts";
import type { PretendedProcess } from "./process.ts";

const emptyDiskBytes = 200 * 1024;
/** A copy shows this many signs of progress. */
const copyParts = 5;

export const failWith = (code: HypervisorErrorCode): HypervisorError =>
  new HypervisorError(code, `pretended: ${code}`);

export interface Pace {
  callMilliseconds: number;
  copyMilliseconds: number;
  migrateMilliseconds: number;
}

export class PretendedHypervisor implements Hypervisor {
  private readonly listeners = new Set<(event: DomainEvent) => void>();
  private readonly statusListeners = new Set<(status: HypervisorStatus) => void>();
  private since: number;
  private connected: boolean;
  readonly migrations: PretendedMigrations;

  constructor(
    private readonly machine: Machine,
    private readonly clock: Clock,
    private readonly process: PretendedProcess,
    private readonly pace: Pace,
    /** Other machines, by name. */
    private readonly peers: (name: string) => Machine | undefined,
    /** The other machines, by the URI of their libvirtd. */
    neighbours: ReadonlyMap<string, Machine>,
  ) {
    this.migrations = new PretendedMigrations(machine, clock, process, pace, neighbours);
    this.since = clock.now();
    this.connected = machine.libvirt === "up";
    const undoEvents = machine.onEvent((event) => {
      if (this.connected) for (const listener of [...this.listeners]) process.enter(() => listener(event));
    });
    const undoLibvirt = machine.onLibvirt(() => this.follow());
    process.onDeath(undoEvents);
    process.onDeath(undoLibvirt);
  }

  private follow(): void {
    // A hung libvirtd keeps its connection.
    const connected = this.machine.libvirt !== "down";
    if (connected === this.connected) return;
    this.connected = connected;
    this.since = this.clock.now();
    for (const listener of [...this.statusListeners]) this.process.enter(() => listener(this.status()));
  }

  status(): HypervisorStatus {
    return {
      connected: this.connected,
      since: this.since,
      reason: this.connected ? null : "away",
      lanes: [],
    };
  }
  onStatus(listener: (status: HypervisorStatus) => void) {
    this.statusListeners.add(listener);
    return () => void this.statusListeners.delete(listener);
  }
  onDomain(listener: (event: DomainEvent) => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** A call through libvirtd: takes its time, fails when it is away, and waits while it hangs. */
  private ask<T>(
    what: string,
    fn: () => T,
    longest: number = timing.libvirtShortCallMilliseconds,
  ): Promise<T> {
    return this.process.call(what, async () => {
      await this.clock.sleep(this.pace.callMilliseconds / 2);
      if (this.machine.libvirt === "hung") await this.thawed(longest);
      if (this.machine.libvirt === "down") throw failWith("unavailable");
      const answer = fn();
      // While the answer is under way, what it tells may change.
      await this.clock.sleep(this.pace.callMilliseconds / 2);
      return answer;
    });
  }

  private thawed(longest: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(longest, () => {
        undo();
        reject(failWith("timeout"));
      });
      const undo = this.machine.onLibvirt(() => {
        if (this.machine.libvirt === "hung") return;
        cancel();
        undo();
        resolve();
      });
    });
  }

  private need(uuid: string): PretendedDomain {
    const domain = this.machine.domains.get(uuid);
    if (!domain) throw failWith("notFound");
    return domain;
  }

  /** Domains of others are left alone, as the real one does. */
  private own(uuid: string): PretendedDomain {
    const domain = this.need(uuid);
    if (domain.clusterId === null) throw failWith("denied");
    return domain;
  }

  async host(): Promise<HostFacts> {
    throw failWith("unsupported");
  }

  domains(): Promise<DomainFact[]> {
    return this.ask("domains", () => [...this.machine.domains.values()].map(factOf));
  }
  domain(uuid: string): Promise<DomainFact | null> {
    return this.ask("domain", () => {
      const domain = this.machine.domains.get(uuid);
      return domain ? factOf(domain) : null;
    });
  }

  define(spec: DomainSpec): Promise<void> {
    return this.ask("define", () => {
      const before = this.machine.domains.get(spec.uuid);
      for (const other of this.machine.domains.values())
        if (other.spec.name === spec.name && other.spec.uuid !== spec.uuid) throw failWith("exists");
      if (before) before.spec = structuredClone(spec);
      else
        this.machine.domains.set(spec.uuid, {
          clusterId: spec.clusterId,
          spec: structuredClone(spec),
          state: "off",
          startedAt: null,
          passwords: new Map(),
          hostname: null,
          arriving: false,
          ...this.machine.newGuests,
        });
      this.machine.tell(spec.uuid, spec.name, "defined", null);
    });
  }
  undefine(uuid: string): Promise<void> {
    return this.ask("undefine", () => {
      const domain = this.machine.domains.get(uuid);
      if (!domain) return;
      if (domain.clusterId === null) throw failWith("denied");
      if (domain.arriving) throw failWith("wrongState");
      this.machine.domains.delete(uuid);
      this.machine.tell(uuid, domain.spec.name, "undefined", null);
    });
  }
  xml(uuid: string): Promise<string> {
    return this.ask("xml", () => `<domain><uuid>${this.need(uuid).spec.uuid}</uuid></domain>`);
  }

  start(uuid: string): Promise<void> {
    return this.ask(
      "start",
      () => {
        const domain = this.own(uuid);
        if (this.machine.isActive(uuid)) throw failWith("wrongState");
        const { spec } = domain;
        for (const path of [
          ...spec.disks.map((disk) => disk.path),
          ...(spec.seedPath ? [spec.seedPath] : []),
        ])
          if (!this.machine.files.has(path)) throw failWith("notFound");
        const holder = [...this.machine.domains.values()].find(
          (other) =>
            other !== domain &&
            other.spec.vnc.port === spec.vnc.port &&
            this.machine.isActive(other.spec.uuid),
        );
        if (holder || this.machine.foreignPorts.has(spec.vnc.port)) throw failWith("portInUse");
        this.machine.turn(uuid, "running", "started");
      },
      timing.libvirtLongCallMilliseconds,
    );
  }
  shutdown(uuid: string): Promise<void> {
    return this.ask("shutdown", () => {
      if (this.own(uuid).state !== "running") throw failWith("wrongState");
      this.machine.askToShutDown(uuid);
    });
  }
  reboot(uuid: string): Promise<void> {
    return this.ask("reboot", () => {
      if (this.own(uuid).state !== "running") throw failWith("wrongState");
      this.machine.turn(uuid, "running", "rebooted", null);
    });
  }
  destroy(uuid: string): Promise<void> {
    return this.ask(
      "destroy",
      () => {
        this.own(uuid);
        if (this.machine.isActive(uuid)) this.machine.turn(uuid, "off", "stopped");
      },
      timing.libvirtLongCallMilliseconds,
    );
  }
  reset(uuid: string): Promise<void> {
    return this.ask("reset", () => {
      this.own(uuid);
      if (!this.machine.isActive(uuid)) throw failWith("wrongState");
      this.machine.turn(uuid, "running", "rebooted", null);
    });
  }
  suspend(uuid: string): Promise<void> {
    return this.ask("suspend", () => {
      if (this.own(uuid).state !== "running") throw failWith("wrongState");
      this.machine.turn(uuid, "paused", "suspended");
    });
  }
  resume(uuid: string): Promise<void> {
    return this.ask("resume", () => {
      if (this.own(uuid).state !== "paused") throw failWith("wrongState");
      this.machine.turn(uuid, "running", "resumed");
    });
  }

  setVnc(uuid: string, vnc: DomainSpec["vnc"]): Promise<void> {
    return this.ask("setVnc", () => {
      this.own(uuid).spec.vnc = { ...vnc };
    });
  }
  reshape(uuid: string, change: { vcpus?: number; memoryMiB?: number; name?: string }): Promise<void> {
    return this.ask("reshape", () => {
      const domain = this.own(uuid);
      if (domain.state !== "off" && domain.state !== "crashed") throw failWith("wrongState");
      Object.assign(domain.spec, change);
    });
  }
  attachDisk(uuid: string, disk: DomainDisk): Promise<void> {
    return this.ask("attachDisk", () => {
      const { spec } = this.own(uuid);
      if (this.machine.isActive(uuid)) throw failWith("wrongState");
      if (spec.disks.some((each) => each.path === disk.path)) return;
      if (spec.disks.some((each) => each.target === disk.target)) throw failWith("exists");
      spec.disks.push({ ...disk });
    });
  }
  detachDisk(uuid: string, path: string): Promise<void> {
    return this.ask("detachDisk", () => {
      const { spec } = this.own(uuid);
      if (this.machine.isActive(uuid)) throw failWith("wrongState");
      spec.disks = spec.disks.filter((disk) => disk.path !== path);
    });
  }

  agentAnswers(uuid: string): Promise<boolean> {
    return this.ask("agentAnswers", () => this.machine.agentAnswers(uuid));
  }
  agent(uuid: string, command: { execute: string; arguments?: unknown }): Promise<unknown> {
    return this.ask("agent", () => {
      if (!this.machine.agentAnswers(uuid)) throw failWith("agentSilent");
      if (command.execute === "guest-exec") {
        const { arg } = command.arguments as { arg: string[] };
        this.need(uuid).hostname = arg.at(-1) ?? null;
        return { pid: 1 };
      }
      if (command.execute === "guest-network-get-interfaces") return this.need(uuid).agentInterfaces ?? [];
      if (command.execute === "guest-info") return this.need(uuid).agentInfo ?? {};
      return { exited: true, exitcode: 0 };
    });
  }
  setUserPassword(uuid: string, user: string, password: string): Promise<void> {
    return this.ask("setUserPassword", () => {
      if (!this.machine.agentAnswers(uuid)) throw failWith("agentSilent");
      this.need(uuid).passwords.set(user, password);
    });
  }

  async stats(): Promise<never[]> {
    return [];
  }
  leases(uuid: string): Promise<GuestAddress[]> {
    return this.ask("leases", () => this.need(uuid).leases ?? []);
  }
  neighbours(uuid: string): Promise<GuestAddress[]> {
    return this.ask("neighbours", () => this.need(uuid).neighbours ?? []);
  }
  async screenshot(): Promise<never> {
    throw failWith("unsupported");
  }
  async ensurePool(..._: Parameters<Hypervisor["ensurePool"]>): Promise<PoolFacts> {
    throw failWith("unsupported");
  }
  async pool(..._: Parameters<Hypervisor["pool"]>): Promise<PoolFacts> {
    throw failWith("unsupported");
  }
  async poolNames(): Promise<string[]> {
    return [];
  }
  removePool(): Promise<void> {
    return this.ask("removePool", () => {});
  }
  async ensureRbdPool(): Promise<never> {
    throw failWith("unsupported");
  }
  /** From another pretended machine: its name stands where a real one has its libvirtd's address. */
  fetchImage(source: RemoteImage, target: string, options: Omit<CopyOptions, "format">): Promise<void> {
    return this.process.call("fetch", async () => {
      const from = this.peers(new URL(source.uri).hostname)?.files.get(source.path);
      if (!from) throw failWith("notFound");
      await this.copy("", target, { ...options, format: from.format === "raw" ? "raw" : "qcow2" }, from);
    });
  }
  async ensureNatNetwork(): Promise<NetworkFacts> {
    throw failWith("unsupported");
  }
  async networks(): Promise<NetworkFacts[]> {
    return [];
  }
  async filterLacks(): Promise<FilterLack[]> {
    return [];
  }
  async ensureFilters(): Promise<void> {}
  setFilter(uuid: string, mac: string, filter: InterfaceFilter | null): Promise<void> {
    return this.ask("setFilter", () => {
      const card = this.own(uuid).spec.interfaces.find((each) => each.mac === mac);
      if (!card) throw failWith("notFound");
      delete card.filter;
      if (filter) card.filter = structuredClone(filter);
    });
  }
  async close(): Promise<void> {}

  /** Files need no libvirtd. A half-made file has another name until it is whole. */
  readonly images: Images = {
    info: (path) =>
      this.work("info", () => {
        const file = this.file(path);
        return {
          path,
          format: file.format,
          virtualSizeBytes: file.virtualSizeBytes,
          actualSizeBytes: file.actualSizeBytes,
          backingFile: file.backingFile,
          dataFile: null,
          encrypted: false,
        };
      }),
    copy: (source, target, options) => this.process.call("copy", () => this.copy(source, target, options)),
    link: (source, target, { sizeBytes }) =>
      this.work("link", () => {
        const from = this.file(source);
        const virtualSizeBytes = Math.max(sizeBytes ?? 0, from.virtualSizeBytes);
        this.add(target, { ...emptyFile(virtualSizeBytes), backingFile: source });
      }),
    create: (target, { sizeBytes }) => this.work("create", () => this.add(target, emptyFile(sizeBytes))),
    write: (path, data) =>
      this.work("write", () => {
        this.machine.files.delete(path);
        this.add(path, { ...emptyFile(data.length), format: "raw", actualSizeBytes: data.length, data });
      }),
    makeFolder: () => this.work("makeFolder", () => {}),
    remove: (path) =>
      this.work("remove", () => {
        const part = this.machine.files.delete(partOf(path));
        return this.machine.files.delete(path) || part;
      }),
    cephAccess: async () => null,
    exists: (path) => this.work("exists", () => this.machine.files.has(path)),
    list: (folder) =>
      this.work("list", () => [...this.machine.files.keys()].filter((path) => path.startsWith(`${folder}/`))),
  };

  private work<T>(what: string, fn: () => T): Promise<T> {
    return this.process.call(what, async () => {
      await this.clock.sleep(this.pace.callMilliseconds);
      // Files are the process's own work, and end with it; what libvirtd was asked, it does.
      if (!this.process.alive) return new Promise<T>(() => {});
      return fn();
    });
  }

  private file(path: string): PretendedFile {
    const file = this.machine.files.get(path);
    if (!file) throw failWith("notFound");
    return file;
  }

  private add(path: string, file: PretendedFile): void {
    if (this.machine.files.has(path)) throw failWith("exists");
    if (this.machine.usedBytes() + file.actualSizeBytes > this.machine.capacityBytes)
      throw failWith("noSpace");
    this.machine.files.set(path, file);
  }

  private async copy(
    source: string,
    target: string,
    options: CopyOptions,
    from: PretendedFile = { ...this.file(source) },
  ): Promise<void> {
    if (this.machine.files.has(target)) throw failWith("exists");
    const part = partOf(target);
    this.machine.files.delete(part);
    const growing = { ...from, format: options.format, actualSizeBytes: 0, backingFile: null };
    this.machine.files.set(part, growing);
    try {
      for (let done = 1; done <= copyParts; done++) {
        await this.clock.sleep(this.pace.copyMilliseconds / copyParts);
        // A dead process's copy does not go on.
        if (!this.process.alive) return;
        if (options.signal?.aborted) throw failWith("cancelled");
        growing.actualSizeBytes = Math.floor((from.actualSizeBytes * done) / copyParts);
        if (this.machine.usedBytes() > this.machine.capacityBytes) throw failWith("noSpace");
        options.onProgress?.(growing.actualSizeBytes, from.actualSizeBytes);
      }
    } catch (error) {
      this.machine.files.delete(part);
      throw error;
    }
    growing.virtualSizeBytes = Math.max(from.virtualSizeBytes, options.sizeBytes ?? 0);
    this.machine.files.delete(part);
    this.machine.files.set(target, growing);
  }
}

const partOf = (path: string): string => `${path}.part`;

function emptyFile(virtualSizeBytes: number): PretendedFile {
  return {
    format: "qcow2",
    virtualSizeBytes,
    actualSizeBytes: Math.min(emptyDiskBytes, virtualSizeBytes),
    backingFile: null,
    data: null,
  };
}

export function factOf({ spec, state, clusterId }: PretendedDomain): DomainFact {
  const { uuid, name, vcpus, memoryMiB } = spec;
  return { uuid, name, state, reason: 0, clusterId, vcpus, memoryMiB, persistent: true };
}
