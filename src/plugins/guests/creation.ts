/**
 * Asking for guests: the checks, the bookings (name, VNC port, MAC, files) and the tasks of a whole batch,
 * committed together. Two who ask at the same time never get the same: the unique indexes decide, and whoever
 * comes second books anew.
 */
import { randomBytes } from "node:crypto";
import {
  type Actor,
  AppError,
  and,
  asc,
  type EventRow,
  eq,
  fieldError,
  inArray,
  insert,
  isNotNull,
  made,
  or,
  type PayloadOf,
  type PreparedTask,
  randomPassword,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
} from "jimv";
import { type Disk, disks } from "../disks/index.ts";
import { diskFormatOf, diskPath, markOf, type PoolView } from "../pools/index.ts";
import { isOutrun, type Supplied, type Template } from "../templates/index.ts";
import { Assignment } from "./assignment.ts";
import { type Bookings, isOvertaken } from "./bookings.ts";
import { bytesPerGiB, type Capacity, type ReadyNode } from "./capacity.ts";
import { type BootLuggage, carried, guestBeforeCreate, guestCreating, type NewGuest } from "./contract.ts";
import { checkExtras, type DraftGuest, guestBooking } from "./joining.ts";
import {
  checkName,
  diskTarget,
  freePorts,
  hostnameOf,
  nameKeyOf,
  namesOf,
  randomMac,
  remarkKeyOf,
} from "./naming.ts";
import type { Ground, GuestNeeds } from "./needs.ts";
import type { Need } from "./placement.ts";
import { type CreateGuest, passwordLength } from "./requests.ts";
import { foreignDomains, type Guest, type GuestInterface, guestInterfaces, guests } from "./schema.ts";
import { createGuest } from "./tasks.ts";

/** A protocol limit of VNC. */
const vncPasswordLength = 8;
/** How often a batch is placed and booked anew when somebody else took something meanwhile. */
const bookingTries = 20;

interface Booked {
  guest: Guest;
  interfaces: GuestInterface[];
  disks: Disk[];
  task: PreparedTask;
}

/** Everything that is known of a batch once the request has passed. */
interface Plan {
  request: CreateGuest;
  names: string[];
  template: Template & { format: string };
  pool: PoolView;
  diskSizeGiB: number;
}

/** Where a guest's disks come, and from what. */
interface Home {
  node: ReadyNode;
  /** The pool's folder on the node. */
  folder: string;
  supplied: Supplied;
}

export const guestEvent = (uuid: string, data: unknown = null): EventRow => ({
  topic: "guest",
  key: uuid,
  data,
});
export const diskEvent = (uuid: string, data: unknown = null): EventRow => ({
  topic: "disk",
  key: uuid,
  data,
});

export class Creation {
  private readonly assignment: Assignment;

  constructor(
    private readonly ground: Ground,
    private readonly needs: GuestNeeds,
    private readonly bookings: Bookings,
    private readonly capacity: Capacity,
  ) {
    this.assignment = new Assignment(needs, bookings, capacity);
  }

  /** @throws AppError invalid or conflict, at the field where there is one; notFound */
  async create(
    request: CreateGuest,
    actor: Actor,
  ): Promise<{ tasks: { id: string }[]; guests: { uuid: string; name: string }[] }> {
    checkName(request.name);
    const names = namesOf(request.name, request.quantity);
    for (const name of names) checkName(name);
    const template = await this.usableTemplate(request.templateId);
    const pool = await this.poolFor(request);
    this.demandWay(request, template);
    checkExtras(request, this.ground);
    const plan: Plan = { request, names, template, pool, diskSizeGiB: this.sizeOf(request, template) };
    const booked = await this.bookings.inTurn(() => this.book(plan, actor));
    this.ground.tasks.kick();
    return {
      tasks: booked.map(({ task }) => ({ id: task.id })),
      guests: booked.map(({ guest }) => ({ uuid: guest.uuid, name: guest.name })),
    };
  }

  /** What `create` would say about the name. @throws AppError invalid or conflict at the field `name` */
  async checkNameFree(name: string, quantity: number): Promise<void> {
    checkName(name);
    const names = namesOf(name, quantity);
    for (const each of names) checkName(each);
    await this.checkNames(names, []);
  }

