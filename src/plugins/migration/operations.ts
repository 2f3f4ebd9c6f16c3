/**
 * What a node does to move a guest away. It is the node that the guest leaves which does it all; the other one only
 * has to have its libvirtd running.
 *
 * Nothing here is removed before the guest has been seen there, and nothing there while it may have arrived: see
 * `whereabouts`.
 */
import {
  AppError,
  type DomainFact,
  HypervisorError,
  type MigrationRequest,
  type NodeContext,
  type Operation,
  type PayloadOf,
  type PeerHypervisor,
  type ResultOf,
  timing,
  type UndoCall,
} from "jimv";
import { guestLook } from "../guests/index.ts";
import type { Dirtied } from "./estimate.ts";
import { follow } from "./follow.ts";
import { migrateGuest } from "./tasks.ts";
import { whereabouts } from "./whereabouts.ts";
import { writingOf } from "./writing.ts";

type Payload = PayloadOf<typeof migrateGuest>;
type Result = ResultOf<typeof migrateGuest>;
type MovingFile = Pick<Payload["disks"][number], "path" | "to" | "pool" | "copy">;

const bytesPerMiB = 1024 ** 2;
/** Where in a task's hundred percent its stretches end. */
const percent = { looked: 1, seeded: 2, measured: 3, moved: 99 } as const;
const undoThere = "migration.clearThere";

