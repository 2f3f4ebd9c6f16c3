/** What every dialect of the store must do with batches: all or nothing, and nothing given twice. */
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  and,
  asc,
  eq,
  insert,
  plus,
  type Row,
  remove,
  type Statement,
  type Store,
  StoreExpectationError,
  StoreUniqueError,
  StoreValueError,
  update,
  updateEach,
  upsert,
} from "../../src/core/store/index.ts";
import { contractMigrations, failure, guest, guests, leaves } from "./store-fixtures.ts";

/** Declares the tests. `open` gives an empty store each time; it is closed after each test. */
export function batchesContract(name: string, open: () => Promise<Store>): void {
  describe(`batches on ${name}`, () => {
    const opened: Store[] = [];
    const fresh = async (): Promise<Store> => {
      const store = await open();
      opened.push(store);
      await store.migrate(contractMigrations);
      return store;
    };
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });
    const names = async (store: Store, where: Parameters<Store["count"]>[1]): Promise<string[]> =>
      (await store.select(guests, { where, orderBy: asc(guests.uuid) })).map((row) => row.name);

    test("an expectation that isn't met undoes the batch and says which it was", async () => {
      const store = await fresh();
      await store.run(insert(guests, guest(1)));
      const error = await failure(
        store.batch([
          insert(guests, guest(2)),
          update(guests, { state: "running" }, eq(guests.state, "running"), { expect: 1 }),
          remove(guests, "all"),
        ]),
      );
      expect(error).toBeInstanceOf(StoreExpectationError);
      expect(error).toMatchObject({ index: 1, table: "guests", expected: 1, actual: 0 });
      expect(await names(store, "all")).toEqual(["Guest 1"]);
      const removal = await failure(store.run(remove(guests, "all", { expect: 2 })));
      expect(removal).toMatchObject({ index: 0, expected: 2, actual: 1 });
    });

    test("several rows change in one statement, each to its own values; if one does not fit, none does", async () => {
      const store = await fresh();
      await store.run(insert(guests, [guest(1), guest(2), guest(3)]));
      const all = () => store.select(guests, { orderBy: asc(guests.uuid) });
      const before = await all();
      const to = (n: number, name: string, vncPort: number | null, was = `Guest ${n}`) => ({
        key: `uuid-${n}`,
        set: { name, vncPort, sizeBytes: 2 ** 50 + n, tags: [name] },
        where: eq(guests.name, was),
      });
      const hostile = `'; drop table guests; -- ? 😀`;
      const error = await failure(
        store.batch([
          insert(guests, guest(4)),
          updateEach(guests, guests.uuid, [to(1, "one", 5901), to(2, "two", null, "another")]),
        ]),
      );
      expect(error).toMatchObject({ index: 1, table: "guests", expected: 2, actual: 1 });
      expect(error).toBeInstanceOf(StoreExpectationError);
      const twice = updateEach(guests, guests.uuid, [to(1, "one", 1), to(1, "two", 2)]);
      expect(await failure(store.run(twice))).toBeInstanceOf(StoreExpectationError);
      expect(await all()).toEqual(before);

      await store.batch([
        updateEach(guests, guests.uuid, [to(1, hostile, 5901), to(3, "three", null)]),
        updateEach(guests, guests.uuid, [to(2, "two", 5902)]),
        updateEach(guests, guests.uuid, []),
      ]);
      const [one, two, three] = before;
      expect(await all()).toEqual([
        { ...one, name: hostile, vncPort: 5901, sizeBytes: 2 ** 50 + 1, tags: [hostile] },
        { ...two, name: "two", vncPort: 5902, sizeBytes: 2 ** 50 + 2, tags: ["two"] },
        { ...three, name: "three", vncPort: null, sizeBytes: 2 ** 50 + 3, tags: ["three"] },
      ] as typeof before);
      const uneven = [to(1, "a", 1), { key: "uuid-2", set: { name: "b" }, where: eq(guests.name, "two") }];
      expect(() => updateEach(guests, guests.uuid, uneven)).toThrow(StoreValueError);
    });

    test("a unique violation undoes the batch and names the index", async () => {
      const store = await fresh();
      await store.run(insert(guests, guest(1, { vncPort: 5900 })));
      const cases: [Statement, string, string][] = [
        [insert(guests, guest(1, { nameKey: "other" })), "PRIMARY", "guests"],
        [insert(guests, guest(2, { nameKey: "guest 1" })), "guests_name_key", "guests"],
        [insert(guests, guest(2, { vncPort: 5900 })), "guests_vnc", "guests"],
        [
          insert(guests, guest(2, { nameKey: "it's for key 'PRIMARY'", vncPort: 5900 })),
          "guests_vnc",
          "guests",
        ],
        [
          insert(
            leaves,
            [1, 2].map((hits) => ({ node: "n", key: "k", hits })),
          ),
          "PRIMARY",
          "leaves",
        ],
      ];
      for (const [statement, violated, on] of cases) {
        const error = await failure(store.batch([insert(guests, guest(8)), statement]));
        expect(error).toBeInstanceOf(StoreUniqueError);
        expect(error).toMatchObject({ index: violated, table: on, statement: 1 });
      }
      await store.run(insert(guests, guest(3)));
      const moved = update(guests, { nameKey: "guest 1" }, eq(guests.uuid, "uuid-3"));
      expect(await failure(store.run(moved))).toMatchObject({ index: "guests_name_key" });
      expect(await names(store, "all")).toEqual(["Guest 1", "Guest 3"]);
    });

    test("NULL is never a duplicate", async () => {
      const store = await fresh();
      await store.run(insert(guests, [guest(1, { vncPort: null }), guest(2, { vncPort: null })]));
      expect(await store.count(guests)).toBe(2);
    });

    test("upsert adds, changes, or leaves", async () => {
      const store = await fresh();
      const read = (): Promise<Row<typeof leaves>[]> => store.select(leaves, { orderBy: asc(leaves.key) });
      await store.run(upsert(leaves, { node: "n", key: "a", value: 1, hits: 1 }, ["node", "key"]));
      await store.run(
        upsert(leaves, { node: "n", key: "a", value: null, hits: 2 }, [leaves.key, leaves.node]),
      );
      expect(await read()).toEqual([{ node: "n", key: "a", value: null, hits: 2 }]);
      const count = upsert(leaves, { node: "n", key: "a", value: { x: 1 }, hits: 1 }, ["node", "key"], {
        hits: plus(leaves.hits, 1),
      });
      await store.batch([count, count]);
      expect(await read()).toEqual([{ node: "n", key: "a", value: null, hits: 4 }]);
      await store.run(upsert(leaves, { node: "n", key: "a", hits: 9 }, ["node", "key"], {}));
      await store.run(upsert(leaves, { node: "n", key: "b", hits: 9 }, ["node", "key"], {}));
      expect((await read()).map((leaf) => leaf.hits)).toEqual([4, 9]);
    });

    test("upsert changes only the row with its own key", async () => {
      const store = await fresh();
      await store.run(insert(guests, [guest(1), guest(2)]));
      const clash = upsert(guests, guest(3, { nameKey: "guest 2" }), ["uuid"]);
      expect(await failure(store.run(clash))).toMatchObject({ index: "guests_name_key" });
      await store.run(
        upsert(guests, guest(9, { nameKey: "guest 2", name: "new" }), ["nameKey"], { name: "new" }),
      );
      expect(await names(store, "all")).toEqual(["Guest 1", "new"]);
      expect(() => upsert(guests, guest(1), ["name"])).toThrow("no unique index");
    });

    test("upserts at the same time lose nothing", async () => {
      const store = await fresh();
      const one = upsert(leaves, { node: "n", key: "k", hits: 1 }, ["node", "key"], {
        hits: plus(leaves.hits, 1),
      });
      await Promise.all(Array.from({ length: 30 }, () => store.run(one)));
      expect(await store.select(leaves)).toEqual([{ node: "n", key: "k", value: null, hits: 30 }]);
    });

    test("a batch is all or nothing (property)", async () => {
      const store = await fresh();
      const key = fc.integer({ min: 0, max: 3 }).map(String);
      const step = fc.record({
        kind: fc.constantFrom("insert", "update", "remove", "upsert"),
        key,
        hits: fc.nat(9),
      });
      type Step = { kind: string; key: string; hits: number };
      const at = (name: string) => and(eq(leaves.node, "n"), eq(leaves.key, name));
      const statement = ({ kind, key: name, hits }: Step): Statement => {
        if (kind === "insert") return insert(leaves, { node: "n", key: name, hits });
        if (kind === "update")
          return update(leaves, { hits: plus(leaves.hits, hits) }, at(name), { expect: 1 });
        if (kind === "remove") return remove(leaves, at(name), { expect: 1 });
        return upsert(leaves, { node: "n", key: name, hits }, ["node", "key"]);
      };
      /** The same on a Map; undefined where the batch must fail. */
      const model = (before: Map<string, number>, steps: Step[]): Map<string, number> | undefined => {
        const after = new Map(before);
        for (const { kind, key: name, hits } of steps) {
          const old = after.get(name);
          if (kind === "upsert") after.set(name, hits);
          else if ((old === undefined) !== (kind === "insert")) return undefined;
          else if (kind === "remove") after.delete(name);
          else after.set(name, (old ?? 0) + hits);
        }
        return after;
      };
      let state = new Map<string, number>();
      let events = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
          const expected = model(state, steps);
          const done = store.batch(steps.map(statement), { events: [{ topic: "leaf", key: "n" }] });
          if (expected === undefined) await failure(done);
          else {
            await done;
            state = expected;
            events++;
          }
          const rows = await store.select(leaves, { orderBy: asc(leaves.key) });
          expect(rows.map((row) => [row.key, row.hits])).toEqual([...state].sort());
          expect(await store.lastEventSeq()).toBe(events);
        }),
        { numRuns: 100 },
      );
    });

    test("50 clients race for a value, and none is given twice", async () => {
      const store = await fresh();
      const ports = Array.from({ length: 20 }, (_, n) => 5_900 + n);
      const take = async (client: number): Promise<number | undefined> => {
        for (const port of ports) {
          const error = await store
            .run(insert(guests, guest(client, { vncPort: port })))
            .catch((reason) => reason);
          if (error === undefined) return port;
          expect(error).toMatchObject({ index: "guests_vnc" });
        }
        return undefined;
      };
      const taken = await Promise.all(Array.from({ length: 50 }, (_, client) => take(client)));
      const given = taken.filter((port) => port !== undefined);
      expect(given.sort()).toEqual(ports);
      expect(await store.count(guests)).toBe(ports.length);
    });
  });
}
