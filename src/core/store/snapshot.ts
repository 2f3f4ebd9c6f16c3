/**
 * All rows of a store as of one moment, and putting them into another one, of either dialect. What a value is in
 * the database (a string, a number or NULL) is the same in both, so rows travel as they are stored, and a
 * snapshot of an older release can be loaded: its own description of the tables comes with it.
 *
 * The log of events and the leases stay behind: they are about the running program. The counter of events
 * goes along, so that their numbers go on rising.
 */
import { selectQuery } from "./compile.ts";
import { type Dialect, dialects } from "./dialect.ts";
import type { Engine } from "./engine.ts";
import { StoreError } from "./errors.ts";
import { and, asc, type Expression, eq, gt, or } from "./expressions.ts";
import { type MigrationSource, schemaSteps } from "./migrations.ts";
import {
  bigint,
  bool,
  type Column,
  ColumnSpec,
  integer,
  json,
  type Kind,
  longText,
  metaOf,
  type Table,
  table,
  text,
  time,
} from "./schema.ts";
import { remove, upsert } from "./statements.ts";
import type { Store } from "./store.ts";
import { counters, eventCounter, events, leases } from "./tables.ts";
import { decode, type Parameter } from "./values.ts";

/** A table as it was when the snapshot was made. */
export interface SnapshotTable {
  name: string;
  columns: { key: string; kind: Kind; length: number | null; notNull: boolean }[];
  primaryKey: string[];
}

export interface SnapshotHeader {
  /** `<source>/<migration>` of everything that the tables have had. */
  migrations: string[];
  tables: SnapshotTable[];
}

/** Some rows of one table, their values in the order of its columns. */
export interface SnapshotRows {
  table: string;
  rows: Parameter[][];
}

/** Reads of one moment. */
export interface Snapshot {
  header: SnapshotHeader;
  rows(): AsyncGenerator<SnapshotRows>;
}

/** Rows read and written at once: long texts may be large. */
const rowsAtOnce = 200;
const staysBehind = [events, leases].map((one) => metaOf(one).name);
/** While this counter stands, the store is being loaded and must not be used. */
const loading = "loading";
/** This one says that the truth lives elsewhere now: two stores with the same guests would fight for them. */
const moved = "moved";

/** The store can't be copied, or can't take a copy; the message says why and what to do. */
export class SnapshotError extends StoreError {
  override readonly name = "SnapshotError";
}

/**
 * Reads everything in `tables` and the store's own tables within one snapshot of the database.
 * @throws SnapshotError when the store has tables of plugins that are not in `sources`: they would be lost
 */
export function readSnapshot<T>(
  engine: Engine,
  sources: readonly MigrationSource[],
  tables: readonly Table[],
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const dialect = dialects[engine.dialect];
  const all = [counters, ...tables].filter((one) => !staysBehind.includes(metaOf(one).name));
  return engine.snapshot(async (read) => {
    const steps = await read(selectQuery(dialect, schemaSteps, {}));
    const migrations = steps.rows.map((row) => String(row[0]));
    const known = new Set(["store", ...sources.map((source) => source.name)]);
    const foreign = migrations.map((id) => id.slice(0, id.indexOf("/"))).find((name) => !known.has(name));
    if (foreign !== undefined)
      throw new SnapshotError(
        `The store has tables of the plugin "${foreign}", which is not loaded: they would be lost. ` +
          "Put the plugin back into the plugin folder for this, or remove its tables.",
      );
    const had = new Set(migrations);
    const missing = sources
      .flatMap(({ name, migrations: each }) => each.map(({ id }) => `${name}/${id}`))
      .find((id) => !had.has(id));
    if (missing !== undefined)
      throw new SnapshotError(
        `The store has not had "${missing}" yet: it is older than this JimV. Use the release that it was last run ` +
          "with, or start this one once.",
      );
    return work({
      header: { migrations, tables: all.map(describe) },
      async *rows() {
        for (const one of all)
          for await (const rows of pages(dialect, one, read)) yield { table: metaOf(one).name, rows };
      },
    });
  });
}

function describe(one: Table): SnapshotTable {
  const { name, columns, primaryKey } = metaOf(one);
  return {
    name,
    columns: columns.map(({ key, kind, length, notNull }) => ({ key, kind, length, notNull })),
    primaryKey: primaryKey.map((column) => column.key),
  };
}

/** A table by its primary key, page after page, so that no row is read twice and none is skipped. */
async function* pages(
  dialect: Dialect,
  one: Table,
  read: Parameters<Parameters<Engine["snapshot"]>[0]>[0],
): AsyncGenerator<Parameter[][]> {
  const { columns, primaryKey } = metaOf(one);
  let after: Expression | undefined;
  for (;;) {
    const { rows } = await read(
      selectQuery(dialect, one, {
        where: after ?? "all",
        orderBy: primaryKey.map((column) => asc(column)),
        limit: rowsAtOnce,
      }),
    );
    if (rows.length === 0) return;
    yield rows.map((row) => columns.map((column, at) => plain(column, row[at])));
    const last = rows.at(-1) ?? [];
    after = behind(
      primaryKey,
      primaryKey.map((column) => decode(column, last[columns.indexOf(column)])),
    );
  }
}

/** The value as both databases hold it. A JSON column's `null` is a text here, and stays one. */
function plain({ kind }: Column, stored: unknown): Parameter {
  if (stored === null || stored === undefined) return null;
  return kind === "text" || kind === "longText" || kind === "json" ? String(stored) : Number(stored);
}

