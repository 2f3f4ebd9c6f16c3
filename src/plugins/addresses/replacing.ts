/**
 * Replacing a guest's address: what may replace what, one batch that books it, and what becomes of both addresses.
 * From the booking on the guest holds both, until the new one is verified or given up; so neither is given to others
 * while nobody knows which of them the guest has.
 */
import {
  type Actor,
  AppError,
  and,
  type ControllerContext,
  desc,
  type EventRow,
  eq,
  fieldError,
  gte,
  inArray,
  insert,
  isNull,
  lte,
  type PreparedTask,
  type ReportEffects,
  remove,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  type Task,
  type TaskError,
  update,
} from "jimv";
import { type BootLuggage, type Guest, guests } from "../guests/index.ts";
import { isOvertaken } from "./allocator.ts";
import { type Candidate, Candidates } from "./candidates.ts";
import { filterFor } from "./filters.ts";
import { hexOf, textOfHex } from "./ip.ts";
import { addressAt } from "./ranges.ts";
import { checkReplaced, isUnchanged, replaceLive } from "./replace-tasks.ts";
import type { ReplaceAddress } from "./requests.ts";
import { type AddressRow, addresses, ipPools, type Replacement, replacements } from "./schema.ts";
import { type Addresses, ipPoolEvent } from "./service.ts";
import { Telling } from "./telling.ts";
import { Tying, tieAnew } from "./tying.ts";

/** How often a booking is planned anew when somebody else was first. */
const bookingTries = 20;
/** How many of a guest's replacements its page shows. */
const shown = 20;

const guestEvent = (uuid: string): EventRow => ({ topic: "guest", key: uuid, data: null });
const nothing: ReportEffects = { statements: [] };

export class Replacing {
  private readonly candidates: Candidates;
  private readonly telling: Telling;
  private readonly tying: Tying;

  constructor(
    private readonly ground: ControllerContext,
    private readonly service: Addresses,
  ) {
    this.candidates = new Candidates(ground, service);
    this.telling = new Telling(ground, this.candidates);
    this.tying = new Tying(ground);
  }

  /** Puts what a guest is owed into its boot's luggage. */
  pack(guest: Guest, luggage: BootLuggage): Promise<void> {
    return this.telling.pack(guest, luggage);
  }

  /** Replacements of a guest, newest first. */
  ofGuest(uuid: string): Promise<Replacement[]> {
    return this.ground.store.select(replacements, {
      where: eq(replacements.guestUuid, uuid),
      orderBy: desc(replacements.createdAt),
      limit: shown,
    });
  }

  /** As `ofGuest`. @throws AppError notFound when there is no such guest */
  async listed(uuid: string): Promise<Replacement[]> {
    if ((await this.ground.store.count(guests, eq(guests.uuid, uuid))) === 0)
      throw new AppError("notFound", "guests.notFound");
    return this.ofGuest(uuid);
  }

  /** Those under way, of some guests. */
  open(uuids: readonly string[]): Promise<Replacement[]> {
    return this.ground.store.select(replacements, { where: inArray(replacements.openFor, uuids) });
  }

  /** @throws AppError notFound, invalid at a field, conflict with the reason */
  async replace(uuid: string, request: ReplaceAddress, actor: Actor): Promise<Replacement> {
    for (let left = bookingTries; ; left--) {
      try {
        return await this.book(uuid, request, actor);
      } catch (error) {
        if (error instanceof StoreUniqueError && error.index === "addresses_replacements_open")
          throw new AppError("conflict", "addresses.replacing", {}, { cause: error });
        if (!isOvertaken(error) && !(error instanceof StoreExpectationError)) throw error;
        if (left <= 1) throw new AppError("conflict", "addresses.changing", {}, { cause: error });
      }
    }
  }

