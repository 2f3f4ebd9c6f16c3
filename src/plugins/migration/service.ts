/** The rules of migrations: where a guest can go, and what is booked when it goes. */
import {
  type Actor,
  AppError,
  and,
  type ControllerContext,
  eq,
  insert,
  ne,
  type PayloadOf,
  type Reason,
  type Statement,
} from "jimv";
import {
  type Begun,
  type Guest,
  type GuestMoves,
  guests,
  type MovingGuest,
  type PlannedGuests,
} from "../guests/index.ts";
import { roomKey } from "../pools/index.ts";
import type { DrainStep, MigrationService, MigrationTarget } from "./contract.ts";
import type { MigrationNeeds, MovableNode } from "./needs.ts";
import { bookPorts, givePorts, isPortTaken, needOf } from "./ports.ts";
import { type MigrateGuest, MigrationSettings } from "./requests.ts";
import { type MigrationRun, runs } from "./schema.ts";
import { bytesPerGiB, fileThere, type PoolsThere, type PoolThere, refusalOf } from "./targets.ts";
import { migrateGuest } from "./tasks.ts";

/** How often a migration is booked anew when somebody else took its port meanwhile. */
const bookingTries = 20;

/** A node that was looked at, with what decides between it and others. */
interface Candidate extends MigrationTarget {
  node: MovableNode;
}

export class Migration implements MigrationService {
  constructor(
    private readonly context: Pick<ControllerContext, "store" | "tasks" | "settings" | "vault" | "clock">,
    private readonly needs: MigrationNeeds,
    private readonly moves: GuestMoves,
  ) {}

  private settings(): Promise<MigrationSettings> {
    return this.context.settings.read("migration", MigrationSettings);
  }

  async targets(uuid: string): Promise<MigrationTarget[]> {
    const moving = await this.moves.movable(uuid);
    const candidates = await this.candidates(moving, await this.needs.nodes.list());
    return candidates.map(({ node: _, ...target }) => target);
  }

  /** The other nodes: those that can take the guest first, of these the emptiest first. */
  private async candidates(
    moving: MovingGuest,
    all: readonly MovableNode[],
    planned?: ReadonlyMap<string, PlannedGuests>,
  ): Promise<Candidate[]> {
    const { guest } = moving;
    const from = all.find((node) => node.name === guest.nodeName);
    if (!from) throw new AppError("conflict", "guests.nodeUnknown", { node: guest.nodeName });
    const others = all.filter((node) => node.name !== from.name);
    const refusals = await this.moves.refusals(guest, others, planned);
    const candidates: Candidate[] = [];
    for (const node of others) {
      const pools = await this.poolsThere(moving, node);
      const reason = refusals.get(node.name) ?? refusalOf(moving, from, node, pools);
      const copied = moving.disks.filter((disk) => pools.get(disk.poolId)?.shared !== true);
      candidates.push({
        node,
        nodeName: node.name,
        reason,
        copyGiB: copied.reduce((sum, disk) => sum + disk.sizeGiB, 0),
        freeMemoryMiB: node.facts?.freeMemoryMiB ?? 0,
        acceptsGuests: node.acceptsGuests,
      });
    }
    return candidates.sort(
      (one, other) =>
        Number(one.reason !== null) - Number(other.reason !== null) ||
        Number(other.acceptsGuests) - Number(one.acceptsGuests) ||
        other.freeMemoryMiB - one.freeMemoryMiB ||
        (one.nodeName < other.nodeName ? -1 : 1),
    );
  }

  /** How the guest's pools stand on another node. */
  private async poolsThere({ guest, disks }: MovingGuest, to: MovableNode): Promise<PoolsThere> {
    const found = new Map<string, PoolThere>();
    for (const poolId of new Set(disks.map((disk) => disk.poolId))) {
      const [standing, pool, coming] = await Promise.all([
        this.needs.pools.standing(poolId, guest.nodeName, to.name),
        this.needs.pools.need(poolId),
        this.moves.comingGiB(poolId, guest.uuid),
      ]);
      const presence = pool.presences.find((each) => each.nodeName === to.name);
      found.set(poolId, {
        ...standing,
        libvirtName: presence?.libvirtName ?? "",
        room: roomKey(pool, to.name),
        availableBytes: (presence?.availableBytes ?? 0) - (coming.get(to.name) ?? 0) * bytesPerGiB,
      });
    }
    return found;
  }

