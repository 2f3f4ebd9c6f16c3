/**
 * What every dialect of the store must do, as one suite: `src/core/store/store.test.ts` runs it on SQLite,
 * `tests/store/mariadb.test.ts` on a real MariaDB.
 */
import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  and,
  asc,
  bigint,
  bool,
  contains,
  createSql,
  desc,
  eq,
  gt,
  gte,
  inArray,
  index,
  insert,
  integer,
  isNotNull,
  isNull,
  json,
  LeaseLostError,
  leaderLease,
  longText,
  lt,
  lte,
  type NewRow,
  ne,
  not,
  notInArray,
  or,
  plus,
  primaryKey,
  type Row,
  remove,
  type Statement,
  type Store,
  StoreExpectationError,
  StoreUniqueError,
  StoreValueError,
  startsWith,
  table,
  text,
  time,
  unique,
  update,
  upsert,
} from "../../src/core/store/index.ts";

export const guests = table(
  "guests",
  {
    uuid: text(36).primaryKey(),
    name: text(64).notNull(),
    nameKey: text(64).notNull(),
    nodeName: text(64).notNull(),
    state: text<"off" | "running">(16).notNull(),
    vncPort: integer(),
    memoryMiB: integer().notNull(),
    sizeBytes: bigint().notNull(),
    createdAt: time().notNull(),
    isWindows: bool().notNull(),
    tags: json<string[]>().notNull(),
    log: longText(),
  },
  (t) => [
    unique("guests_name_key", t.nameKey),
    unique("guests_vnc", t.nodeName, t.vncPort),
    index("guests_node", t.nodeName),
  ],
);

/** Keys of two columns, and a column whose SQL name is a reserved word. */
export const leaves = table(
  "leaves",
  { node: text(191).notNull(), key: text(191).notNull(), value: json(), hits: integer().notNull() },
  (t) => [primaryKey(t.node, t.key)],
);

export const contractTables = [guests, leaves];
export const contractMigrations = [
  {
    name: "contract",
    migrations: [
      {
        id: "0001-tables",
        sqlite: contractTables.flatMap((each) => createSql(each, "sqlite")),
        mysql: contractTables.flatMap((each) => createSql(each, "mysql")),
      },
    ],
  },
];

/** A guest with everything in it; `n` makes its unique values. */
export function guest(n: number | string, more: Partial<NewRow<typeof guests>> = {}): NewRow<typeof guests> {
  return {
    uuid: `uuid-${n}`,
    name: `Guest ${n}`,
    nameKey: `guest ${n}`,
    nodeName: "node-1",
    state: "off",
    memoryMiB: 512,
    sizeBytes: 10_737_418_240,
    createdAt: 1_795_000_000_123,
    isWindows: false,
    tags: ["a", "b"],
    ...more,
  };
}