  private async book(uuid: string, request: ReplaceAddress, actor: Actor): Promise<Replacement> {
    const guest = await this.guest(uuid);
    if ((await this.open([uuid])).length > 0) throw new AppError("conflict", "addresses.replacing");
    const old = await this.oldOf(guest, request.old);
    const isLive = request.when === "now";
    const jobId = await this.telling.demandWay(guest, request, old);
    const candidate =
      request.address === undefined
        ? await this.candidates.nextFree(old, request)
        : await this.candidates.typed(old, request.address, request);
    const now = this.ground.clock.now();
    const row: Replacement = {
      id: crypto.randomUUID(),
      guestUuid: uuid,
      openFor: uuid,
      mac: old.mac ?? "",
      oldAddress: old.address,
      newAddress: candidate.hex,
      way: isLive ? "live" : "boot",
      state: "planned",
      telling: 0,
      owed: !isLive,
      jobId,
      taskId: null,
      failedWord: null,
      failedArgs: null,
      actor: `${actor.kind}:${actor.name}`.slice(0, 128),
      createdAt: now,
      changedAt: now,
    };
    const task = isLive ? await this.liveTask(guest, row, candidate, actor) : null;
    row.taskId = task?.id ?? null;
    // Live, the task itself lets both addresses pass. A guest that is told at its boot must find it so.
    const isTied = !isLive && (await this.tieOf(row, candidate)) !== null;
    await this.ground.commit(
      [
        ...candidate.statements,
        insert(replacements, row),
        ...(task?.statements ?? []),
        ...(isTied ? tieAnew([uuid], now) : []),
      ],
      [guestEvent(uuid), ...(await this.poolEvents(row)), ...(task?.events ?? [])],
    );
    this.ground.tasks.kick();
    return row;
  }

  private async guest(uuid: string): Promise<Guest> {
    const guest = await this.ground.store.first(guests, { where: eq(guests.uuid, uuid) });
    if (!guest) throw new AppError("notFound", "guests.notFound");
    if (["creating", "deleting", "failed"].includes(guest.state))
      throw new AppError("conflict", "addresses.guestNotThere", { name: guest.name });
    return guest;
  }

  /** The booked address that goes. @throws AppError */
  private async oldOf(guest: Guest, wanted: string | undefined): Promise<AddressRow> {
    const rows = await this.ground.store.select(addresses, {
      where: and(eq(addresses.guestUuid, guest.uuid), eq(addresses.state, "used")),
    });
    rows.sort((a, b) => (a.address < b.address ? -1 : 1));
    if (rows.length === 0) throw new AppError("conflict", "addresses.nothingBooked", { name: guest.name });
    if (wanted === undefined) return rows[0] as AddressRow;
    const hex = hexOf(addressAt("old", wanted));
    const row = rows.find((each) => each.address === hex);
    if (!row) throw fieldError("old", "addresses.notHers", { name: guest.name, address: wanted });
    return row;
  }

  private async liveTask(
    guest: Guest,
    row: Replacement,
    candidate: Omit<Candidate, "statements">,
    actor: Actor,
    again = false,
  ): Promise<PreparedTask> {
    const old = await this.ground.store.first(addresses, { where: eq(addresses.address, row.oldAddress) });
    const before = old ? (await this.candidates.setUpOf(old)).prefix : candidate.prefix;
    return this.ground.tasks.prepare(replaceLive, {
      node: guest.nodeName,
      target: { type: "guest", key: guest.uuid, name: guest.name },
      exclusive: `${guest.uuid}:address`,
      payload: {
        replacement: row.id,
        uuid: guest.uuid,
        mac: row.mac,
        old: `${textOfHex(row.oldAddress)}/${before}`,
        now: `${textOfHex(candidate.hex)}/${candidate.prefix}`,
        gateway: candidate.gateway && textOfHex(candidate.gateway),
        seed: await this.telling.seedOf(guest, row, candidate),
        tie: await this.tieOf(row, candidate),
        again,
      },
      actor,
    });
  }

  /** What the guest's interface is under on the way to a new address; null where it is not tied at all. */
  private async tieOf(row: Replacement, candidate: Pick<Candidate, "hex" | "protect">) {
    const held = await this.tying.addressesOf(row.guestUuid);
    const others = held.filter(({ hex }) => hex !== candidate.hex);
    const fresh = { address: textOfHex(candidate.hex), protect: candidate.protect };
    const during = filterFor([...others, fresh]);
    const after = filterFor([...others.filter(({ hex }) => hex !== row.oldAddress), fresh]);
    return during === null && after === null ? null : { during, after };
  }

  /** A guest was told, live or by its seed. Hearing it twice changes nothing the second time. */
  async applied(id: string, telling: number): Promise<ReportEffects> {
    const row = await this.ground.store.first(replacements, { where: eq(replacements.id, id) });
    if (row?.telling !== telling) return nothing;
    return this.told(row);
  }