  migrate(uuid: string, request: MigrateGuest, actor: Actor): Promise<Begun> {
    return this.send(uuid, request, actor);
  }

  /** As `migrate`; anew when somebody else books a port meanwhile. `along` is written in the same batch as the task. */
  async send(
    uuid: string,
    request: MigrateGuest,
    actor: Actor,
    along: (task: string, toNode: string) => Statement[] = () => [],
  ): Promise<Begun> {
    for (let left = bookingTries; ; left--) {
      try {
        return await this.book(uuid, request, actor, along);
      } catch (error) {
        if (!isPortTaken(error)) throw error;
        if (left <= 1) throw new AppError("unavailable", "guests.bookingBusy", {}, { cause: error });
      }
    }
  }

  private async book(
    uuid: string,
    request: MigrateGuest,
    actor: Actor,
    along: (task: string, toNode: string) => Statement[],
  ): Promise<Begun> {
    const moving = await this.moves.movable(uuid);
    const candidates = await this.candidates(moving, await this.needs.nodes.list());
    const chosen = choose(moving, candidates, request.nodeName);
    const from = await this.needs.nodes.get(moving.guest.nodeName);
    if (!from) throw new AppError("conflict", "guests.nodeUnknown", { node: moving.guest.nodeName });
    const settings = await this.settings();
    const rooms = [...(await this.poolsThere(moving, chosen)).values()].flatMap(({ shared, room }) =>
      shared ? [] : [room],
    );
    return this.moves.begin(uuid, chosen, rooms, async (now, port) => {
      const { guest } = now;
      const pools = await this.poolsThere(now, chosen);
      const reason = refusalOf(now, from, chosen, pools);
      if (reason) throw new AppError("conflict", reason.word, reason.args);
      const files = this.payload(now, chosen, pools, port, request, settings);
      const given = await givePorts(this.context, chosen.name, needOf(guest.state, files.disks));
      const { memoryPort, diskPort } = given;
      const task = await this.context.tasks.prepare(migrateGuest, {
        node: guest.nodeName,
        target: { type: "guest", key: uuid, name: guest.name },
        exclusive: uuid,
        payload: { ...files, memoryPort, diskPort },
        actor,
      });
      const run: MigrationRun = {
        task: task.id,
        guestUuid: uuid,
        fromNode: from.name,
        toNode: chosen.name,
        figures: null,
        changedAt: this.context.clock.now(),
      };
      const more = [
        insert(runs, run),
        ...bookPorts(task.id, chosen.name, given),
        ...along(task.id, chosen.name),
      ];
      return { ...task, statements: [...task.statements, ...more] };
    });
  }

  private payload(
    { guest, disks }: MovingGuest,
    to: MovableNode,
    pools: PoolsThere,
    port: number,
    request: MigrateGuest,
    settings: MigrationSettings,
  ): Omit<PayloadOf<typeof migrateGuest>, "memoryPort" | "diskPort"> {
    const address = to.managementAddress ?? "";
    const host = address.includes(":") ? `[${address}]` : address;
    const moved = disks.map((disk) => ({
      uuid: disk.uuid,
      target: disk.target ?? "",
      ...fileThere(disk.path, pools.get(disk.poolId)),
    }));
    // The seed lies beside the system disk.
    const system = disks.find((disk) => disk.role === "system");
    const used = disks.flatMap((disk) => pools.get(disk.poolId) ?? []);
    return {
      uuid: guest.uuid,
      name: guest.name,
      toNode: to.name,
      address,
      peerUri: `qemu+${settings.transport}://${host}/system`,
      vncPort: port,
      vncListen: to.vnc?.listen ?? "127.0.0.1",
      vncPassword: this.context.vault.unseal(guest.vncPasswordSealed),
      takenPorts: [],
      disks: moved,
      seed: guest.seedPath === null ? null : fileThere(guest.seedPath, pools.get(system?.poolId ?? "")),
      // libvirt sees that a network file system is shared; what is only said to be, it must be told to trust.
      trustStorage: used.some(({ shared, trusted }) => shared && trusted),
      tls: settings.transport === "tls",
      autoConverge: request.autoConverge,
      postcopy: request.postcopy,
      bandwidthMiBs: request.bandwidthMiBs ?? null,
      connections: request.connections,
    };
  }

