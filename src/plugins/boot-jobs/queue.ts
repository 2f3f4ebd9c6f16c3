/** What is queued on guests: asking for it, taking it back, giving it along with a boot, and hearing how it went. */
import {
  type Actor,
  AppError,
  and,
  asc,
  type ControllerContext,
  desc,
  type Envelope,
  type EventRow,
  eq,
  fits,
  inArray,
  insert,
  lte,
  ne,
  type ReportEffects,
  remove,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  timing,
  update,
} from "jimv";
import { type Disk, disks } from "../disks/index.ts";
import { type BootLuggage, type Guest, guests, type NewGuest } from "../guests/index.ts";
import { type BootJobs, bootJobEnded, type MadeGuest } from "./contract.ts";
import { carriedAs, EndedReport, type Outcome, type Plan } from "./plan.ts";
import { type BootJob, bootJobs, type QueuedJob, queuedJobs } from "./schema.ts";
import type { Jobs } from "./service.ts";
import { BootJobSettings } from "./settings.ts";
import { namesIn } from "./variables.ts";

/** How often it is decided anew when a start or somebody else came in between. */
const takeBackTries = 5;

type Ground = Pick<ControllerContext, "store" | "clock" | "commit" | "hooks" | "settings" | "log">;

const guestEvent = (uuid: string): EventRow => ({ topic: "guest", key: uuid, data: null });
export const queuedEvent = (id: string): EventRow => ({ topic: "bootQueue", key: id });

type Outcomes = Outcome[];
/** What a start is asked for. */
type Boot = { guest: Guest; luggage: BootLuggage; statements: Statement[] };

/** In these states a boot's jobs may be under way, and can neither be taken back nor expire. */
const booting = ["creating", "starting"] as const;

export class Queue implements BootJobs {
  constructor(
    private readonly ground: Ground,
    private readonly jobs: Jobs,
  ) {}

  keepSystemJob(...args: Parameters<BootJobs["keepSystemJob"]>) {
    return this.jobs.keepSystemJob(...args);
  }

  /** What is queued on guests, or has ended there, newest first. */
  ofGuests(uuids: readonly string[], state?: QueuedJob["state"]): Promise<QueuedJob[]> {
    return this.ground.store.select(queuedJobs, {
      where: and(
        inArray(queuedJobs.guestUuid, uuids),
        state === undefined ? undefined : eq(queuedJobs.state, state),
      ),
      orderBy: [desc(queuedJobs.queuedAt), desc(queuedJobs.position)],
    });
  }

  async list(query: {
    state?: QueuedJob["state"];
    guest?: string;
    offset: number;
    limit: number;
  }): Promise<{ items: QueuedJob[]; total: number }> {
    const where = and(
      query.state === undefined ? undefined : eq(queuedJobs.state, query.state),
      query.guest === undefined ? undefined : eq(queuedJobs.guestUuid, query.guest),
    );
    const { store } = this.ground;
    const [items, total] = await Promise.all([
      store.select(queuedJobs, {
        where,
        orderBy: [desc(queuedJobs.queuedAt), asc(queuedJobs.position)],
        offset: query.offset,
        limit: query.limit,
      }),
      store.count(queuedJobs, where),
    ]);
    return { items, total };
  }

  async queue(guestUuids: readonly string[], jobIds: readonly string[], actor: Actor): Promise<string[]> {
    const [hers, wanted] = await Promise.all([
      this.rows(new Set(guestUuids)),
      Promise.all(
        [...new Set(jobIds)].map((id) =>
          actor.kind === "system" ? this.jobs.need(id) : this.jobs.needOwn(id),
        ),
      ),
    ]);
    for (const guest of hers) {
      if (guest.state === "deleting" || guest.state === "failed")
        throw new AppError("conflict", "boot-jobs.guestGoes", { guest: guest.name });
      for (const job of wanted) await this.valuesFor(job, guest);
    }
    const { pendingMinutes } = await this.ground.settings.read("boot-jobs", BootJobSettings);
    const expires = pendingMinutes > 0 ? this.ground.clock.now() + pendingMinutes * 60_000 : null;
    const rows = hers.flatMap((guest) => this.rowsOf(guest, wanted, expires, actor));
    try {
      await this.ground.commit(
        [insert(queuedJobs, rows)],
        [...hers.map(({ uuid }) => guestEvent(uuid)), ...rows.map(({ id }) => queuedEvent(id))],
      );
    } catch (error) {
      if (!(error instanceof StoreUniqueError) || error.index !== "boot_jobs_queued_once") throw error;
      throw await this.queuedAlready(rows, hers, error);
    }
    return rows.map(({ id }) => id);
  }

