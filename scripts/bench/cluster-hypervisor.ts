/** The pretended hypervisor of the scenarios with what a machine tells of itself, for the bench `cluster`. */
import { realClock } from "../../src/core/clock.ts";
import type { HostFacts, NetworkFacts, PoolFacts } from "../../src/core/libvirt/hypervisor.ts";
import { PretendedHypervisor } from "../../tests/world/hypervisor.ts";
import type { Machine } from "../../tests/world/machine.ts";
import type { PretendedProcess } from "../../tests/world/process.ts";

const gibibyte = 1024 ** 3;
const pace = { callMilliseconds: 2, copyMilliseconds: 500, migrateMilliseconds: 2_000 };

export class BenchHypervisor extends PretendedHypervisor {
  private folder = "";
  private held: PromiseWithResolvers<void> | null = null;

  constructor(
    machine: Machine,
    private readonly name: string,
    process: PretendedProcess,
  ) {
    super(machine, realClock, process, pace, () => undefined, new Map());
  }

  /** Lists of domains wait from now on, until `release`. */
  hold(): void {
    this.held ??= Promise.withResolvers();
  }

  release(): void {
    this.held?.resolve();
    this.held = null;
  }

  override async domains(): ReturnType<PretendedHypervisor["domains"]> {
    await this.held?.promise;
    return super.domains();
  }

  override async host(): Promise<HostFacts> {
    return {
      hostname: this.name,
      cpus: 64,
      cpuModel: "AMD EPYC 7543 32-Core Processor",
      memoryMiB: 524_288,
      freeMemoryMiB: 65_536,
      load1: 3.5,
      libvirtVersion: "9.0.0",
      qemuVersion: "7.2.0",
      acceleration: {
        virtType: "kvm",
        missing: [],
        emulator: "/usr/bin/qemu-system-x86_64",
        machine: "pc-q35-7.2",
        arch: "x86_64",
        cpuMode: "host-model",
        maxVcpus: 288,
      },
    };
  }

  override async ensurePool(name: string, path: string): Promise<PoolFacts> {
    this.folder = path;
    return this.pool(name);
  }

  override async pool(name: string): Promise<PoolFacts> {
    return {
      name,
      path: this.folder,
      capacityBytes: 4096 * gibibyte,
      availableBytes: 2048 * gibibyte,
      active: true,
    };
  }

  override async ensureNatNetwork(): Promise<NetworkFacts> {
    return network;
  }

  override async networks(): Promise<NetworkFacts[]> {
    return [network];
  }
}

const network: NetworkFacts = { name: "jimv", bridge: "virbr1", cidr: "192.168.100.0/24", active: true };
