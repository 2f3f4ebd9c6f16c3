/** Moving domains as the main thread sees it: everything that waits does so in the patient lane. */

import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { steadyNow } from "../clock.ts";
import { timing } from "../timing.ts";
import { readHoldings } from "./definition.ts";
import type { ListedDomain } from "./domain.ts";
import type { DomainTraits } from "./domain-xml.ts";
import {
  type DomainFact,
  HypervisorError,
  type MigrationJob,
  type MigrationRequest,
  type Migrations,
  type PeerHypervisor,
} from "./hypervisor.ts";
import type { MigrationOrder } from "./migration.ts";
import { cpuOf } from "./migration-xml.ts";
import type { PeerArgs, PeerCall, PeerResult } from "./peer.ts";
import { sendingSlots } from "./peer.ts";
import { usedMemory } from "./resident.ts";
import type { Session } from "./session.ts";
import { isHidden, stateOf } from "./states.ts";

const bytesPerMiB = 1024 ** 2;

/** What this needs of the hypervisor that it belongs to. */
export interface Surroundings {
  session: Session;
  /** Refuses to touch a domain that is not ours. */
  guard(uuid: string): Promise<void>;
  domain(uuid: string): Promise<DomainFact | null>;
  /** Its definition is another one, or gone. */
  forget(uuid: string): void;
  clusterId: string | null;
}

export class RealMigrations implements Migrations {
  constructor(private readonly own: Surroundings) {}

  async run(uuid: string, request: MigrationRequest): Promise<void> {
    await this.own.guard(uuid);
    try {
      await this.own.session.call("patient", "migrate", [uuid, request]);
    } finally {
      this.own.forget(uuid);
    }
  }

  async job(uuid: string): Promise<MigrationJob | null> {
    const job = await this.own.session.call("short", "jobStats", [uuid, false]);
    return job?.operation === "out" ? job : null;
  }

  private async order(uuid: string, order: MigrationOrder): Promise<void> {
    await this.own.guard(uuid);
    await this.own.session.call("short", "migrationOrder", [uuid, order]);
  }
  abort(uuid: string): Promise<void> {
    return this.order(uuid, { order: "abort" });
  }
  startPostcopy(uuid: string): Promise<void> {
    return this.order(uuid, { order: "postcopy" });
  }
  setBandwidth(uuid: string, mebibytesPerSecond: number): Promise<void> {
    return this.order(uuid, { order: "bandwidth", mebibytesPerSecond });
  }
  setDowntime(uuid: string, milliseconds: number): Promise<void> {
    return this.order(uuid, { order: "downtime", milliseconds });
  }
  downtimeMilliseconds(uuid: string): Promise<number> {
    return this.own.session.call("short", "maxDowntime", [uuid]);
  }

  async measureDirtied(uuid: string, seconds: number): Promise<number | null> {
    const { session } = this.own;
    if (!(await session.call("short", "startDirtyRate", [uuid, seconds]))) return null;
    const end = steadyNow() + seconds * 1000 + timing.dirtyRateGraceMilliseconds;
    await Bun.sleep(seconds * 1000);
    for (;;) {
      const rate = await session.call("short", "dirtyRate", [uuid]);
      if (rate !== null) return rate * seconds;
      if (steadyNow() > end) return null;
      await Bun.sleep(timing.dirtyRateLookMilliseconds);
    }
  }

  async usedBytes(uuid: string): Promise<number | null> {
    const fact = await this.own.domain(uuid);
    return fact ? usedMemory(uuid, fact.memoryMiB * bytesPerMiB) : null;
  }

  answers(address: string, port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: address, port, timeout: timing.portLookMilliseconds });
      const tell = (answer: boolean) => (): void => {
        socket.destroy();
        resolve(answer);
      };
      socket.once("connect", tell(true)).once("error", tell(false)).once("timeout", tell(false));
    });
  }

  peer(uri: string): PeerHypervisor {
    return new RealPeer(uri, this.own);
  }
}

