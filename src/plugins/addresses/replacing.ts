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
  plus,
  type ReportEffects,
  remove,
  type Statement,
  type Static,
  StoreExpectationError,
  StoreUniqueError,
  type Task,
  type TaskError,
  tasks,
  update,
} from "jimv";
import { bootJobsService, networkSeeds } from "../boot-jobs/index.ts";
import { type Addressing, type BootLuggage, type Guest, guestInterfaces, guests } from "../guests/index.ts";
import { nodeService } from "../nodes/index.ts";
import { isOvertaken } from "./allocator.ts";
import { type Address, addressOf, hexOf, networkOf, textOf, textOfHex, widthOf } from "./ip.ts";
import { addressAt } from "./ranges.ts";
import {
  type CarriedSeed,
  carriedAs,
  checkReplaced,
  type NewSeed,
  replaceLive,
  unchangedWords,
} from "./replace-tasks.ts";
import type { ReplaceAddress } from "./requests.ts";
import {
  type AddressRow,
  addresses,
  type IpPoolRow,
  ipPools,
  type Replacement,
  replacements,
} from "./schema.ts";
import { type Addresses, ipPoolEvent } from "./service.ts";

/** How often a booking is planned anew when somebody else was first. */
const bookingTries = 20;
/** How many of a guest's replacements its page shows. */
const shown = 20;

const guestEvent = (uuid: string): EventRow => ({ topic: "guest", key: uuid, data: null });
const nothing: ReportEffects = { statements: [] };

/** An address that shall be a guest's, and what books it. */
interface Candidate {
  hex: string;
  prefix: number;
  gateway: string | null;
  dns: readonly string[];
  statements: Statement[];
}

export class Replacing {
  constructor(
    private readonly ground: ControllerContext,
    private readonly service: Addresses,
  ) {}

