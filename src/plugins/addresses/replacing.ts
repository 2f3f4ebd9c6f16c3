/**
 * Replacing a guest's address: what may replace what, one batch that books it, and what becomes of both addresses.
 * From the booking on the guest holds both, until the new one is verified or given up; so neither is given to others
 * while nobody knows which of them the guest has.
 */
import {
  type Actor,
  AppError,
  and,
  asc,
  type ControllerContext,
  desc,
  type EventRow,
  eq,
  fieldError,
  inArray,
  insert,
  type PreparedTask,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  type Task,
} from "jimv";
import { type BootLuggage, type Guest, guests } from "../guests/index.ts";
import { isOvertaken } from "./allocator.ts";
import { Candidates } from "./candidates.ts";
import { Endings, guestEvent } from "./endings.ts";
import { hexOf, textOfHex } from "./ip.ts";
import { type Following, Orders } from "./orders.ts";
import { addressAt } from "./ranges.ts";
import { actionsOf, type ReplacementAction, whyNot } from "./replacement-states.ts";
import type { ReplaceAddress } from "./requests.ts";
import { type AddressRow, addresses, type Replacement, replacements, stillHeld } from "./schema.ts";
import type { Addresses } from "./service.ts";
import { Telling } from "./telling.ts";
import { Tying, tieAnew } from "./tying.ts";

/** How often a booking is planned anew when somebody else was first. */
const bookingTries = 20;
/** How many of a guest's replacements its page shows. */
const shown = 20;

export class Replacing {
  private readonly candidates: Candidates;
  private readonly telling: Telling;
  private readonly orders: Orders;
  /** What becomes of them. */
  readonly endings: Endings;

  constructor(
    private readonly ground: ControllerContext,
    service: Addresses,
  ) {
    this.candidates = new Candidates(ground, service);
    this.telling = new Telling(ground, this.candidates);
    const tying = new Tying(ground);
    this.orders = new Orders(ground, this.candidates, this.telling, tying);
    this.endings = new Endings(ground, service, this.orders, tying);
  }

  /** Puts what a guest is owed into its boot's luggage; what must be written in the batch that books the boot. */
  pack(guest: Guest, luggage: BootLuggage): Promise<Statement[]> {
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
    const [held] = await this.heldOf(uuid);
    // The guest changes one address for another, and may have a third.
    if (isLive && held)
      throw fieldError(
        "when",
        "addresses.live.held",
        { name: guest.name, address: textOfHex(held.newAddress) },
        "conflict",
      );
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
    const task = isLive ? await this.orders.live(guest, row, candidate, actor) : null;
    row.taskId = task?.id ?? null;
    // Live, the task itself lets both addresses pass. A guest that is told at its boot must find it so.
    const isTied = !isLive && (await this.orders.tieOf(row, candidate)) !== null;
    await this.ground.commit(
      [
        ...candidate.statements,
        insert(replacements, row),
        ...(task?.statements ?? []),
        ...(isTied ? tieAnew([uuid], now) : []),
      ],
      [
        guestEvent(uuid),
        ...(await this.endings.poolEvents([row.oldAddress, row.newAddress])),
        ...(task?.events ?? []),
      ],
    );
    this.ground.tasks.kick();
    return row;
  }

  /** Given up, and the guest may still have the new address. */
  private heldOf(uuid: string): Promise<Replacement[]> {
    return this.ground.store.select(replacements, {
      where: and(eq(replacements.guestUuid, uuid), stillHeld),
    });
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
    const held = (await this.heldOf(guest.uuid)).map(({ newAddress }) => newAddress);
    const all = await this.ground.store.select(addresses, {
      where: and(eq(addresses.guestUuid, guest.uuid), eq(addresses.state, "used")),
      orderBy: asc(addresses.address),
    });
    const rows = all.filter(({ address }) => !held.includes(address));
    if (rows.length === 0) throw new AppError("conflict", "addresses.nothingBooked", { name: guest.name });
    if (wanted === undefined) return rows[0] as AddressRow;
    const hex = hexOf(addressAt("old", wanted));
    const row = rows.find((each) => each.address === hex);
    if (!row) throw fieldError("old", "addresses.notHers", { name: guest.name, address: wanted });
    return row;
  }

  /** Looks again whether the guest answers, or tries a live replacement again. @throws AppError */
  async again(uuid: string, actor: Actor): Promise<void> {
    const { row, guest } = await this.needOpen(uuid, "again");
    const task =
      row.way === "boot"
        ? await this.orders.check(row)
        : await this.orderOnce(guest, row, actor, { again: true, unseen: false });
    await this.ordered(row, task);
  }

  /**
   * The new address is the guest's although nobody sees it answer: a guest that drops pings, behind a router. A guest
   * that was told at its boot has it at once; in one that runs, its agent still has to keep the change. @throws AppError
   */
  async confirm(uuid: string, actor: Actor): Promise<void> {
    const { row, guest } = await this.needOpen(uuid, "confirm");
    if (row.way === "live")
      return this.ordered(row, await this.orderOnce(guest, row, actor, { again: true, unseen: true }));
    const open = await this.openTasks(row);
    const { statements, events } = await this.endings.kept(row, true, false);
    await this.write(statements, events ?? []);
    for (const { id } of open) await this.ground.tasks.cancel(id).catch(() => {});
  }

  private orderOnce(guest: Guest, row: Replacement, actor: Actor, more: Following) {
    if (guest.state !== "running")
      throw new AppError("conflict", "addresses.live.notRunning", { name: guest.name });
    return this.orders.liveOnce(guest, row, actor, more);
  }

  private async ordered(row: Replacement, task: PreparedTask | null): Promise<void> {
    if (!task) throw new AppError("conflict", "addresses.changing");
    const set = { taskId: task.id, failedWord: null, failedArgs: null };
    const { statements, events = [] } = this.endings.changed(row, set);
    await this.write([...statements, ...task.statements], [...events, ...task.events]);
    this.ground.tasks.kick();
  }

  /** Gives the new address up. @throws AppError while the guest is being told */
  async takeBack(uuid: string): Promise<void> {
    const { row, guest } = await this.needOpen(uuid, "takeBack");
    const open = await this.openTasks(row);
    if (guest.state === "starting" || (row.way === "live" && open.length > 0))
      throw new AppError("conflict", "addresses.underWay", { name: guest.name });
    const { statements, events } = await this.endings.givenUp(row);
    await this.write(statements, events ?? []);
    for (const { id } of open) await this.ground.tasks.cancel(id).catch(() => {});
  }

  private async openTasks(row: Replacement): Promise<Task[]> {
    const open = await this.ground.tasks.openFor("guest", [row.guestUuid]);
    return open.filter(({ id }) => id === row.taskId);
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

  /** @throws AppError notFound when there is none, conflict when it does not allow the action as it stands */
  private async needOpen(
    uuid: string,
    action: ReplacementAction,
  ): Promise<{ row: Replacement; guest: Guest }> {
    const [row] = await this.open([uuid]);
    if (!row) throw new AppError("notFound", "addresses.notReplacing");
    const guest = await this.guest(uuid);
    if (!actionsOf(row).includes(action)) throw new AppError("conflict", whyNot(row), { name: guest.name });
    return { row, guest };
  }
}
