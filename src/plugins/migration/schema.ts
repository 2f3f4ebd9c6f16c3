/** The table of migrations under way: what the node that is left last said of each. */
import { index, json, type Row, table, text, time } from "jimv";
import type { Figures } from "./figures.ts";

export const runs = table(
  "migration_runs",
  {
    task: text(36).primaryKey(),
    guestUuid: text(36).notNull(),
    fromNode: text(64).notNull(),
    toNode: text(64).notNull(),
    /** Null until the migration has begun. */
    figures: json<Figures>(),
    changedAt: time().notNull(),
  },
  (t) => [index("migration_runs_guest", t.guestUuid)],
);
export type MigrationRun = Row<typeof runs>;
