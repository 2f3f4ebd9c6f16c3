/**
 * Emptying a node for maintenance. What was decided stands in the store, one row for each guest; the leader looks at
 * it from time to time and whenever a migration has ended, and takes the next step. So it goes on whoever leads.
 */
import {
  type Actor,
  AppError,
  and,
  asc,
  type ControllerContext,
  eq,
  errorText,
  inArray,
  insert,
  type Reason,
  remove,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  timing,
  type Undo,
  update,
} from "jimv";
import { type Guest, guests } from "../guests/index.ts";
import { nodeEvent } from "../nodes/index.ts";
import type { DrainService, DrainView } from "./contract.ts";
import type { MigrationNeeds } from "./needs.ts";
import { type MigrateGuest, MigrationSettings } from "./requests.ts";
import { type Drain, type DrainRow, drainSteps, drains } from "./schema.ts";
import type { Migration } from "./service.ts";

/** A guest whose migration fails is tried once more, elsewhere if need be. */
const mostAttempts = 2;
/** As a person would have it who only says "migrate". */
const request: MigrateGuest = { autoConverge: true, postcopy: false, connections: 1 };
/** Guests in these states are waited for: in a moment they can go, or are gone. */
const passing: readonly Guest["state"][] = ["creating", "starting", "stopping", "migrating", "deleting"];

type Ground = Pick<ControllerContext, "store" | "clock" | "log" | "tasks" | "commit" | "settings">;

export class Drains implements DrainService {
  private turning: Promise<void> | null = null;
  private again = false;
  private leads = false;

  constructor(
    private readonly ground: Ground,
    private readonly nodes: MigrationNeeds["nodes"],
    private readonly migration: Pick<Migration, "drainPlan" | "send">,
  ) {}

  async get(node: string): Promise<DrainView | null> {
    const drain = await this.ground.store.first(drains, { where: eq(drains.node, node) });
    return drain && { ...drain, steps: await this.stepsOf(node) };
  }

  private stepsOf(node: string): Promise<DrainRow[]> {
    return this.ground.store.select(drainSteps, {
      where: eq(drainSteps.node, node),
      orderBy: asc(drainSteps.position),
    });
  }

  private async need(node: string): Promise<DrainView> {
    const drain = await this.get(node);
    if (!drain) throw new AppError("conflict", "migration.drain.none", { node });
    return drain;
  }

  async begin(node: string, actor: Actor): Promise<DrainView> {
    if (!(await this.nodes.get(node))) throw new AppError("notFound", "nodes.notFound", { node });
    const before = await this.get(node);
    const already = () => new AppError("conflict", "migration.drain.already", { node });
    if (before && isUnderWay(before)) throw already();
    const plan = await this.migration.drainPlan(node);
    const now = this.ground.clock.now();
    const drain: Drain = {
      node,
      state: "draining",
      actor: `${actor.kind}:${actor.name}`.slice(0, 128),
      beganAt: now,
      changedAt: now,
      endedAt: null,
    };
    const steps = plan.map(({ guestUuid, name, toNode }, position) =>
      insert(drainSteps, { ...freshStep(node, { uuid: guestUuid, name }, position), toNode }),
    );
    const gone = before
      ? [remove(drains, and(eq(drains.node, node), eq(drains.state, before.state)), { expect: 1 })]
      : [];
    try {
      await this.nodes.change(node, { maintenance: true }, [
        ...gone,
        remove(drainSteps, eq(drainSteps.node, node)),
        insert(drains, drain),
        ...steps,
      ]);
    } catch (error) {
      // Somebody else began in this very moment.
      if (error instanceof StoreUniqueError || error instanceof StoreExpectationError) throw already();
      throw error;
    }
    this.ground.log.info("emptying a node", { node, guests: steps.length });
    this.kick();
    return this.need(node);
  }