  async takeBack(ids: readonly string[]): Promise<number> {
    for (let left = takeBackTries; ; left--) {
      const rows = await this.ground.store.select(queuedJobs, {
        where: and(inArray(queuedJobs.id, ids), eq(queuedJobs.state, "pending")),
      });
      await this.demandNotBooting(rows);
      try {
        await this.drop(rows);
        return rows.length;
      } catch (error) {
        if (!(error instanceof StoreExpectationError)) throw error;
        if (left <= 1) throw new AppError("conflict", "boot-jobs.changing", {}, { cause: error });
      }
    }
  }

  /** Forgets a job that has ended: its log has been read. @throws AppError notFound */
  async dismiss(id: string): Promise<void> {
    const row = await this.need(id);
    if (row.state === "pending") throw new AppError("conflict", "boot-jobs.notEnded");
    await this.ground.commit(
      [remove(queuedJobs, and(eq(queuedJobs.id, id), ne(queuedJobs.state, "pending")))],
      [guestEvent(row.guestUuid), queuedEvent(id)],
    );
  }

  async need(id: string): Promise<QueuedJob> {
    const row = await this.ground.store.first(queuedJobs, { where: eq(queuedJobs.id, id) });
    if (!row) throw new AppError("notFound", "boot-jobs.notQueued");
    return row;
  }

  /**
   * Puts what is pending on a guest into its boot's luggage. What has lost a value since it was queued fails here, with
   * its reason. @throws AppError when such a one is to keep its guest off
   */
  async pack({ guest, luggage, statements }: Boot): Promise<void> {
    const { store, clock } = this.ground;
    const pending = (
      await store.select(queuedJobs, {
        where: and(eq(queuedJobs.guestUuid, guest.uuid), eq(queuedJobs.state, "pending")),
        orderBy: [asc(queuedJobs.queuedAt), asc(queuedJobs.position)],
      })
    ).filter((row) => row.expiresAt === null || row.expiresAt > clock.now());
    const ready = await this.withoutLost(guest, pending);
    if (ready.length === 0) return;
    const hers = await store.select(disks, { where: eq(disks.guestUuid, guest.uuid) });
    await this.packed(guest, hers, ready, luggage);
    // Not if one was taken back meanwhile; and who takes one back later sees this.
    for (const row of ready)
      statements.push(update(queuedJobs, { boots: row.boots + 1 }, this.untouched(row), { expect: 1 }));
  }

  /** Those whose values are all there; the others have failed afterwards. */
  private async withoutLost(guest: Guest, pending: readonly QueuedJob[]): Promise<QueuedJob[]> {
    const ready: QueuedJob[] = [];
    const lost: Outcomes = [];
    for (const row of pending) {
      const job = await this.ground.store.first(bootJobs, { where: eq(bootJobs.id, row.jobId) });
      try {
        if (job) await this.valuesFor(job, guest);
        ready.push(row);
      } catch (error) {
        if (!(error instanceof AppError) || job?.onFailure !== "boot") throw error;
        lost.push({ id: row.id, state: "failed", word: error.word, args: error.args, log: "" });
      }
    }
    if (lost.length > 0) {
      // At once, and not with the start: whatever becomes of that, the value is lost.
      const { statements, events } = await this.ended(guest.uuid, lost);
      await this.ground.commit(statements, events);
    }
    return ready;
  }

