/** The SQL that makes this plugin's tables. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const guestsMigrations: readonly Migration[] = [
  {
    id: "0001-guests",
    sqlite: [
      'CREATE TABLE "guests_bookings" ("place" TEXT COLLATE RTRIM NOT NULL, "version" INTEGER NOT NULL, PRIMARY KEY ("place"))',
      'CREATE TABLE "guests_foreign" ("uuid" TEXT COLLATE RTRIM NOT NULL, "node_name" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "kind" TEXT COLLATE RTRIM NOT NULL, "vcpus" INTEGER NOT NULL, "memory_mib" INTEGER NOT NULL, "seen_at" INTEGER NOT NULL, PRIMARY KEY ("uuid"))',
      'CREATE INDEX "guests_foreign_node" ON "guests_foreign" ("node_name")',
      'CREATE TABLE "guests_details" ("guest_uuid" TEXT COLLATE RTRIM NOT NULL, "xml" TEXT NOT NULL, "xml_at" INTEGER NOT NULL, "screen" TEXT NULL, "screen_at" INTEGER NULL, "agent_may_run" INTEGER NULL, PRIMARY KEY ("guest_uuid"))',
      'CREATE TABLE "guests_interfaces" ("mac" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NOT NULL, "position" INTEGER NOT NULL, "network" TEXT COLLATE RTRIM NULL, "bridge" TEXT COLLATE RTRIM NULL, "addresses" TEXT NULL, PRIMARY KEY ("mac"))',
      'CREATE INDEX "guests_interfaces_guest" ON "guests_interfaces" ("guest_uuid")',
      'CREATE TABLE "guests" ("uuid" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "name_key" TEXT COLLATE RTRIM NOT NULL, "remark" TEXT NOT NULL, "remark_key" TEXT COLLATE RTRIM NOT NULL, "node_name" TEXT COLLATE RTRIM NOT NULL, "template_id" TEXT COLLATE RTRIM NULL, "template_name" TEXT COLLATE RTRIM NOT NULL, "icon" TEXT COLLATE RTRIM NULL, "state" TEXT COLLATE RTRIM NOT NULL, "wanted_state" TEXT COLLATE RTRIM NOT NULL, "failed_word" TEXT COLLATE RTRIM NULL, "failed_args" TEXT NULL, "vcpus" INTEGER NOT NULL, "memory_mib" INTEGER NOT NULL, "os_family" TEXT COLLATE RTRIM NOT NULL, "is_windows" INTEGER NOT NULL, "init" TEXT COLLATE RTRIM NOT NULL, "user_name" TEXT COLLATE RTRIM NOT NULL, "password_sealed" TEXT NULL, "init_state" TEXT COLLATE RTRIM NOT NULL, "init_word" TEXT COLLATE RTRIM NULL, "init_args" TEXT NULL, "vnc_port" INTEGER NULL, "vnc_listen" TEXT COLLATE RTRIM NOT NULL, "vnc_password_sealed" TEXT COLLATE RTRIM NOT NULL, "moves_to" TEXT COLLATE RTRIM NULL, "moves_to_port" INTEGER NULL, "hostname" TEXT COLLATE RTRIM NOT NULL, "seed_path" TEXT COLLATE RTRIM NULL, "observed_state" TEXT COLLATE RTRIM NULL, "observed_incarnation" INTEGER NOT NULL, "observed_sequence" INTEGER NOT NULL, "observed_at" INTEGER NULL, "started_at" INTEGER NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("uuid"))',
      'CREATE UNIQUE INDEX "guests_name" ON "guests" ("name_key")',
      'CREATE UNIQUE INDEX "guests_vnc" ON "guests" ("node_name", "vnc_port")',
      'CREATE UNIQUE INDEX "guests_moves" ON "guests" ("moves_to", "moves_to_port")',
      'CREATE INDEX "guests_node" ON "guests" ("node_name", "state")',
      'CREATE INDEX "guests_state" ON "guests" ("state")',
      'CREATE INDEX "guests_template" ON "guests" ("template_id")',
      'CREATE INDEX "guests_created" ON "guests" ("created_at", "name_key")',
      'CREATE INDEX "guests_search" ON "guests" ("name_key", "remark_key")',
    ],
    mysql: [
      "CREATE TABLE `guests_bookings` (`place` VARCHAR(160) NOT NULL, `version` BIGINT NOT NULL, PRIMARY KEY (`place`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `guests_foreign` (`uuid` VARCHAR(36) NOT NULL, `node_name` VARCHAR(64) NOT NULL, `name` VARCHAR(191) NOT NULL, `state` VARCHAR(16) NOT NULL, `kind` VARCHAR(16) NOT NULL, `vcpus` INT NOT NULL, `memory_mib` INT NOT NULL, `seen_at` BIGINT NOT NULL, PRIMARY KEY (`uuid`), KEY `guests_foreign_node` (`node_name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `guests_details` (`guest_uuid` VARCHAR(36) NOT NULL, `xml` MEDIUMTEXT NOT NULL, `xml_at` BIGINT NOT NULL, `screen` MEDIUMTEXT NULL, `screen_at` BIGINT NULL, `agent_may_run` TINYINT NULL, PRIMARY KEY (`guest_uuid`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `guests_interfaces` (`mac` VARCHAR(17) NOT NULL, `guest_uuid` VARCHAR(36) NOT NULL, `position` INT NOT NULL, `network` VARCHAR(64) NULL, `bridge` VARCHAR(15) NULL, `addresses` MEDIUMTEXT NULL, PRIMARY KEY (`mac`), KEY `guests_interfaces_guest` (`guest_uuid`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `guests` (`uuid` VARCHAR(36) NOT NULL, `name` VARCHAR(63) NOT NULL, `name_key` VARCHAR(63) NOT NULL, `remark` MEDIUMTEXT NOT NULL, `remark_key` VARCHAR(96) NOT NULL, `node_name` VARCHAR(64) NOT NULL, `template_id` VARCHAR(36) NULL, `template_name` VARCHAR(64) NOT NULL, `icon` VARCHAR(32) NULL, `state` VARCHAR(16) NOT NULL, `wanted_state` VARCHAR(16) NOT NULL, `failed_word` VARCHAR(48) NULL, `failed_args` MEDIUMTEXT NULL, `vcpus` INT NOT NULL, `memory_mib` INT NOT NULL, `os_family` VARCHAR(16) NOT NULL, `is_windows` TINYINT NOT NULL, `init` VARCHAR(16) NOT NULL, `user_name` VARCHAR(64) NOT NULL, `password_sealed` MEDIUMTEXT NULL, `init_state` VARCHAR(16) NOT NULL, `init_word` VARCHAR(48) NULL, `init_args` MEDIUMTEXT NULL, `vnc_port` INT NULL, `vnc_listen` VARCHAR(45) NOT NULL, `vnc_password_sealed` VARCHAR(128) NOT NULL, `moves_to` VARCHAR(64) NULL, `moves_to_port` INT NULL, `hostname` VARCHAR(63) NOT NULL, `seed_path` VARCHAR(191) NULL, `observed_state` VARCHAR(16) NULL, `observed_incarnation` INT NOT NULL, `observed_sequence` BIGINT NOT NULL, `observed_at` BIGINT NULL, `started_at` BIGINT NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`uuid`), UNIQUE KEY `guests_name` (`name_key`), UNIQUE KEY `guests_vnc` (`node_name`, `vnc_port`), UNIQUE KEY `guests_moves` (`moves_to`, `moves_to_port`), KEY `guests_node` (`node_name`, `state`), KEY `guests_state` (`state`), KEY `guests_template` (`template_id`), KEY `guests_created` (`created_at`, `name_key`), KEY `guests_search` (`name_key`, `remark_key`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