  async cancel(node: string): Promise<DrainView> {
    const drain = await this.need(node);
    if (!isUnderWay(drain)) throw new AppError("conflict", "migration.drain.over", { node });
    const reasons: Reason[] = [{ of: node, word: "migration.drain.cancelled", args: { node } }];
    await this.ground.commit(
      [
        update(drains, { state: "cancelled", endedAt: this.ground.clock.now() }, eq(drains.node, node)),
        update(
          drainSteps,
          { state: "stayed", reasons },
          and(eq(drainSteps.node, node), eq(drainSteps.state, "waiting")),
        ),
      ],
      [nodeEvent(node)],
    );
    for (const { state, task } of await this.stepsOf(node))
      if (state === "moving" && task !== null)
        await this.ground.tasks.cancel(task).catch((error) => {
          // It ended in this very moment.
          if (!(error instanceof AppError)) throw error;
        });
    this.kick();
    return this.need(node);
  }

  /** What is written when the node's maintenance ends: guests on their way go on, no others follow. */
  forget(node: string): Statement[] {
    return [remove(drainSteps, eq(drainSteps.node, node)), remove(drains, eq(drains.node, node))];
  }

  /** Takes the next steps from time to time, until what this returns is called. For the leader. */
  lead(): Undo {
    this.leads = true;
    const undo = this.ground.clock.every(timing.drainTurnMilliseconds, () => this.kick());
    return () => {
      this.leads = false;
      undo();
    };
  }

  /** Takes the next steps soon, if this controller leads; otherwise the one that does sees it before long. */
  kick(): void {
    if (!this.leads) return;
    this.turn().catch((error) => this.ground.log.warn("emptying nodes failed", { error: errorText(error) }));
  }

  /** Takes the next steps of all nodes that are being emptied. One turn at a time; asked for meanwhile, one more. */
  private turn(): Promise<void> {
    this.again = this.turning !== null;
    this.turning ??= this.turns().finally(() => {
      this.turning = null;
    });
    return this.turning;
  }

  private async turns(): Promise<void> {
    do {
      this.again = false;
      for (const drain of await this.ground.store.select(drains, { where: "all" }))
        try {
          await this.step(drain);
        } catch (error) {
          // Somebody changed it meanwhile: the next turn looks anew.
          if (!(error instanceof StoreExpectationError)) throw error;
        }
    } while (this.again);
  }

  private async step(drain: Drain): Promise<void> {
    const { node: name } = drain;
    const node = await this.nodes.get(name);
    if (!node?.maintenance) {
      await this.ground.commit(this.forget(name), [nodeEvent(name)]);
      return;
    }
    await this.follow(drain);
    if (drain.state !== "draining") return;
    await this.addLateComers(name);
    const steps = await this.stepsOf(name);
    const waiting = steps.filter(({ state }) => state === "waiting");
    let moving = steps.filter(({ state }) => state === "moving").length;
    const { drainAtOnce } = await this.ground.settings.read("migration", MigrationSettings);
    const isPatient = this.ground.clock.now() < drain.changedAt + timing.drainPatienceMilliseconds;
    let left = waiting.length;
    // A node that is silent for a moment may be about to come back.
    if (node.state === "live" || !isPatient || moving > 0)
      for (const step of waiting) {
        if (moving >= drainAtOnce) break;
        const became = await this.send(drain, step, isPatient || moving > 0);
        if (became === "moving") moving++;
        if (became !== "waiting") left--;
      }
    if (moving === 0 && left === 0) await this.end(drain);
  }

  /** Notes what has become of guests on their way. */
  private async follow(drain: Drain): Promise<void> {
    const steps = (await this.stepsOf(drain.node)).filter(
      ({ state }) => state !== "moved" && state !== "stayed",
    );
    if (steps.length === 0) return;
    const found = await this.ground.store.select(guests, {
      where: inArray(
        guests.uuid,
        steps.map(({ guestUuid }) => guestUuid),
      ),
    });
    for (const step of steps) {
      const guest = found.find(({ uuid }) => uuid === step.guestUuid);
      if (guest?.nodeName !== drain.node) {
        await this.note(drain, step, { state: "moved", toNode: guest?.nodeName ?? null, reasons: null });
        continue;
      }
      if (step.state !== "moving" || step.task === null) continue;
      const task = await this.ground.tasks.get(step.task);
      if (task && task.endedAt === null) continue;
      const args = task?.errorArgs ?? { name: step.guestName };
      const reasons: Reason[] = [{ of: step.guestName, word: task?.errorWord ?? "task.cancelled", args }];
      const isOver = drain.state !== "draining" || task?.state !== "failed" || step.attempts >= mostAttempts;
      // The planned node may be why it failed.
      await this.note(drain, step, { state: isOver ? "stayed" : "waiting", toNode: null, reasons });
    }
  }

