/**
 * Giving out the next free addresses. Only what is not free has a row; what was never given out lies behind the
 * pool's mark (`next`), so finding a free address costs the same in a pool of ten and of ten million. First come
 * released ones whose rest is over, the longest rested first, then the mark moves on past reserved ones.
 *
 * Two at once never get the same: the address is the table's primary key, and each allocation raises the version
 * that it read, so that of two the second is refused by the database and plans anew. That row also comes first in
 * the batch, so that batches wait for each other there instead of dying of a deadlock.
 */
import {
  AppError,
  and,
  asc,
  type ControllerContext,
  eq,
  gte,
  insert,
  lte,
  plus,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  timing,
  update,
} from "jimv";
import { distance, hexPlus } from "./ip.ts";
import { type AddressRow, addresses, type IpPoolRow, ipPools } from "./schema.ts";

/** What is written of an address that is given out. */
export type Given = Pick<AddressRow, "state" | "guestUuid" | "mac" | "remark">;

/** How many rows behind the mark are looked at in one read. */
const window = 1000;
/** How often an allocation is planned anew when somebody else was first. */
const tries = 200;
/** How many that wait are served by one batch. */
const together = 200;

/** Whether a batch was refused because somebody else has changed the pool, or has the address, meanwhile. */
export const isOvertaken = (error: unknown): boolean =>
  (error instanceof StoreExpectationError && error.table.startsWith("addresses")) ||
  (error instanceof StoreUniqueError && error.table === "addresses");

type Waiting = { given: Given; done: (address: string) => void; failed: (error: unknown) => void };

export class Allocator {
  private readonly waiting = new Map<string, Waiting[]>();

  constructor(private readonly ground: Pick<ControllerContext, "store" | "clock" | "commit">) {}

  /** @throws AppError notFound, conflict when the pool has not so many */
  async plan(
    poolId: string,
    given: readonly Given[],
  ): Promise<{ pool: IpPoolRow; hexes: string[]; statements: Statement[] }> {
    const { store, clock } = this.ground;
    const now = clock.now();
    const pool = await store.first(ipPools, { where: eq(ipPools.id, poolId) });
    if (!pool) throw new AppError("notFound", "addresses.notFound");
    const rested = await store.select(addresses, {
      where: and(
        eq(addresses.poolId, poolId),
        eq(addresses.state, "resting"),
        lte(addresses.restsUntil, now),
      ),
      orderBy: asc(addresses.restsUntil),
      limit: given.length + 1,
    });
    const again = rested
      .map((row) => row.address)
      .filter((hex) => hex !== pool.gateway)
      .slice(0, given.length);
    const fresh = await this.fresh(pool, given.length - again.length);
    if (again.length + fresh.hexes.length < given.length)
      throw new AppError("conflict", "addresses.poolFull", {
        pool: pool.name,
        asked: given.length,
        free: again.length + fresh.hexes.length,
      });
    const hexes = [...again, ...fresh.hexes];
    const rows = hexes.map((address, at) => ({
      ...(given[at] as Given),
      address,
      poolId,
      since: now,
      restsUntil: null,
    }));
    return {
      pool,
      hexes,
      statements: [
        update(
          ipPools,
          { next: fresh.next, version: plus(ipPools.version, 1) },
          and(eq(ipPools.id, poolId), eq(ipPools.version, pool.version)),
          { expect: 1 },
        ),
        ...rows
          .slice(0, again.length)
          .map(({ address, ...set }) =>
            update(
              addresses,
              set,
              and(
                eq(addresses.address, address),
                eq(addresses.state, "resting"),
                lte(addresses.restsUntil, now),
              ),
              { expect: 1 },
            ),
          ),
        insert(addresses, rows.slice(again.length)),
      ],
    };
  }

  /** The next `count` addresses behind the mark that have no row, and where the mark comes to stand. */
  private async fresh(pool: IpPoolRow, count: number): Promise<{ hexes: string[]; next: string }> {
    const hexes: string[] = [];
    let next = pool.next;
    while (hexes.length < count && next <= pool.last) {
      const rows = await this.ground.store.select(addresses, {
        where: and(gte(addresses.address, next), lte(addresses.address, pool.last)),
        orderBy: asc(addresses.address),
        limit: window,
      });
      const taken = new Set(rows.map((row) => row.address));
      // Behind the last row of a full window nothing is known yet.
      const end = rows.length < window ? pool.last : (rows.at(-1)?.address ?? pool.last);
      for (; hexes.length < count && next <= end; next = hexPlus(next, 1n))
        if (!taken.has(next) && next !== pool.gateway) hexes.push(next);
    }
    return { hexes, next };
  }

  /**
   * Takes one address, at once. Those who ask at the same time are served together, by one batch in the order in
   * which they came. @throws AppError notFound, conflict when the pool is full, unavailable
   */
  take(poolId: string, given: Given): Promise<string> {
    return new Promise((done, failed) => {
      const queue = this.waiting.get(poolId);
      if (queue) return void queue.push({ given, done, failed });
      this.waiting.set(poolId, [{ given, done, failed }]);
      void this.serve(poolId);
    });
  }

  /** Serves all who wait for a pool, until nobody does. */
  private async serve(poolId: string): Promise<void> {
    const queue = this.waiting.get(poolId) ?? [];
    while (queue.length > 0) {
      const turn = queue.splice(0, together);
      try {
        const hexes = await this.allocate(poolId, turn);
        for (const [at, { done }] of turn.entries()) done(hexes[at] as string);
      } catch (error) {
        // Where a pool has less than all want, the first of them still get theirs.
        const free =
          error instanceof AppError && error.word === "addresses.poolFull" ? Number(error.args.free) : 0;
        if (free > 0) queue.unshift(...turn.splice(0, free));
        for (const { failed } of turn) failed(error);
      }
    }
    this.waiting.delete(poolId);
  }

  private async allocate(poolId: string, turn: readonly Waiting[]): Promise<string[]> {
    for (let left = tries; ; left--) {
      const { hexes, statements } = await this.plan(
        poolId,
        turn.map(({ given }) => given),
      );
      try {
        await this.ground.commit(statements, [{ topic: "ip-pool", key: poolId }]);
        return hexes;
      } catch (error) {
        if (!isOvertaken(error)) throw error;
        if (left <= 1) throw new AppError("unavailable", "addresses.busy", {}, { cause: error });
        await this.ground.clock.sleep(Math.random() * timing.bookingRetryMilliseconds);
      }
    }
  }
}

/** How many addresses a range has. Beyond 2^53 the number is no longer exact. */
export const sizeOf = (first: string, last: string): number => Number(distance(first, last) + 1n);
