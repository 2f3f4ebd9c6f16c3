/**
 * What nodes say of their domains, applied to guests: single changes as they happen, and the full list from
 * time to time. Older never overwrites newer; what tasks own (see `stateAfter`) stays theirs.
 */
import {
  and,
  type Envelope,
  type EventRow,
  eq,
  fits,
  Gathered,
  inArray,
  insert,
  type ReportEffects,
  remove,
  type Statement,
  type Task,
  Type,
  timing,
  update,
  updateEach,
} from "jimv";
import { guestEvent } from "./creation.ts";
import type { Ground } from "./needs.ts";
import { type ForeignDomain, foreignDomains, type Guest, guests } from "./schema.ts";
import { type GuestState, hasVanished, type Observed, stateAfter, vanishedWord } from "./states.ts";

const StateName = Type.Union([
  Type.Literal("running"),
  Type.Literal("paused"),
  Type.Literal("stopping"),
  Type.Literal("off"),
  Type.Literal("crashed"),
]);

/** One domain changed. */
export const ChangedReport = Type.Object({
  uuid: Type.String(),
  state: Type.Union([StateName, Type.Literal("absent")]),
  /** libvirt's word for what happened, for the log; `look` when the node asked by itself. */
  kind: Type.String(),
});

/** All domains of a node. */
export const ListReport = Type.Object({
  domains: Type.Array(
    Type.Object({
      uuid: Type.String(),
      name: Type.String(),
      state: StateName,
      clusterId: Type.Union([Type.String(), Type.Null()]),
      vcpus: Type.Integer(),
      memoryMiB: Type.Integer(),
    }),
  ),
  /** Domains that changed while the list was made: their own reports know better. */
  untold: Type.Array(Type.String()),
});

/** States of guests that must have a domain. */
const withDomain: readonly GuestState[] = ["off", "starting", "running", "paused", "stopping", "crashed"];

type GuestSet = Partial<Guest>;

/** What changes with a guest's state besides the state. `at` is when it changed. */
export function stateSet(guest: Pick<Guest, "state" | "startedAt">, next: GuestState, at: number): GuestSet {
  const resting = next === "off" || next === "crashed" || next === "failed";
  const begins = next === "running" && (guest.startedAt === null || guest.state === "starting");
  return {
    state: next,
    ...(next === "failed" ? {} : { failedWord: null, failedArgs: null }),
    ...(resting ? { startedAt: null } : begins ? { startedAt: at } : {}),
  };
}

/** The state of a guest that a task lets go of, by what its node last said. */
export function releasedSet(guest: Guest, fallback: Observed | null, at: number): GuestSet {
  const observed = guest.observedState ?? fallback;
  if (observed === null) return {};
  if (observed === "absent") return vanishedSet(guest, at);
  return stateSet(guest, observed, at);
}

function vanishedSet(guest: Guest, at: number): GuestSet {
  return {
    ...stateSet(guest, "failed", at),
    failedWord: vanishedWord,
    failedArgs: { node: guest.nodeName },
  };
}

/** Changes a guest only if its state is still the one that was read; else the report is looked at again. */
export function changeGuest(guest: Guest, set: GuestSet): Statement {
  return update(guests, set, and(eq(guests.uuid, guest.uuid), eq(guests.state, guest.state)), { expect: 1 });
}

type Size = Pick<Guest, "vcpus" | "memoryMiB">;

/** Whether a domain has another size than its guest. Tasks own guests that come and go. */
function isResized(guest: Guest, size: Size | undefined): boolean {
  if (!size || !withDomain.includes(guest.state) || size.vcpus < 1 || size.memoryMiB < 1) return false;
  return guest.vcpus !== size.vcpus || guest.memoryMiB !== size.memoryMiB;
}

export class Observation {
  private readonly rows: Gathered<string, Guest>;
  private readonly openTasks: Gathered<string, Task[]>;
  /** By node: its guests, and the other domains that it had. */
  private readonly ours: Gathered<string, Guest[]>;
  private readonly foreign: Gathered<string, ForeignDomain[]>;

  constructor(private readonly ground: Ground) {
    this.rows = new Gathered(async (uuids) => {
      const found = await ground.store.select(guests, { where: inArray(guests.uuid, uuids) });
      return new Map(found.map((guest) => [guest.uuid, guest]));
    });
    this.openTasks = new Gathered(async (uuids) =>
      Map.groupBy(await ground.tasks.openFor("guest", [...uuids]), (task) => task.targetKey),
    );
    this.ours = new Gathered(async (nodes) => {
      const found = await ground.store.select(guests, { where: inArray(guests.nodeName, nodes) });
      return Map.groupBy(found, ({ nodeName }) => nodeName);
    });
    this.foreign = new Gathered(async (nodes) => {
      const found = await ground.store.select(foreignDomains, {
        where: inArray(foreignDomains.nodeName, nodes),
      });
      return Map.groupBy(found, ({ nodeName }) => nodeName);
    });
  }

