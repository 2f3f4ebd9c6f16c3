/** The SQL that makes this plugin's tables. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const migrationMigrations: readonly Migration[] = [
  {
    id: "0001-migration",
    sqlite: [
      'CREATE TABLE "migration_runs" ("task" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NOT NULL, "from_node" TEXT COLLATE RTRIM NOT NULL, "to_node" TEXT COLLATE RTRIM NOT NULL, "figures" TEXT NULL, "changed_at" INTEGER NOT NULL, PRIMARY KEY ("task"))',
      'CREATE INDEX "migration_runs_guest" ON "migration_runs" ("guest_uuid")',
    ],
    mysql: [
      "CREATE TABLE `migration_runs` (`task` VARCHAR(36) NOT NULL, `guest_uuid` VARCHAR(36) NOT NULL, `from_node` VARCHAR(64) NOT NULL, `to_node` VARCHAR(64) NOT NULL, `figures` MEDIUMTEXT NULL, `changed_at` BIGINT NOT NULL, PRIMARY KEY (`task`), KEY `migration_runs_guest` (`guest_uuid`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
