import { expect, test } from "bun:test";
import {
  bigint,
  bool,
  eq,
  index,
  integer,
  json,
  longText,
  type NewRow,
  plus,
  primaryKey,
  type Row,
  snakeCase,
  table,
  text,
  time,
  unique,
  update,
} from "./index.ts";

const things = table(
  "things",
  {
    id: text(36).primaryKey(),
    state: text<"on" | "off">(8).notNull(),
    memoryMiB: integer().notNull(),
    sizeBytes: bigint(),
    seenAt: time(),
    isWindows: bool().notNull(),
    tags: json<string[]>().notNull(),
    extra: json<{ a: number }>(),
    log: longText(),
  },
  (t) => [index("things_state", t.state)],
);

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test("types are exact", () => {
  const row: Same<
    Row<typeof things>,
    {
      id: string;
      state: "on" | "off";
      memoryMiB: number;
      sizeBytes: number | null;
      seenAt: number | null;
      isWindows: boolean;
      tags: string[];
      extra: { a: number } | null;
      log: string | null;
    }
  > = true;
  const required: Same<
    Pick<NewRow<typeof things>, "id" | "state" | "memoryMiB" | "isWindows" | "tags">,
    { id: string; state: "on" | "off"; memoryMiB: number; isWindows: boolean; tags: string[] }
  > = true;
  const least: NewRow<typeof things> = { id: "1", state: "on", memoryMiB: 1, isWindows: false, tags: [] };
  expect([row, required, least.log]).toEqual([true, true, undefined]);
  // What must not compile; each comment below fails the type check if its line does.
  const wrong = [
    // @ts-expect-error a column that can't be null
    () => update(things, { memoryMiB: null }, "all"),
    // @ts-expect-error not one of the column's words
    () => eq(things.state, "paused"),
    // @ts-expect-error no such column
    () => update(things, { nothing: 1 }, "all"),
    // @ts-expect-error a change needs to say which rows
    () => update(things, { memoryMiB: 1 }),
    // @ts-expect-error text can't be counted up
    () => plus(things.state, 1),
    // @ts-expect-error a number for text
    () => update(things, { state: plus(things.memoryMiB, 1) }, "all"),
  ];
  expect(wrong.length).toBe(6);
});

test("names in SQL", () => {
  const names = ["id", "nodeName", "memoryMiB", "sizeGiB", "sizeBytes", "vncPort2", "ipV4Address"].map(
    snakeCase,
  );
  expect(names).toEqual([
    "id",
    "node_name",
    "memory_mib",
    "size_gib",
    "size_bytes",
    "vnc_port2",
    "ip_v4_address",
  ]);
});

test("a description that one of the databases could not hold is refused", () => {
  const id = text(36).primaryKey();
  const cases: [string, () => unknown][] = [
    ["snake_case of at most 48", () => table("Things", { id })],
    ["is not camelCase", () => table("things", { id, "x; DROP TABLE y": integer() })],
    ["same SQL name", () => table("things", { id, aMiB: integer(), aMib: integer() })],
    ["exactly one primary key", () => table("things", { n: integer() })],
    ["exactly one primary key", () => table("things", { id, n: integer().primaryKey() })],
    ["exactly one primary key", () => table("things", { id }, (t) => [primaryKey(t.id)])],
    ["must be notNull", () => table("things", { n: integer() }, (t) => [primaryKey(t.n)])],
    ["start with", () => table("things", { id }, (t) => [unique("other_id", t.id)])],
    ["same name", () => table("things", { id }, (t) => [unique("things_a", t.id), index("things_a", t.id)])],
    ["at least one column", () => table("things", { id }, () => [index("things_a")])],
    ["can't be indexed", () => table("things", { id, x: longText() }, (t) => [index("things_x", t.x)])],
    ["can't be indexed", () => table("things", { id, x: json() }, (t) => [index("things_x", t.x)])],
    ["1 to 191 characters", () => text(192)],
    ["1 to 191 characters", () => text(0)],
  ];
  for (const [reason, make] of cases) expect(make).toThrow(reason);
  const wide = Object.fromEntries(
    ["a", "b", "c", "d", "e"].map((key) => [key, text(191).notNull()] as const),
  );
  const all = () => table("wide", { ...wide, id }, (t) => [index("wide_all", ...Object.values(t))]);
  expect(all).toThrow("more than the 3072");
});
