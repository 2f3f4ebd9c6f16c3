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
  type PayloadOf,
  type PreparedTask,
  randomPassword,
  type Statement,
  StoreUniqueError,
} from "jimv";
import { type Disk, disks } from "../disks/index.ts";
import {
  bytesPerGiB,
  checkDisk,
  checkMemory,
  checkVcpus,
  GuestSettings,
  type ReadyNode,
  readyNode,
  residentMemoryMiB,
} from "./capacity.ts";
import { guestBeforeCreate } from "./contract.ts";
import { checkName, diskTarget, freePorts, hostnameOf, nameKeyOf, namesOf, randomMac } from "./naming.ts";
import type { Ground, GuestNeeds, UsableTemplate } from "./needs.ts";
import { type CreateGuest, passwordLength } from "./requests.ts";
import { foreignDomains, type Guest, type GuestInterface, guestInterfaces, guests } from "./schema.ts";
import { createGuest } from "./tasks.ts";

/** A protocol limit of VNC. */
const vncPasswordLength = 8;
/** How often a batch is booked anew when somebody else took something meanwhile. */
const bookingTries = 20;

interface Booked {
  guest: Guest;
  interfaces: GuestInterface[];
  disks: Disk[];
  task: PreparedTask;
}

/** Everything that is known once the request has passed. */
interface Plan {
  request: CreateGuest;
  names: string[];
  node: ReadyNode;
  template: UsableTemplate & { format: string };
  diskSizeGiB: number;
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
  /** Per node, the end of the queue of bookings: in one process they need not clash at all. */
  private readonly queues = new Map<string, Promise<unknown>>();

  constructor(
    private readonly ground: Ground,
    private readonly needs: GuestNeeds,
  ) {}

  /** @throws AppError invalid or conflict, at the field where there is one; notFound */
  async create(
    request: CreateGuest,
    actor: Actor,
  ): Promise<{ tasks: { id: string }[]; guests: { uuid: string; name: string }[] }> {
    checkName(request.name);
    const names = namesOf(request.name, request.quantity);
    for (const name of names) checkName(name);
    const template = await this.usableTemplate(request.templateId);
    const nodeName = await this.place(request, template);
    return this.inTurn(nodeName, async () => {
      const node = await this.node(nodeName);
      const diskSizeGiB = this.sizeOf(request, template);
      const plan: Plan = { request, names, node, template, diskSizeGiB };
      await this.checkFit(plan);
      await this.checkNames(names, nodeName);
      await this.ground.hooks.run(guestBeforeCreate, { request, nodeName, names });
      const booked = await this.book(plan, actor);
      this.ground.tasks.kick();
      return {
        tasks: booked.map(({ task }) => ({ id: task.id })),
        guests: booked.map(({ guest }) => ({ uuid: guest.uuid, name: guest.name })),
      };
    });
  }

  /** What `create` would say about the name. @throws AppError invalid or conflict at the field `name` */
  async checkNameFree(name: string, quantity: number): Promise<void> {
    checkName(name);
    const names = namesOf(name, quantity);
    for (const each of names) checkName(each);
    await this.checkNames(names, null);
  }

  /** Runs `work` after all earlier ones for the node. */
  private inTurn<T>(nodeName: string, work: () => Promise<T>): Promise<T> {
    const before = this.queues.get(nodeName) ?? Promise.resolve();
    const turn = before.then(work, work);
    const end = turn.catch(() => {});
    this.queues.set(nodeName, end);
    void end.then(() => {
      if (this.queues.get(nodeName) === end) this.queues.delete(nodeName);
    });
    return turn;
  }

  private async usableTemplate(id: string): Promise<Plan["template"]> {
    const template = await this.needs.templates.usable(id);
    if (template.format === null)
      throw new AppError("conflict", "guests.templateUnchecked", { template: template.name });
    return { ...template, format: template.format };
  }

  /** The node of the batch: where the template is. */
  private async place(request: CreateGuest, template: UsableTemplate): Promise<string> {
    if (request.nodeName !== undefined && request.nodeName !== template.nodeName) {
      if (!(await this.needs.nodes.get(request.nodeName)))
        throw fieldError("nodeName", "guests.nodeUnknown", { node: request.nodeName });
      throw fieldError(
        "nodeName",
        "guests.templateElsewhere",
        { template: template.name, node: template.nodeName, asked: request.nodeName },
        "conflict",
      );
    }
    const node = await this.needs.nodes.get(template.nodeName);
    if (!node) throw fieldError("nodeName", "guests.nodeUnknown", { node: template.nodeName });
    if (request.nodeName === undefined && !node.acceptsGuests)
      throw fieldError("nodeName", "guests.nodeClosed", { node: node.name }, "conflict");
    return node.name;
  }

  private async node(name: string): Promise<ReadyNode> {
    const node = await this.needs.nodes.get(name);
    if (!node) throw fieldError("nodeName", "guests.nodeUnknown", { node: name });
    return readyNode(node);
  }

  private sizeOf(request: CreateGuest, template: UsableTemplate): number {
    const least = Math.max(1, Math.ceil((template.virtualSizeBytes ?? 0) / bytesPerGiB));
    const size = request.diskSizeGiB ?? Math.max(least, template.defaultSizeGiB);
    if (size < least)
      throw fieldError("diskSizeGiB", "guests.diskSmall", { template: template.name, leastGiB: least });
    return size;
  }

