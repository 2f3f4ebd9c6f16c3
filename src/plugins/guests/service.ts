/** The rules of guests: what may be asked of one when. API and pages call the same functions. */
import {
  type Actor,
  AppError,
  and,
  type EventRow,
  eq,
  fieldError,
  type PayloadOf,
  type PreparedTask,
  type SetOf,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  tasks,
  timing,
  update,
} from "jimv";
import { disks } from "../disks/index.ts";
import { Bookings, nodePlace } from "./bookings.ts";
import { Capacity, readyNode } from "./capacity.ts";
import {
  type Begun,
  type BootLuggage,
  carried,
  type GuestService,
  guestBeforeBoot,
  type PowerAction,
} from "./contract.ts";
import { Creation, guestEvent } from "./creation.ts";
import { prepareInit } from "./init.ts";
import { lookTopic } from "./looking.ts";
import { checkName, nameKeyOf, remarkKeyOf } from "./naming.ts";
import type { Ground, GuestNeeds, PlaceableNode } from "./needs.ts";
import { removeOrphan, twinOf } from "./orphans.ts";
import { GuestReading } from "./reading.ts";
import type { ChangeGuest, CreateGuest, DeleteGuest } from "./requests.ts";
import { type Guest, guests } from "./schema.ts";
import { type Action, allows, killable, refusalOf } from "./states.ts";
import {
  deleteGuest,
  forceRebootGuest,
  forceStopGuest,
  pauseGuest,
  rebootGuest,
  reshapeGuest,
  resumeGuest,
  shutdownGuest,
  startGuest,
} from "./tasks.ts";
import type { GuestScreen } from "./views.ts";

type GuestSet = SetOf<typeof guests>;

/** How often a request is looked at anew when the guest changed while it was decided. */
const decisionTries = 5;

/**
 * The actions that are one task about the guest. `key` is what is exclusive: a shutdown that waits, and forcing
 * a guest off, don't lock the guest, since forcing is what one does when nothing else ends.
 */
const plans = {
  start: {
    kind: startGuest,
    key: (uuid: string) => uuid,
    set: { state: "starting", wantedState: "running" },
  },
  shutdown: {
    kind: shutdownGuest,
    key: (uuid: string) => `${uuid}:shutdown`,
    set: { state: "stopping", wantedState: "off" },
  },
  reboot: { kind: rebootGuest, key: (uuid: string) => uuid, set: {} },
  "force-stop": {
    kind: forceStopGuest,
    key: (uuid: string) => `${uuid}:force`,
    set: { state: "stopping", wantedState: "off" },
  },
  "force-reboot": { kind: forceRebootGuest, key: (uuid: string) => `${uuid}:force`, set: {} },
  pause: { kind: pauseGuest, key: (uuid: string) => uuid, set: {} },
  resume: { kind: resumeGuest, key: (uuid: string) => uuid, set: {} },
} as const satisfies Record<
  PowerAction,
  { kind: { kind: string }; key(uuid: string): string; set: GuestSet }
>;

export class Guests extends GuestReading implements GuestService {
  private readonly creation: Creation;
  private readonly bookings: Bookings;
  private readonly capacity: Capacity;
  /** When each guest's node was last asked, of those asked lately. */
  private readonly looks = new Map<string, number>();

  constructor(ground: Ground, needs: GuestNeeds) {
    super(ground, needs);
    this.bookings = new Bookings(ground.store);
    this.capacity = new Capacity(ground);
    this.creation = new Creation(ground, needs, this.bookings, this.capacity);
  }

  create(request: CreateGuest, actor: Actor) {
    return this.creation.create(request, actor);
  }

  checkName(name: string, quantity: number): Promise<void> {
    return this.creation.checkNameFree(name, quantity);
  }

  act(uuid: string, action: PowerAction, actor: Actor): Promise<Begun> {
    const act = () => this.actNow(uuid, action, actor);
    return action === "start" ? this.bookings.inTurn(act) : act();
  }

