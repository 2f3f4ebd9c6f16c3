/** A pretended machine: its files, its domains, and a libvirtd that can go away or hang. It outlives JimV's processes. */

import type { Clock } from "../../src/core/clock.ts";
import type {
  DomainEvent,
  DomainSpec,
  DomainState,
  GuestAddress,
} from "../../src/core/libvirt/hypervisor.ts";
import type { Leaving } from "./migrations.ts";

export interface PretendedFile {
  format: string;
  virtualSizeBytes: number;
  actualSizeBytes: number;
  backingFile: string | null;
  data: Uint8Array | null;
}

export interface PretendedDomain {
  /** The cluster id in the metadata; null: not made by JimV. */
  clusterId: string | null;
  spec: DomainSpec;
  state: DomainState;
  /** UTC milliseconds at which it was last started. */
  startedAt: number | null;
  /** Whether it follows a request to shut down. */
  obeys: boolean;
  /** Milliseconds after its start until its agent answers; null: it has none. */
  agentAfter: number | null;
  /** Passwords that were set through the agent, by user. */
  passwords: Map<string, string>;
  hostname: string | null;
  /** What its network's DHCP server gave it. */
  leases?: GuestAddress[];
  /** At which addresses its node has spoken with it. */
  neighbours?: GuestAddress[];
  /** What its agent says of its interfaces, in the agent's own shape. */
  agentInterfaces?: unknown;
  /** What its agent answers to `guest-info`. */
  agentInfo?: unknown;
  /** It is on its way here, and runs elsewhere as yet. */
  arriving: boolean;
}

export type LibvirtState = "up" | "down" | "hung";

const bytesPerMiB = 1024 ** 2;
const defaultCapacityBytes = 1024 * 1024 * bytesPerMiB;

export class Machine {
  /** Machines with shared storage have one map. */
  files = new Map<string, PretendedFile>();
  readonly domains = new Map<string, PretendedDomain>();
  /** Guests that are on their way to other machines. */
  readonly leaving = new Map<string, Leaving>();
  /** The end of the next migration from here is not heard of here. */
  losesAnswers = false;
  /** Ports that programs outside of JimV listen on. */
  readonly foreignPorts = new Set<number>();
  capacityBytes = defaultCapacityBytes;
  /** How long a guest takes to shut down when it was asked. */
  shutdownMilliseconds = 3_000;
  /** Of guests to come. */
  newGuests: { obeys: boolean; agentAfter: number | null } = { obeys: true, agentAfter: 2_000 };
  private libvirtState: LibvirtState = "up";
  private readonly watchers = new Set<() => void>();
  private readonly listeners = new Set<(event: DomainEvent) => void>();

  constructor(
    private readonly clock: Clock,
    /** How long an event is under way. */
    private readonly eventMilliseconds = 1,
  ) {}

  get libvirt(): LibvirtState {
    return this.libvirtState;
  }

  setLibvirt(state: LibvirtState): void {
    this.libvirtState = state;
    for (const watcher of this.watchers) watcher();
  }

  onLibvirt(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }

  onEvent(listener: (event: DomainEvent) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  usedBytes(): number {
    let used = 0;
    for (const file of this.files.values()) used += file.actualSizeBytes;
    return used;
  }

  addImage(path: string, sizeMiB: number, virtualGiB: number): void {
    this.files.set(path, {
      format: "qcow2",
      virtualSizeBytes: virtualGiB * 1024 * bytesPerMiB,
      actualSizeBytes: sizeMiB * bytesPerMiB,
      backingFile: null,
      data: null,
    });
  }

  /** Changes a domain's state and tells it, as libvirt does. Events of a libvirtd that is away are lost. */
  turn(uuid: string, state: DomainState, kind: DomainEvent["kind"], told: DomainState | null = state): void {
    const domain = this.domains.get(uuid);
    if (!domain) return;
    domain.state = state;
    if (kind === "started") domain.startedAt = this.clock.now();
    this.tell(uuid, domain.spec.name, kind, told);
  }

  tell(uuid: string, name: string, kind: DomainEvent["kind"], state: DomainState | null): void {
    if (this.libvirtState === "down") return;
    this.clock.after(this.eventMilliseconds, () => {
      const event: DomainEvent = { uuid, name, kind, state, detail: 0, at: this.clock.now() };
      for (const listener of [...this.listeners]) listener(event);
    });
  }

  /** Somebody's hand or QEMU's death, outside of JimV. */
  crash(uuid: string): void {
    if (this.isActive(uuid)) this.turn(uuid, "crashed", "stopped");
  }
  pullPlug(uuid: string): void {
    if (this.isActive(uuid)) this.turn(uuid, "off", "stopped");
  }

  isActive(uuid: string): boolean {
    const state = this.domains.get(uuid)?.state;
    return state === "running" || state === "paused" || state === "stopping";
  }

  /** A guest that was asked to shut down does so after a while, if it is of that kind. */
  askToShutDown(uuid: string): void {
    const domain = this.domains.get(uuid);
    if (!domain?.obeys) return;
    const { startedAt } = domain;
    this.clock.after(this.shutdownMilliseconds, () => {
      // Only if it was not stopped, or started anew, meanwhile.
      if (this.domains.get(uuid) === domain && domain.startedAt === startedAt && this.isActive(uuid))
        this.turn(uuid, "off", "stopped");
    });
  }

  agentAnswers(uuid: string): boolean {
    const domain = this.domains.get(uuid);
    if (domain?.state !== "running" || domain.agentAfter === null || domain.startedAt === null) return false;
    return this.clock.now() >= domain.startedAt + domain.agentAfter;
  }

  /** A domain that JimV did not make. */
  addForeign(uuid: string, name: string, state: DomainState, clusterId: string | null = null): void {
    const spec: DomainSpec = {
      uuid,
      name,
      clusterId: clusterId ?? "",
      memoryMiB: 512,
      vcpus: 1,
      clock: "utc",
      disks: [],
      seedPath: null,
      interfaces: [],
      vnc: { port: 5999, listen: "127.0.0.1", password: "" },
    };
    this.domains.set(uuid, {
      clusterId,
      spec,
      state,
      startedAt: null,
      obeys: true,
      agentAfter: null,
      passwords: new Map(),
      hostname: null,
      arriving: false,
    });
    this.tell(uuid, name, "defined", null);
  }
}