  /** A `guests.changed` report. */
  async changed(envelope: Envelope): Promise<ReportEffects> {
    if (!fits(ChangedReport, envelope.body)) return this.unreadable(envelope);
    const { uuid, state } = envelope.body;
    const guest = await this.rows.of(uuid);
    if (!guest) return this.changedForeign(uuid, envelope.node, state);
    if (guest.nodeName !== envelope.node || !isNewer(guest, envelope)) return { statements: [] };
    if (this.isTooEarly(guest, state)) return { statements: [] };
    return this.observe(guest, state, envelope, (await this.openTasks.of(uuid)) ?? []);
  }

  /** A `guests.list` report. */
  async listed(envelope: Envelope): Promise<ReportEffects> {
    if (!fits(ListReport, envelope.body)) return this.unreadable(envelope);
    const { domains, untold } = envelope.body;
    const [ours = [], known = []] = await Promise.all([
      this.ours.of(envelope.node),
      this.foreign.of(envelope.node),
    ]);
    const facts = new Map(domains.map((domain) => [domain.uuid, domain]));
    const changed = ours.filter(
      (guest) =>
        !untold.includes(guest.uuid) &&
        isNewer(guest, envelope) &&
        !this.isTooEarly(guest, facts.get(guest.uuid)?.state ?? "absent") &&
        (isNews(guest, facts.get(guest.uuid)?.state ?? "absent") || isResized(guest, facts.get(guest.uuid))),
    );
    const open =
      changed.length === 0
        ? []
        : await this.ground.tasks.openFor(
            "guest",
            changed.map((guest) => guest.uuid),
          );
    const effects = changed.map((guest) =>
      this.observe(
        guest,
        facts.get(guest.uuid)?.state ?? "absent",
        envelope,
        open.filter((task) => task.targetKey === guest.uuid),
        facts.get(guest.uuid),
      ),
    );
    effects.push(await this.listForeign(envelope, ours, known));
    return {
      statements: effects.flatMap((effect) => effect.statements),
      events: effects.flatMap((effect) => effect.events ?? []),
    };
  }

  /**
   * A guest that has just come from another node: what its new one said before may arrive later than the news of
   * its arrival, and did not know it. Once the node has spoken of it, or after a while, its word counts.
   */
  private isTooEarly(guest: Guest, observed: Observed): boolean {
    if (observed !== "absent" || guest.observedState !== null || guest.observedAt === null) return false;
    return this.ground.clock.now() < guest.observedAt + timing.arrivalPatienceMilliseconds;
  }

  private unreadable(envelope: Envelope): ReportEffects {
    this.ground.log.warn("a report can't be read", { node: envelope.node, kind: envelope.kind });
    return { statements: [] };
  }

  private observe(
    guest: Guest,
    observed: Observed,
    envelope: Envelope,
    open: readonly Task[],
    size?: Size,
  ): ReportEffects {
    const next = this.decide(guest, observed, envelope.at, open);
    // Somebody changed the definition outside of JimV, or a change was made whose end nobody heard of.
    const resized = open.length === 0 && isResized(guest, size);
    const seen: GuestSet = {
      observedState: observed,
      observedSequence: envelope.sequence,
      observedIncarnation: Math.max(envelope.incarnation, guest.observedIncarnation),
      observedAt: envelope.at,
      ...(resized && size ? { vcpus: size.vcpus, memoryMiB: size.memoryMiB } : {}),
    };
    const isMoved = next.state !== undefined && next.state !== guest.state;
    if (isMoved)
      this.ground.log.info("guest changed", {
        guest: guest.uuid,
        from: guest.state,
        to: next.state,
        node: envelope.node,
      });
    return {
      // As `changeGuest`, and together with what other nodes tell of theirs.
      statements: [
        updateEach(guests, guests.uuid, [
          { key: guest.uuid, set: { ...seen, ...next }, where: eq(guests.state, guest.state) },
        ]),
      ],
      events: isMoved || resized ? [guestEvent(guest.uuid, { state: next.state ?? guest.state })] : [],
    };
  }

  /** What an observation makes of a guest, besides being noted. */
  private decide(guest: Guest, observed: Observed, at: number, open: readonly Task[]): GuestSet {
    const busy = open.length > 0;
    if (observed === "absent") {
      return withDomain.includes(guest.state) && !busy ? vanishedSet(guest, at) : {};
    }
    // A guest whose domain had gone and came back (somebody defined it again) is one again.
    if (hasVanished(guest)) return stateSet(guest, observed, at);
    const next = stateAfter(guest.state, observed, busy);
    return next === guest.state ? {} : stateSet(guest, next, at);
  }

