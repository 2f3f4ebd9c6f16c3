/** The SQL that makes core's own tables. Frozen: what is released is never edited. */
import { authMigrations } from "./auth/migrations.ts";
import { authTables } from "./auth/schema.ts";
import { settings } from "./settings.ts";
import type { MigrationSource, Table } from "./store/index.ts";
import { peers, tasks } from "./tasks/schema.ts";

/** What these migrations make, as of now. */
export const coreTables: readonly Table[] = [...authTables, tasks, peers, settings];

export const coreMigrations: readonly MigrationSource[] = [
  { name: "auth", migrations: authMigrations },
  {
    name: "core",
    migrations: [
      {
        id: "0001-tasks",
        sqlite: [
          'CREATE TABLE "tasks" ("id" TEXT COLLATE RTRIM NOT NULL, "kind" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "node_name" TEXT COLLATE RTRIM NOT NULL, "target_type" TEXT COLLATE RTRIM NOT NULL, "target_key" TEXT COLLATE RTRIM NOT NULL, "target_name" TEXT COLLATE RTRIM NOT NULL, "exclusive_key" TEXT COLLATE RTRIM NULL, "payload" TEXT NOT NULL, "progress" INTEGER NOT NULL, "step" TEXT COLLATE RTRIM NULL, "eta_seconds" INTEGER NULL, "error_word" TEXT COLLATE RTRIM NULL, "error_args" TEXT NULL, "leftovers" INTEGER NOT NULL, "cancel_requested" INTEGER NOT NULL, "actor" TEXT COLLATE RTRIM NOT NULL, "fence" INTEGER NOT NULL, "attempts" INTEGER NOT NULL, "deadline_at" INTEGER NOT NULL, "after_task" TEXT COLLATE RTRIM NULL, "created_at" INTEGER NOT NULL, "sent_at" INTEGER NULL, "started_at" INTEGER NULL, "ended_at" INTEGER NULL, PRIMARY KEY ("id"))',
          'CREATE UNIQUE INDEX "tasks_exclusive" ON "tasks" ("exclusive_key")',
          'CREATE INDEX "tasks_open" ON "tasks" ("state", "node_name")',
          'CREATE INDEX "tasks_target" ON "tasks" ("target_type", "target_key")',
          'CREATE INDEX "tasks_created" ON "tasks" ("created_at")',
          'CREATE INDEX "tasks_after" ON "tasks" ("after_task")',
          'CREATE TABLE "peers" ("name" TEXT COLLATE RTRIM NOT NULL, "machine_id" TEXT COLLATE RTRIM NOT NULL, "public_key" TEXT COLLATE RTRIM NOT NULL, "version" TEXT COLLATE RTRIM NOT NULL, "features" TEXT NOT NULL, "incarnation" INTEGER NOT NULL, "generation" TEXT COLLATE RTRIM NOT NULL, "position" INTEGER NOT NULL, "heard_at" INTEGER NOT NULL, "protocol" INTEGER NOT NULL, "road_hash" TEXT COLLATE RTRIM NULL, "refusal" TEXT NULL, PRIMARY KEY ("name"))',
          'CREATE TABLE "settings" ("plugin" TEXT COLLATE RTRIM NOT NULL, "values" TEXT NOT NULL, PRIMARY KEY ("plugin"))',
        ],
        mysql: [
          "CREATE TABLE `tasks` (`id` VARCHAR(36) NOT NULL, `kind` VARCHAR(64) NOT NULL, `state` VARCHAR(16) NOT NULL, `node_name` VARCHAR(64) NOT NULL, `target_type` VARCHAR(32) NOT NULL, `target_key` VARCHAR(64) NOT NULL, `target_name` VARCHAR(128) NOT NULL, `exclusive_key` VARCHAR(96) NULL, `payload` MEDIUMTEXT NOT NULL, `progress` INT NOT NULL, `step` VARCHAR(64) NULL, `eta_seconds` INT NULL, `error_word` VARCHAR(96) NULL, `error_args` MEDIUMTEXT NULL, `leftovers` TINYINT NOT NULL, `cancel_requested` TINYINT NOT NULL, `actor` VARCHAR(128) NOT NULL, `fence` INT NOT NULL, `attempts` INT NOT NULL, `deadline_at` BIGINT NOT NULL, `after_task` VARCHAR(36) NULL, `created_at` BIGINT NOT NULL, `sent_at` BIGINT NULL, `started_at` BIGINT NULL, `ended_at` BIGINT NULL, PRIMARY KEY (`id`), UNIQUE KEY `tasks_exclusive` (`exclusive_key`), KEY `tasks_open` (`state`, `node_name`), KEY `tasks_target` (`target_type`, `target_key`), KEY `tasks_created` (`created_at`), KEY `tasks_after` (`after_task`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
          "CREATE TABLE `peers` (`name` VARCHAR(64) NOT NULL, `machine_id` VARCHAR(64) NOT NULL, `public_key` VARCHAR(128) NOT NULL, `version` VARCHAR(32) NOT NULL, `features` MEDIUMTEXT NOT NULL, `incarnation` INT NOT NULL, `generation` VARCHAR(36) NOT NULL, `position` BIGINT NOT NULL, `heard_at` BIGINT NOT NULL, `protocol` INT NOT NULL, `road_hash` VARCHAR(64) NULL, `refusal` MEDIUMTEXT NULL, PRIMARY KEY (`name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
          "CREATE TABLE `settings` (`plugin` VARCHAR(64) NOT NULL, `values` MEDIUMTEXT NOT NULL, PRIMARY KEY (`plugin`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        ],
      },
    ],
  },
];
