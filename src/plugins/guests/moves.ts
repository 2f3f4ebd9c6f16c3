/**
 * The guests' own part of a migration: what fits where, what is booked, and what their rows say while they move.
 * How they move is the migration plugin's.
 */
import {
  AppError,
  and,
  asc,
  eq,
  insert,
  isNotNull,
  ne,
  or,
  type PreparedTask,
  type Reason,
  type ReportEffects,
  remove,
  type SetOf,
  type Statement,
  StoreUniqueError,
  update,
} from "jimv";
import { disks } from "../disks/index.ts";
import { Bookings, isOvertaken, nodePlace, poolPlace } from "./bookings.ts";
import { Capacity, type ReadyNode, readiness, readyNode } from "./capacity.ts";
import {
  type Arrival,
  type Begun,
  type GuestMoves,
  type MoveDoubt,
  type MovingGuest,
  moveGuards,
  type PlannedGuests,
} from "./contract.ts";
import { diskEvent, guestEvent, portsTaken } from "./creation.ts";
import { freePorts } from "./naming.ts";
import type { Ground, PlaceableNode } from "./needs.ts";
import { changeGuest, releasedSet, stateSet } from "./observation.ts";
import { refusal } from "./placement.ts";
import { foreignDomains, type Guest, guestInterfaces, guests } from "./schema.ts";
import { allows, hasVanished, refusalOf, residentStates } from "./states.ts";

/** How often a move is booked anew when somebody else took a place or a port meanwhile. */
const bookingTries = 20;
const nothing: ReportEffects = { statements: [] };
/** What a guest needs of a node that it comes to, besides its disks' space. */
const noSpace = { writeBytes: 0, growBytes: 0 } as const;

/** What of the guests' service is needed here. */
interface Deciding {
  row(uuid: string): Promise<Guest>;
  deciding<T>(uuid: string, decide: (guest: Guest) => Promise<T>): Promise<T>;
  begin(guest: Guest, set: SetOf<typeof guests>, task: PreparedTask, more?: Statement[]): Promise<void>;
  reachable(guest: Guest, movesTo: string): Promise<void>;
  /** Which other node has a domain of it, too. */
  elsewhere(guest: Guest): Promise<string | null>;
}

export class Moves implements GuestMoves {
  private readonly bookings: Bookings;
  private readonly capacity: Capacity;

  constructor(
    private readonly ground: Ground,
    private readonly service: Deciding,
  ) {
    this.bookings = new Bookings(ground.store);
    this.capacity = new Capacity(ground);
  }

  async movable(uuid: string): Promise<MovingGuest> {
    return this.withBelongings(await this.demanded(await this.service.row(uuid)));
  }

  private async withBelongings(guest: Guest): Promise<MovingGuest> {
    const { store } = this.ground;
    const [hers, interfaces] = await Promise.all([
      store.select(disks, { where: eq(disks.guestUuid, guest.uuid), orderBy: asc(disks.target) }),
      store.select(guestInterfaces, { where: eq(guestInterfaces.guestUuid, guest.uuid) }),
    ]);
    return { guest, disks: hers, interfaces };
  }

