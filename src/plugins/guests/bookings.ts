/**
 * What keeps two requests from giving away the same room. Every place that can be overbooked (a node's memory and
 * vCPUs, a pool's space) has a row with a version. Whoever books reads the versions first, then what the place has
 * left, and raises exactly those versions in the batch that books: of two who looked at the same room, the second
 * batch is refused by the database and looks anew.
 */
import {
  and,
  eq,
  inArray,
  plus,
  type Statement,
  type Store,
  StoreExpectationError,
  update,
  upsert,
} from "jimv";
import { bookings } from "./schema.ts";

export const nodePlace = (name: string): string => `node:${name}`;
export const poolPlace = (key: string): string => `pool:${key}`;

/** Versions of places as they were read. */
export type Versions = ReadonlyMap<string, number>;

export class Bookings {
  /** The end of the queue of bookings: those of one process need not clash at all. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: Store) {}

  /** Runs `work` after all earlier work of this process that books. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => {});
    return turn;
  }

  /** The versions of some places. Read them before what the places have left. */
  async read(places: readonly string[]): Promise<Versions> {
    const rows = await this.store.select(bookings, { where: inArray(bookings.place, places) });
    const found = new Map(rows.map((row) => [row.place, row.version]));
    const missing = places.filter((place) => !found.has(place));
    if (missing.length === 0) return found;
    // Once in the life of a place. Nothing was booked under a version yet, so 0 it is, or another's first number.
    await this.store.batch(missing.map((place) => upsert(bookings, { place, version: 0 }, ["place"], {})));
    return this.read(places);
  }

  /**
   * Statements that make a batch happen only if nobody has booked the places since `versions` were read. Ordered,
   * so that two batches don't wait for each other.
   */
  claim(versions: Versions, places: Iterable<string>): Statement[] {
    return [...new Set(places)]
      .sort()
      .map((place) =>
        update(
          bookings,
          { version: plus(bookings.version, 1) },
          and(eq(bookings.place, place), eq(bookings.version, versions.get(place) ?? -1)),
          { expect: 1 },
        ),
      );
  }
}

/** Whether a batch was refused because somebody else booked meanwhile. */
export const isOvertaken = (error: unknown): boolean =>
  error instanceof StoreExpectationError && error.table === "guests_bookings";
