/**
 * Migrations between pretended machines. As with the real ones it is libvirtd that moves a guest: it goes on when the
 * process that asked for it dies, and is called off when either libvirtd does.
 */

import type { Clock } from "../../src/core/clock.ts";
import {
  HypervisorError,
  type MigrationJob,
  type Migrations,
  type PeerHypervisor,
} from "../../src/core/libvirt/hypervisor.ts";
import { factOf, failWith, type Pace } from "./hypervisor.ts";
import type { Machine } from "./machine.ts";
import type { PretendedProcess } from "./process.ts";

/** A migration goes on in this many steps; the first half copies disks. */
const parts = 6;
const guestBytes = 600 * 1024 ** 2;

/** A migration under way, as the machine that it leaves knows it. */
export interface Leaving {
  done: number;
  aborted: boolean;
  ended: Promise<void>;
}

export class PretendedMigrations implements Migrations {
  constructor(
    private readonly machine: Machine,
    private readonly clock: Clock,
    private readonly process: PretendedProcess,
    private readonly pace: Pace,
    private readonly neighbours: ReadonlyMap<string, Machine>,
  ) {}

  run(...[uuid, request]: Parameters<Migrations["run"]>): Promise<void> {
    return this.process.call("migrate", () => {
      const { machine } = this;
      if (machine.libvirt === "down") throw failWith("unavailable");
      const domain = machine.domains.get(uuid);
      if (!domain) throw failWith("notFound");
      if (!machine.isActive(uuid) || machine.leaving.has(uuid)) throw failWith("wrongState");
      const there = this.at(request.peerUri);
      if (there.domains.has(uuid)) throw failWith("exists");
      const holder = [...there.domains.values()].some(
        (other) => other.spec.vnc.port === request.vnc.port && there.isActive(other.spec.uuid),
      );
      if (holder || there.foreignPorts.has(request.vnc.port)) throw failWith("portInUse");
      const moved = structuredClone(domain.spec);
      moved.vnc = { ...request.vnc };
      const pathOf = new Map(request.paths.map(({ from, to }) => [from, to]));
      for (const disk of moved.disks) disk.path = pathOf.get(disk.path) ?? disk.path;
      if (moved.seedPath !== null) moved.seedPath = pathOf.get(moved.seedPath) ?? moved.seedPath;
      for (const [at, disk] of domain.spec.disks.entries()) {
        const target = moved.disks[at]?.path ?? "";
        const file = machine.files.get(disk.path);
        // libvirt makes the files that it copies to, and leaves them behind when it fails.
        if (request.copyDisks.includes(disk.target) && file) there.files.set(target, { ...file });
        else if (!there.files.has(target)) throw failWith("notFound");
      }
      if (moved.seedPath !== null && !there.files.has(moved.seedPath)) throw failWith("notFound");
      const wasPaused = domain.state === "paused";
      there.domains.set(uuid, {
        ...domain,
        passwords: new Map(domain.passwords),
        spec: moved,
        state: "paused",
        arriving: true,
      });
      const leaving: Leaving = { done: 0, aborted: false, ended: Promise.resolve() };
      machine.leaving.set(uuid, leaving);
      const going = this.go(uuid, there, leaving, wasPaused);
      leaving.ended = going.catch(() => {});
      return going;
    });
  }

  private async go(uuid: string, there: Machine, leaving: Leaving, wasPaused: boolean): Promise<void> {
    const { machine } = this;
    const domain = machine.domains.get(uuid);
    try {
      for (leaving.done = 1; leaving.done <= parts; leaving.done++) {
        await this.clock.sleep(this.pace.migrateMilliseconds / parts);
        if (leaving.aborted) throw failWith("cancelled");
        if (machine.libvirt === "down" || there.libvirt === "down") throw failWith("unavailable");
        if (!domain || machine.domains.get(uuid) !== domain || !machine.isActive(uuid))
          throw failWith("internal");
      }
    } catch (error) {
      there.domains.delete(uuid);
      machine.leaving.delete(uuid);
      throw error;
    }
    machine.leaving.delete(uuid);
    const state = wasPaused ? "paused" : "running";
    const arrived = there.domains.get(uuid);
    if (arrived) arrived.arriving = false;
    there.turn(uuid, state, wasPaused ? "suspended" : "resumed");
    if (machine.losesAnswers) {
      // The last word of the other side was lost: libvirt leaves the guest here paused, and says so.
      machine.losesAnswers = false;
      machine.turn(uuid, "paused", "suspended");
      throw failWith("unavailable");
    }
    const name = domain?.spec.name ?? "";
    machine.domains.delete(uuid);
    machine.tell(uuid, name, "stopped", "off");
    machine.tell(uuid, name, "undefined", null);
  }

  /** The machine behind a URI. */
  private at(uri: string): Machine {
    const machine = this.neighbours.get(uri);
    if (machine?.libvirt !== "up") throw failWith("peerUnreachable");
    return machine;
  }