/** The error of a promise that must reject. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("this should have been refused");
}

const hostile = [
  `'; DROP TABLE guests; --`,
  `"double" 'single' \`back\` \\ \\' \\"`,
  "a\0b",
  "line\nbreak\r\ttab",
  "𝕳𝖊𝖑𝖑𝖔 🐧 é 中文",
  "%_%",
  "<script>alert(1)</script> &amp;",
  "? :name $1 @x {}",
  "",
];

/**
 * Declares the tests. `open` gives an empty store each time; it is migrated here and closed after each test.
 */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`store on ${name}`, () => {
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

    test("gives back what was put in, with exact types", async () => {
      const store = await fresh();
      await store.run(insert(guests, guest(1, { isWindows: true, vncPort: 5900, log: "x".repeat(100_000) })));
      const row: Row<typeof guests> | null = await store.first(guests, { where: eq(guests.uuid, "uuid-1") });
      expect(row).toEqual({
        uuid: "uuid-1",
        name: "Guest 1",
        nameKey: "guest 1",
        nodeName: "node-1",
        state: "off",
        vncPort: 5900,
        memoryMiB: 512,
        sizeBytes: 10_737_418_240,
        createdAt: 1_795_000_000_123,
        isWindows: true,
        tags: ["a", "b"],
        log: "x".repeat(100_000),
      });
      const port: number | null | undefined = row?.vncPort;
      const state: "off" | "running" | undefined = row?.state;
      expect([port, state]).toEqual([5900, "off"]);
      expect(await store.first(guests, { where: eq(guests.uuid, "nobody") })).toBeNull();
    });

    test("what was left out is null", async () => {
      const store = await fresh();
      await store.run(insert(guests, guest(1)));
      expect(await store.first(guests)).toMatchObject({ vncPort: null, log: null });
      await store.run(update(guests, { vncPort: 5901, log: undefined }, "all"));
      expect(await store.first(guests)).toMatchObject({ vncPort: 5901, log: null });
      await store.run(update(guests, { vncPort: null }, "all"));
      expect(await store.first(guests)).toMatchObject({ vncPort: null });
    });

    test("holds hostile text, and finds it again", async () => {
      const store = await fresh();
      await store.run(
        insert(
          guests,
          hostile.map((value, n) => guest(n, { name: value, nameKey: value, tags: [value], log: value })),
        ),
      );
      for (const [n, value] of hostile.entries()) {
        const [row, ...others] = await store.select(guests, { where: eq(guests.nameKey, value) });
        expect(others).toEqual([]);
        expect(row).toMatchObject({ uuid: `uuid-${n}`, name: value, tags: [value], log: value });
      }
      expect(await store.count(guests)).toBe(hostile.length);
    });

    test("text takes as many characters as it says, and trailing spaces don't make it another", async () => {
      const store = await fresh();
      await store.run(insert(guests, guest(1, { name: "🐧".repeat(64) })));
      expect((await store.first(guests))?.name).toBe("🐧".repeat(64));
      expect(() => insert(guests, guest(2, { name: "🐧".repeat(65) }))).toThrow(StoreValueError);
      await store.run(insert(guests, guest(3, { nameKey: "same" })));
      const error = await failure(store.run(insert(guests, guest(4, { nameKey: "same  " }))));
      expect(error).toMatchObject({ name: "StoreUniqueError", index: "guests_name_key" });
      expect(await store.count(guests, eq(guests.nameKey, "same "))).toBe(1);
      expect(await store.count(guests, eq(guests.nameKey, "SAME"))).toBe(0);
    });

    test("refuses values that don't fit before they reach the database", () => {
      const refused: Partial<Record<keyof Row<typeof guests>, unknown>>[] = [
        { memoryMiB: 1.5 },
        { memoryMiB: 2 ** 31 },
        { sizeBytes: 2 ** 53 },
        { createdAt: Number.NaN },
        { name: null },
        { name: undefined },
        { isWindows: 1 },
        { tags: undefined },
        { tags: () => 1 },
      ];
      for (const wrong of refused)
        expect(() => insert(guests, { ...guest(1), ...wrong } as NewRow<typeof guests>)).toThrow(
          StoreValueError,
        );
      const unknown = { ...guest(1), "name; --": 1 } as NewRow<typeof guests>;
      expect(() => insert(guests, unknown)).toThrow(StoreValueError);
    });

    test("holds the largest numbers exactly", async () => {
      const store = await fresh();
      const most = {
        sizeBytes: Number.MAX_SAFE_INTEGER,
        createdAt: Number.MIN_SAFE_INTEGER,
        memoryMiB: 2 ** 31 - 1,
      };
      await store.run(insert(guests, guest(1, most)));
      expect(await store.first(guests)).toMatchObject(most);
      expect(await store.count(guests, eq(guests.sizeBytes, Number.MAX_SAFE_INTEGER))).toBe(1);
      expect(await store.count(guests, eq(guests.sizeBytes, Number.MAX_SAFE_INTEGER - 1))).toBe(0);
    });

    test("conditions", async () => {
      const store = await fresh();
      await store.run(
        insert(guests, [
          guest(1, { memoryMiB: 1, vncPort: 5900 }),
          guest(2, { memoryMiB: 2, isWindows: true }),
          guest(3, { memoryMiB: 3, state: "running", vncPort: 5903 }),
        ]),
      );
      const numbers = async (where: Parameters<Store["count"]>[1]): Promise<number[]> =>
        (await names(store, where)).map((each) => Number(each.slice(6)));
      const cases: [Parameters<Store["count"]>[1], number[]][] = [
        [undefined, [1, 2, 3]],
        ["all", [1, 2, 3]],
        [eq(guests.memoryMiB, 2), [2]],
        [ne(guests.memoryMiB, 2), [1, 3]],
        [gt(guests.memoryMiB, 2), [3]],
        [gte(guests.memoryMiB, 2), [2, 3]],
        [lt(guests.memoryMiB, 2), [1]],
        [lte(guests.memoryMiB, 2), [1, 2]],
        [eq(guests.isWindows, true), [2]],
        [eq(guests.state, "running"), [3]],
        [inArray(guests.memoryMiB, [1, 3, 9]), [1, 3]],
        [inArray(guests.memoryMiB, []), []],
        [notInArray(guests.memoryMiB, [1]), [2, 3]],
        [notInArray(guests.memoryMiB, []), [1, 2, 3]],
        [isNull(guests.vncPort), [2]],
        [isNotNull(guests.vncPort), [1, 3]],
        [ne(guests.vncPort, 5900), [3]],
        [and(), [1, 2, 3]],
        [or(), []],
        [and(undefined, eq(guests.memoryMiB, 1)), [1]],
        [or(eq(guests.memoryMiB, 1), undefined, eq(guests.memoryMiB, 3)), [1, 3]],
        [not(or(eq(guests.memoryMiB, 1), eq(guests.memoryMiB, 3))), [2]],
        [
          and(
            or(eq(guests.memoryMiB, 1), eq(guests.memoryMiB, 2)),
            or(eq(guests.memoryMiB, 2), eq(guests.memoryMiB, 3)),
          ),
          [2],
        ],
      ];
      for (const [where, expected] of cases) expect(await numbers(where)).toEqual(expected);
    });

    test("contains and startsWith take every character as itself, in either case", async () => {
      const store = await fresh();
      const values = [
        "100% sure",
        "100 sure",
        "a_b",
        "aXb",
        "C:\\temp",
        "C:temp",
        "Web-1",
        "old web",
        "x\0Y",
        "xZ",
      ];
      await store.run(
        insert(
          guests,
          values.map((value, n) => guest(n, { name: value })),
        ),
      );
      const cases: [string, string[], string[]][] = [
        ["0%", ["100% sure"], []],
        ["_", ["a_b"], []],
        ["A_", ["a_b"], ["a_b"]],
        ["\\", ["C:\\temp"], []],
        ["C:\\", ["C:\\temp"], ["C:\\temp"]],
        ["WEB", ["Web-1", "old web"], ["Web-1"]],
        ["x\0y", ["x\0Y"], ["x\0Y"]],
        ["", values, values],
        ["' or 1=1 --", [], []],
      ];
      for (const [needle, contained, started] of cases) {
        expect(await names(store, contains(guests.name, needle))).toEqual(contained);
        expect(await names(store, startsWith(guests.name, needle))).toEqual(started);
      }
    });

    test("orders, limits and offsets", async () => {
      const store = await fresh();
      await store.run(
        insert(guests, [
          guest(1, { memoryMiB: 2, vncPort: 1 }),
          guest(2, { memoryMiB: 1 }),
          guest(3, { memoryMiB: 2, vncPort: 3 }),
        ]),
      );
      const order = async (options: Parameters<Store["select"]>[1]): Promise<string[]> =>
        (await store.select(guests, options)).map((row) => row.uuid.slice(5));
      expect(await order({ orderBy: [desc(guests.memoryMiB), desc(guests.uuid)] })).toEqual(["3", "1", "2"]);
      expect(await order({ orderBy: asc(guests.vncPort) })).toEqual(["2", "1", "3"]);
      expect(await order({ orderBy: asc(guests.uuid), limit: 2 })).toEqual(["1", "2"]);
      expect(await order({ orderBy: asc(guests.uuid), limit: 2, offset: 2 })).toEqual(["3"]);
      expect(await order({ orderBy: asc(guests.uuid), offset: 1 })).toEqual(["2", "3"]);
      expect(await order({ limit: 0 })).toEqual([]);
    });

    test("counts and sums", async () => {
      const store = await fresh();
      expect(await store.count(guests)).toBe(0);
      expect(await store.sum(guests, guests.memoryMiB)).toBe(0);
      await store.run(
        insert(guests, [
          guest(1, { sizeBytes: 2 ** 50, vncPort: 5900 }),
          guest(2, { sizeBytes: 1, state: "running" }),
          guest(3, { sizeBytes: 1 }),
        ]),
      );
      expect(await store.count(guests, eq(guests.state, "off"))).toBe(2);
      expect(await store.sum(guests, guests.sizeBytes)).toBe(2 ** 50 + 2);
      expect(await store.countBy(guests, guests.state)).toEqual(
        new Map([
          ["off", 2],
          ["running", 1],
        ]),
      );
      expect(await store.countBy(guests, guests.vncPort)).toEqual(new Map([[5900, 1]]));
    });

    test("inserts thousands of rows at once", async () => {
      const store = await fresh();
      await store.run(
        insert(
          guests,
          Array.from({ length: 3_000 }, (_, n) => guest(n)),
        ),
      );
      expect(await store.count(guests)).toBe(3_000);
      await store.run(insert(guests, []));
    });

    test("update, remove, plus", async () => {
      const store = await fresh();
      await store.run(insert(guests, [guest(1), guest(2)]));
      await store.batch([
        update(guests, { memoryMiB: plus(guests.memoryMiB, -12), name: "x" }, eq(guests.uuid, "uuid-1")),
        update(guests, { vncPort: plus(guests.memoryMiB, 1) }, eq(guests.uuid, "uuid-2")),
      ]);
      expect(await store.select(guests, { orderBy: asc(guests.uuid) })).toMatchObject([
        { memoryMiB: 500, name: "x" },
        { vncPort: 513 },
      ]);
      await store.run(remove(guests, eq(guests.uuid, "uuid-1"), { expect: 1 }));
      expect(await names(store, "all")).toEqual(["Guest 2"]);
      await store.run(remove(guests, "all"));
      expect(await store.count(guests)).toBe(0);
    });

    test("expect counts rows that match, also when nothing changes in them", async () => {
      const store = await fresh();
      await store.run(insert(guests, guest(1)));
      await store.run(update(guests, { state: "off" }, eq(guests.uuid, "uuid-1"), { expect: 1 }));
      await store.run(update(guests, {}, eq(guests.uuid, "uuid-1"), { expect: 1 }));
      await store.run(update(guests, { state: "off" }, eq(guests.uuid, "uuid-9"), { expect: 0 }));
    });

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

    test("events are numbered by commit, told in order, and rolled back with their batch", async () => {
      const store = await fresh();
      const heard: number[] = [];
      const stop = store.onEvents((events) => heard.push(...events.map((event) => event.seq)));
      expect([await store.lastEventSeq(), await store.oldestEventSeq()]).toEqual([0, null]);
      await store.batch([], {
        events: [
          { topic: "a", key: "1" },
          { topic: "b", key: "2", data: { x: ["é"] } },
        ],
      });
      await failure(
        store.batch([remove(guests, "all", { expect: 1 })], { events: [{ topic: "never", key: "x" }] }),
      );
      await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          store.batch([insert(guests, guest(n))], { events: [{ topic: "guest", key: `uuid-${n}` }] }),
        ),
      );
      expect(heard).toEqual(Array.from({ length: 32 }, (_, n) => n + 1));
      const stored = await store.eventsAfter(0, 100);
      expect(stored.map((event) => event.seq)).toEqual(heard);
      expect(stored[0]).toMatchObject({ topic: "a", key: "1", data: null });
      expect(stored[1]).toMatchObject({ topic: "b", key: "2", data: { x: ["é"] } });
      expect((await store.eventsAfter(30, 1)).map((event) => event.seq)).toEqual([31]);
      stop();
      await store.batch([], { events: [{ topic: "a", key: "1" }] });
      expect(heard.length).toBe(32);
      expect([await store.lastEventSeq(), await store.oldestEventSeq()]).toEqual([33, 1]);
    });

    test("a listener is told after the commit, and one that throws harms nobody", async () => {
      const store = await fresh();
      const heard: string[] = [];
      const inner: Promise<void>[] = [];
      store.onEvents((events) => {
        if (events[0]?.topic === "first")
          inner.push(store.batch([], { events: [{ topic: "second", key: "k" }] }));
        if (events[0]?.topic === "first") throw new Error("a broken listener");
      });
      store.onEvents((events) => heard.push(...events.map((event) => event.topic)));
      await store.batch([], { events: [{ topic: "first", key: "k" }] });
      await Promise.all(inner);
      expect(heard).toEqual(["first", "second"]);
    });

    test("old events are pruned, but the newest are kept", async () => {
      const store = await fresh();
      const many = Array.from({ length: 2_500 }, (_, n) => ({ topic: "t", key: String(n) }));
      await store.batch([], { events: many });
      expect(await store.pruneEvents(10, 0)).toBe(0);
      expect(await store.pruneEvents(10, Date.now() + 60_000)).toBe(2_490);
      expect([await store.oldestEventSeq(), await store.lastEventSeq()]).toEqual([2_491, 2_500]);
      await store.batch([], { events: [{ topic: "t", key: "more" }] });
      expect(await store.lastEventSeq()).toBe(2_501);
    });

    test("leases: one holder, a new epoch for each, and the old one's batches are refused", async () => {
      const { leases, ...store } = await fresh();
      expect(await leases.acquire(leaderLease, "one", 60_000)).toBe(1);
      expect(await leases.acquire(leaderLease, "two", 60_000)).toBeNull();
      expect(await leases.acquire("other", "two", 60_000)).toBe(1);
      expect(await leases.renew(leaderLease, "one", 1, 60_000)).toBe(true);
      expect(await leases.renew(leaderLease, "two", 1, 60_000)).toBe(false);
      expect(await leases.holder(leaderLease)).toEqual({ holder: "one", epoch: 1 });
      await store.batch([insert(guests, guest(1))], { epoch: 1 });
      await leases.release(leaderLease, "one", 1);
      expect(await leases.holder(leaderLease)).toBeNull();
      // Released, but nobody else began to lead: what is under way may finish.
      await store.batch([insert(guests, guest(2))], { epoch: 1 });
      expect(await leases.acquire(leaderLease, "two", 60_000)).toBe(2);
      const late = await failure(store.batch([insert(guests, guest(3))], { epoch: 1 }));
      expect(late).toBeInstanceOf(LeaseLostError);
      expect(await store.count(guests)).toBe(2);
      expect(await leases.acquire(leaderLease, "three", 0, true)).toBe(3);
      expect(await leases.renew(leaderLease, "two", 2, 60_000)).toBe(false);
      expect(await leases.acquire(leaderLease, "four", 60_000)).toBe(4);
    });

    test("of many who ask for a free lease one gets it", async () => {
      const { leases } = await fresh();
      const asked = Array.from({ length: 20 }, (_, n) => leases.acquire(leaderLease, `holder-${n}`, 60_000));
      const epochs = (await Promise.all(asked)).filter((epoch) => epoch !== null);
      expect(epochs).toEqual([1]);
    });

    test("says its version, and refuses everything once closed", async () => {
      const store = await fresh();
      const answer = await store.ping();
      expect(answer.version).toMatch(/^\d+\.\d+/);
      expect(answer.milliseconds).toBeGreaterThan(0);
      await store.close();
      await store.close();
      expect(await failure(store.count(guests))).toMatchObject({ name: "StoreUnavailableError" });
    });

    test("a column of another table is a mistake, not wrong SQL", async () => {
      const store = await fresh();
      expect(await failure(store.select(guests, { where: eq(leaves.hits, 1) }))).toBeInstanceOf(TypeError);
    });
  });
}