  private actNow(uuid: string, action: PowerAction, actor: Actor): Promise<Begun> {
    return this.deciding(uuid, async (guest) => {
      demand(guest, action);
      await this.reachable(guest);
      if (action === "force-stop" && guest.state === "starting") {
        const stopped = await this.stopStarting(guest);
        if (stopped) return stopped;
      }
      const luggage: BootLuggage = { carry: {}, moreMs: 0 };
      const claim = action === "start" ? await this.bookStart(guest, luggage) : [];
      const plan = plans[action];
      const request = {
        node: guest.nodeName,
        target: { type: "guest", key: uuid, name: guest.name },
        exclusive: plan.key(uuid),
        actor,
      };
      const task =
        plan.kind.kind === startGuest.kind
          ? await this.ground.tasks.prepare(startGuest, {
              ...request,
              payload: { uuid, vnc: null, takenPorts: [], ...carried(luggage) },
              moreMs: luggage.moreMs,
            })
          : await this.ground.tasks.prepare(plan.kind as typeof shutdownGuest, {
              ...request,
              payload: { uuid },
            });
      await this.begin(guest, plan.set, task, claim);
      return { task: { id: task.id } };
    });
  }

  /**
   * Cancels what takes the guest up: it may still be at the guest's files, and would boot it after it was forced off.
   * Answers with that task where it never began, as nothing is left to be forced off then.
   */
  private async stopStarting(guest: Guest): Promise<Begun | null> {
    const start = await this.ground.store.first(tasks, {
      where: and(eq(tasks.exclusiveKey, guest.uuid), eq(tasks.kind, startGuest.kind)),
    });
    if (!start) return null;
    try {
      const { id, endedAt } = await this.ground.tasks.cancel(start.id);
      return endedAt === null ? null : { task: { id } };
    } catch (error) {
      // It ended in this very moment.
      if (error instanceof AppError && error.word === "task.alreadyEnded") return null;
      throw error;
    }
  }

  remove(uuid: string, { keepDataDisks = true, force = false }: DeleteGuest, actor: Actor): Promise<Begun> {
    return this.deciding(uuid, async (guest) => {
      if (!allows(guest.state, "delete")) {
        if (!killable.includes(guest.state)) demand(guest, "delete");
        if (!force) throw new AppError("conflict", "guests.deleteRunning", { name: guest.name });
      }
      await this.reachable(guest);
      await this.onlyHere(guest);
      const hers = await this.ground.store.select(disks, { where: eq(disks.guestUuid, uuid) });
      const moving = hers.find((disk) => disk.state !== "attached" && disk.state !== "failed");
      if (moving) throw new AppError("conflict", "guests.diskBusy", { disk: moving.name });
      // One that failed has nothing worth keeping.
      const kept = hers.filter((disk) => keepDataDisks && disk.role === "data" && disk.state === "attached");
      const going = hers.filter((disk) => !kept.includes(disk));
      const files = going.map((disk) => disk.path);
      const task = await this.ground.tasks.prepare(deleteGuest, {
        node: guest.nodeName,
        target: { type: "guest", key: uuid, name: guest.name },
        exclusive: uuid,
        payload: {
          uuid,
          files: guest.seedPath === null ? files : [...files, guest.seedPath],
          disks: going.map((disk) => disk.uuid),
          kept: kept.map((disk) => disk.uuid),
          force,
        },
        actor,
      });
      await this.begin(guest, { state: "deleting", wantedState: "off" }, task);
      return { task: { id: task.id } };
    });
  }

  removeOrphan(uuid: string, actor: Actor): Promise<Begun> {
    return removeOrphan(this.ground, this.needs, uuid, actor);
  }