  private ask<T>(what: string, fn: () => T): Promise<T> {
    return this.process.call(what, async () => {
      await this.clock.sleep(this.pace.callMilliseconds);
      if (this.machine.libvirt === "down") throw failWith("unavailable");
      return fn();
    });
  }

  job(uuid: string): Promise<MigrationJob | null> {
    return this.ask("job", () => this.jobOf(uuid));
  }

  private jobOf(uuid: string): MigrationJob | null {
    const leaving = this.machine.leaving.get(uuid);
    return leaving ? jobAt(leaving.done / parts, "out") : null;
  }

  abort(uuid: string): Promise<void> {
    return this.ask("abort", () => {
      const leaving = this.machine.leaving.get(uuid);
      if (!leaving) throw failWith("wrongState");
      leaving.aborted = true;
    });
  }

  startPostcopy(uuid: string): Promise<void> {
    return this.ask("startPostcopy", () => {
      if (!this.machine.leaving.has(uuid)) throw failWith("wrongState");
    });
  }
  setBandwidth(uuid: string): Promise<void> {
    return this.startPostcopy(uuid);
  }
  setDowntime(uuid: string): Promise<void> {
    return this.startPostcopy(uuid);
  }
  downtimeMilliseconds(): Promise<number> {
    return this.ask("downtime", () => 300);
  }
  async answers(address: string, port: number): Promise<boolean> {
    return this.neighbours.get(`qemu+tls://${address}/system`)?.foreignPorts.has(port) === true;
  }
  async measureDirtied(): Promise<number | null> {
    return null;
  }
  async usedBytes(): Promise<number | null> {
    return null;
  }

  peer(uri: string): PeerHypervisor {
    const ask = <T>(what: string, fn: (machine: Machine) => T): Promise<T> =>
      this.ask(`peer ${what}`, () => fn(this.at(uri)));
    return {
      domain: (uuid) =>
        ask("domain", (machine) => {
          const domain = machine.domains.get(uuid);
          return domain ? factOf(domain) : null;
        }),
      job: (uuid) => ask("job", (machine) => (machine.domains.get(uuid)?.arriving ? jobAt(0.5, "in") : null)),
      arrival: (uuid) => ask("arrival", (machine) => (machine.domains.has(uuid) ? jobAt(1, "in") : null)),
      vncPort: (uuid) => ask("vncPort", (machine) => machine.domains.get(uuid)?.spec.vnc.port ?? null),
      destroy: (uuid) =>
        ask("destroy", (machine) => {
          if (machine.isActive(uuid)) machine.turn(uuid, "off", "stopped");
        }),
      resume: (uuid) => ask("resume", (machine) => machine.turn(uuid, "running", "resumed")),
      undefine: (uuid) =>
        ask("undefine", (machine) => {
          const domain = machine.domains.get(uuid);
          if (!domain) return;
          machine.domains.delete(uuid);
          machine.tell(uuid, domain.spec.name, "undefined", null);
        }),
      define: (uuid, change) =>
        ask("define", (machine) => {
          const domain = this.machine.domains.get(uuid);
          if (!domain) throw failWith("notFound");
          const spec = structuredClone(domain.spec);
          spec.vnc = { ...change.vnc };
          const pathOf = new Map(change.paths.map(({ from, to }) => [from, to]));
          for (const disk of spec.disks) disk.path = pathOf.get(disk.path) ?? disk.path;
          if (spec.seedPath !== null) spec.seedPath = pathOf.get(spec.seedPath) ?? spec.seedPath;
          machine.domains.set(uuid, { ...domain, passwords: new Map(domain.passwords), spec, state: "off" });
          machine.tell(uuid, spec.name, "defined", null);
        }),
      hasCpuOf: () => ask("hasCpuOf", () => true),
      send: (file, { signal }) =>
        this.process.call("peer send", async () => {
          const target = this.at(uri).files;
          const from = this.machine.files.get(file.from);
          if (!from) throw failWith("notFound");
          if (target.has(file.to)) throw failWith("exists");
          target.set(file.to, { ...from });
          await this.clock.sleep(this.pace.copyMilliseconds);
          if (signal?.aborted) {
            target.delete(file.to);
            throw new HypervisorError("cancelled", "pretended");
          }
        }),
      remove: (_pool, path) => ask("remove", (machine) => void machine.files.delete(path)),
      has: (_pool, path) => ask("has", (machine) => machine.files.has(path)),
    };
  }
}

function jobAt(share: number, operation: MigrationJob["operation"]): MigrationJob {
  return {
    operation,
    elapsedMilliseconds: 0,
    diskTotalBytes: 0,
    diskLeftBytes: 0,
    pass: 1,
    memoryTotalBytes: guestBytes,
    memoryLeftBytes: Math.round(guestBytes * (1 - share)),
    memorySentBytes: Math.round(guestBytes * share),
    dirtyBytesPerSecond: 0,
    throttlePercent: 0,
    downtimeMilliseconds: 100,
  };
}