  private async checkFit({ request, node, template, diskSizeGiB }: Plan): Promise<void> {
    const settings = await this.ground.settings.read("guests", GuestSettings);
    checkVcpus(node, request.vcpus);
    const resident = await residentMemoryMiB(this.ground.store, node.name);
    checkMemory(node, settings, resident, request.memoryMiB, request.quantity);
    const dataGiB = (request.dataDisks ?? []).reduce((sum, disk) => sum + disk.sizeGiB, 0);
    const growBytes = (diskSizeGiB + dataGiB) * bytesPerGiB * request.quantity;
    const writeBytes = request.linked ? 0 : (template.actualSizeBytes ?? 0) * request.quantity;
    checkDisk(node, settings, writeBytes, growBytes, "diskSizeGiB");
  }

  /** Names that are taken by guests of ours, or on the node by domains that are not. */
  private async checkNames(names: readonly string[], nodeName: string | null): Promise<void> {
    const { store } = this.ground;
    const [taken] = await store.select(guests, {
      where: inArray(guests.nameKey, names.map(nameKeyOf)),
      orderBy: asc(guests.nameKey),
      limit: 1,
    });
    if (taken) throw fieldError("name", "guests.nameTaken", { name: taken.name }, "conflict");
    if (nodeName === null) return;
    const [foreign] = await store.select(foreignDomains, {
      where: and(eq(foreignDomains.nodeName, nodeName), inArray(foreignDomains.name, names)),
      limit: 1,
    });
    if (foreign)
      throw fieldError("name", "guests.nameForeign", { name: foreign.name, node: nodeName }, "conflict");
  }

  private async book(plan: Plan, actor: Actor): Promise<Booked[]> {
    for (let left = bookingTries; ; left--) {
      const ports = await this.ports(plan);
      const booked: Booked[] = [];
      for (const [index, name] of plan.names.entries())
        booked.push(await this.bookOne(plan, name, ports[index] ?? 0, actor));
      try {
        await this.ground.commit(booked.flatMap(rowsOf), booked.flatMap(eventsOf));
        return booked;
      } catch (error) {
        if (!(error instanceof StoreUniqueError)) throw error;
        if (error.index === "guests_name") {
          // Says which one; where it has gone again meanwhile, booking goes on.
          await this.checkNames(plan.names, plan.node.name);
        }
        if (left <= 1) throw new AppError("unavailable", "guests.bookingBusy", {}, { cause: error });
      }
    }
  }

  private async ports({ node, names }: Plan): Promise<number[]> {
    const taken = await portsTaken(this.ground, node.name);
    return freePorts(node.vnc, taken, names.length, node.name);
  }

  private async bookOne(plan: Plan, name: string, vncPort: number, actor: Actor): Promise<Booked> {
    const { request, node, template, diskSizeGiB } = plan;
    const { vault, clock, tasks } = this.ground;
    const uuid = crypto.randomUUID();
    const now = clock.now();
    const password = template.init === "none" ? null : (request.password ?? randomPassword(passwordLength));
    const vncPassword = randomPassword(vncPasswordLength);
    const seedPath = template.init === "cloud-init" ? `${node.storage.path}/${uuid}.seed.iso` : null;
    const userName = template.userName || (template.isWindows ? "Administrator" : "root");
    const network = "network" in node.network ? node.network.network : null;
    const bridge = "bridge" in node.network ? node.network.bridge : null;
    const guest: Guest = {
      uuid,
      name,
      nameKey: nameKeyOf(name),
      remark: request.remark ?? "",
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
      hostname: hostnameOf(name),
      seedPath,
      observedState: null,
      observedIncarnation: 0,
      observedSequence: 0,
      observedAt: null,
      startedAt: null,
      createdAt: now,
    };
    const mac = randomMac(randomBytes);
    const disk = (role: Disk["role"], position: number, sizeGiB: number): Disk => {
      const diskUuid = crypto.randomUUID();
      return {
        uuid: diskUuid,
        name: role === "system" ? name : `${name}-data-${position}`,
        nodeName: node.name,
        guestUuid: uuid,
        role,
        sizeGiB,
        path: `${node.storage.path}/${diskUuid}.qcow2`,
        format: "qcow2",
        target: diskTarget(position),
        state: "creating",
        failedWord: null,
        failedArgs: null,
        linkedTemplateId: role === "system" && request.linked ? template.id : null,
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
      template: { path: template.path, format: template.format },
      linked: request.linked,
      systemDisk: newDisk(systemDisk),
      dataDisks: dataDisks.map(newDisk),
      seed: seedPath ? { path: seedPath, userName, sshKeys: request.sshKeys ?? [] } : null,
      ...(seedPath && password !== null ? { password } : {}),
      interfaces: [{ mac, source: node.network }],
      vncPort,
      vncListen: guest.vncListen,
      vncPassword,
      takenPorts: [],
      start: request.start,
    };
    const task = await tasks.prepare(createGuest, {
      node: node.name,
      target: { type: "guest", key: uuid, name },
      exclusive: uuid,
      payload,
      actor,
    });
    return {
      guest,
      interfaces: [{ mac, guestUuid: uuid, position: 0, network, bridge }],
      disks: [systemDisk, ...dataDisks],
      task,
    };
  }
}

/** Ports that guests of ours hold on a node. */
export async function portsTaken(ground: Pick<Ground, "store">, nodeName: string): Promise<Set<number>> {
  const holders = await ground.store.select(guests, {
    where: and(eq(guests.nodeName, nodeName), isNotNull(guests.vncPort)),
  });
  return new Set(holders.flatMap((guest) => (guest.vncPort === null ? [] : [guest.vncPort])));
}

function newDisk({ uuid, path, target, sizeGiB }: Disk): PayloadOf<typeof createGuest>["systemDisk"] {
  return { uuid, path, target: target ?? "", sizeGiB };
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
    guestEvent(booked.guest.uuid, { state: "creating" }),
    ...booked.disks.map((disk) => diskEvent(disk.uuid)),
    ...booked.task.events,
  ];
}
