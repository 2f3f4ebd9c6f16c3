/**
 * What keeps two controllers from making pools that overlap: no index can say that ranges don't. One row counts the
 * changes of all pools' ranges, and of addresses that are recorded outside of them. Whoever makes one reads the count
 * first, then what is there, and raises that very count in its batch: of two who looked at the same pools, the database
 * refuses the second batch, and it looks anew.
 */
import { and, eq, plus, type Statement, type Store, StoreExpectationError, update, upsert } from "jimv";
import { book } from "./schema.ts";

const only = "pools";

export class Book {
  constructor(private readonly store: Store) {}

  /** What must come first in the batch. Call it before looking at what is decided upon. */
  async turn(): Promise<Statement> {
    const row = await this.store.first(book, { where: eq(book.id, only) });
    if (!row) {
      // Once in the life of a cluster.
      await this.store.run(upsert(book, { id: only, version: 0 }, ["id"], {}));
      return this.turn();
    }
    return update(
      book,
      { version: plus(book.version, 1) },
      and(eq(book.id, only), eq(book.version, row.version)),
      { expect: 1 },
    );
  }
}

/** Whether a batch was refused because somebody else's turn came first. */
export const isOutOfTurn = (error: unknown): boolean =>
  error instanceof StoreExpectationError && error.table === "addresses_book";