  async change(uuid: string, change: ChangeGuest, actor: Actor) {
    const task = await this.deciding(uuid, async (guest) => {
      const { remark } = change;
      const remarked = remark === undefined ? {} : { remark, remarkKey: remarkKeyOf(remark) };
      const name = change.name === guest.name ? undefined : change.name;
      const vcpus = change.vcpus === guest.vcpus ? undefined : change.vcpus;
      const memoryMiB = change.memoryMiB === guest.memoryMiB ? undefined : change.memoryMiB;
      if (name === undefined && vcpus === undefined && memoryMiB === undefined) {
        if (remark !== undefined)
          await this.ground.commit(
            [update(guests, remarked, eq(guests.uuid, uuid), { expect: 1 })],
            [guestEvent(uuid)],
          );
        return null;
      }
      demand(guest, "edit");
      await this.reachable(guest);
      if (name !== undefined) await this.checkNewName(guest, name);
      if (vcpus !== undefined || memoryMiB !== undefined) {
        const need = { vcpus: vcpus ?? guest.vcpus, memoryMiB: memoryMiB ?? guest.memoryMiB };
        await this.capacity.demandFit(readyNode(await this.node(guest)), need, { alone: true });
      }
      const payload: PayloadOf<typeof reshapeGuest> = {
        uuid,
        ...(vcpus === undefined ? {} : { vcpus }),
        ...(memoryMiB === undefined ? {} : { memoryMiB }),
        ...(name === undefined ? {} : { name, oldName: guest.name }),
      };
      const prepared = await this.ground.tasks.prepare(reshapeGuest, {
        node: guest.nodeName,
        target: { type: "guest", key: uuid, name: name ?? guest.name },
        exclusive: uuid,
        payload,
        actor,
      });
      // The name is booked at once, so that nobody else gets it; sizes follow when the node has changed them.
      const booked = name === undefined ? {} : { name, nameKey: nameKeyOf(name) };
      await this.begin(guest, { ...remarked, ...booked }, prepared);
      return { id: prepared.id };
    });
    return { task, guest: await this.get(uuid) };
  }

  async revealPassword(uuid: string, actor: Actor): Promise<{ userName: string; password: string }> {
    const guest = await this.row(uuid);
    if (guest.passwordSealed === null) throw new AppError("conflict", "guests.noPassword", {});
    this.ground.log.info("guest password shown", { guest: uuid, by: `${actor.kind}:${actor.name}` });
    return { userName: guest.userName, password: this.ground.vault.unseal(guest.passwordSealed) };
  }

  retryInit(uuid: string, actor: Actor): Promise<Begun> {
    return this.deciding(uuid, async (guest) => {
      if (guest.init !== "agent") throw new AppError("conflict", "guests.initNotAgent", {});
      if (guest.state !== "running") throw new AppError("conflict", "guests.initNotRunning", {});
      await this.reachable(guest);
      const task = await prepareInit(this.ground, guest, actor);
      if (!task) throw new AppError("conflict", "guests.initBusy", {});
      await this.begin(guest, {}, task);
      return { task: { id: task.id } };
    });
  }

  async look(uuid: string): Promise<void> {
    const { nodeName } = await this.row(uuid);
    const now = this.ground.clock.now();
    if (now - (this.looks.get(uuid) ?? 0) < timing.lookAgainMilliseconds) return;
    for (const [other, at] of this.looks)
      if (now - at >= timing.lookAgainMilliseconds) this.looks.delete(other);
    this.looks.set(uuid, now);
    this.ground.ask(nodeName, lookTopic, uuid);
  }

  async screen(uuid: string): Promise<GuestScreen> {
    const guest = await this.row(uuid);
    demand(guest, "console");
    const { name, nodeName, vncPort, vncListen } = guest;
    if (vncPort === null) throw new AppError("conflict", refusalOf(guest), { name });
    const password = this.ground.vault.unseal(guest.vncPasswordSealed);
    return { uuid, name, nodeName, port: vncPort, listen: vncListen, password };
  }