  private async usableTemplate(id: string): Promise<Plan["template"]> {
    const template = await this.needs.templates.usable(id).catch((error) => {
      if (!(error instanceof AppError)) throw error;
      // A choice that is not there any more is wrong input, as another node's or pool's is.
      const kind = error.kind === "notFound" ? "invalid" : error.kind;
      throw fieldError("templateId", error.word, error.args, kind);
    });
    if (template.format === null)
      throw fieldError("templateId", "guests.templateUnchecked", { template: template.name }, "conflict");
    return { ...template, format: template.format };
  }

  private async poolFor({ poolId, linked }: CreateGuest): Promise<PoolView> {
    const [all, { defaultPool }] = await Promise.all([this.needs.pools.list(), this.capacity.settings()]);
    const pool =
      poolId === undefined
        ? all.find((each) => each.name.toLowerCase() === defaultPool.toLowerCase())
        : all.find((each) => each.id === poolId);
    if (!pool) throw fieldError("poolId", "guests.poolUnknown", { pool: poolId ?? defaultPool });
    if (linked && pool.kind === "ceph")
      throw fieldError("linked", "pools.cephNoLink", { pool: pool.name }, "conflict");
    return pool;
  }

  /** Refuses what was typed and no way of this template would bring into the guest. */
  private demandWay({ password, sshKeys }: CreateGuest, { name, init }: Template): void {
    const args = { template: name };
    if (password !== undefined && init === "none") throw fieldError("password", "guests.noPasswordWay", args);
    if (sshKeys !== undefined && sshKeys.length > 0 && init !== "cloud-init")
      throw fieldError("sshKeys", "guests.noKeyWay", args);
  }

  private sizeOf(request: CreateGuest, template: Template): number {
    const least = Math.max(1, Math.ceil((template.virtualSizeBytes ?? 0) / bytesPerGiB));
    const size = request.diskSizeGiB ?? Math.max(least, template.defaultSizeGiB);
    if (size < least)
      throw fieldError("diskSizeGiB", "guests.diskSmall", { template: template.name, leastGiB: least });
    return size;
  }

  private needOf({ request, template, diskSizeGiB }: Plan): Need {
    const dataGiB = (request.dataDisks ?? []).reduce((sum, disk) => sum + disk.sizeGiB, 0);
    return {
      memoryMiB: request.memoryMiB,
      vcpus: request.vcpus,
      writeBytes: writeBytesOf(request, template),
      growBytes: (diskSizeGiB + dataGiB) * bytesPerGiB,
    };
  }

  /** Names that are taken by guests of ours, or on a guest's node by domains that are not. */
  private async checkNames(
    names: readonly string[],
    guestsOn: readonly { name: string; nodeName: string }[],
  ): Promise<void> {
    const { store } = this.ground;
    const [taken] = await store.select(guests, {
      where: inArray(guests.nameKey, names.map(nameKeyOf)),
      orderBy: asc(guests.nameKey),
      limit: 1,
    });
    if (taken) throw fieldError("name", "guests.nameTaken", { name: taken.name }, "conflict");
    const foreign = await store.select(foreignDomains, { where: inArray(foreignDomains.name, names) });
    for (const { name, nodeName } of guestsOn)
      if (foreign.some((domain) => domain.name === name && domain.nodeName === nodeName))
        throw fieldError("name", "guests.nameForeign", { name, node: nodeName }, "conflict");
  }

