/** The SQL that makes this plugin's tables. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const disksMigrations: readonly Migration[] = [
  {
    id: "0001-disks",
    sqlite: [
      'CREATE TABLE "disks" ("uuid" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "pool_id" TEXT COLLATE RTRIM NOT NULL, "node_name" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NULL, "role" TEXT COLLATE RTRIM NOT NULL, "size_gib" INTEGER NOT NULL, "path" TEXT COLLATE RTRIM NOT NULL, "format" TEXT COLLATE RTRIM NOT NULL, "target" TEXT COLLATE RTRIM NULL, "state" TEXT COLLATE RTRIM NOT NULL, "failed_word" TEXT COLLATE RTRIM NULL, "failed_args" TEXT NULL, "linked_template_id" TEXT COLLATE RTRIM NULL, "write_bytes" INTEGER NOT NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("uuid"))',
      'CREATE UNIQUE INDEX "disks_target" ON "disks" ("guest_uuid", "target")',
      'CREATE UNIQUE INDEX "disks_path" ON "disks" ("node_name", "path")',
      'CREATE INDEX "disks_template" ON "disks" ("linked_template_id")',
      'CREATE INDEX "disks_pool" ON "disks" ("pool_id", "node_name")',
      'CREATE INDEX "disks_created" ON "disks" ("created_at")',
      'CREATE INDEX "disks_role" ON "disks" ("role", "name")',
    ],
    mysql: [
      "CREATE TABLE `disks` (`uuid` VARCHAR(36) NOT NULL, `name` VARCHAR(80) NOT NULL, `pool_id` VARCHAR(36) NOT NULL, `node_name` VARCHAR(64) NOT NULL, `guest_uuid` VARCHAR(36) NULL, `role` VARCHAR(16) NOT NULL, `size_gib` INT NOT NULL, `path` VARCHAR(191) NOT NULL, `format` VARCHAR(8) NOT NULL, `target` VARCHAR(8) NULL, `state` VARCHAR(16) NOT NULL, `failed_word` VARCHAR(96) NULL, `failed_args` MEDIUMTEXT NULL, `linked_template_id` VARCHAR(36) NULL, `write_bytes` BIGINT NOT NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`uuid`), UNIQUE KEY `disks_target` (`guest_uuid`, `target`), UNIQUE KEY `disks_path` (`node_name`, `path`), KEY `disks_template` (`linked_template_id`), KEY `disks_pool` (`pool_id`, `node_name`), KEY `disks_created` (`created_at`), KEY `disks_role` (`role`, `name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
