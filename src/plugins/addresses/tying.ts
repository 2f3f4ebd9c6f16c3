/**
 * Guests whose interface must be tied anew to their addresses, since a pool's setting or their addresses changed.
 * Each has a row, written in the batch that changes them, until its node has done it: so nothing is forgotten while
 * a node or a controller is away. What it is tied to is read when its task is made, and looked at again at its end.
 */
import {
  AppError,
  and,
  type ControllerContext,
  type EventRow,
  eq,
  type InterfaceFilter,
  inArray,
  isNotNull,
  isNull,
  isSameFilter,
  lte,
  or,
  type PayloadOf,
  type ReportEffects,
  remove,
  type Statement,
  type Static,
  StoreUniqueError,
  type TaskError,
  timing,
  update,
  upsert,
} from "jimv";
import { type BootLuggage, type Guest, guestInterfaces, guests } from "../guests/index.ts";
import { nodeService } from "../nodes/index.ts";
import { filterFor, type OwnAddress } from "./filters.ts";
import { textOfHex } from "./ip.ts";
import { type CarriedTie, carriedTieAs, checkReplaced, replaceLive, tieGuest } from "./replace-tasks.ts";
import { type AddressRow, addresses, ipPools, type Tie, ties } from "./schema.ts";

/** Tasks that tie a guest themselves, or must not be disturbed. */
const busyKinds: readonly string[] = [replaceLive.kind, checkReplaced.kind, tieGuest.kind];
/** In these states a guest's domain is where its row says, and nothing else changes it. */
const quietStates: readonly string[] = ["off", "running", "paused", "crashed"];

/** What writes down that these guests must be tied anew. */
export const tieAnew = (guestUuids: readonly string[], now: number): Statement[] =>
  guestUuids.map((guestUuid) => {
    const fresh = { since: now, triedAt: null, failedWord: null, failedArgs: null };
    return upsert(ties, { guestUuid, ...fresh }, ["guestUuid"], fresh);
  });

type Ground = Pick<ControllerContext, "store" | "clock" | "tasks" | "commit" | "log" | "use">;

export class Tying {
  constructor(private readonly ground: Ground) {}

  /** What a guest's interface shall be under now. */
  async filterOf(guestUuid: string): Promise<InterfaceFilter | null> {
    return filterFor(await this.addressesOf(guestUuid));
  }

  /** All addresses that a guest holds, also both of a replacement that is under way. */
  async addressesOf(guestUuid: string): Promise<(OwnAddress & { hex: string })[]> {
    const { store } = this.ground;
    const rows = await store.select(addresses, {
      where: and(eq(addresses.guestUuid, guestUuid), eq(addresses.state, "used")),
    });
    const ids = [...new Set(rows.map(({ poolId }) => poolId))].filter((id) => id !== "");
    const pools = ids.length > 0 ? await store.select(ipPools, { where: inArray(ipPools.id, ids) }) : [];
    const protects = (row: AddressRow): boolean =>
      pools.find(({ id }) => id === row.poolId)?.protect ?? row.protect ?? false;
    return rows.map((row) => ({
      hex: row.address,
      address: textOfHex(row.address),
      protect: protects(row),
    }));
  }

  /** Guests that still wait to be tied anew, of some. */
  async waiting(guestUuids: readonly string[]): Promise<Tie[]> {
    if (guestUuids.length === 0) return [];
    return this.ground.store.select(ties, { where: inArray(ties.guestUuid, guestUuids) });
  }

  /** Begins a task for each guest that waits and is at rest. Run by the leader, every now and then. */
  async work(): Promise<void> {
    const { store, clock, tasks, log } = this.ground;
    const again = clock.now() - timing.tieAgainMilliseconds;
    const rows = await store.select(ties, { where: or(isNull(ties.triedAt), lte(ties.triedAt, again)) });
    if (rows.length === 0) return;
    const uuids = rows.map(({ guestUuid }) => guestUuid);
    const [whose, open] = await Promise.all([
      store.select(guests, { where: inArray(guests.uuid, uuids) }),
      tasks.openFor("guest", uuids),
    ]);
    const busy = new Set(open.filter(({ kind }) => busyKinds.includes(kind)).map((task) => task.targetKey));
    for (const guest of whose) {
      if (busy.has(guest.uuid) || !quietStates.includes(guest.state)) continue;
      try {
        await this.begin(guest);
      } catch (error) {
        // Another controller was first, or its node was never here: the next turn looks again.
        if (!(error instanceof StoreUniqueError || error instanceof AppError)) throw error;
        log.debug("a guest is not tied yet", { guest: guest.name, error: String(error) });
      }
    }
    tasks.kick();
  }

  /**
   * Puts what a guest waits for into its boot's luggage: it must not start under what held before, and no task of its
   * own can tie it while it does.
   */
  async pack({ uuid }: Guest, luggage: BootLuggage): Promise<void> {
    const { store } = this.ground;
    if ((await this.waiting([uuid])).length === 0) return;
    const card = await store.first(guestInterfaces, { where: eq(guestInterfaces.guestUuid, uuid) });
    if (!card) return;
    const carried: Static<typeof CarriedTie> = { mac: card.mac, filter: await this.filterOf(uuid) };
    luggage.carry[carriedTieAs] = JSON.stringify(carried);
  }

  private async begin(guest: Guest): Promise<void> {
    const { store, clock, tasks } = this.ground;
    const { uuid, name, nodeName } = guest;
    const node = await this.ground.use(nodeService).get(nodeName);
    if (node?.state === "offline") return;
    const card = await store.first(guestInterfaces, { where: eq(guestInterfaces.guestUuid, uuid) });
    if (!card) return;
    const task = await tasks.prepare(tieGuest, {
      node: nodeName,
      target: { type: "guest", key: uuid, name },
      exclusive: `${uuid}:tie`,
      payload: { uuid, mac: card.mac, filter: await this.filterOf(uuid) },
      actor: { kind: "system", name: "addresses" },
    });
    const tried = update(ties, { triedAt: clock.now() }, eq(ties.guestUuid, uuid), { expect: 1 });
    await this.ground.commit([tried, ...task.statements], task.events);
  }

  /** A node has tied a guest. What changed on the way is done in another turn. */
  async tied({ uuid, filter }: PayloadOf<typeof tieGuest>): Promise<ReportEffects> {
    const isRight = isSameFilter(filter, await this.filterOf(uuid));
    // One that was written down again meanwhile has not been tried.
    const tried = and(eq(ties.guestUuid, uuid), isNotNull(ties.triedAt));
    return {
      statements: [isRight ? remove(ties, tried) : update(ties, { triedAt: null }, tried)],
      events: await this.events(uuid),
    };
  }

  async failed({ uuid }: PayloadOf<typeof tieGuest>, { word, args }: TaskError): Promise<ReportEffects> {
    const failure = { failedWord: word.slice(0, 64), failedArgs: args };
    return {
      statements: [update(ties, failure, eq(ties.guestUuid, uuid))],
      events: await this.events(uuid),
    };
  }

  private async events(uuid: string): Promise<EventRow[]> {
    const rows = await this.ground.store.select(addresses, { where: eq(addresses.guestUuid, uuid) });
    const pools = [...new Set(rows.map(({ poolId }) => poolId))].filter((id) => id !== "");
    return [
      { topic: "guest", key: uuid, data: null },
      ...pools.map((key) => ({ topic: "ip-pool", key, data: null })),
    ];
  }
}
