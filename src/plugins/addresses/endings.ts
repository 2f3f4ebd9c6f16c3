/**
 * What becomes of replacements: a guest was told, its new address answered, or it did not come about. An address that
 * goes is released only once it is sure that the guest does not have it.
 */
import {
  and,
  type ControllerContext,
  desc,
  type EventRow,
  type Expression,
  eq,
  gte,
  inArray,
  isNull,
  lte,
  ne,
  type ReportEffects,
  remove,
  type Statement,
  type Task,
  type TaskError,
  update,
} from "jimv";
import type { QueuedJob } from "../boot-jobs/index.ts";
import type { Orders } from "./orders.ts";
import { isUnchanged } from "./replace-tasks.ts";
import { addresses, ipPools, isStillHeld, type Replacement, replacements, stillHeld } from "./schema.ts";
import { type Addresses, ipPoolEvent } from "./service.ts";
import { type Tying, tieAnew } from "./tying.ts";

const nothing: ReportEffects = { statements: [] };
export const guestEvent = (uuid: string): EventRow => ({ topic: "guest", key: uuid, data: null });

export class Endings {
  constructor(
    private readonly ground: ControllerContext,
    private readonly service: Addresses,
    private readonly orders: Orders,
    private readonly tying: Tying,
  ) {}

  /** A guest was told, live or by its seed. Hearing it twice changes nothing the second time. */
  async applied(id: string, telling: number): Promise<ReportEffects> {
    const row = await this.ground.store.first(replacements, { where: eq(replacements.id, id) });
    if (row?.telling !== telling) return nothing;
    return this.told(row);
  }

  /** How the boot job went that tells a guest. */
  async jobEnded(
    { guestUuid, jobId, queuedAt }: Pick<QueuedJob, "guestUuid" | "jobId" | "queuedAt">,
    succeeded: boolean,
  ): Promise<ReportEffects> {
    const row = await this.ground.store.first(replacements, {
      where: and(
        eq(replacements.guestUuid, guestUuid),
        eq(replacements.jobId, jobId),
        eq(replacements.owed, true),
      ),
      // Its values were those of the newest one.
      orderBy: desc(replacements.createdAt),
    });
    if (!row) return nothing;
    // Queued before it was given up, it may have told the address that was given up: the next boot tells anew.
    if (isStillHeld(row) && queuedAt < row.changedAt) return nothing;
    if (succeeded) return this.told(row);
    return this.changed(row, { failedWord: "addresses.jobFailed", failedArgs: {} });
  }

  private async told(row: Replacement): Promise<ReportEffects> {
    if (row.openFor === null) return row.owed ? this.settledWith(row, {}) : nothing;
    if (row.state !== "planned") return nothing;
    if (row.way === "live") return this.changed(row, { state: "applied" });
    const task = await this.orders.check(row);
    const effects = await this.settledWith(row, {
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

  /** The guest's files say what is booked: nothing older is owed to it, and what it was to lose it does not have. */
  private async settledWith(row: Replacement, set: Partial<Replacement>): Promise<ReportEffects> {
    const effects = this.changed(row, { ...set, owed: false });
    const older = and(
      eq(replacements.guestUuid, row.guestUuid),
      ne(replacements.id, row.id),
      eq(replacements.owed, true),
    );
    const held = await this.ground.store.select(replacements, { where: and(older, stillHeld) });
    const all = isStillHeld(row) ? [row, ...held] : held;
    const { statements, events = [] } = effects;
    const settled = { statements: [...statements, update(replacements, { owed: false }, older)], events };
    return all.length === 0
      ? settled
      : this.releasing(
          settled,
          row.guestUuid,
          all.map(({ newAddress }) => newAddress),
          true,
        );
  }

  /** The new address answered: it is the guest's, and the old one is released. */
  async verified(id: string, told: boolean, tied: boolean): Promise<ReportEffects> {
    const row = await this.openRow(id);
    return row ? this.kept(row, told, tied) : nothing;
  }

  /** The new address is the guest's. */
  async kept(row: Replacement, told: boolean, tied: boolean): Promise<ReportEffects> {
    const set = { state: "verified", openFor: null, failedWord: null, failedArgs: null } as const;
    const effects =
      row.way === "boot" || told
        ? await this.settledWith(row, set)
        : this.changed(row, { ...set, owed: true, telling: row.telling + 1 });
    return this.releasing(effects, row.guestUuid, [row.oldAddress], !tied);
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
    return this.releasing(effects, row.guestUuid, [row.newAddress], true);
  }

  /**
   * A person gives the new address up. A guest that may have been told keeps both until it is told anew, at its next
   * boot: nobody else may have an address that it may be using.
   */
  givenUp(row: Replacement): Promise<ReportEffects> {
    const mayHaveIt = row.state === "applied" || row.way === "live" || row.telling > 0;
    const set = { state: "rolledBack", openFor: null, owed: mayHaveIt, telling: row.telling + 1 } as const;
    // Not if a start that takes the telling along was booked meanwhile.
    const effects = this.changed(row, set, eq(replacements.telling, row.telling));
    return this.releasing(effects, row.guestUuid, mayHaveIt ? [] : [row.newAddress], true);
  }

  private async openRow(id: string): Promise<Replacement | null> {
    const row = await this.ground.store.first(replacements, { where: eq(replacements.id, id) });
    return row?.openFor ? row : null;
  }

  /** @param only what else must be so of its row when the batch is written */
  changed(row: Replacement, set: Partial<Replacement>, only?: Expression): ReportEffects {
    const same = row.openFor === null ? isNull(replacements.openFor) : eq(replacements.openFor, row.openFor);
    return {
      statements: [
        update(
          replacements,
          { ...set, changedAt: this.ground.clock.now() },
          and(eq(replacements.id, row.id), same, only),
          { expect: 1 },
        ),
      ],
      events: [guestEvent(row.guestUuid)],
    };
  }

  /**
   * The one place where the addresses that a guest holds become fewer by a replacement. `ties`: its node has yet to see
   * to it that what is released does not pass any more.
   */
  private async releasing(
    effects: ReportEffects,
    guestUuid: string,
    released: readonly string[],
    ties: boolean,
  ): Promise<ReportEffects> {
    const isTied = ties && (await this.tying.filterOf(guestUuid)) !== null;
    return {
      statements: [
        ...effects.statements,
        ...(await Promise.all(released.map((hex) => this.released(hex, guestUuid)))),
        ...(isTied ? tieAnew([guestUuid], this.ground.clock.now()) : []),
      ],
      events: [...(effects.events ?? []), ...(await this.poolEvents(released))],
    };
  }

  /** In a range that is given out automatically it is recycled and rests; elsewhere it is dropped. */
  private async released(hex: string, guestUuid: string): Promise<Statement> {
    const { store } = this.ground;
    const pool = await store.first(ipPools, { where: and(lte(ipPools.first, hex), gte(ipPools.last, hex)) });
    const where = and(eq(addresses.address, hex), eq(addresses.guestUuid, guestUuid));
    if (!pool) return remove(addresses, where);
    return update(addresses, { ...(await this.service.resting()), poolId: pool.id }, where);
  }

  /** What the pages of the addresses' pools hear. */
  async poolEvents(hexes: readonly string[]): Promise<EventRow[]> {
    if (hexes.length === 0) return [];
    const rows = await this.ground.store.select(addresses, { where: inArray(addresses.address, hexes) });
    return [...new Set(rows.map(({ poolId }) => poolId))]
      .filter((id) => id !== "")
      .map((id) => ipPoolEvent(id));
  }
}