  async refusals(
    guest: Guest,
    nodes: readonly PlaceableNode[],
    planned?: ReadonlyMap<string, PlannedGuests>,
  ): Promise<Map<string, Reason>> {
    const found = new Map<string, Reason>();
    const ready: ReadyNode[] = [];
    for (const node of nodes) {
      const state = readiness(node);
      if ("refusal" in state) found.set(node.name, state.refusal);
      else ready.push(state.ready);
    }
    for (const [name, booked] of await this.capacity.seats(ready, { except: guest.uuid })) {
      const more = planned?.get(name) ?? { guests: 0, memoryMiB: 0, vcpus: 0 };
      const seat = {
        ...booked,
        usedMiB: booked.usedMiB + more.memoryMiB,
        usedVcpus: booked.usedVcpus + more.vcpus,
        freePorts: booked.freePorts - more.guests,
      };
      // A guest that is off takes no memory there either; it only has to be one that could be started.
      const asked = residentStates.includes(guest.state) ? seat : { ...seat, usedMiB: 0, usedVcpus: 0 };
      const reason = refusal(asked, undefined, { ...guest, ...noSpace });
      if (reason) found.set(name, reason);
      else if (seat.freePorts < 1)
        found.set(name, { of: name, word: "guests.noPort", args: { node: name, ...seat.ports } });
    }
    const other = guest.state === "running" ? null : await this.service.elsewhere(guest);
    if (other !== null)
      for (const { name: of } of nodes)
        if (of !== other) {
          const args = { name: guest.name, node: guest.nodeName, other };
          found.set(of, { of, word: "guests.elsewhere", args });
        }
    const left = nodes.map(({ name }) => name).filter((name) => !found.has(name));
    for (const guard of this.ground.slots.all(moveGuards))
      for (const [name, reason] of await guard(guest, left)) if (!found.has(name)) found.set(name, reason);
    return found;
  }

  begin(
    uuid: string,
    node: PlaceableNode,
    rooms: readonly string[],
    prepare: (moving: MovingGuest, port: number) => Promise<PreparedTask>,
  ): Promise<Begun> {
    const places = [nodePlace(node.name), ...rooms.map(poolPlace)];
    return this.bookings.inTurn(async () => {
      for (let left = bookingTries; ; left--) {
        try {
          return await this.service.deciding(uuid, async (guest) =>
            this.book(await this.demanded(guest), node, places, prepare),
          );
        } catch (error) {
          const isPort = error instanceof StoreUniqueError && error.index === "guests_moves";
          if (!isPort && !isOvertaken(error)) throw error;
          if (left <= 1) throw new AppError("unavailable", "guests.bookingBusy", {}, { cause: error });
        }
      }
    });
  }

  private async book(
    guest: Guest,
    node: PlaceableNode,
    places: readonly string[],
    prepare: (moving: MovingGuest, port: number) => Promise<PreparedTask>,
  ): Promise<Begun> {
    await this.service.reachable(guest, node.name);
    const versions = await this.bookings.read(places);
    const moving = await this.withBelongings(guest);
    const busy = moving.disks.find((disk) => disk.state !== "attached");
    if (busy) throw new AppError("conflict", "guests.diskBusy", { disk: busy.name });
    const reason = (await this.refusals(guest, [node])).get(node.name);
    if (reason) throw new AppError("conflict", reason.word, reason.args);
    const taken = await portsTaken(this.ground, node.name);
    const [port = 0] = freePorts(readyNode(node).vnc, taken, 1, node.name);
    const task = await prepare(moving, port);
    const set = { state: "migrating", movesTo: node.name, movesToPort: port } as const;
    await this.service.begin(guest, set, task, [
      ...this.bookings.claim(versions, places),
      update(disks, { state: "moving" }, eq(disks.guestUuid, guest.uuid)),
    ]);
    return { task: { id: task.id } };
  }

  comingGiB(poolId: string, except?: string): Promise<Map<string, number>> {
    return this.capacity.comingGiB(poolId, except);
  }

  async anotherPort(uuid: string, node: PlaceableNode, refused: readonly number[]) {
    const guest = await this.migrating(uuid);
    if (!guest || !node.vnc) return null;
    const place = nodePlace(node.name);
    const versions = await this.bookings.read([place]);
    const taken = await portsTaken(this.ground, node.name);
    for (const port of refused) taken.add(port);
    const { first, last } = node.vnc;
    for (let port = first; port <= last; port++)
      if (!taken.has(port))
        return {
          port,
          statements: [...this.bookings.claim(versions, [place]), changeGuest(guest, { movesToPort: port })],
        };
    return null;
  }

  private async migrating(uuid: string): Promise<Guest | null> {
    const where = and(eq(guests.uuid, uuid), eq(guests.state, "migrating"), isNotNull(guests.movesTo));
    return this.ground.store.first(guests, { where });
  }

