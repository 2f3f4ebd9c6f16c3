/** The rules of address pools: making, growing, shrinking and deleting them, and what becomes of their addresses. */
import {
  AppError,
  and,
  asc,
  type EventRow,
  type Expression,
  eq,
  fieldError,
  gt,
  gte,
  inArray,
  insert,
  lt,
  lte,
  made,
  or,
  plus,
  remove,
  type Statement,
  StoreUniqueError,
  update,
} from "jimv";
import { Allocator, type Given, isOvertaken, sizeOf } from "./allocator.ts";
import { Book, isOutOfTurn } from "./book.ts";
import type { AddressService, Booking, Holder, IpPoolView } from "./contract.ts";
import { textOfHex } from "./ip.ts";
import { endsOf, hexInPath, type Range, rangeOf } from "./ranges.ts";
import { AddressReading, type Ground } from "./reading.ts";
import { AddressSettings, type CreateIpPool, type ReserveAddresses } from "./requests.ts";
import { type AddressRow, addresses, type IpPoolRow, ipPools } from "./schema.ts";
import { tieAnew } from "./tying.ts";

/** `isNew` for the list, which then shows one row more. */
export const ipPoolEvent = (id: string, isNew = false): EventRow => ({
  topic: "ip-pool",
  key: id,
  data: isNew ? made : null,
});

/** As many may be reserved by one request. */
const reservedAtOnce = 4096;
/** How often a change of ranges is decided anew when another controller was first. */
const rangingTries = 20;
/** How many addresses a refusal lists. */
const shownInRefusal = 5;

export class Addresses extends AddressReading implements AddressService {
  private readonly allocator: Allocator;
  private readonly book: Book;
  /** The end of the queue of changes of this process, which need not clash at all. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(ground: Ground) {
    super(ground);
    this.book = new Book(ground.store);
    this.allocator = new Allocator(ground);
  }

  /**
   * Decides about the pools' ranges on what the book says of them. `decide` gets what must come first in its batch; where
   * that is refused, since another controller has changed a range meanwhile, all is decided anew.
   */
  private ranging<T>(decide: (turn: Statement) => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      for (let left = rangingTries; ; left--) {
        try {
          return await decide(await this.book.turn());
        } catch (error) {
          if (!isOutOfTurn(error)) throw error;
          if (left <= 1) throw new AppError("conflict", "addresses.changing", {}, { cause: error });
        }
      }
    });
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
    return this.ranging(async (turn) => {
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
          turn,
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
    return this.ranging(async (turn) => {
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
        turn,
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
    return this.ranging(async (turn) => {
      const pool = await this.row(id);
      const own = eq(addresses.poolId, id);
      await this.refuseHeld("addresses.poolUsed", pool, and(own, eq(addresses.state, "used")));
      if (!withReserved)
        await this.refuseHeld("addresses.poolReserved", pool, and(own, eq(addresses.state, "reserved")));
      await this.write(pool.name, id, [
        turn,
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
      if (isOutOfTurn(error)) throw error;
      if (isOvertaken(error) || error instanceof StoreUniqueError)
        throw new AppError("conflict", "addresses.changing", {}, { cause: error });
      throw error;
    }
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
}