  /** Places and books the batch, and anew when somebody else took a place, a port or an address meanwhile. */
  private async book(plan: Plan, actor: Actor): Promise<Booked[]> {
    const { request, names, template, pool } = plan;
    const need = this.needOf(plan);
    const { supply } = this.needs.templates;
    for (let left = bookingTries; ; left--) {
      const where = await supply.whereabouts(template);
      const { nodes, claim } = await this.assignment.assign({
        nodeName: request.nodeName,
        pool,
        where,
        inPool: request.linked,
        need,
        count: names.length,
      });
      const on = names.map((name, at) => ({ name, node: nodes[at] as ReadyNode }));
      const placed = on.map(({ name, node }) => ({ name, nodeName: node.name }));
      await this.checkNames(names, placed);
      await this.ground.hooks.run(guestBeforeCreate, { request, guests: placed });
      const ports = await this.ports(nodes);
      const drafts = on.map(
        ({ name, node }): DraftGuest => ({
          uuid: crypto.randomUUID(),
          name,
          nodeName: node.name,
          mac: randomMac(randomBytes),
          network: node.network,
          addressing: null,
          filter: null,
        }),
      );
      const joined = { request, guests: drafts, statements: [] as Statement[], events: [] as EventRow[] };
      await this.ground.hooks.run(guestBooking, joined);
      const copies = new Map<string, Supplied>();
      const booked: Booked[] = [];
      for (const [at, { node }] of on.entries()) {
        // One copy for each place, however many guests of the batch come there; nodes of a shared pool wait for it.
        const place = supply.placeOf(where, pool, node.name);
        const supplied =
          copies.get(place) ?? (await supply.supply(where, node.name, pool, request.linked, actor));
        if (supplied.after !== undefined) copies.set(place, supplied);
        const folder = pool.presences.find((each) => each.nodeName === node.name)?.path ?? "";
        const home: Home = { node, folder, supplied };
        const draft = drafts[at] as DraftGuest;
        booked.push(await this.bookOne(plan, draft, home, ports.get(node.name)?.shift() ?? 0, actor));
      }
      const made = [...copies.values()];
      try {
        await this.ground.commit(
          [
            ...claim,
            ...joined.statements,
            ...this.needs.templates.using(template.id),
            ...made.flatMap((each) => each.statements),
            ...booked.flatMap(rowsOf),
          ],
          [...made.flatMap((each) => each.events), ...joined.events, ...booked.flatMap(eventsOf)],
        );
        return booked;
      } catch (error) {
        // Taken away, or being checked: its reason. Else it stands again, and the batch is booked anew.
        if (isOutrun(error)) await this.usableTemplate(template.id);
        const overtaken =
          isOutrun(error) ||
          error instanceof StoreUniqueError ||
          isOvertaken(error) ||
          isOfOthers(error, claim.length, joined.statements.length);
        if (!overtaken) throw error;
        if (left <= 1) throw new AppError("unavailable", "guests.bookingBusy", {}, { cause: error });
      }
    }
  }

  /** As many free ports of each node as it is in the list. */
  private async ports(nodes: readonly ReadyNode[]): Promise<Map<string, number[]>> {
    const found = new Map<string, number[]>();
    for (const [name, same] of Map.groupBy(nodes, (node) => node.name)) {
      const [node] = same;
      if (!node) continue;
      const taken = await portsTaken(this.ground, name);
      found.set(name, freePorts(node.vnc, taken, same.length, name));
    }
    return found;
  }

