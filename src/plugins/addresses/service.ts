/** The rules of address pools: making, growing, shrinking and deleting them, and what becomes of their addresses. */
import {
  AppError,
  and,
  asc,
  type ControllerContext,
  type EventRow,
  type Expression,
  eq,
  fieldError,
  gt,
  gte,
  inArray,
  insert,
  isNotNull,
  lt,
  lte,
  or,
  plus,
  remove,
  type Statement,
  StoreUniqueError,
  update,
} from "jimv";
import { Allocator, type Given, isOvertaken, sizeOf } from "./allocator.ts";
import type { AddressService, AddressValues, AddressView, Booking, Holder, IpPoolView } from "./contract.ts";
import { addressOf, netmaskOf, textOfHex, widthOf } from "./ip.ts";
import { endsOf, hexInPath, type Range, rangeOf } from "./ranges.ts";
import { AddressSettings, type CreateIpPool, type ReserveAddresses } from "./requests.ts";
import {
  type AddressRow,
  addresses,
  type HeldState,
  type IpPoolRow,
  ipPools,
  type Replacement,
  replacements,
  stillHeld,
} from "./schema.ts";
import { tieAnew } from "./tying.ts";
import { addressView, type Counts, poolView } from "./view.ts";

/** `isNew` for the list, which then shows one row more. */
export const ipPoolEvent = (id: string, isNew = false): EventRow => ({
  topic: "ip-pool",
  key: id,
  data: isNew ? "new" : null,
});

/** As many may be reserved by one request. */
const reservedAtOnce = 4096;
/** How many addresses a refusal lists. */
const shownInRefusal = 5;

type Ground = Pick<ControllerContext, "store" | "clock" | "commit" | "settings">;

export class Addresses implements AddressService {
  private readonly allocator: Allocator;
  /** The end of the queue of changes of this process: two pools that overlap can't be made at once. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly ground: Ground) {
    this.allocator = new Allocator(ground);
  }

  async list(): Promise<IpPoolView[]> {
    const rows = await this.ground.store.select(ipPools, { orderBy: asc(ipPools.nameKey) });
    return Promise.all(rows.map((row) => this.view(row)));
  }

  async need(id: string): Promise<IpPoolView> {
    return this.view(await this.row(id));
  }

  private async row(id: string): Promise<IpPoolRow> {
    const row = await this.ground.store.first(ipPools, { where: eq(ipPools.id, id) });
    if (!row) throw new AppError("notFound", "addresses.notFound");
    return row;
  }

  private async view(row: IpPoolRow): Promise<IpPoolView> {
    const { store, clock } = this.ground;
    const count = (state: HeldState) =>
      store.count(
        addresses,
        and(
          eq(addresses.poolId, row.id),
          eq(addresses.state, state),
          state === "resting" ? gt(addresses.restsUntil, clock.now()) : undefined,
        ),
      );
    const [used, reserved, resting] = await Promise.all([count("used"), count("reserved"), count("resting")]);
    const counts: Counts = { used, reserved, resting };
    return poolView(row, counts);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => {});
    return turn;
  }

  private async refuseOverlap(range: Range, own: string | null): Promise<void> {
    const others = await this.ground.store.select(ipPools, {
      where: and(lte(ipPools.first, range.last), gte(ipPools.last, range.first)),
    });
    const other = others.find((each) => each.id !== own);
    if (other) throw fieldError("first", "addresses.overlaps", { pool: other.name }, "conflict");
  }

  /** What makes room for a new default of a family. */
  private undefault(range: Range, isDefault: boolean): Statement[] {
    return isDefault ? [update(ipPools, { defaultOf: null }, eq(ipPools.defaultOf, range.family))] : [];
  }

  create(request: CreateIpPool): Promise<IpPoolView> {
    return this.inTurn(async () => {
      const range = rangeOf(request);
      await this.refuseOverlap(range, null);
      const row: IpPoolRow = {
        id: crypto.randomUUID(),
        name: request.name,
        nameKey: request.name.toLowerCase(),
        ...range,
        bridge: request.bridge ?? null,
        protect: request.protect,
        defaultOf: request.isDefault ? range.family : null,
        next: range.first,
        version: 0,
        createdAt: this.ground.clock.now(),
      };
      await this.write(
        request.name,
        row.id,
        [
          ...this.undefault(range, request.isDefault),
          insert(ipPools, row),
          this.tidied(),
          this.adopt(row.id, range),
        ],
        true,
      );
      return this.need(row.id);
    });
  }