  /** Replacements of a guest, newest first. */
  ofGuest(uuid: string): Promise<Replacement[]> {
    return this.ground.store.select(replacements, {
      where: eq(replacements.guestUuid, uuid),
      orderBy: desc(replacements.createdAt),
      limit: shown,
    });
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
    const jobId = await this.demandWay(guest, request, old);
    const candidate =
      request.address === undefined
        ? await this.nextFree(old, request)
        : await this.typed(old, request.address, request);
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
    await this.ground.commit(
      [...candidate.statements, insert(replacements, row), ...(task?.statements ?? [])],
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

  /** The system boot job that will tell the guest, where it is one. @throws AppError when the way is not open */
  private async demandWay(guest: Guest, request: ReplaceAddress, old: AddressRow): Promise<string | null> {
    const { name } = guest;
    if (request.when === "now") {
      if (guest.isWindows) throw fieldError("when", "addresses.live.windows", { name }, "conflict");
      if (guest.state !== "running")
        throw fieldError("when", "addresses.live.notRunning", { name }, "conflict");
      const node = await this.ground.use(nodeService).get(guest.nodeName);
      if (node?.state === "offline")
        throw new AppError("conflict", "guests.nodeAway", { node: guest.nodeName });
    }
    if (guest.seedPath !== null) {
      if (!(await this.hasBooted(guest))) throw new AppError("conflict", "addresses.neverBooted", { name });
      return null;
    }
    const style = request.style ?? (guest.isWindows ? "Windows" : undefined);
    const seed = networkSeeds.find((each) => each.style === style);
    const jobs = this.ground.find(bootJobsService);
    if (!seed || !jobs || addressOf(old.address).family !== "ipv4") {
      // A live change needs no job; only a reboot would not keep it.
      if (request.when === "now" && style === undefined) return null;
      throw fieldError("style", seed ? "addresses.jobsOnlyIpv4" : "addresses.styleNeeded", { name });
    }
    const job = await jobs.keepSystemJob(
      `addresses-${seed.style}`.slice(0, 36),
      `Replace address: ${seed.style}`,
      "boot",
      seed.rules,
    );
    return job.id;
  }

  /** Whether cloud-init has done its first set-up: a seed that only tells the network would take it away. */
  private async hasBooted(guest: Guest): Promise<boolean> {
    const { store } = this.ground;
    if (guest.startedAt !== null) return true;
    const cards = await store.select(guestInterfaces, { where: eq(guestInterfaces.guestUuid, guest.uuid) });
    if (cards.some((card) => card.addresses !== null)) return true;
    return (
      (await store.count(
        tasks,
        and(eq(tasks.targetKey, guest.uuid), eq(tasks.kind, "guests.start"), eq(tasks.state, "succeeded")),
      )) > 0
    );
  }

  private async pool(id: string): Promise<IpPoolRow | null> {
    return id === "" ? null : this.ground.store.first(ipPools, { where: eq(ipPools.id, id) });
  }

  /** How the interface of a booked address is set up. */
  private async setUpOf(row: AddressRow): Promise<{ prefix: number; gateway: string | null; dns: string[] }> {
    const pool = await this.pool(row.poolId);
    if (pool) return pool;
    const { prefix, gateway, address } = row;
    return { prefix: prefix ?? widthOf(addressOf(address).family), gateway, dns: await this.dnsNear(row) };
  }

  /** The servers of the pool in whose network an address lies that is in none. */
  private async dnsNear(row: AddressRow): Promise<string[]> {
    return (await this.networkAround(addressOf(row.address)))?.dns ?? [];
  }

  private async networkAround(address: Address): Promise<IpPoolRow | null> {
    const pools = await this.ground.store.select(ipPools, { where: eq(ipPools.family, address.family) });
    const inNetwork = pools.filter((pool) => {
      const { first, last } = networkOf(addressOf(pool.first), pool.prefix);
      return address.value >= first.value && address.value <= last.value;
    });
    const hex = hexOf(address);
    return inNetwork.find((pool) => pool.first <= hex && hex <= pool.last) ?? inNetwork[0] ?? null;
  }

  private async nextFree(old: AddressRow, request: ReplaceAddress): Promise<Candidate> {
    const around = old.poolId === "" ? await this.networkAround(addressOf(old.address)) : null;
    const poolId = request.pool ?? around?.id ?? old.poolId;
    if (poolId === "") throw fieldError("pool", "addresses.poolNeeded");
    const pool = await this.pool(poolId);
    if (!pool) throw new AppError("notFound", "addresses.notFound");
    if (pool.family !== addressOf(old.address).family)
      throw fieldError("pool", "addresses.wrongFamily", { pool: pool.name });
    await this.demandBridge(pool, old, "pool");
    const holder = { guestUuid: old.guestUuid ?? "", mac: old.mac ?? "" };
    const { addresses: given, statements } = await this.service.plan(poolId, [holder]);
    const hex = hexOf(addressAt("address", given[0] ?? ""));
    return { hex, prefix: pool.prefix, gateway: pool.gateway, dns: pool.dns, statements };
  }

  /** A replacement leaves the guest's card where it is. */
  private async demandBridge(pool: IpPoolRow, old: AddressRow, field: string): Promise<void> {
    const card = await this.ground.store.first(guestInterfaces, {
      where: eq(guestInterfaces.mac, old.mac ?? ""),
    });
    if (pool.bridge !== null && card && card.bridge !== pool.bridge)
      throw fieldError(field, "addresses.otherBridge", { pool: pool.name, bridge: pool.bridge }, "conflict");
  }

  /** @throws AppError invalid or conflict at `address`, `prefix` or `gateway` */
  private async typed(old: AddressRow, text: string, request: ReplaceAddress): Promise<Candidate> {
    const { store, clock } = this.ground;
    const address = addressAt("address", text);
    const hex = hexOf(address);
    const args = { address: textOf(address) };
    const before = addressOf(old.address);
    if (address.family !== before.family)
      throw fieldError("address", "addresses.otherFamily", { first: textOf(before) });
    const around = await this.networkAround(address);
    const own = await this.setUpOf(old);
    const network = networkOf(before, own.prefix);
    const isNear = address.value >= network.first.value && address.value <= network.last.value;
    const prefix = around?.prefix ?? request.prefix ?? (isNear ? own.prefix : undefined);
    if (prefix === undefined) throw fieldError("prefix", "addresses.prefixNeeded", args);
    const given = request.gateway === undefined ? null : hexOf(addressAt("gateway", request.gateway));
    const gateway = around ? around.gateway : (given ?? (isNear ? own.gateway : null));
    refuseEnds(address, prefix);
    if (gateway === hex || (await store.count(ipPools, eq(ipPools.gateway, hex))) > 0)
      throw fieldError("address", "addresses.isGateway", args);
    if (around) await this.demandBridge(around, old, "address");
    const now = clock.now();
    const row = await store.first(addresses, { where: eq(addresses.address, hex) });
    if (row?.state === "used") throw fieldError("address", "addresses.inUse", args, "conflict");
    if (row?.state === "reserved") throw fieldError("address", "addresses.isReserved", args, "conflict");
    const isInside = around !== null && around.first <= hex && hex <= around.last;
    const set = {
      poolId: isInside ? around.id : "",
      state: "used" as const,
      guestUuid: old.guestUuid,
      mac: old.mac,
      remark: null,
      since: now,
      restsUntil: null,
      prefix: isInside ? null : prefix,
      gateway: isInside ? null : gateway,
    };
    return {
      hex,
      prefix,
      gateway,
      dns: around?.dns ?? own.dns,
      statements: [
        ...(isInside
          ? [
              update(
                ipPools,
                { version: plus(ipPools.version, 1) },
                and(eq(ipPools.id, around.id), eq(ipPools.version, around.version)),
                { expect: 1 },
              ),
            ]
          : []),
        row
          ? update(addresses, set, and(eq(addresses.address, hex), eq(addresses.state, "resting")), {
              expect: 1,
            })
          : insert(addresses, { address: hex, ...set }),
      ],
    };
  }

  private async liveTask(
    guest: Guest,
    row: Replacement,
    candidate: Pick<Candidate, "hex" | "prefix" | "gateway">,
    actor: Actor,
  ): Promise<PreparedTask> {
    const old = await this.ground.store.first(addresses, { where: eq(addresses.address, row.oldAddress) });
    const before = old ? (await this.setUpOf(old)).prefix : candidate.prefix;
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
        seed: await this.seedOf(guest, row, candidate),
      },
      actor,
    });
  }

  /**
   * The guest's seed as it should be once the replacement holds: all booked addresses, the new one in the old one's
   * place. With `candidate` null as it is without the replacement.
   */
  private async seedOf(
    guest: Guest,
    row: Replacement,
    candidate: Pick<Candidate, "hex" | "prefix" | "gateway"> | null,
  ): Promise<Static<typeof NewSeed> | null> {
    if (guest.seedPath === null) return null;
    const { store } = this.ground;
    const cards = await store.select(guestInterfaces, {
      where: eq(guestInterfaces.guestUuid, guest.uuid),
    });
    const booked = await store.select(addresses, { where: eq(addresses.guestUuid, guest.uuid) });
    const interfaces = [];
    for (const { mac } of cards.sort((a, b) => a.position - b.position)) {
      const addressing: Addressing = { addresses: [], gateways: [], dns: [] };
      const add = (hex: string, prefix: number, gateway: string | null, dns: readonly string[]): void => {
        addressing.addresses.push(`${textOfHex(hex)}/${prefix}`);
        if (gateway) addressing.gateways.push(textOfHex(gateway));
        addressing.dns.push(...dns);
      };
      for (const each of booked.filter((one) => one.mac === mac)) {
        if (each.address === candidate?.hex) continue;
        const { prefix, gateway, dns } = await this.setUpOf(each);
        if (candidate && each.address === row.oldAddress)
          add(candidate.hex, candidate.prefix, candidate.gateway, dns);
        else add(each.address, prefix, gateway, dns);
      }
      interfaces.push({ mac, ...(addressing.addresses.length > 0 ? { addressing } : {}) });
    }
    const { hostname, userName } = guest;
    const instanceId = `${guest.uuid}-${row.id.slice(0, 8)}-${row.telling}`;
    return { path: guest.seedPath, facts: { instanceId, hostname, userName, interfaces } };
  }

  /** Puts what a guest is owed into its boot's luggage: a new seed, or the boot job. */
  async pack(guest: Guest, luggage: BootLuggage): Promise<void> {
    const row = await this.ground.store.first(replacements, {
      where: and(eq(replacements.guestUuid, guest.uuid), eq(replacements.owed, true)),
      orderBy: desc(replacements.createdAt),
    });
    if (!row) return;
    if (guest.seedPath === null) return this.queueJob(row);
    const fresh = await this.ground.store.first(addresses, { where: eq(addresses.address, row.newAddress) });
    const isComing = row.openFor !== null && fresh !== null;
    const candidate = isComing ? { hex: row.newAddress, ...(await this.setUpOf(fresh)) } : null;
    const seed = await this.seedOf(guest, row, candidate);
    if (!seed) return;
    const carried: Static<typeof CarriedSeed> = { replacement: row.id, telling: row.telling, seed };
    luggage.carry[carriedAs] = JSON.stringify(carried);
  }

  /** Right before the boot jobs pack: one that was taken back or has expired is queued again. */
  private async queueJob(row: Replacement): Promise<void> {
    const jobs = this.ground.find(bootJobsService);
    if (!jobs || row.jobId === null) return;
    try {
      await jobs.queue([row.guestUuid], [row.jobId], { kind: "system", name: "addresses" });
    } catch (error) {
      if (!(error instanceof AppError) || error.word !== "boot-jobs.queuedAlready") throw error;
    }
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
    return this.ground.tasks.prepare(checkReplaced, {
      node: guest.nodeName,
      target: { type: "guest", key: guest.uuid, name: guest.name },
      exclusive: `${guest.uuid}:address`,
      payload: { replacement: row.id, uuid: guest.uuid, mac: row.mac, address: textOfHex(row.newAddress) },
      actor: { kind: "system", name: "addresses" },
    });
  }

  /** The new address answered: it is the guest's, and the old one is released. */
  async verified(id: string, told: boolean): Promise<ReportEffects> {
    const row = await this.openRow(id);
    if (!row) return nothing;
    const set = { state: "verified", openFor: null, failedWord: null, failedArgs: null } as const;
    const effects =
      row.way === "boot" || told
        ? this.settledWith(row, set)
        : this.changed(row, { ...set, owed: true, telling: row.telling + 1 });
    return this.rebooked(effects, row, row.oldAddress);
  }

  /** It did not come about. Where nobody knows what the guest has, it stays open and both addresses are kept. */
  async failed(id: string, { word, args }: TaskError, task: Task): Promise<ReportEffects> {
    const row = await this.openRow(id);
    if (!row || (row.taskId !== null && row.taskId !== task.id)) return nothing;
    const failure = { failedWord: word.slice(0, 64), failedArgs: args };
    if (row.way === "boot" || !(unchangedWords.includes(word) || task.startedAt === null))
      return this.changed(row, failure);
    const effects = this.changed(row, {
      ...failure,
      state: word === "addresses.rolledBack" ? "rolledBack" : "failed",
      openFor: null,
      // An attempt that nobody heard the end of may have told the seed.
      owed: word === "addresses.live.off" && task.attempts > 1,
      telling: row.telling + 1,
    });
    return this.rebooked(effects, row, row.newAddress);
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
      const setUp = await this.setUpOf(fresh);
      task = await this.liveTask(guest, row, { hex: row.newAddress, ...setUp }, actor);
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
    const { statements, events } = await this.rebooked(effects, row, row.newAddress);
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

  /** The one place where the booked addresses of an interface change for good: `released` is no longer the guest's. */
  private async rebooked(effects: ReportEffects, row: Replacement, released: string): Promise<ReportEffects> {
    return {
      statements: [...effects.statements, await this.released(released)],
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

/** @throws AppError invalid where the address is its network's own or its broadcast address */
function refuseEnds(address: Address, prefix: number): void {
  const width = widthOf(address.family);
  if (prefix > width) throw fieldError("prefix", "addresses.prefixLong", { most: width });
  if (width - prefix <= 1) return;
  const args = { address: textOf(address) };
  const { first, last } = networkOf(address, prefix);
  if (address.value === first.value) throw fieldError("address", "addresses.replaceNetwork", args);
  if (address.family === "ipv4" && address.value === last.value)
    throw fieldError("address", "addresses.replaceBroadcast", args);
}