  private async changedForeign(uuid: string, node: string, state: Observed): Promise<ReportEffects> {
    const known = await this.ground.store.first(foreignDomains, { where: eq(foreignDomains.uuid, uuid) });
    if (!known || known.nodeName !== node || state === "absent" || known.state === state)
      return { statements: [] };
    return {
      statements: [update(foreignDomains, { state }, eq(foreignDomains.uuid, uuid))],
      events: [foreignEvent(uuid)],
    };
  }

  /** Domains that are no guests: foreign ones, and orphans of this cluster. */
  private async listForeign(
    envelope: Envelope,
    ours: readonly Guest[],
    noted: readonly ForeignDomain[],
  ): Promise<ReportEffects> {
    const { store, clock } = this.ground;
    const known = new Map(noted.map((row) => [row.uuid, row] as const));
    const mine = new Set(ours.map((guest) => guest.uuid));
    const { domains, untold } = envelope.body as typeof ListReport.static;
    // A guest that is on its way is on two nodes for a while, and neither of them is strange.
    const strange = domains.map((domain) => domain.uuid).filter((uuid) => !mine.has(uuid));
    const isComing = and(inArray(guests.uuid, strange), eq(guests.movesTo, envelope.node));
    const moving = strange.length === 0 ? [] : await store.select(guests, { where: isComing });
    for (const guest of moving) mine.add(guest.uuid);
    const others = domains.filter((domain) => !mine.has(domain.uuid));
    const statements: Statement[] = [];
    const events: EventRow[] = [];
    const here = new Set(others.map((domain) => domain.uuid));
    // Also those that were seen on another node before.
    const fresh = others.filter((domain) => !known.has(domain.uuid)).map((domain) => domain.uuid);
    const elsewhere =
      fresh.length === 0
        ? []
        : await store.select(foreignDomains, { where: inArray(foreignDomains.uuid, fresh) });
    for (const row of elsewhere) statements.push(remove(foreignDomains, eq(foreignDomains.uuid, row.uuid)));
    for (const domain of others) {
      const row: ForeignDomain = {
        uuid: domain.uuid,
        nodeName: envelope.node,
        name: shortened(domain.name),
        state: domain.state,
        kind: domain.clusterId === this.ground.clusterId ? "orphan" : "foreign",
        vcpus: domain.vcpus,
        memoryMiB: domain.memoryMiB,
        seenAt: clock.now(),
      };
      const before = known.get(domain.uuid);
      if (before && isSame(before, row)) continue;
      statements.push(
        before ? update(foreignDomains, row, eq(foreignDomains.uuid, row.uuid)) : insert(foreignDomains, row),
      );
      events.push(foreignEvent(row.uuid));
    }
    for (const uuid of known.keys()) {
      if (here.has(uuid) || untold.includes(uuid)) continue;
      statements.push(remove(foreignDomains, eq(foreignDomains.uuid, uuid)));
      events.push(foreignEvent(uuid));
    }
    return { statements, events };
  }
}

/** Something is new about a domain that is no guest. */
export const foreignEvent = (uuid: string): EventRow => ({ topic: "foreign", key: uuid });

/** Names of foreign domains have no limit; the column has. Cut by characters, so that none is halved. */
const shortened = (name: string): string => [...name].slice(0, 191).join("");

function isSame(before: ForeignDomain, now: ForeignDomain): boolean {
  return (
    before.name === now.name &&
    before.state === now.state &&
    before.kind === now.kind &&
    before.vcpus === now.vcpus &&
    before.memoryMiB === now.memoryMiB
  );
}

/** Whether an observation is newer than the last one. Before its first welcome a node has no incarnation (0). */
function isNewer(guest: Guest, envelope: Envelope): boolean {
  const { incarnation, sequence } = envelope;
  if (incarnation > guest.observedIncarnation) return true;
  const sameLife = incarnation === guest.observedIncarnation || incarnation === 0;
  return sameLife && sequence > guest.observedSequence;
}

/** Whether a listed domain tells anything that the row does not know: most of a list says nothing new. */
function isNews(guest: Guest, observed: Observed): boolean {
  if (guest.observedState !== observed) return true;
  if (observed === "absent") return withDomain.includes(guest.state);
  if (guest.state === "failed") return hasVanished(guest);
  return !["creating", "deleting", "migrating"].includes(guest.state) && guest.state !== observed;
}