  change(id: string, request: CreateIpPool): Promise<IpPoolView> {
    return this.inTurn(async () => {
      const range = rangeOf(request);
      const pool = await this.row(id);
      if (range.family !== pool.family)
        throw fieldError("first", "addresses.keepsFamily", { pool: pool.name });
      await this.refuseOverlap(range, id);
      const outside = and(
        eq(addresses.poolId, id),
        or(lt(addresses.address, range.first), gt(addresses.address, range.last)),
      );
      await this.refuseHeld("addresses.usedOutside", pool, and(outside, eq(addresses.state, "used")));
      await this.refuseHeld("addresses.reservedOutside", pool, and(outside, eq(addresses.state, "reserved")));
      if (range.gateway !== null && range.gateway !== pool.gateway)
        await this.refuseUsedGateway(range.gateway);
      // Before the old beginning lies what was never looked at; what has a row is passed over anyway.
      const next = range.first < pool.first || pool.next < range.first ? range.first : pool.next;
      await this.write(request.name, id, [
        ...this.undefault(range, request.isDefault),
        update(
          ipPools,
          {
            name: request.name,
            nameKey: request.name.toLowerCase(),
            ...range,
            bridge: request.bridge ?? null,
            protect: request.protect,
            defaultOf: request.isDefault ? range.family : null,
            next,
            version: plus(ipPools.version, 1),
          },
          // Nothing was given out since the check.
          and(eq(ipPools.id, id), eq(ipPools.version, pool.version)),
          { expect: 1 },
        ),
        ...this.leaving(outside),
        this.adopt(id, range),
        ...(request.protect === pool.protect ? [] : tieAnew(await this.usersOf(id), this.ground.clock.now())),
      ]);
      return this.need(id);
    });
  }

  /** The guests that have addresses of a pool. */
  async usersOf(poolId: string): Promise<string[]> {
    const rows = await this.ground.store.select(addresses, {
      where: and(eq(addresses.poolId, poolId), eq(addresses.state, "used")),
    });
    return [...new Set(rows.flatMap(({ guestUuid }) => guestUuid ?? []))];
  }

  private async refuseHeld(word: string, pool: IpPoolRow, where: Expression): Promise<void> {
    const { store } = this.ground;
    const count = await store.count(addresses, where);
    if (count === 0) return;
    const some = await store.select(addresses, {
      where,
      orderBy: asc(addresses.address),
      limit: shownInRefusal,
    });
    throw new AppError("conflict", word, {
      pool: pool.name,
      count,
      addresses: some.map((row) => textOfHex(row.address)).join(", "),
    });
  }

  private async refuseUsedGateway(gateway: string): Promise<void> {
    const holder = await this.ground.store.first(addresses, {
      where: and(eq(addresses.address, gateway), eq(addresses.state, "used")),
    });
    if (holder) throw fieldError("gateway", "addresses.inUse", { address: textOfHex(gateway) }, "conflict");
  }

  remove(id: string, { withReserved = false } = {}): Promise<void> {
    return this.inTurn(async () => {
      const pool = await this.row(id);
      const own = eq(addresses.poolId, id);
      await this.refuseHeld("addresses.poolUsed", pool, and(own, eq(addresses.state, "used")));
      if (!withReserved)
        await this.refuseHeld("addresses.poolReserved", pool, and(own, eq(addresses.state, "reserved")));
      await this.write(pool.name, id, [
        remove(ipPools, and(eq(ipPools.id, id), eq(ipPools.version, pool.version)), { expect: 1 }),
        ...this.leaving(own),
      ]);
    });
  }

  /**
   * What becomes of addresses that are in no pool from now on. Those that rest do so all the same: a pool that is made
   * around them must not give them out before their time.
   */
  private leaving(which: Expression): Statement[] {
    return [
      update(addresses, { poolId: "" }, and(which, eq(addresses.state, "resting"))),
      remove(addresses, which),
      this.tidied(),
    ];
  }

  /** Of what rests in no pool, what does so no more. */
  private tidied(): Statement {
    const isOver = and(eq(addresses.state, "resting"), lte(addresses.restsUntil, this.ground.clock.now()));
    return remove(addresses, and(eq(addresses.poolId, ""), isOver));
  }