/** (a, b) > (x, y) in words that both databases use an index for. */
function behind(columns: readonly Column[], values: readonly unknown[]): Expression {
  return or(
    ...columns.map((column, at) =>
      and(...columns.slice(0, at).map((equal, i) => eq(equal, values[i])), gt(column, values[at])),
    ),
  );
}

/**
 * Puts a snapshot into an empty store: the migrations that it has had are run first, then its rows are written.
 * A load that broke off is begun anew by the next one; until it ends, `refuseUnfit` keeps controllers out.
 * Resolves with the number of rows by table.
 * @throws SnapshotError when the store is not empty, or the snapshot comes from a newer program
 */
export async function loadSnapshot(
  store: Store,
  sources: readonly MigrationSource[],
  header: SnapshotHeader,
  parts: AsyncIterable<SnapshotRows>,
): Promise<Map<string, number>> {
  const had = new Set(header.migrations);
  const known = new Set(
    sources.flatMap(({ name, migrations }) => migrations.map(({ id }) => `${name}/${id}`)),
  );
  const unknown = header.migrations.find((id) => !id.startsWith("store/") && !known.has(id));
  if (unknown !== undefined)
    throw new SnapshotError(
      `It was made by a JimV that has "${unknown}", which this one doesn't know. Use that release or a later ` +
        "one, with the same plugins.",
    );
  // Migrations may write rows of their own: they must not stand beside the snapshot's.
  await store.migrate([]);
  const fresh = (await store.select(schemaSteps)).every(({ id }) => id.startsWith("store/"));
  if (fresh) await beginLoading(store, []);
  await store.migrate(
    sources.map(({ name, migrations }) => ({
      name,
      migrations: migrations.filter(({ id }) => had.has(`${name}/${id}`)),
    })),
  );
  const tables = new Map(header.tables.map((one) => [one.name, tableOf(one)]));
  if (!(await isLoading(store))) await beginLoading(store, [...tables.values()]);
  await store.batch([...tables.values()].filter((one) => !isCounters(one)).map((one) => remove(one, "all")));
  const written = new Map<string, number>([...tables.keys()].map((name) => [name, 0]));
  for await (const { table: name, rows } of parts) {
    const into = tables.get(name);
    if (!into) throw new SnapshotError(`It is damaged: it has rows of "${name}", but not that table.`);
    const keys = metaOf(into).columns.map((column) => column.key);
    const encoded = rows.map((row) => Object.fromEntries(keys.map((key, at) => [key, row[at] ?? null])));
    // The event counter's row is made by the migration.
    const clears = isCounters(into)
      ? rows.map(([named]) => remove(counters, eq(counters.name, String(named))))
      : [];
    await store.batch([...clears, { op: "insert", table: into, rows: encoded }]);
    written.set(name, (written.get(name) ?? 0) + rows.length);
  }
  await store.run(remove(counters, eq(counters.name, loading)));
  return written;
}

const isCounters = (one: Table): boolean => metaOf(one).name === metaOf(counters).name;

const isLoading = async (store: Store): Promise<boolean> =>
  (await store.count(counters, eq(counters.name, loading))) > 0;

/** Keeps everybody else out. @throws SnapshotError when one of the tables has rows, or numbers were given to events */
async function beginLoading(store: Store, tables: readonly Table[]): Promise<void> {
  for (const one of [counters, ...tables]) {
    const rows = isCounters(one)
      ? await store.sum(counters, counters.value, eq(counters.name, eventCounter))
      : await store.count(one);
    if (rows > 0)
      throw new SnapshotError(
        `The store to load into is not empty (rows in "${metaOf(one).name}"). Give an empty database.`,
      );
  }
  await store.run(upsert(counters, { name: loading, value: 1 }, [counters.name]));
}

/** Marks a store whose rows were copied into another one, which is used from now on. */
export function markMoved(store: Store): Promise<void> {
  return store.run(upsert(counters, { name: moved, value: 1 }, [counters.name]));
}

/**
 * To be asked before a store is used. @throws SnapshotError when copying into it broke off, so that it has only some
 * of the rows, or when it was copied away
 */
export async function refuseUnfit(store: Store): Promise<void> {
  const standing = async (name: string) => (await store.count(counters, eq(counters.name, name))) > 0;
  if (await standing(loading))
    throw new SnapshotError(
      "Copying into this store broke off, so it has only some of the rows. Run the same copy or restore again.",
    );
  if (await standing(moved))
    throw new SnapshotError(
      "This store was copied into another database, which is used instead: give that one in the configuration's " +
        "[store]. To go back to this kind of store, restore a backup.",
    );
}

const kinds: Record<Kind, (length: number) => ColumnSpec> = {
  text: (length) => text(length),
  longText: () => longText(),
  integer: () => integer(),
  bigint: () => bigint(),
  time: () => time(),
  bool: () => bool(),
  json: () => json(),
};

function tableOf(one: SnapshotTable): Table {
  const spec = Object.fromEntries(
    one.columns.map(({ key, kind, length, notNull }) => {
      const column = kinds[kind](length ?? 1);
      return [key, new ColumnSpec(column.kind, column.length, notNull, false)];
    }),
  );
  return table(one.name, spec, (columns) => [
    { primaryKey: one.primaryKey.map((key) => columns[key] as Column) },
  ]);
}