  /** Queues the jobs of a template on a guest that is being made of it. */
  async packNew(made: NewGuest): Promise<Statement[]> {
    const { guest, disks: hers, starts, luggage } = made;
    const all = await this.jobs.list();
    const wanted = all.filter(
      (job) =>
        job.scope === "template" && guest.templateId !== null && job.templateIds.includes(guest.templateId),
    );
    if (wanted.length === 0) return [];
    const rows = this.rowsOf(guest, wanted, null, { kind: "system", name: "template" });
    if (starts) await this.packed(guest, hers, rows, luggage, made);
    return [insert(queuedJobs, rows)];
  }

  /** What a node told of jobs that it carried out. Hearing it twice changes nothing the second time. */
  async heard(envelope: Envelope): Promise<ReportEffects> {
    if (!fits(EndedReport, envelope.body)) return { statements: [] };
    return this.ended(envelope.body.guest, envelope.body.outcomes);
  }

  private async ended(guest: string, outcomes: Outcomes): Promise<ReportEffects> {
    const rows = await this.ground.store.select(queuedJobs, {
      where: and(
        inArray(
          queuedJobs.id,
          outcomes.map(({ id }) => id),
        ),
        eq(queuedJobs.state, "pending"),
      ),
    });
    const effects: ReportEffects = { statements: [], events: [guestEvent(guest)] };
    for (const { id, state, word, args, log } of outcomes) {
      const queued = rows.find((row) => row.id === id);
      if (!queued) continue;
      const ended = {
        state,
        pendingKey: null,
        log,
        failedWord: word,
        failedArgs: word === null ? null : args,
      };
      effects.statements.push(
        update(queuedJobs, { ...ended, endedAt: this.ground.clock.now() }, eq(queuedJobs.id, id)),
      );
      effects.events?.push(queuedEvent(id));
      await this.ground.hooks.run(bootJobEnded, { queued, succeeded: state === "done", effects });
    }
    return effects;
  }

  /** Takes back what is out of time. */
  async expire(): Promise<void> {
    const { store, clock, log } = this.ground;
    const late = await store.select(queuedJobs, {
      where: and(eq(queuedJobs.state, "pending"), lte(queuedJobs.expiresAt, clock.now())),
      limit: 500,
    });
    const busy = await this.bootingOf(late);
    const over = late.filter((row) => !busy.has(row.guestUuid));
    try {
      await this.drop(over);
    } catch (error) {
      // Taken back by somebody in this very moment: the next turn looks again.
      if (!(error instanceof StoreExpectationError)) throw error;
    }
    for (const row of over) log.info("queued boot job expired", { guest: row.guestUuid, job: row.jobName });
  }

  /** Forgets what has ended long ago. */
  async prune(): Promise<void> {
    const { store, clock } = this.ground;
    const before = clock.now() - timing.bootJobsKeepMilliseconds;
    await store.run(
      remove(queuedJobs, and(ne(queuedJobs.state, "pending"), lte(queuedJobs.endedAt, before))),
    );
  }

  private rowsOf(
    guest: Pick<Guest, "uuid">,
    wanted: readonly BootJob[],
    expiresAt: number | null,
    actor: Actor,
  ): QueuedJob[] {
    return wanted.map((job, position) => ({
      id: crypto.randomUUID(),
      guestUuid: guest.uuid,
      jobId: job.id,
      jobName: job.name,
      pendingKey: job.id,
      state: "pending",
      position,
      boots: 0,
      actor: `${actor.kind}:${actor.name}`.slice(0, 128),
      queuedAt: this.ground.clock.now(),
      expiresAt,
      endedAt: null,
      log: null,
      failedWord: null,
      failedArgs: null,
    }));
  }