  async arrived(uuid: string, arrival: Arrival): Promise<ReportEffects> {
    const guest = await this.migrating(uuid);
    if (!guest) return nothing;
    const now = this.ground.clock.now();
    const next = arrival.state === "absent" ? "off" : arrival.state;
    const vncPort = await this.portOf(guest, arrival);
    return {
      statements: [
        changeGuest(guest, {
          ...stateSet(guest, next, now),
          nodeName: arrival.node,
          vncPort,
          vncListen: arrival.vncListen,
          seedPath: arrival.seedPath,
          movesTo: null,
          movesToPort: null,
          // Its new node has not spoken of it yet; what the old one says no longer counts.
          observedState: null,
          observedIncarnation: 0,
          observedSequence: 0,
          observedAt: now,
        }),
        ...arrival.disks.map(({ uuid: disk, path, isWhole }) =>
          update(
            disks,
            {
              nodeName: arrival.node,
              path,
              state: "attached",
              ...(isWhole ? { linkedTemplateId: null } : {}),
            },
            and(eq(disks.uuid, disk), eq(disks.guestUuid, uuid)),
            { expect: 1 },
          ),
        ),
      ],
      events: [guestEvent(uuid, { state: next }), ...arrival.disks.map((disk) => diskEvent(disk.uuid))],
    };
  }

  /** The port that the domain has, unless it is another guest's by now: then the next start gives it the booked one. */
  private async portOf({ uuid, movesToPort }: Guest, { node, vncPort }: Arrival): Promise<number | null> {
    if (vncPort === null || vncPort === movesToPort) return movesToPort;
    const its = or(
      and(eq(guests.nodeName, node), eq(guests.vncPort, vncPort)),
      and(eq(guests.movesTo, node), eq(guests.movesToPort, vncPort)),
    );
    const others = await this.ground.store.count(guests, and(its, ne(guests.uuid, uuid)));
    return others > 0 ? movesToPort : vncPort;
  }

  async stayed(uuid: string, doubt: MoveDoubt): Promise<ReportEffects> {
    const guest = await this.migrating(uuid);
    if (!guest) return nothing;
    const released = releasedSet(guest, null, this.ground.clock.now());
    // Without a word from its node it is what it was: nobody moves a guest in any other state.
    const fallback = guest.wantedState === "off" && guest.startedAt === null ? "off" : "running";
    const state = released.state ?? fallback;
    const isUnsure = doubt === "yes" || (doubt === "unless running" && state !== "running");
    const { disks: hers } = await this.withBelongings(guest);
    return {
      statements: [
        changeGuest(guest, { ...released, state, movesTo: null, movesToPort: null }),
        update(disks, { state: "attached" }, and(eq(disks.guestUuid, uuid), eq(disks.state, "moving"))),
        ...(isUnsure ? this.presumed(guest) : []),
      ],
      events: [guestEvent(uuid, { state }), ...hers.map((disk) => diskEvent(disk.uuid))],
    };
  }

  /** Counts it as seen there, running, until that node's next list tells; see `GuestService.reachable`. */
  private presumed({ uuid, name, movesTo, vcpus, memoryMiB }: Guest): Statement[] {
    if (movesTo === null) return [];
    const seenAt = this.ground.clock.now();
    return [
      remove(foreignDomains, eq(foreignDomains.uuid, uuid)),
      insert(foreignDomains, {
        uuid,
        nodeName: movesTo,
        name,
        state: "running",
        kind: "orphan",
        vcpus,
        memoryMiB,
        seenAt,
      }),
    ];
  }

  /**
   * One that is gone from its node may still be migrated where another node has it: then it is found to be there
   * already. @throws AppError conflict with the reason
   */
  private async demanded(guest: Guest): Promise<Guest> {
    if (allows(guest.state, "migrate")) return guest;
    if (hasVanished(guest) && (await this.service.elsewhere(guest)) !== null) return guest;
    throw new AppError("conflict", refusalOf(guest), { name: guest.name });
  }
}
