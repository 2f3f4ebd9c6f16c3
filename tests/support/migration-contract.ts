/** What the migration runner must do, as one suite for both dialects. */
import { describe, expect, test } from "bun:test";
import type { Engine, MigrationSession } from "../../src/core/store/engine.ts";
import { type MigrationSource, openStore, type StoreConfig } from "../../src/core/store/index.ts";
import { runMigrations } from "../../src/core/store/migrations.ts";
import { failure } from "./store-fixtures.ts";

/** A migration that makes tables, changes one, and changes rows: each step must happen exactly once. */
const steps = {
  sqlite: [
    'CREATE TABLE "first" ("id" INTEGER NOT NULL, "n" INTEGER NOT NULL, PRIMARY KEY ("id"))',
    'INSERT INTO "first" ("id", "n") VALUES (1, 0)',
    'ALTER TABLE "first" ADD COLUMN "more" TEXT NULL',
    'UPDATE "first" SET "n" = "n" + 1',
    'CREATE INDEX "first_n" ON "first" ("n")',
    'DROP INDEX "first_n"',
  ],
  mysql: [
    "CREATE TABLE `first` (`id` INT NOT NULL, `n` INT NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB",
    "INSERT INTO `first` (`id`, `n`) VALUES (1, 0)",
    "ALTER TABLE `first` ADD COLUMN `more` MEDIUMTEXT NULL",
    "UPDATE `first` SET `n` = `n` + 1",
    "CREATE INDEX `first_n` ON `first` (`n`)",
    "DROP INDEX `first_n` ON `first`",
  ],
};
const second = {
  id: "0002-second",
  sqlite: ['UPDATE "first" SET "n" = "n" + 10'],
  mysql: ["UPDATE `first` SET `n` = `n` + 10"],
};
const first = { id: "0001-first", ...steps };
export const migrationSources: MigrationSource[] = [{ name: "things", migrations: [first, second] }];

/** Stops the run at the `at`-th call: before it, or after it without a record where the step is DDL. */
function interrupted(session: MigrationSession, at: number, moment: "before" | "after"): MigrationSession {
  let calls = 0;
  const stopAt = async <T>(work: () => Promise<T>, halfWay: () => Promise<unknown>): Promise<T> => {
    if (++calls !== at) return work();
    if (moment === "after") await halfWay();
    throw new Error("interrupted");
  };
  return {
    dialect: session.dialect,
    alreadyDone: (error) => session.alreadyDone(error),
    run: (query) =>
      stopAt(
        () => session.run(query),
        () => session.run(query),
      ),
    step: (statement, record) =>
      stopAt(
        () => session.step(statement, record),
        // DDL of MySQL is done although nothing recorded it; a change of rows is done with its record only.
        () =>
          /^(CREATE|ALTER|DROP)/.test(statement)
            ? session.run({ sql: statement, params: [], reads: false })
            : Promise.resolve(),
      ),
  };
}

export interface MigrationPlace {
  config: StoreConfig;
  engine(): Engine;
  /** Describes the database's tables, and gives the rows of `first`. */
  look(): Promise<{ tables: string[]; rows: unknown[][] }>;
}

/** Declares the tests. `place` gives an empty database each time. */
export function migrationContract(name: string, place: () => Promise<MigrationPlace>): void {
  const run = async (at: MigrationPlace, sources: readonly MigrationSource[]): Promise<void> => {
    const store = await openStore(at.config);
    try {
      await store.migrate(sources);
    } finally {
      await store.close();
    }
  };

  describe(`migrations on ${name}`, () => {
    test("run once, and adding one later runs just that", async () => {
      const at = await place();
      await run(at, [{ name: "things", migrations: [first] }]);
      expect((await at.look()).rows).toEqual([[1, 1, null]]);
      await run(at, migrationSources);
      await run(at, migrationSources);
      expect((await at.look()).rows).toEqual([[1, 11, null]]);
    });

    for (const moment of ["before", "after"] as const)
      test(`interrupted ${moment} each step, it is resumed and ends the same`, async () => {
        const whole = await place();
        await run(whole, migrationSources);
        const expected = await whole.look();
        let interruptions = 0;
        for (let call = 1; ; call++) {
          const at = await place();
          const engine = at.engine();
          const outcome = await engine
            .migrate((session) =>
              runMigrations(interrupted(session, call, moment), migrationSources, Date.now),
            )
            .then(
              () => "done",
              (error: unknown) => String(error),
            );
          await engine.close();
          if (outcome === "done") break;
          expect(outcome).toContain("interrupted");
          interruptions++;
          await run(at, migrationSources);
          expect(await at.look()).toEqual(expected);
        }
        // Making the record's table, reading it, and for each migration its row, and twice each of its steps.
        expect(interruptions).toBe(2 + (1 + 2 * 6) + (1 + 2 * 1));
      });

    test("a step that fails says which, and the next start goes on from it", async () => {
      const at = await place();
      const broken = { ...first, sqlite: [...steps.sqlite], mysql: [...steps.mysql] };
      broken.sqlite.splice(2, 0, 'INSERT INTO "first" SELECT * FROM "missing"');
      broken.mysql.splice(2, 0, "INSERT INTO `first` SELECT * FROM `missing`");
      const error = String(await failure(run(at, [{ name: "things", migrations: [broken] }])));
      expect(error).toContain('Step 3 of 7 of migration "things/0001-first" failed');
      expect(error).toContain("missing");
    });

    test("refuses a history that was changed", async () => {
      const at = await place();
      await run(at, migrationSources);
      const changed = {
        ...first,
        sqlite: [...steps.sqlite, "SELECT 1"],
        mysql: [...steps.mysql, "SELECT 1"],
      };
      const sources = [{ name: "things", migrations: [changed, second] }];
      expect(String(await failure(run(at, sources)))).toContain('"things/0001-first" is not the one');
    });

    test("refuses a migration put in before one that was done", async () => {
      const at = await place();
      await run(at, migrationSources);
      const early = { ...second, id: "0000-early" };
      const sources = [{ name: "things", migrations: [early, first, second] }];
      expect(String(await failure(run(at, sources)))).toContain('"things/0000-early" comes before');
    });

    test("refuses a store that is newer than the program", async () => {
      const at = await place();
      await run(at, migrationSources);
      const error = await failure(run(at, [{ name: "things", migrations: [first] }]));
      expect(String(error)).toContain("written by a newer JimV");
      expect(String(error)).toContain("things/0002-second");
      // Without the plugin its tables stay, and the program starts.
      await run(at, []);
      expect((await at.look()).rows).toEqual([[1, 11, null]]);
    });

    test("several programs that start at once migrate one after the other", async () => {
      const at = await place();
      const program = `
        const { openStore } = await import(${JSON.stringify(import.meta.resolve("../../src/core/store/index.ts"))});
        const { config, sources } = JSON.parse(process.argv[1]);
        const store = await openStore(config);
        await store.migrate(sources);
        await store.close();
      `;
      const given = JSON.stringify({ config: at.config, sources: migrationSources });
      const programs = Array.from({ length: 4 }, () =>
        Bun.spawn([process.execPath, "-e", program, given], { stdout: "ignore", stderr: "inherit" }),
      );
      expect(await Promise.all(programs.map((each) => each.exited))).toEqual([0, 0, 0, 0]);
      expect((await at.look()).rows).toEqual([[1, 11, null]]);
    }, 30_000);
  });
}
