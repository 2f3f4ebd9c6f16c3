import { describe, expect, test } from "bun:test";
import {
  aggregateQuery,
  insertQueries,
  removeQuery,
  selectQuery,
  updateEachQuery,
  updateQuery,
} from "./compile.ts";
import { type Dialect, dialects, type Query } from "./dialect.ts";
import {
  and,
  asc,
  bool,
  contains,
  desc,
  eq,
  gt,
  gte,
  holds,
  inArray,
  insert,
  integer,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  not,
  notInArray,
  or,
  plus,
  type SetOf,
  startsWith,
  table,
  text,
  update,
  updateEach,
} from "./index.ts";
import { shapesOf } from "./shapes.ts";

const { sqlite, mysql } = dialects;

/** A table of its own each time: nothing is known of its shapes. */
const make = () =>
  table("things", {
    id: text(36).primaryKey(),
    name: text(50).notNull(),
    size: integer().notNull(),
    count: integer(),
    isOld: bool().notNull(),
  });
type Things = ReturnType<typeof make>;

/** Values that nothing else has, so that one in another's place shows. */
const from = (start: number) => {
  let next = start;
  return { text: () => `text-${next++}`, number: () => next++ };
};
type Values = ReturnType<typeof from>;

const conditions: Record<string, (t: Things, v: Values) => ReturnType<typeof and>> = {
  comparisons: (t, v) =>
    and(
      eq(t.name, v.text()),
      ne(t.size, v.number()),
      or(gt(t.size, v.number()), gte(t.count, v.number())),
      or(lt(t.size, v.number()), lte(t.count, v.number())),
    ),
  lists: (t, v) =>
    and(
      inArray(t.id, [v.text(), v.text(), v.text()]),
      notInArray(t.size, [v.number(), v.number()]),
      eq(t.name, v.text()),
    ),
  "empty lists": (t, v) => and(inArray(t.id, []), notInArray(t.id, []), eq(t.name, v.text())),
  texts: (t, v) => or(contains(t.name, v.text()), holds(t.name, v.text()), startsWith(t.id, v.text())),
  nothing: (t, v) => and(isNull(t.count), not(isNotNull(t.count)), or(), and(), eq(t.size, v.number())),
};

const statements: Record<string, (dialect: Dialect, t: Things, v: Values) => Query> = {
  ...Object.fromEntries(
    Object.entries(conditions).map(([name, where]) => [
      `select by ${name}`,
      (dialect: Dialect, t: Things, v: Values) => selectQuery(dialect, t, { where: where(t, v) }),
    ]),
  ),
  "select a page": (dialect, t, v) =>
    selectQuery(dialect, t, {
      where: eq(t.name, v.text()),
      orderBy: [desc(t.size), asc(t.name)],
      limit: v.number(),
      offset: v.number(),
    }),
  "select the first page": (dialect, t, v) =>
    selectQuery(dialect, t, { orderBy: desc(t.size), limit: v.number(), offset: 0 }),
  "select behind an offset": (dialect, t, v) => selectQuery(dialect, t, { offset: v.number() }),
  "select some columns": (dialect, t, v) =>
    selectQuery(dialect, t, { where: gt(t.size, v.number()), limit: v.number() }, [t.name, t.size]),
  "select the same columns in another order": (dialect, t, v) =>
    selectQuery(dialect, t, { where: gt(t.size, v.number()), limit: v.number() }, [t.size, t.name]),
  count: (dialect, t, v) => aggregateQuery(dialect, t, "count", eq(t.name, v.text())),
  "sum by group": (dialect, t, v) =>
    aggregateQuery(dialect, t, { sum: t.size }, eq(t.name, v.text()), t.isOld),
  insert: (dialect, t, v) => {
    const row = () => ({ isOld: true, size: v.number(), id: v.text(), name: v.text() });
    return insertQueries(dialect, t, insert(t, [row(), row()]).rows)[0] as Query;
  },
  "update in another order than the table's": (dialect, t, v) => {
    const set: SetOf<Things> = { count: v.number(), size: plus(t.size, v.number()), name: v.text() };
    return updateQuery(dialect, t, update(t, set, "all").set, eq(t.id, v.text()));
  },
  "update to NULL": (dialect, t, v) =>
    updateQuery(dialect, t, update(t, { count: null, name: v.text() }, "all").set, eq(t.id, v.text())),
  "update each": (dialect, t, v) => {
    const row = () => ({
      key: v.text(),
      set: { count: v.number(), name: v.text() },
      where: eq(t.size, v.number()),
    });
    return updateEachQuery(dialect, updateEach(t, t.id, [row(), row(), row()]));
  },
  remove: (dialect, t, v) => removeQuery(dialect, t, and(eq(t.name, v.text()), gt(t.size, v.number()))),
};

for (const dialect of [sqlite, mysql])
  describe(`of ${dialect.name}`, () => {
    for (const [name, build] of Object.entries(statements))
      test(`${name}: the second time as drizzle would build it`, () => {
        const t = make();
        build(dialect, t, from(100));
        expect(shapesOf(t).size).toBe(1);
        const again = build(dialect, t, from(1_000));
        expect(shapesOf(t).size).toBe(1);
        expect(again).toEqual(build(dialect, make(), from(1_000)));
      });

    test("what differs in more than its values is another shape", () => {
      const t = make();
      const one = selectQuery(dialect, t, { where: eq(t.name, "a"), orderBy: [asc(t.name)] });
      const other = selectQuery(dialect, t, { where: eq(t.name, "a"), orderBy: [desc(t.name)] });
      const third = selectQuery(dialect, t, { where: or(eq(t.name, "a"), isNull(t.count)) });
      const fourth = selectQuery(dialect, t, { where: and(eq(t.name, "a"), isNull(t.count)) });
      expect(new Set([one, other, third, fourth].map(({ sql }) => sql)).size).toBe(4);
      expect(shapesOf(t).size).toBe(4);
    });
  });

test("a table of the same name has shapes of its own", () => {
  const other = table("things", { id: text(36).primaryKey() });
  const t = make();
  const of = (one: typeof t | typeof other) => selectQuery(sqlite, one, { where: eq(one.id, "a") }).sql;
  expect(of(t)).not.toBe(of(other));
});

test("a column of another table is refused, also where the shape is known", () => {
  const [t, other] = [make(), table("others", { name: text(50).notNull(), id: text(36).primaryKey() })];
  selectQuery(sqlite, t, { where: eq(t.name, "a") });
  expect(() => selectQuery(sqlite, t, { where: eq(other.name, "a") })).toThrow("others.name");
});

test("shapes do not fill the memory", () => {
  const t = make();
  for (let n = 1; n < 700; n++)
    selectQuery(sqlite, t, {
      where: inArray(
        t.size,
        Array.from({ length: n }, (_, at) => at),
      ),
    });
  expect(shapesOf(t).size).toBeLessThan(400);
});
