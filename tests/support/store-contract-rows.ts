/** What every dialect of the store must do with rows: hold them, find them, change them. */
import { afterEach, describe, expect, test } from "bun:test";
import {
  and,
  asc,
  contains,
  desc,
  eq,
  gt,
  gte,
  holds,
  inArray,
  insert,
  isNotNull,
  isNull,
  lt,
  lte,
  type NewRow,
  ne,
  not,
  notInArray,
  or,
  plus,
  type Row,
  remove,
  type Store,
  StoreValueError,
  startsWith,
  update,
} from "../../src/core/store/index.ts";
import { contractMigrations, failure, guest, guests } from "./store-fixtures.ts";

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

/** Declares the tests. `open` gives an empty store each time; it is closed after each test. */
export function rowsContract(name: string, open: () => Promise<Store>): void {
  describe(`rows on ${name}`, () => {
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

    test("holds takes every character as itself, and the case too; values gives one column", async () => {
      const store = await fresh();
      const keys = ["100% sure", "a_b", "web-1", "数据库", "x\0y"];
      await store.run(
        insert(
          guests,
          keys.map((nameKey, i) => guest(i + 1, { nameKey })),
        ),
      );
      const found = (text: string, limit?: number): Promise<string[]> =>
        store.values(guests, guests.nameKey, { where: holds(guests.nameKey, text), limit });
      for (const [text, expected] of [
        ["%", ["100% sure"]],
        ["_", ["a_b"]],
        ["eb-", ["web-1"]],
        ["Web", []],
        ["据", ["数据库"]],
        ["\0y", ["x\0y"]],
        ["' or 1=1 --", []],
      ] as const)
        expect(await found(text)).toEqual([...expected]);
      expect((await found("", 2)).length).toBe(2);
      expect((await store.values(guests, guests.memoryMiB)).length).toBe(keys.length);
      const picked = await store.pick(guests, [guests.vncPort, guests.isWindows, guests.nameKey], {
        where: inArray(guests.nameKey, ["web-1", "a_b"]),
        orderBy: desc(guests.nameKey),
        limit: 1,
        offset: 1,
      });
      expect(picked).toEqual([[null, false, "a_b"]]);
    });

    test("distinct gives each value once", async () => {
      const store = await fresh();
      expect(await store.distinct(guests, guests.nodeName)).toEqual([]);
      const rows = ["b", "a", "b", "a"].map((nodeName, i) => guest(i, { nodeName }));
      await store.run(insert(guests, [...rows, guest(9, { nodeName: "c", vncPort: 15_900 })]));
      expect((await store.distinct(guests, guests.nodeName)).sort()).toEqual(["a", "b", "c"]);
      expect(await store.distinct(guests, guests.vncPort)).toEqual([15_900]);
    });

    test("what no row can match is not asked", async () => {
      const store = await fresh();
      await store.run(insert(guests, guest(1)));
      const none = inArray(guests.uuid, []);
      for (const where of [none, and(none, eq(guests.state, "off")), or(none, and(none))]) {
        expect(await store.select(guests, { where })).toEqual([]);
        expect(await store.first(guests, { where })).toBeNull();
        expect(await store.values(guests, guests.uuid, { where })).toEqual([]);
        expect(await store.count(guests, where)).toBe(0);
        expect(await store.countBy(guests, guests.state, where)).toEqual(new Map());
      }
      for (const where of [and(), or(none, eq(guests.state, "off")), not(none)])
        expect(await store.count(guests, where)).toBe(1);
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
      expect(await store.sumBy(guests, guests.sizeBytes, guests.vncPort)).toEqual(
        new Map([[5900, await store.sum(guests, guests.sizeBytes, eq(guests.vncPort, 5900))]]),
      );
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
  });
}
