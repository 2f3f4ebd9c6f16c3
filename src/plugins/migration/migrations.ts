/** The SQL that makes this plugin's tables. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const migrationMigrations: readonly Migration[] = [
  {
    id: "0001-migration",
    sqlite: [
      'CREATE TABLE "migration_drain_steps" ("id" TEXT COLLATE RTRIM NOT NULL, "node" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NOT NULL, "guest_name" TEXT COLLATE RTRIM NOT NULL, "position" INTEGER NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "to_node" TEXT COLLATE RTRIM NULL, "task" TEXT COLLATE RTRIM NULL, "attempts" INTEGER NOT NULL, "reasons" TEXT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "migration_drain_steps_guest" ON "migration_drain_steps" ("node", "guest_uuid")',
      'CREATE TABLE "migration_drains" ("node" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "actor" TEXT COLLATE RTRIM NOT NULL, "began_at" INTEGER NOT NULL, "changed_at" INTEGER NOT NULL, "ended_at" INTEGER NULL, PRIMARY KEY ("node"))',
      'CREATE TABLE "migration_ports" ("id" TEXT COLLATE RTRIM NOT NULL, "node" TEXT COLLATE RTRIM NOT NULL, "port" INTEGER NOT NULL, "task" TEXT COLLATE RTRIM NOT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "migration_ports_port" ON "migration_ports" ("node", "port")',
      'CREATE INDEX "migration_ports_task" ON "migration_ports" ("task")',
      'CREATE TABLE "migration_runs" ("task" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NOT NULL, "from_node" TEXT COLLATE RTRIM NOT NULL, "to_node" TEXT COLLATE RTRIM NOT NULL, "figures" TEXT NULL, "changed_at" INTEGER NOT NULL, PRIMARY KEY ("task"))',
      'CREATE INDEX "migration_runs_guest" ON "migration_runs" ("guest_uuid")',
    ],
    mysql: [
      "CREATE TABLE `migration_drain_steps` (`id` VARCHAR(36) NOT NULL, `node` VARCHAR(64) NOT NULL, `guest_uuid` VARCHAR(36) NOT NULL, `guest_name` VARCHAR(63) NOT NULL, `position` INT NOT NULL, `state` VARCHAR(16) NOT NULL, `to_node` VARCHAR(64) NULL, `task` VARCHAR(36) NULL, `attempts` INT NOT NULL, `reasons` MEDIUMTEXT NULL, PRIMARY KEY (`id`), UNIQUE KEY `migration_drain_steps_guest` (`node`, `guest_uuid`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `migration_drains` (`node` VARCHAR(64) NOT NULL, `state` VARCHAR(16) NOT NULL, `actor` VARCHAR(128) NOT NULL, `began_at` BIGINT NOT NULL, `changed_at` BIGINT NOT NULL, `ended_at` BIGINT NULL, PRIMARY KEY (`node`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `migration_ports` (`id` VARCHAR(36) NOT NULL, `node` VARCHAR(64) NOT NULL, `port` INT NOT NULL, `task` VARCHAR(36) NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `migration_ports_port` (`node`, `port`), KEY `migration_ports_task` (`task`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `migration_runs` (`task` VARCHAR(36) NOT NULL, `guest_uuid` VARCHAR(36) NOT NULL, `from_node` VARCHAR(64) NOT NULL, `to_node` VARCHAR(64) NOT NULL, `figures` MEDIUMTEXT NULL, `changed_at` BIGINT NOT NULL, PRIMARY KEY (`task`), KEY `migration_runs_guest` (`guest_uuid`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
