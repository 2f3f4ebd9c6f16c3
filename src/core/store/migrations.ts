/**
 * Brings a store's tables up to date. Migrations are frozen SQL, one statement a step. What was done is
 * recorded step by step, with a checksum, so that an interrupted run is resumed where it stopped, a changed
 * history is noticed, and a program older than its store refuses to touch it.
 *
 * In SQLite all of it is one transaction. In MySQL, DDL commits at once: a step is marked as begun, done, then
 * recorded. One that was begun but not recorded is done again on the next start, and the errors that mean
 * "it is there already" then count as success. A step that changes rows is committed together with its record.
 */
import { insertQueries, selectQuery, updateQuery } from "./compile.ts";
import { createSql } from "./ddl.ts";
import { type Dialect, type DialectName, dialects } from "./dialect.ts";
import type { MigrationSession } from "./engine.ts";
import { MigrationError } from "./errors.ts";
import { eq } from "./expressions.ts";
import { integer, table, text, time } from "./schema.ts";
import { insert, update } from "./statements.ts";
import { decodeRow } from "./values.ts";

/** One change of the tables, in both dialects, one statement a step. Never edited once released. */
export interface Migration {
  /** Like `0001-guests`: the order is the list's, and the number says so to people. */
  readonly id: string;
  readonly sqlite: readonly string[];
  readonly mysql: readonly string[];
}

/** The migrations of core or of one plugin, in order. */
export interface MigrationSource {
  readonly name: string;
  readonly migrations: readonly Migration[];
}

/** The record of what was done; made by the runner itself. */
export const schemaSteps = table("schema_migrations", {
  /** `<source>/<migration id>` */
  id: text(191).primaryKey(),
  checksum: text(64).notNull(),
  steps: integer().notNull(),
  done: integer().notNull(),
  /** Steps that were begun: one more than `done` where the outcome of a step is not known. */
  begun: integer().notNull(),
  changedAt: time().notNull(),
});

type Recorded = { id: string; checksum: string; steps: number; done: number; begun: number };

/** Runs what is missing. The session holds the lock. */
export async function runMigrations(
  session: MigrationSession,
  sources: readonly MigrationSource[],
  now: () => number,
): Promise<void> {
  const dialect = dialects[session.dialect];
  for (const statement of createSql(schemaSteps, session.dialect).map(ifNotExists))
    await session.run({ sql: statement, params: [], reads: false });
  const { rows } = await session.run(selectQuery(dialect, schemaSteps, {}));
  const recorded = new Map(
    rows.map((row) => {
      const record = decodeRow(schemaSteps, row) as unknown as Recorded;
      return [record.id, record] as const;
    }),
  );
  check(sources, recorded, session.dialect);
  for (const source of sources)
    for (const migration of source.migrations) {
      const id = `${source.name}/${migration.id}`;
      await apply(session, dialect, id, migration[session.dialect], recorded.get(id), now);
    }
}

const ifNotExists = (statement: string): string =>
  statement.replace(/^CREATE TABLE /, "CREATE TABLE IF NOT EXISTS ");

/** SHA-256 of the steps in one dialect. */
export function checksum(steps: readonly string[]): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(steps)).digest("hex");
}

/** Refuses a store whose history isn't the beginning of this program's. */
function check(
  sources: readonly MigrationSource[],
  recorded: ReadonlyMap<string, Recorded>,
  dialect: DialectName,
): void {
  const known = new Set<string>();
  for (const source of sources) {
    let missing: string | undefined;
    for (const migration of source.migrations) {
      const id = `${source.name}/${migration.id}`;
      if (known.has(id))
        throw new MigrationError(`Migration "${id}" is defined twice. This is a defect of the program.`);
      known.add(id);
      const record = recorded.get(id);
      if (record === undefined) missing ??= id;
      else if (missing !== undefined)
        throw new MigrationError(
          `Migration "${missing}" comes before "${id}", which this store has already had. Use a JimV release ` +
            "whose migrations follow the store's, or restore a backup.",
        );
      else if (record.checksum !== checksum(migration[dialect]))
        throw new MigrationError(
          `Migration "${id}" is not the one that this store was made with. Use the JimV release that the store ` +
            "comes from or a later one, or restore a backup.",
        );
    }
  }
  // A plugin that isn't loaded keeps its tables and its history; only a source we know can be too new.
  const names = new Set(sources.map((source) => source.name));
  for (const id of recorded.keys())
    if (names.has(id.slice(0, id.indexOf("/"))) && !known.has(id))
      throw new MigrationError(
        `The store was written by a newer JimV: it has had migration "${id}", which this program doesn't know. ` +
          "Start the newer JimV, or restore the backup from before the upgrade.",
      );
}

async function apply(
  session: MigrationSession,
  dialect: Dialect,
  id: string,
  steps: readonly string[],
  record: Recorded | undefined,
  now: () => number,
): Promise<void> {
  const mine = eq(schemaSteps.id, id);
  const mark = (set: { done?: number; begun?: number }) =>
    updateQuery(dialect, schemaSteps, update(schemaSteps, { ...set, changedAt: now() }, mine).set, mine);
  if (record === undefined) {
    const row = { id, checksum: checksum(steps), steps: steps.length, done: 0, begun: 0, changedAt: now() };
    for (const query of insertQueries(dialect, schemaSteps, insert(schemaSteps, row).rows))
      await session.run(query);
  }
  for (let step = record?.done ?? 0; step < steps.length; step++) {
    const inDoubt = record !== undefined && record.begun > step;
    const recordStep = mark({ done: step + 1 });
    await session.run(mark({ begun: step + 1 }));
    try {
      await session.step(steps[step] ?? "", recordStep);
    } catch (error) {
      if (inDoubt && session.alreadyDone(error)) {
        await session.run(recordStep);
        continue;
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new MigrationError(
        `Step ${step + 1} of ${steps.length} of migration "${id}" failed: ${reason}. Mend the cause and start again: ` +
          "the migration goes on from this step.",
        { cause: error },
      );
    }
  }
}