  private async packed(
    guest: Guest,
    hers: readonly Disk[],
    rows: readonly QueuedJob[],
    luggage: BootLuggage,
    made?: MadeGuest,
  ): Promise<void> {
    const known = await this.ground.store.select(bootJobs, {
      where: inArray(
        bootJobs.id,
        rows.map(({ jobId }) => jobId),
      ),
    });
    const plan: Plan = {
      guest: guest.uuid,
      isWindows: guest.isWindows,
      disks: [...hers]
        .sort((a, b) => (a.target ?? "").localeCompare(b.target ?? ""))
        .map(({ path, format }) => ({ path, format })),
      jobs: [],
      values: {},
    };
    for (const row of rows) {
      const job = known.find(({ id }) => id === row.jobId);
      if (!job) continue;
      Object.assign(plan.values, await this.valuesFor(job, guest, made));
      plan.jobs.push({
        id: row.id,
        name: job.name,
        staysOff: job.onFailure === "stay",
        rules: job.rules.map(({ id: _, ...rule }) => rule),
      });
    }
    if (plan.jobs.length === 0) return;
    luggage.carry[carriedAs] = JSON.stringify(plan);
    luggage.moreMs += timing.bootJobsMilliseconds;
  }

  /** The values that a job's rules need. @throws AppError conflict when the guest has none for a variable */
  private async valuesFor(job: BootJob, guest: Guest, made?: MadeGuest): Promise<Plan["values"]> {
    const values: Plan["values"] = {};
    const names = job.rules.flatMap((rule) => [...namesIn(rule.path ?? ""), ...namesIn(rule.content)]);
    for (const name of new Set(names)) {
      const variable = this.jobs.variables().find((each) => each.name === name);
      const value = (await variable?.value(guest, made)) ?? null;
      if (value === null)
        throw new AppError("conflict", "boot-jobs.noValue", { job: job.name, guest: guest.name, name });
      values[name] = { value, isSecret: variable?.isSecret === true };
    }
    return values;
  }

  private async rows(uuids: ReadonlySet<string>): Promise<Guest[]> {
    const found = await this.ground.store.select(guests, { where: inArray(guests.uuid, [...uuids]) });
    if (found.length < uuids.size) throw new AppError("notFound", "boot-jobs.guestUnknown");
    return found;
  }

  /** Which guests of some rows are booting, with their names. */
  private async bootingOf(rows: readonly QueuedJob[]): Promise<Map<string, string>> {
    if (rows.length === 0) return new Map();
    const uuids = [...new Set(rows.map(({ guestUuid }) => guestUuid))];
    const found = await this.ground.store.select(guests, {
      where: and(inArray(guests.uuid, uuids), inArray(guests.state, [...booting])),
    });
    return new Map(found.map(({ uuid, name }) => [uuid, name]));
  }

  private async demandNotBooting(rows: readonly QueuedJob[]): Promise<void> {
    const [first] = (await this.bootingOf(rows)).values();
    if (first !== undefined) throw new AppError("conflict", "boot-jobs.underWay", { guest: first });
  }

  private async drop(rows: readonly QueuedJob[]): Promise<void> {
    if (rows.length === 0) return;
    const ids = rows.map(({ id }) => id);
    await this.ground.commit(
      rows.map((row) => remove(queuedJobs, this.untouched(row), { expect: 1 })),
      [...rows.map(({ guestUuid }) => guestEvent(guestUuid)), ...ids.map(queuedEvent)],
    );
  }

  /** Pending, and taken along by no start since the row was read. */
  private untouched({ id, boots }: QueuedJob) {
    return and(eq(queuedJobs.id, id), eq(queuedJobs.state, "pending"), eq(queuedJobs.boots, boots));
  }

  /** Which job is queued already, and where. */
  private async queuedAlready(
    rows: readonly QueuedJob[],
    hers: readonly Guest[],
    cause: Error,
  ): Promise<AppError> {
    const waiting = await this.ofGuests(
      hers.map(({ uuid }) => uuid),
      "pending",
    );
    const same = (one: QueuedJob) => (other: QueuedJob) =>
      one.guestUuid === other.guestUuid && one.jobId === other.jobId;
    const twice = rows.find((row) => waiting.some(same(row))) ?? rows[0];
    const guest = hers.find(({ uuid }) => uuid === twice?.guestUuid);
    const args = { job: twice?.jobName ?? "", guest: guest?.name ?? "" };
    return new AppError("conflict", "boot-jobs.queuedAlready", args, { cause });
  }
}
