/** The SQL that makes this plugin's tables. Frozen. */
import type { Migration } from "jimv";

export const addressesMigrations: readonly Migration[] = [
  {
    id: "0001-addresses",
    sqlite: [
      'CREATE TABLE "addresses" ("address" TEXT COLLATE RTRIM NOT NULL, "pool_id" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NULL, "mac" TEXT COLLATE RTRIM NULL, "remark" TEXT COLLATE RTRIM NULL, "since" INTEGER NOT NULL, "rests_until" INTEGER NULL, "prefix" INTEGER NULL, "gateway" TEXT COLLATE RTRIM NULL, "protect" INTEGER NULL, PRIMARY KEY ("address"))',
      'CREATE INDEX "addresses_free" ON "addresses" ("pool_id", "state", "rests_until")',
      'CREATE INDEX "addresses_guest" ON "addresses" ("guest_uuid")',
      'CREATE TABLE "addresses_pools" ("id" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "name_key" TEXT COLLATE RTRIM NOT NULL, "family" TEXT COLLATE RTRIM NOT NULL, "first" TEXT COLLATE RTRIM NOT NULL, "last" TEXT COLLATE RTRIM NOT NULL, "prefix" INTEGER NOT NULL, "gateway" TEXT COLLATE RTRIM NULL, "dns" TEXT NOT NULL, "bridge" TEXT COLLATE RTRIM NULL, "protect" INTEGER NOT NULL, "default_of" TEXT COLLATE RTRIM NULL, "next" TEXT COLLATE RTRIM NOT NULL, "version" INTEGER NOT NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "addresses_pools_name" ON "addresses_pools" ("name_key")',
      'CREATE UNIQUE INDEX "addresses_pools_default" ON "addresses_pools" ("default_of")',
      'CREATE TABLE "addresses_book" ("id" TEXT COLLATE RTRIM NOT NULL, "version" INTEGER NOT NULL, PRIMARY KEY ("id"))',
      'CREATE TABLE "addresses_replacements" ("id" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NOT NULL, "open_for" TEXT COLLATE RTRIM NULL, "mac" TEXT COLLATE RTRIM NOT NULL, "old_address" TEXT COLLATE RTRIM NOT NULL, "new_address" TEXT COLLATE RTRIM NOT NULL, "way" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "telling" INTEGER NOT NULL, "owed" INTEGER NOT NULL, "job_id" TEXT COLLATE RTRIM NULL, "task_id" TEXT COLLATE RTRIM NULL, "failed_word" TEXT COLLATE RTRIM NULL, "failed_args" TEXT NULL, "actor" TEXT COLLATE RTRIM NOT NULL, "created_at" INTEGER NOT NULL, "changed_at" INTEGER NOT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "addresses_replacements_open" ON "addresses_replacements" ("open_for")',
      'CREATE INDEX "addresses_replacements_guest" ON "addresses_replacements" ("guest_uuid", "created_at")',
      'CREATE TABLE "addresses_ties" ("guest_uuid" TEXT COLLATE RTRIM NOT NULL, "since" INTEGER NOT NULL, "tried_at" INTEGER NULL, "failed_word" TEXT COLLATE RTRIM NULL, "failed_args" TEXT NULL, PRIMARY KEY ("guest_uuid"))',
    ],
    mysql: [
      "CREATE TABLE `addresses` (`address` VARCHAR(32) NOT NULL, `pool_id` VARCHAR(36) NOT NULL, `state` VARCHAR(16) NOT NULL, `guest_uuid` VARCHAR(36) NULL, `mac` VARCHAR(17) NULL, `remark` VARCHAR(100) NULL, `since` BIGINT NOT NULL, `rests_until` BIGINT NULL, `prefix` INT NULL, `gateway` VARCHAR(32) NULL, `protect` TINYINT NULL, PRIMARY KEY (`address`), KEY `addresses_free` (`pool_id`, `state`, `rests_until`), KEY `addresses_guest` (`guest_uuid`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `addresses_pools` (`id` VARCHAR(36) NOT NULL, `name` VARCHAR(64) NOT NULL, `name_key` VARCHAR(64) NOT NULL, `family` VARCHAR(4) NOT NULL, `first` VARCHAR(32) NOT NULL, `last` VARCHAR(32) NOT NULL, `prefix` INT NOT NULL, `gateway` VARCHAR(32) NULL, `dns` MEDIUMTEXT NOT NULL, `bridge` VARCHAR(15) NULL, `protect` TINYINT NOT NULL, `default_of` VARCHAR(4) NULL, `next` VARCHAR(32) NOT NULL, `version` BIGINT NOT NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `addresses_pools_name` (`name_key`), UNIQUE KEY `addresses_pools_default` (`default_of`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `addresses_book` (`id` VARCHAR(8) NOT NULL, `version` BIGINT NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `addresses_replacements` (`id` VARCHAR(36) NOT NULL, `guest_uuid` VARCHAR(36) NOT NULL, `open_for` VARCHAR(36) NULL, `mac` VARCHAR(17) NOT NULL, `old_address` VARCHAR(32) NOT NULL, `new_address` VARCHAR(32) NOT NULL, `way` VARCHAR(8) NOT NULL, `state` VARCHAR(16) NOT NULL, `telling` INT NOT NULL, `owed` TINYINT NOT NULL, `job_id` VARCHAR(36) NULL, `task_id` VARCHAR(36) NULL, `failed_word` VARCHAR(64) NULL, `failed_args` MEDIUMTEXT NULL, `actor` VARCHAR(128) NOT NULL, `created_at` BIGINT NOT NULL, `changed_at` BIGINT NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `addresses_replacements_open` (`open_for`), KEY `addresses_replacements_guest` (`guest_uuid`, `created_at`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `addresses_ties` (`guest_uuid` VARCHAR(36) NOT NULL, `since` BIGINT NOT NULL, `tried_at` BIGINT NULL, `failed_word` VARCHAR(64) NULL, `failed_args` MEDIUMTEXT NULL, PRIMARY KEY (`guest_uuid`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
