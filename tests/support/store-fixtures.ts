/** Tables, rows and helpers that the store's tests share. */
import {
  bigint,
  bool,
  createSql,
  index,
  integer,
  json,
  longText,
  type NewRow,
  primaryKey,
  table,
  text,
  time,
  unique,
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