class RealPeer implements PeerHypervisor {
  constructor(
    private readonly uri: string,
    private readonly own: Surroundings,
  ) {}

  private ask<K extends PeerCall>(
    name: K,
    args: PeerArgs<K>,
    deadline: number = timing.libvirtPeerCallMilliseconds,
  ): Promise<PeerResult<K>> {
    const answer = this.own.session.call("patient", "atPeer", [this.uri, name, args], deadline);
    return answer as Promise<PeerResult<K>>;
  }

  async domain(uuid: string): Promise<DomainFact | null> {
    const entry = (await this.ask("domain", [uuid])) as ListedDomain | null;
    if (!entry || isHidden(entry[1])) return null;
    const found = (await this.ask("traits", [[uuid]])) as [string, DomainTraits][];
    const traits = found[0]?.[1];
    if (!traits) return null;
    const [, name, state, reason, transient] = entry;
    return { uuid, name, state: stateOf(state, reason), reason, persistent: !transient, ...traits };
  }

  private async guarded(uuid: string): Promise<boolean> {
    const fact = await this.domain(uuid);
    const { clusterId } = this.own;
    if (fact && clusterId !== null && fact.clusterId !== clusterId)
      throw new HypervisorError("denied", `The domain ${uuid} was not made by this JimV: it is left alone.`);
    return fact !== null;
  }

  async job(uuid: string): Promise<MigrationJob | null> {
    return (await this.ask("domain", [uuid])) ? this.ask("jobStats", [uuid, false]) : null;
  }
  async arrival(uuid: string): Promise<MigrationJob | null> {
    return (await this.ask("domain", [uuid])) ? this.ask("jobStats", [uuid, true]) : null;
  }
  async vncPort(uuid: string): Promise<number | null> {
    if (!(await this.ask("domain", [uuid]))) return null;
    return readHoldings(await this.ask("xml", [uuid])).vncPort;
  }
  async destroy(uuid: string): Promise<void> {
    if (await this.guarded(uuid))
      await this.ask("act", ["destroy", uuid], timing.libvirtLongCallMilliseconds);
  }
  async resume(uuid: string): Promise<void> {
    if (await this.guarded(uuid)) await this.ask("act", ["resume", uuid]);
  }
  async undefine(uuid: string): Promise<void> {
    if (await this.guarded(uuid)) await this.ask("undefine", [uuid]);
  }

  async define(...[uuid, change]: Parameters<PeerHypervisor["define"]>): Promise<void> {
    await this.own.guard(uuid);
    const xml = await this.own.session.call("short", "migratedXml", [uuid, change]);
    await this.ask("define", [xml, null]);
  }

  async hasCpuOf(xml: string): Promise<boolean> {
    const cpu = cpuOf(xml);
    return cpu === null || (await this.ask("compareCpu", [cpu]));
  }

  async send(...[file, options]: Parameters<PeerHypervisor["send"]>): Promise<void> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const total = (await stat(file.from)).size;
    // The worker is in C until the file is through: what it has sent, and whether to stop, is shared memory.
    const shared = new SharedArrayBuffer(sendingSlots.count * Float64Array.BYTES_PER_ELEMENT);
    const slots = new Float64Array(shared);
    const look = setInterval(() => {
      if (signal?.aborted) slots[sendingSlots.cancelled] = 1;
      onProgress?.((slots[sendingSlots.sentMiB] ?? 0) * bytesPerMiB, total);
    }, timing.progressMilliseconds);
    try {
      await this.ask("sendFile", [file, shared], timing.libvirtPatientCallMilliseconds);
    } finally {
      clearInterval(look);
    }
  }

  remove(pool: string, path: string): Promise<void> {
    return this.ask("removeFile", [pool, path]);
  }
  has(pool: string, path: string): Promise<boolean> {
    return this.ask("hasFile", [pool, path]);
  }
}