  private async note(drain: Drain, step: DrainRow, set: Partial<DrainRow>): Promise<void> {
    await this.ground.commit(
      [
        update(drainSteps, set, and(eq(drainSteps.id, step.id), eq(drainSteps.state, step.state)), {
          expect: 1,
        }),
        update(drains, { changedAt: this.ground.clock.now() }, eq(drains.node, drain.node)),
      ],
      [nodeEvent(drain.node)],
    );
  }

  /** Guests whose creation was booked before the node went into maintenance. */
  private async addLateComers(node: string): Promise<void> {
    const here = await this.ground.store.select(guests, { where: eq(guests.nodeName, node) });
    const steps = await this.stepsOf(node);
    const known = new Set(steps.map(({ guestUuid }) => guestUuid));
    const late = here.filter(({ uuid }) => !known.has(uuid));
    if (late.length === 0) return;
    const rows = late.map((guest, at) => insert(drainSteps, freshStep(node, guest, steps.length + at)));
    await this.ground.commit(rows, [nodeEvent(node)]);
  }

  /** Lets a guest go, or notes why it can't; one that is busy waits as long as there is patience. */
  private async send(drain: Drain, step: DrainRow, isPatient: boolean): Promise<DrainRow["state"]> {
    const { store } = this.ground;
    const guest = await store.first(guests, { where: eq(guests.uuid, step.guestUuid) });
    if (!guest) return "waiting";
    const open = await this.ground.tasks.openFor("guest", [guest.uuid]);
    if (isPatient && (open.length > 0 || passing.includes(guest.state))) return "waiting";
    const places = step.toNode === null ? [undefined] : [step.toNode, undefined];
    let reasons: Reason[] = [];
    for (const nodeName of places)
      try {
        await this.migration.send(
          guest.uuid,
          { ...request, ...(nodeName === undefined ? {} : { nodeName }) },
          actorOf(drain),
          (task, toNode) => [
            update(
              drainSteps,
              { state: "moving", task, toNode, attempts: step.attempts + 1, reasons: null },
              and(eq(drainSteps.id, step.id), eq(drainSteps.state, "waiting")),
              { expect: 1 },
            ),
            update(
              drains,
              { changedAt: this.ground.clock.now() },
              and(eq(drains.node, drain.node), eq(drains.state, "draining")),
              { expect: 1 },
            ),
          ],
        );
        await this.ground.commit([], [nodeEvent(drain.node)]);
        return "moving";
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        // Too many book at once, or the row changes under us: that passes.
        if (isPatient && (error.kind === "unavailable" || error.cause instanceof StoreExpectationError))
          return "waiting";
        reasons =
          error.reasons.length > 0
            ? [...error.reasons]
            : [{ of: guest.name, word: error.word, args: error.args }];
      }
    await this.note(drain, step, { state: "stayed", reasons });
    return "stayed";
  }

  private async end(drain: Drain): Promise<void> {
    const { node } = drain;
    const set = { state: "ended", endedAt: this.ground.clock.now() } as const;
    const still = and(eq(drains.node, node), eq(drains.state, "draining"));
    await this.ground.commit([update(drains, set, still, { expect: 1 })], [nodeEvent(node)]);
    const stayed = (await this.stepsOf(node)).filter(({ state }) => state === "stayed");
    this.ground.log.info("a node was emptied", { node, stayed: stayed.length });
  }
}

/** Whether guests go, or are called back. */
export function isUnderWay({ state, steps }: DrainView): boolean {
  return state === "draining" || steps.some((step) => step.state === "moving");
}

function freshStep(node: string, guest: Pick<Guest, "uuid" | "name">, position: number): DrainRow {
  return {
    id: Bun.randomUUIDv7(),
    node,
    guestUuid: guest.uuid,
    guestName: guest.name,
    position,
    state: "waiting",
    toNode: null,
    task: null,
    attempts: 0,
    reasons: null,
  };
}

/** Whoever began it is who migrates the guests. */
function actorOf({ actor }: Drain): Actor {
  const at = actor.indexOf(":");
  return { kind: actor.slice(0, at) as Actor["kind"], name: actor.slice(at + 1) };
}