  /** @throws AppError conflict where the name is taken, or somebody changed the pool meanwhile */
  private async write(name: string, id: string, statements: Statement[], isNew = false): Promise<void> {
    try {
      await this.ground.commit(statements, [ipPoolEvent(id, isNew)]);
    } catch (error) {
      if (error instanceof StoreUniqueError && error.index === "addresses_pools_name")
        throw fieldError("name", "addresses.nameTaken", { name }, "conflict");
      if (isOvertaken(error) || error instanceof StoreUniqueError)
        throw new AppError("conflict", "addresses.changing", {}, { cause: error });
      throw error;
    }
  }

  async held(
    poolId: string,
    { state, limit, offset }: { state?: HeldState; limit: number; offset: number },
  ): Promise<{ items: AddressView[]; total: number }> {
    const { store, clock } = this.ground;
    const now = clock.now();
    const where = this.taken(
      eq(addresses.poolId, poolId),
      state === undefined ? undefined : eq(addresses.state, state),
    );
    const [rows, total] = await Promise.all([
      store.select(addresses, { where, orderBy: asc(addresses.address), limit, offset }),
      store.count(addresses, where),
    ]);
    return { items: rows.map((row) => addressView(row, now)), total };
  }

  private taken(...parts: (Expression | undefined)[]) {
    return and(
      ...parts,
      or(inArray(addresses.state, ["used", "reserved"]), gt(addresses.restsUntil, this.ground.clock.now())),
    );
  }

  /** How many addresses of a part of the line are not free; for the picture. */
  takenIn(first: string, last: string): Promise<number> {
    const where = this.taken(gte(addresses.address, first), lte(addresses.address, last));
    return this.ground.store.count(addresses, where);
  }

  /** The rows of a pool's addresses that are not free. */
  takenRows(poolId: string): Promise<AddressRow[]> {
    return this.ground.store.select(addresses, { where: this.taken(eq(addresses.poolId, poolId)) });
  }

  /** The stored range of a pool, and its gateway. @throws AppError notFound */
  rangeOf(id: string): Promise<Pick<IpPoolRow, "first" | "last" | "gateway">> {
    return this.row(id);
  }

  reserve(poolId: string, request: ReserveAddresses): Promise<void> {
    return this.inTurn(async () => {
      const { store, clock } = this.ground;
      const pool = await this.row(poolId);
      const { first, last } = endsOf(request);
      if (first < pool.first || last > pool.last)
        throw fieldError(first < pool.first ? "first" : "last", "addresses.outsidePool", {
          pool: pool.name,
          first: textOfHex(pool.first),
          last: textOfHex(pool.last),
        });
      const count = sizeOf(first, last);
      if (count > reservedAtOnce) throw fieldError("last", "addresses.tooMany", { most: reservedAtOnce });
      const rows = await store.select(addresses, {
        where: and(gte(addresses.address, first), lte(addresses.address, last)),
        orderBy: asc(addresses.address),
      });
      const used = rows.find((row) => row.state === "used");
      if (used)
        throw fieldError("first", "addresses.inUse", { address: textOfHex(used.address) }, "conflict");
      const there = new Set(rows.map((row) => row.address));
      const given = this.reserved(request.remark ?? null);
      const now = clock.now();
      const fresh = Array.from({ length: count }, (_, at) =>
        (BigInt(`0x${first}`) + BigInt(at)).toString(16).padStart(first.length, "0"),
      ).filter((address) => !there.has(address));
      await this.write(pool.name, poolId, [
        this.claim(pool),
        update(
          addresses,
          { ...given, since: now, restsUntil: null },
          and(gte(addresses.address, first), lte(addresses.address, last)),
        ),
        insert(
          addresses,
          fresh.map((address) => ({ ...given, address, poolId, since: now, restsUntil: null })),
        ),
      ]);
    });
  }

  /** Makes a batch happen only if nobody has changed the pool or taken of it since it was read. */
  private claim(pool: IpPoolRow): Statement {
    return update(
      ipPools,
      { version: plus(ipPools.version, 1) },
      and(eq(ipPools.id, pool.id), eq(ipPools.version, pool.version)),
      { expect: 1 },
    );
  }

  private reserved(remark: string | null): Given {
    return { state: "reserved", guestUuid: null, mac: null, remark: remark || null };
  }

  async reserveNext(poolId: string, remark: string | null): Promise<string> {
    return textOfHex(await this.allocator.take(poolId, this.reserved(remark)));
  }