  /** How the boot job went that tells a guest. */
  async jobEnded(guestUuid: string, jobId: string, succeeded: boolean): Promise<ReportEffects> {
    const row = await this.ground.store.first(replacements, {
      where: and(
        eq(replacements.guestUuid, guestUuid),
        eq(replacements.jobId, jobId),
        eq(replacements.owed, true),
      ),
    });
    if (!row) return nothing;
    if (succeeded) return this.told(row);
    return this.changed(row, { failedWord: "addresses.jobFailed", failedArgs: {} });
  }

  private async told(row: Replacement): Promise<ReportEffects> {
    if (row.openFor === null) return row.owed ? this.settledWith(row, {}) : nothing;
    if (row.state !== "planned") return nothing;
    if (row.way === "live") return this.changed(row, { state: "applied" });
    const task = await this.checkTask(row);
    const effects = this.settledWith(row, {
      state: "applied",
      failedWord: null,
      failedArgs: null,
      ...(task ? { taskId: task.id } : {}),
    });
    return {
      statements: [...effects.statements, ...(task?.statements ?? [])],
      events: [...(effects.events ?? []), ...(task?.events ?? [])],
      after: () => this.ground.tasks.kick(),
    };
  }

  /** The guest's files say what is booked: nothing older is owed to it either. */
  private settledWith(row: Replacement, set: Partial<Replacement>): ReportEffects {
    const { statements, events = [] } = this.changed(row, { ...set, owed: false });
    const older = and(eq(replacements.guestUuid, row.guestUuid), eq(replacements.owed, true));
    return { statements: [...statements, update(replacements, { owed: false }, older)], events };
  }

  private async checkTask(row: Replacement): Promise<PreparedTask | null> {
    const guest = await this.ground.store.first(guests, { where: eq(guests.uuid, row.guestUuid) });
    const open = await this.ground.tasks.openFor("guest", [row.guestUuid]);
    if (!guest || open.some(({ kind }) => kind === checkReplaced.kind)) return null;
    const fresh = await this.ground.store.first(addresses, { where: eq(addresses.address, row.newAddress) });
    const protect = fresh ? (await this.candidates.setUpOf(fresh)).protect : false;
    return this.ground.tasks.prepare(checkReplaced, {
      node: guest.nodeName,
      target: { type: "guest", key: guest.uuid, name: guest.name },
      exclusive: `${guest.uuid}:address`,
      payload: {
        replacement: row.id,
        uuid: guest.uuid,
        mac: row.mac,
        address: textOfHex(row.newAddress),
        tie: await this.tieOf(row, { hex: row.newAddress, protect }),
      },
      actor: { kind: "system", name: "addresses" },
    });
  }

  /** The new address answered: it is the guest's, and the old one is released. */
  async verified(id: string, told: boolean, tied: boolean): Promise<ReportEffects> {
    const row = await this.openRow(id);
    if (!row) return nothing;
    const set = { state: "verified", openFor: null, failedWord: null, failedArgs: null } as const;
    const effects =
      row.way === "boot" || told
        ? this.settledWith(row, set)
        : this.changed(row, { ...set, owed: true, telling: row.telling + 1 });
    return this.rebooked(effects, row, row.oldAddress, !tied);
  }

  /** It did not come about. Where nobody knows what the guest has, it stays open and both addresses are kept. */
  async failed(id: string, { word, args }: TaskError, task: Task, again = false): Promise<ReportEffects> {
    const row = await this.openRow(id);
    if (!row || (row.taskId !== null && row.taskId !== task.id)) return nothing;
    const failure = { failedWord: word.slice(0, 64), failedArgs: args };
    if (row.way === "boot" || !isUnchanged(word, task, again)) return this.changed(row, failure);
    const effects = this.changed(row, {
      ...failure,
      state: word === "addresses.rolledBack" ? "rolledBack" : "failed",
      openFor: null,
      telling: row.telling + 1,
    });
    return this.rebooked(effects, row, row.newAddress, true);
  }

