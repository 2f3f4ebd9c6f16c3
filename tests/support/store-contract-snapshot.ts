/** What every dialect must do with snapshots: read all rows of one moment, and load them into an empty store. */
import { afterEach, describe, expect, test } from "bun:test";
import {
  asc,
  insert,
  loadSnapshot,
  refuseUnfit,
  SnapshotError,
  type SnapshotHeader,
  type SnapshotRows,
  type Store,
  update,
} from "../../src/core/store/index.ts";
import { contractMigrations, contractTables, failure, guest, guests, leaves } from "./store-fixtures.ts";

/** Everything of a store, in memory. */
export async function snapshotOf(
  store: Store,
  sources = contractMigrations,
  tables: Parameters<Store["snapshot"]>[1] = contractTables,
): Promise<{ header: SnapshotHeader; parts: SnapshotRows[] }> {
  return store.snapshot(sources, tables, async ({ header, rows }) => {
    const parts: SnapshotRows[] = [];
    for await (const part of rows()) parts.push(part);
    return { header, parts };
  });
}

/** Parts as `loadSnapshot` takes them; with `breakAfter` the source ends with an error after so many. */
export async function* asParts(
  parts: readonly SnapshotRows[],
  breakAfter = Number.POSITIVE_INFINITY,
): AsyncGenerator<SnapshotRows> {
  for (const [at, part] of parts.entries()) {
    if (at >= breakAfter) throw new Error("the source broke off");
    yield part;
  }
}

/** Declares the tests. `open` gives an empty store each time. */
export function snapshotContract(name: string, open: () => Promise<Store>): void {
  describe(`snapshots on ${name}`, () => {
    const opened: Store[] = [];
    const empty = async (): Promise<Store> => {
      const store = await open();
      opened.push(store);
      return store;
    };
    const fresh = async (): Promise<Store> => {
      const store = await empty();
      await store.migrate(contractMigrations);
      return store;
    };
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    const many = Array.from({ length: 450 }, (_, n) =>
      guest(n, { log: n === 7 ? "x".repeat(100_000) : null, tags: n === 8 ? [] : ["é", "😀", `"${n}"`] }),
    );
    const pairs = Array.from({ length: 450 }, (_, n) => ({
      node: `node ${n % 3}`,
      key: `K${Math.floor(n / 3)}`,
      value: n === 0 ? null : { n },
      hits: n,
    }));

    test("every row arrives as it was, and events go on behind the last number", async () => {
      const from = await fresh();
      await from.batch([insert(guests, many), insert(leaves, pairs)], {
        events: [{ topic: "guest", key: "many" }],
      });
      const { header, parts } = await snapshotOf(from);
      const to = await empty();
      const written = await loadSnapshot(to, contractMigrations, header, asParts(parts));
      expect(Object.fromEntries(written)).toEqual({ counters: 1, guests: 450, leaves: 450 });
      for (const table of [guests, leaves]) {
        const orderBy = table === guests ? asc(guests.uuid) : [asc(leaves.node), asc(leaves.key)];
        expect(await to.select(table, { orderBy })).toEqual(await from.select(table, { orderBy }));
      }
      await refuseUnfit(to);
      expect([await to.lastEventSeq(), await to.oldestEventSeq()]).toEqual([1, null]);
      await to.batch([], { events: [{ topic: "guest", key: "next" }] });
      expect(await to.lastEventSeq()).toBe(2);
    });

    test("what is written meanwhile is not in it", async () => {
      const from = await fresh();
      await from.run(insert(guests, many));
      const parts = await from.snapshot(contractMigrations, contractTables, async ({ rows }) => {
        const read: SnapshotRows[] = [];
        for await (const part of rows()) {
          if (read.length === 0) {
            await from.run(update(guests, { memoryMiB: 9999 }, "all"));
            await from.run(insert(guests, guest("late")));
          }
          read.push(part);
        }
        return read;
      });
      const rows = parts.filter((part) => part.table === "guests").flatMap((part) => part.rows);
      expect(rows).toHaveLength(450);
      expect(rows.flat()).not.toContain(9999);
    });

    test("a load that broke off keeps everybody out, and the next one begins anew", async () => {
      const from = await fresh();
      await from.batch([insert(guests, many), insert(leaves, pairs)]);
      const { header, parts } = await snapshotOf(from);
      const to = await empty();
      await failure(loadSnapshot(to, contractMigrations, header, asParts(parts, 3)));
      expect(await failure(refuseUnfit(to))).toBeInstanceOf(SnapshotError);
      await loadSnapshot(to, contractMigrations, header, asParts(parts));
      await refuseUnfit(to);
      expect([await to.count(guests), await to.count(leaves)]).toEqual([450, 450]);
    });

    test("a store with rows in it is refused, and stays as it is", async () => {
      const from = await fresh();
      const { header, parts } = await snapshotOf(from);
      const to = await fresh();
      await to.run(insert(guests, guest("mine")));
      const refused = await failure(loadSnapshot(to, contractMigrations, header, asParts(parts)));
      expect(String(refused)).toContain("not empty");
      await refuseUnfit(to);
      expect(await to.count(guests)).toBe(1);
    });

    test("tables of a plugin that is not there are not silently lost, nor taken from a newer program", async () => {
      const from = await fresh();
      expect(String(await failure(snapshotOf(from, [], [])))).toContain('plugin "contract"');
      const { header, parts } = await snapshotOf(from);
      const newer = { ...header, migrations: [...header.migrations, "contract/0002-later"] };
      const to = await empty();
      expect(String(await failure(loadSnapshot(to, contractMigrations, newer, asParts(parts))))).toContain(
        "0002-later",
      );
    });
  });
}