  private async bookOne(
    plan: Plan,
    { uuid, name, mac, network: source, addressing, filter }: DraftGuest,
    { node, folder, supplied }: Home,
    vncPort: number,
    actor: Actor,
  ): Promise<Booked> {
    const { request, template, pool, diskSizeGiB } = plan;
    const { vault, clock, tasks } = this.ground;
    const now = clock.now();
    const password = template.init === "none" ? null : (request.password ?? randomPassword(passwordLength));
    const vncPassword = randomPassword(vncPasswordLength);
    const seedPath = template.init === "cloud-init" ? `${folder}/${uuid}.seed.iso` : null;
    const userName = template.userName || (template.isWindows ? "Administrator" : "root");
    const network = "network" in source ? source.network : null;
    const bridge = "bridge" in source ? source.bridge : null;
    const guest: Guest = {
      uuid,
      name,
      nameKey: nameKeyOf(name),
      remark: request.remark ?? "",
      remarkKey: remarkKeyOf(request.remark ?? ""),
      nodeName: node.name,
      templateId: template.id,
      templateName: template.name,
      icon: template.icon,
      state: "creating",
      wantedState: request.start ? "running" : "off",
      failedWord: null,
      failedArgs: null,
      vcpus: request.vcpus,
      memoryMiB: request.memoryMiB,
      osFamily: template.osFamily,
      isWindows: template.isWindows,
      init: template.init,
      userName,
      passwordSealed: password === null ? null : vault.seal(password),
      initState: template.init === "agent" ? "pending" : "none",
      initWord: null,
      initArgs: null,
      vncPort,
      vncListen: node.vnc.listen,
      vncPasswordSealed: vault.seal(vncPassword),
      movesTo: null,
      movesToPort: null,
      hostname: hostnameOf(name),
      seedPath,
      observedState: null,
      observedIncarnation: 0,
      observedSequence: 0,
      observedAt: null,
      startedAt: null,
      createdAt: now,
    };
    const disk = (role: Disk["role"], position: number, sizeGiB: number): Disk => {
      const diskUuid = crypto.randomUUID();
      return {
        uuid: diskUuid,
        name: role === "system" ? name : `${name}-data-${position}`,
        poolId: pool.id,
        nodeName: node.name,
        guestUuid: uuid,
        role,
        sizeGiB,
        path: diskPath(pool, folder, diskUuid),
        format: diskFormatOf(pool),
        target: diskTarget(position),
        state: "creating",
        failedWord: null,
        failedArgs: null,
        linkedTemplateId: role === "system" && request.linked ? template.id : null,
        writeBytes: role === "system" ? writeBytesOf(request, template) : 0,
        createdAt: now,
      };
    };
    const systemDisk = disk("system", 0, diskSizeGiB);
    const dataDisks = (request.dataDisks ?? []).map((each, index) => disk("data", index + 1, each.sizeGiB));
    const payload: PayloadOf<typeof createGuest> = {
      uuid,
      name,
      hostname: guest.hostname,
      vcpus: guest.vcpus,
      memoryMiB: guest.memoryMiB,
      clock: template.isWindows ? "localtime" : "utc",
      template: { path: supplied.path, format: template.format },
      folder,
      mark: markOf(pool),
      linked: request.linked,
      systemDisk: newDisk(systemDisk),
      dataDisks: dataDisks.map(newDisk),
      seed: seedPath ? { path: seedPath, userName, sshKeys: request.sshKeys ?? [] } : null,
      ...(seedPath && password !== null ? { password } : {}),
      interfaces: [{ mac, source, ...(addressing ? { addressing } : {}), ...(filter ? { filter } : {}) }],
      vncPort,
      vncListen: guest.vncListen,
      vncPassword,
      takenPorts: [],
      start: request.start,
    };
    const luggage: BootLuggage = { carry: {}, moreMs: 0 };
    const statements: Statement[] = [];
    const all = [systemDisk, ...dataDisks];
    const interfaces = [{ mac, guestUuid: uuid, position: 0, network, bridge, addresses: null }];
    const starts = request.start;
    const made: NewGuest = { guest, disks: all, interfaces, addressing, starts, luggage, statements };
    await this.ground.hooks.run(guestCreating, made);
    const task = await tasks.prepare(createGuest, {
      node: node.name,
      target: { type: "guest", key: uuid, name },
      exclusive: uuid,
      payload: { ...payload, ...carried(luggage) },
      actor,
      after: supplied.after,
      moreMs: luggage.moreMs,
    });
    return {
      guest,
      interfaces,
      disks: all,
      task: { ...task, statements: [...statements, ...task.statements] },
    };
  }
}

/** Whether a batch was refused by an expectation of what other plugins added: `count` statements, from place `from`. */
const isOfOthers = (error: unknown, from: number, count: number): boolean =>
  error instanceof StoreExpectationError && error.index >= from && error.index < from + count;

/** What making the system disk writes at once. */
function writeBytesOf(request: CreateGuest, template: Template): number {
  return request.linked ? 0 : (template.actualSizeBytes ?? 0);
}

/** Ports that guests of ours hold on a node. */
export async function portsTaken(ground: Pick<Ground, "store">, nodeName: string): Promise<Set<number>> {
  const holders = await ground.store.select(guests, {
    where: or(and(eq(guests.nodeName, nodeName), isNotNull(guests.vncPort)), eq(guests.movesTo, nodeName)),
  });
  return new Set(
    holders.flatMap((guest) => (guest.nodeName === nodeName ? guest.vncPort : guest.movesToPort) ?? []),
  );
}

function newDisk({ uuid, path, format, target, sizeGiB }: Disk): PayloadOf<typeof createGuest>["systemDisk"] {
  return { uuid, path, format, target: target ?? "", sizeGiB };
}

function rowsOf(booked: Booked): Statement[] {
  return [
    insert(guests, booked.guest),
    insert(guestInterfaces, booked.interfaces),
    insert(disks, booked.disks),
    ...booked.task.statements,
  ];
}

function eventsOf(booked: Booked): EventRow[] {
  return [
    guestEvent(booked.guest.uuid, { state: "creating", ...made }),
    ...booked.disks.map((disk) => diskEvent(disk.uuid, made)),
    ...booked.task.events,
  ];
}