export function registerOperations(context: NodeContext): void {
  const { hypervisor, clock } = context;
  const { migrations, images } = hypervisor;

  /** Takes back what was made there, if the guest has stayed here. */
  context.undo(undoThere, async ({ uuid = "", name = "", node = "", uri = "", files = "[]" }) => {
    const peer = migrations.peer(uri);
    await endLeaving(uuid);
    const here = await hypervisor.domain(uuid);
    if (!here) return;
    const found = await whereabouts(hypervisor, peer, clock, { uuid, name, node }, AbortSignal.abort());
    if (found.at === "there") return;
    await clearThere(peer, uuid, await peer.domain(uuid));
    for (const { pool, to } of JSON.parse(files) as MovingFile[]) await peer.remove(pool, to);
  });

  /** A migration that nobody waits for any more is called off. @throws HypervisorError while it goes on */
  async function endLeaving(uuid: string): Promise<void> {
    const fact = await hypervisor.domain(uuid);
    if (!fact || !(await migrations.job(uuid))) return;
    await migrations.abort(uuid).catch((error) => {
      if (!(error instanceof HypervisorError) || error.code !== "wrongState") throw error;
    });
    const end = clock.now() + timing.undoPatienceMilliseconds;
    while (await migrations.job(uuid)) {
      if (clock.now() >= end)
        throw new HypervisorError("timeout", "libvirt does not let go of the migration.");
      await clock.sleep(timing.undoRetryMilliseconds);
    }
  }

  async function clearThere(peer: PeerHypervisor, uuid: string, fact: DomainFact | null): Promise<void> {
    if (!fact) return;
    if (fact.state !== "off" && fact.state !== "crashed") await peer.destroy(uuid);
    await peer.undefine(uuid);
  }

  async function clearHere(fact: DomainFact | null): Promise<void> {
    if (!fact) return;
    if (fact.state !== "off" && fact.state !== "crashed") await hypervisor.destroy(fact.uuid);
    await hypervisor.undefine(fact.uuid);
  }

  context.operation(migrateGuest, async (operation, payload) => {
    const { uuid, name, toNode } = payload;
    const peer = migrations.peer(payload.peerUri);
    const guest = { uuid, name, node: toNode };
    const seek = () => whereabouts(hypervisor, peer, clock, guest, operation.signal);
    const found = await operation.step("migration.step.look", null, seek);
    operation.progress(percent.looked);
    if (found.at === "here") {
      if (found.elsewhere) await clearThere(peer, uuid, found.elsewhere);
      const fact = await hypervisor.domain(uuid);
      const isOff = !fact || fact.state === "off" || fact.state === "crashed";
      try {
        if (isOff) await moveCold(operation, payload, peer);
        else await moveLive(operation, payload, peer, fact);
      } catch (error) {
        // Whatever went wrong: the guest may be there all the same, and then it has moved.
        const truth = await whereabouts(hypervisor, peer, clock, guest);
        if (truth.at === "here") throw error;
        await patiently(() => clearHere(truth.elsewhere));
      }
    } else await patiently(() => clearHere(found.elsewhere));
    return finish(payload, peer);
  });

  const undoOf = (payload: Payload, files: readonly MovingFile[]): UndoCall => ({
    name: undoThere,
    args: {
      uuid: payload.uuid,
      name: payload.name,
      node: payload.toNode,
      uri: payload.peerUri,
      files: JSON.stringify(files.map(({ pool, to }) => ({ pool, to }))),
    },
  });

  const requestOf = (payload: Payload): MigrationRequest => ({
    peerUri: payload.peerUri,
    address: payload.address,
    ports: { memory: payload.memoryPort, disks: payload.diskPort },
    vnc: { port: payload.vncPort, listen: payload.vncListen, password: payload.vncPassword },
    paths: pathsOf(payload),
    copyDisks: payload.disks.filter(({ copy }) => copy).map(({ target }) => target),
    trustStorage: payload.trustStorage,
    tls: payload.tls,
    autoConverge: payload.autoConverge,
    postcopy: payload.postcopy,
    bandwidthMiBs: payload.bandwidthMiBs,
    connections: payload.connections,
  });

  async function moveLive(
    operation: Operation,
    payload: Payload,
    peer: PeerHypervisor,
    fact: DomainFact,
  ): Promise<void> {
    const { uuid, seed, disks } = payload;
    await operation.step("migration.step.check", null, async () => {
      if (!(await peer.hasCpuOf(await hypervisor.xml(uuid))))
        throw new AppError("conflict", "migration.otherCpu", { name: payload.name, node: payload.toNode });
    });
    await operation.step("migration.step.ports", null, async () => {
      for (const port of [payload.memoryPort, payload.diskPort])
        if (port !== null && (await migrations.answers(payload.address, port)))
          throw new HypervisorError("portInUse", `Something listens on port ${port} of ${payload.toNode}.`);
    });
    const copied = disks.filter(({ copy }) => copy);
    // Its pool is looked through: libvirt makes no file there for a copy of one that it does not know to be gone.
    for (const { pool, to } of copied) await peer.has(pool, to);
    await sendFiles(operation, payload, peer, seed ? [seed] : [], percent.looked, percent.seeded);
    const known = await operation.step("migration.step.measure", null, () => measure(uuid, fact));
    operation.progress(percent.measured);
    await operation.step("migration.step.move", undoOf(payload, copied), () =>
      follow(
        context,
        operation,
        migrations.run(uuid, requestOf(payload)),
        { ...payload, from: percent.measured, to: percent.moved },
        known,
      ),
    );
  }

  /** How much the guest uses of its memory and how fast it writes to it, where that can be told. */
  async function measure(
    uuid: string,
    fact: DomainFact,
  ): Promise<{ dirtied: Dirtied[]; usedBytes: number | null }> {
    const dirtied: Dirtied[] = [];
    if (fact.state === "running")
      for (const seconds of [timing.dirtyRateFirstSeconds, timing.dirtyRateSecondSeconds]) {
        const bytes = await migrations.measureDirtied(uuid, seconds).catch(() => null);
        if (bytes === null) break;
        dirtied.push({ seconds, bytes });
      }
    const usedBytes = await migrations.usedBytes(uuid).catch(() => null);
    return { dirtied: writingOf(dirtied, fact.memoryMiB * bytesPerMiB, usedBytes), usedBytes };
  }

  async function moveCold(operation: Operation, payload: Payload, peer: PeerHypervisor): Promise<void> {
    const { uuid, seed, disks } = payload;
    const files = seed ? [seed, ...disks] : disks;
    await sendFiles(operation, payload, peer, files, percent.looked, percent.moved);
    const vnc = { port: payload.vncPort, listen: payload.vncListen, password: payload.vncPassword };
    await operation.step("migration.step.define", undoOf(payload, []), () =>
      peer.define(uuid, { vnc, paths: pathsOf(payload) }),
    );
    // From here on it is there: the definition there is made last of all.
    await hypervisor.undefine(uuid);
  }

  async function sendFiles(
    operation: Operation,
    payload: Payload,
    peer: PeerHypervisor,
    files: readonly MovingFile[],
    from: number,
    to: number,
  ): Promise<void> {
    const going = files.filter(({ copy }) => copy);
    for (const [at, file] of going.entries()) {
      const stretch = (to - from) / going.length;
      const onProgress = operation.meter(from + at * stretch, from + (at + 1) * stretch);
      await operation.step("migration.step.send", undoOf(payload, [file]), () =>
        peer.send(
          { from: file.path, pool: file.pool, to: file.to },
          { signal: operation.signal, onProgress },
        ),
      );
    }
  }

  /**
   * The guest has moved, and nothing can make that undone: either libvirtd may be away for a while now, but what is
   * left to do is done. Not to be cancelled any more.
   */
  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    const end = clock.now() + timing.migrateSettlePatienceMilliseconds;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isPassing = error instanceof HypervisorError && error.retryable;
        if (!isPassing || clock.now() >= end) throw error;
        await clock.sleep(timing.migrateSettleMilliseconds);
      }
    }
  }

  /** The guest is there: what it leaves behind here goes. */
  async function finish(payload: Payload, peer: PeerHypervisor): Promise<Result> {
    const { uuid, disks, seed } = payload;
    const fact = await patiently(() => peer.domain(uuid));
    if (!fact)
      throw new AppError("conflict", "migration.lost", { uuid, name: payload.name, node: payload.toNode });
    const arrival = fact.state === "off" ? null : await peer.arrival(uuid).catch(() => null);
    for (const file of seed ? [...disks, seed] : disks) if (file.copy) await images.remove(file.path);
    await patiently(() => context.hooks.run(guestLook, { uuid }));
    const vncPort = await peer.vncPort(uuid).catch(() => null);
    const downtimeMilliseconds = arrival?.downtimeMilliseconds ?? null;
    context.log.info("guest moved", { guest: uuid, to: payload.toNode, downtimeMilliseconds });
    return { state: fact.state, downtimeMilliseconds, vncPort };
  }
}

function pathsOf({ disks, seed }: Payload): { from: string; to: string }[] {
  return [...disks, ...(seed ? [seed] : [])]
    .filter(({ path, to }) => path !== to)
    .map(({ path, to }) => ({ from: path, to }));
}