  /** Tries an open replacement again, or looks again whether the guest answers. @throws AppError */
  async again(uuid: string, actor: Actor): Promise<void> {
    const row = await this.needOpen(uuid);
    const guest = await this.guest(uuid);
    let task: PreparedTask | null;
    if (row.way === "boot") {
      if (row.state !== "applied") throw new AppError("conflict", "addresses.notTold", { name: guest.name });
      task = await this.checkTask(row);
    } else {
      if (guest.state !== "running")
        throw new AppError("conflict", "addresses.live.notRunning", { name: guest.name });
      const fresh = await this.ground.store.first(addresses, {
        where: eq(addresses.address, row.newAddress),
      });
      if (!fresh) throw new AppError("conflict", "addresses.changing");
      const setUp = await this.candidates.setUpOf(fresh);
      task = await this.liveTask(guest, row, { hex: row.newAddress, ...setUp }, actor, true);
    }
    if (!task) throw new AppError("conflict", "addresses.replacing");
    const effects = this.changed(row, { taskId: task.id, failedWord: null, failedArgs: null });
    await this.write(
      [...effects.statements, ...task.statements],
      [...(effects.events ?? []), ...task.events],
    );
    this.ground.tasks.kick();
  }

  /** Gives the new address up. @throws AppError while the guest is being told */
  async takeBack(uuid: string): Promise<void> {
    const row = await this.needOpen(uuid);
    const guest = await this.guest(uuid);
    const open = (await this.ground.tasks.openFor("guest", [uuid])).filter(({ id }) => id === row.taskId);
    if (guest.state === "starting" || (row.way === "live" && open.length > 0))
      throw new AppError("conflict", "addresses.underWay", { name: guest.name });
    const wasTold = row.state === "applied" || row.way === "live";
    const effects = this.changed(row, {
      state: "rolledBack",
      openFor: null,
      // What the guest was told, or may have been, is told anew at its next boot.
      owed: wasTold,
      telling: row.telling + 1,
    });
    const { statements, events } = await this.rebooked(effects, row, row.newAddress, true);
    await this.write(statements, events ?? []);
    for (const { id } of open) await this.ground.tasks.cancel(id).catch(() => {});
  }

  private async write(statements: Statement[], events: EventRow[]): Promise<void> {
    try {
      await this.ground.commit(statements, events);
    } catch (error) {
      if (error instanceof StoreUniqueError && error.index === "tasks_exclusive")
        throw new AppError("conflict", "addresses.replacing", {}, { cause: error });
      if (error instanceof StoreExpectationError)
        throw new AppError("conflict", "addresses.changing", {}, { cause: error });
      throw error;
    }
  }

  private async needOpen(uuid: string): Promise<Replacement> {
    const [row] = await this.open([uuid]);
    if (!row) throw new AppError("notFound", "addresses.notReplacing");
    return row;
  }

  private async openRow(id: string): Promise<Replacement | null> {
    const row = await this.ground.store.first(replacements, { where: eq(replacements.id, id) });
    return row?.openFor ? row : null;
  }

  private changed(row: Replacement, set: Partial<Replacement>): ReportEffects {
    const same = row.openFor === null ? isNull(replacements.openFor) : eq(replacements.openFor, row.openFor);
    return {
      statements: [
        update(
          replacements,
          { ...set, changedAt: this.ground.clock.now() },
          and(eq(replacements.id, row.id), same),
          { expect: 1 },
        ),
      ],
      events: [guestEvent(row.guestUuid)],
    };
  }

  /**
   * The one place where the booked addresses of an interface change for good: `released` is no longer the guest's.
   * `ties`: its node has yet to see to it that it does not pass any more.
   */
  private async rebooked(
    effects: ReportEffects,
    row: Replacement,
    released: string,
    ties: boolean,
  ): Promise<ReportEffects> {
    const isTied = ties && (await this.tying.filterOf(row.guestUuid)) !== null;
    return {
      statements: [
        ...effects.statements,
        await this.released(released),
        ...(isTied ? tieAnew([row.guestUuid], this.ground.clock.now()) : []),
      ],
      events: [...(effects.events ?? []), ...(await this.poolEvents(row))],
    };
  }

  /** In a range that is given out automatically it is recycled and rests; elsewhere it is dropped. */
  private async released(hex: string): Promise<Statement> {
    const { store } = this.ground;
    const pool = await store.first(ipPools, { where: and(lte(ipPools.first, hex), gte(ipPools.last, hex)) });
    const where = eq(addresses.address, hex);
    if (!pool) return remove(addresses, where);
    return update(addresses, { ...(await this.service.resting()), poolId: pool.id }, where);
  }

  private async poolEvents(row: Replacement): Promise<EventRow[]> {
    const rows = await this.ground.store.select(addresses, {
      where: inArray(addresses.address, [row.oldAddress, row.newAddress]),
    });
    return [...new Set(rows.map(({ poolId }) => poolId))]
      .filter((id) => id !== "")
      .map((id) => ipPoolEvent(id));
  }
}