  /**
   * Commits a guest's change together with its task, only if the guest's state is still the one that was read.
   * @throws AppError conflict when another task has its hand on the guest
   */
  async begin(
    guest: Guest,
    set: GuestSet,
    task: PreparedTask,
    more: Statement[] = [],
    events: EventRow[] = [],
  ): Promise<void> {
    const unchanged = and(eq(guests.uuid, guest.uuid), eq(guests.state, guest.state));
    try {
      await this.ground.commit(
        [
          update(guests, { state: guest.state, ...set }, unchanged, { expect: 1 }),
          ...more,
          ...task.statements,
        ],
        [guestEvent(guest.uuid, { state: set.state ?? guest.state }), ...events, ...task.events],
      );
    } catch (error) {
      if (!(error instanceof StoreUniqueError)) throw error;
      if (error.index === "tasks_exclusive")
        throw new AppError("conflict", "guests.busy", { name: guest.name });
      if (error.index === "guests_name")
        throw fieldError("name", "guests.nameTaken", { name: String(set.name) }, "conflict");
      throw error;
    }
    this.ground.tasks.kick();
  }

  /** Decides by the guest's row, and anew when it changed before the decision was written. */
  async deciding<T>(uuid: string, decide: (guest: Guest) => Promise<T>): Promise<T> {
    for (let left = decisionTries; ; left--) {
      try {
        return await decide(await this.row(uuid));
      } catch (error) {
        if (!(error instanceof StoreExpectationError)) throw error;
        if (left <= 1) throw new AppError("conflict", "guests.changing", {}, { cause: error });
      }
    }
  }

  /**
   * A task for a node that is away would only wait and fail. A guest that may be on another node, too, may be moved
   * (`movesTo`) to that very one: a migration looks at both sides first. @throws AppError conflict
   */
  async reachable(guest: Guest, movesTo?: string): Promise<void> {
    const node = await this.node(guest);
    if (node.state === "offline") throw new AppError("conflict", "guests.nodeAway", { node: node.name });
    // What runs here runs nowhere else: libvirt lets it run there only after it has stopped it here.
    if (guest.state !== "running" && guest.state !== "stopping") await this.onlyHere(guest, movesTo);
  }

  /**
   * A guest of which another node has a domain, too (a migration whose end nobody heard of), may run there: resumed or
   * started here it would write to the same disks, deleted here it would take them away.
   *
   * Asked after the guest's row was read, and that is enough: a migration that ends in doubt writes what is asked here
   * in one batch with the guest's state, and who has read the row before finds it changed at the commit.
   * @throws AppError conflict
   */
  private async onlyHere(guest: Guest, movesTo?: string): Promise<void> {
    const other = await this.elsewhere(guest);
    if (other === null || other === movesTo) return;
    const { name, nodeName: node } = guest;
    throw new AppError("conflict", "guests.elsewhere", { name, node, other });
  }

  /** The other node that has a domain of this guest, or may have one. */
  elsewhere(guest: Guest): Promise<string | null> {
    return twinOf(this.ground, guest);
  }

  private async node(guest: Guest): Promise<PlaceableNode> {
    const node = await this.needs.nodes.get(guest.nodeName);
    if (!node) throw new AppError("conflict", "guests.nodeRemoved", { node: guest.nodeName });
    return node;
  }

  /** The statements that book memory and vCPUs for a start, and what goes along with it. @throws AppError conflict where they don't fit */
  private async bookStart(guest: Guest, luggage: BootLuggage): Promise<Statement[]> {
    const place = nodePlace(guest.nodeName);
    const versions = await this.bookings.read([place]);
    const node = readyNode(await this.node(guest));
    await this.capacity.demandFit(node, guest, { except: guest.uuid });
    const statements: Statement[] = [];
    await this.ground.hooks.run(guestBeforeBoot, { guest, luggage, statements });
    return [...this.bookings.claim(versions, [place]), ...statements];
  }

  private async checkNewName(guest: Guest, name: string): Promise<void> {
    checkName(name);
    if (nameKeyOf(name) === guest.nameKey) return;
    await this.creation.checkNameFree(name, 1);
  }
}

/** @throws AppError conflict with the reason when the guest's state does not allow the action */
function demand(guest: Guest, action: Action): void {
  if (!allows(guest.state, action)) throw new AppError("conflict", refusalOf(guest), { name: guest.name });
}