  async free(poolId: string, address: string): Promise<void> {
    const hex = hexInPath(address);
    const row = await this.ground.store.first(addresses, {
      where: and(eq(addresses.address, hex), eq(addresses.poolId, poolId)),
    });
    if (!row) throw new AppError("notFound", "addresses.noSuchAddress", { address });
    if (row.state === "used") throw new AppError("conflict", "addresses.inUse", { address });
    const now = this.ground.clock.now();
    await this.write(address, poolId, [
      update(
        addresses,
        { state: "resting", remark: null, since: now, restsUntil: now },
        and(eq(addresses.address, hex), inArray(addresses.state, ["reserved", "resting"])),
        { expect: 1 },
      ),
    ]);
  }

  async plan(poolId: string, holders: readonly Holder[]): Promise<Booking> {
    const { pool, hexes, statements } = await this.allocator.plan(
      poolId,
      holders.map(({ guestUuid, mac }) => ({ state: "used", guestUuid, mac, remark: null })),
    );
    return { pool: await this.view(pool), addresses: hexes.map(textOfHex), statements };
  }

  async release(guestUuid: string): Promise<Statement[]> {
    return [
      // In no pool: recorded as long as the guest had it.
      remove(addresses, and(eq(addresses.guestUuid, guestUuid), eq(addresses.poolId, ""))),
      update(addresses, await this.resting(), eq(addresses.guestUuid, guestUuid)),
    ];
  }

  /** What a released address becomes. */
  async resting(): Promise<Partial<AddressRow>> {
    const { restMinutes } = await this.ground.settings.read("addresses", AddressSettings);
    const now = this.ground.clock.now();
    return {
      state: "resting",
      guestUuid: null,
      mac: null,
      since: now,
      restsUntil: now + restMinutes * 60_000,
      prefix: null,
      gateway: null,
      protect: null,
    };
  }

  /** A pool takes over the addresses of its range that were recorded before it was there. */
  private adopt(id: string, range: Range): Statement {
    return update(
      addresses,
      { poolId: id },
      and(eq(addresses.poolId, ""), gte(addresses.address, range.first), lte(addresses.address, range.last)),
    );
  }

  private of(guestUuids: readonly string[]): Promise<AddressRow[]> {
    return this.ground.store.select(addresses, {
      where: inArray(addresses.guestUuid, guestUuids),
      orderBy: asc(addresses.address),
    });
  }

  async booked(guestUuids: readonly string[]): Promise<Map<string, string[]>> {
    const notHers = new Set((await this.replacing(guestUuids)).map((row) => row.newAddress));
    const rows = (await this.of(guestUuids)).filter((row) => !notHers.has(row.address));
    // IPv4 stands before all global IPv6 on the line of addresses.
    return new Map(
      [...Map.groupBy(rows, (row) => row.guestUuid ?? "")].map(([uuid, own]) => [
        uuid,
        own.map((row) => textOfHex(row.address)),
      ]),
    );
  }

  /** Replacements whose new address is held, and not yet, or no longer, the guest's. */
  private replacing(guestUuids: readonly string[]): Promise<Replacement[]> {
    return this.ground.store.select(replacements, {
      where: and(inArray(replacements.guestUuid, guestUuids), or(isNotNull(replacements.openFor), stillHeld)),
    });
  }

  /** The pools of a guest's addresses. */
  async poolsOf(guestUuid: string): Promise<string[]> {
    const rows = await this.of([guestUuid]);
    return [...new Set(rows.map((row) => row.poolId))].filter((id) => id !== "");
  }

  async values(guestUuid: string): Promise<AddressValues | null> {
    // What a boot sets up is the address that comes, where one does at a boot.
    const hidden = (await this.replacing([guestUuid])).map((each) =>
      each.openFor !== null && each.way === "boot" ? each.oldAddress : each.newAddress,
    );
    const row = (await this.of([guestUuid])).find(({ address }) => !hidden.includes(address));
    if (!row) return null;
    const { family } = addressOf(row.address);
    const pool = row.poolId === "" ? null : await this.row(row.poolId);
    const { gateway } = pool ?? row;
    const prefix = pool?.prefix ?? row.prefix ?? widthOf(family);
    return {
      ip: textOfHex(row.address),
      netmask: netmaskOf(family, prefix),
      prefix: String(prefix),
      gateway: gateway ? textOfHex(gateway) : "",
      dns1: pool?.dns[0] ?? "",
      dns2: pool?.dns[1] ?? "",
    };
  }
}
