/** The SQL that makes the table of templates. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const templatesMigrations: readonly Migration[] = [
  {
    id: "0001-templates",
    sqlite: [
      'CREATE TABLE "templates_copies" ("template_id" TEXT COLLATE RTRIM NOT NULL, "place" TEXT COLLATE RTRIM NOT NULL, "pool_id" TEXT COLLATE RTRIM NOT NULL, "node_name" TEXT COLLATE RTRIM NOT NULL, "path" TEXT COLLATE RTRIM NOT NULL, "task_id" TEXT COLLATE RTRIM NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("template_id", "place"))',
      'CREATE INDEX "templates_copies_pool" ON "templates_copies" ("pool_id")',
      'CREATE TABLE "templates" ("id" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "name_key" TEXT COLLATE RTRIM NOT NULL, "path" TEXT NOT NULL, "node_name" TEXT COLLATE RTRIM NOT NULL, "os_family" TEXT COLLATE RTRIM NOT NULL, "is_windows" INTEGER NOT NULL, "default_size_gib" INTEGER NOT NULL, "icon" TEXT COLLATE RTRIM NOT NULL, "init" TEXT COLLATE RTRIM NOT NULL, "user_name" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "refused_word" TEXT COLLATE RTRIM NULL, "refused_args" TEXT NULL, "format" TEXT COLLATE RTRIM NULL, "virtual_size_bytes" INTEGER NULL, "actual_size_bytes" INTEGER NULL, "file_size_bytes" INTEGER NULL, "others_read" INTEGER NOT NULL, "checked_at" INTEGER NULL, "uses" INTEGER NOT NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "templates_name_key" ON "templates" ("name_key")',
    ],
    mysql: [
      "CREATE TABLE `templates_copies` (`template_id` VARCHAR(36) NOT NULL, `place` VARCHAR(128) NOT NULL, `pool_id` VARCHAR(36) NOT NULL, `node_name` VARCHAR(64) NOT NULL, `path` VARCHAR(191) NOT NULL, `task_id` VARCHAR(36) NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`template_id`, `place`), KEY `templates_copies_pool` (`pool_id`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `templates` (`id` VARCHAR(36) NOT NULL, `name` VARCHAR(64) NOT NULL, `name_key` VARCHAR(128) NOT NULL, `path` MEDIUMTEXT NOT NULL, `node_name` VARCHAR(64) NOT NULL, `os_family` VARCHAR(16) NOT NULL, `is_windows` TINYINT NOT NULL, `default_size_gib` INT NOT NULL, `icon` VARCHAR(16) NOT NULL, `init` VARCHAR(16) NOT NULL, `user_name` VARCHAR(32) NOT NULL, `state` VARCHAR(16) NOT NULL, `refused_word` VARCHAR(96) NULL, `refused_args` MEDIUMTEXT NULL, `format` VARCHAR(16) NULL, `virtual_size_bytes` BIGINT NULL, `actual_size_bytes` BIGINT NULL, `file_size_bytes` BIGINT NULL, `others_read` TINYINT NOT NULL, `checked_at` BIGINT NULL, `uses` INT NOT NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `templates_name_key` (`name_key`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