  async drainPlan(nodeName: string): Promise<DrainStep[]> {
    const here = await this.context.store.select(guests, {
      where: and(eq(guests.nodeName, nodeName), ne(guests.state, "deleting")),
    });
    const all = await this.needs.nodes.list();
    const planned = new Map<string, PlannedGuests>();
    const plan: DrainStep[] = [];
    // The largest first: what is left over then is easier to place.
    const order = (one: Guest, other: Guest): number =>
      other.memoryMiB - one.memoryMiB || (one.name < other.name ? -1 : 1);
    for (const guest of here.sort(order)) {
      const step = { guestUuid: guest.uuid, name: guest.name, state: guest.state };
      const nowhere = { ...step, toNode: null, copyGiB: 0 };
      const moving = await this.moves.movable(guest.uuid).catch((error) => asReason(error, guest.name));
      if ("word" in moving) {
        plan.push({ ...nowhere, reasons: [moving] });
        continue;
      }
      const candidates = await this.candidates(moving, all, planned);
      const left = (each: Candidate) => each.freeMemoryMiB - (planned.get(each.nodeName)?.memoryMiB ?? 0);
      const [best] = candidates
        .filter((each) => each.reason === null && each.acceptsGuests)
        .sort((one, other) => left(other) - left(one));
      if (!best) {
        plan.push({ ...nowhere, reasons: reasonsOf(candidates, nodeName) });
        continue;
      }
      const sum = planned.get(best.nodeName) ?? { guests: 0, memoryMiB: 0, vcpus: 0 };
      const runs = guest.state !== "off";
      planned.set(best.nodeName, {
        guests: sum.guests + 1,
        memoryMiB: sum.memoryMiB + (runs ? guest.memoryMiB : 0),
        vcpus: sum.vcpus + (runs ? guest.vcpus : 0),
      });
      plan.push({ ...step, toNode: best.nodeName, copyGiB: best.copyGiB, reasons: [] });
    }
    return plan;
  }

  running(uuid: string): Promise<MigrationRun | null> {
    return this.context.store.first(runs, { where: eq(runs.guestUuid, uuid) });
  }
}

/** @throws AppError conflict with the reason of the chosen node, or of all */
function choose(
  { guest }: MovingGuest,
  candidates: readonly Candidate[],
  nodeName: string | undefined,
): MovableNode {
  if (nodeName !== undefined) {
    const chosen = candidates.find((each) => each.nodeName === nodeName);
    if (!chosen) {
      const word = nodeName === guest.nodeName ? "migration.no.same" : "guests.nodeUnknown";
      throw new AppError("conflict", word, { node: nodeName, name: guest.name });
    }
    if (chosen.reason) throw new AppError("conflict", chosen.reason.word, chosen.reason.args);
    return chosen.node;
  }
  const best = candidates.find((each) => each.reason === null && each.acceptsGuests);
  if (best) return best.node;
  const reasons = reasonsOf(candidates, guest.nodeName);
  throw new AppError("conflict", "migration.nowhere", { name: guest.name }, { reasons });
}

/** Why no node is chosen by itself. */
function reasonsOf(candidates: readonly Candidate[], from: string): Reason[] {
  if (candidates.length > 0) return candidates.map(reasonOf);
  return [{ of: from, word: "migration.drain.alone", args: { node: from } }];
}

/** Why a node is not chosen by itself. */
function reasonOf({ nodeName: node, reason }: Candidate): Reason {
  return reason ?? { of: node, word: "guests.nodeClosed", args: { node } };
}

function asReason(error: unknown, of: string): Reason {
  if (error instanceof AppError) return { of, word: error.word, args: error.args };
  throw error;
}
