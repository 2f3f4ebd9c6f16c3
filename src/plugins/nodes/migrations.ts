/** The SQL that makes the tables of nodes. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const nodesMigrations: readonly Migration[] = [
  {
    id: "0001-nodes",
    sqlite: [
      'CREATE TABLE "nodes_join_tokens" ("id" TEXT COLLATE RTRIM NOT NULL, "hash" TEXT COLLATE RTRIM NOT NULL, "created_by" TEXT COLLATE RTRIM NOT NULL, "created_at" INTEGER NOT NULL, "expires_at" INTEGER NOT NULL, "used_at" INTEGER NULL, "used_by" TEXT COLLATE RTRIM NULL, "used_machine" TEXT COLLATE RTRIM NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "nodes_join_tokens_hash" ON "nodes_join_tokens" ("hash")',
      'CREATE INDEX "nodes_join_tokens_end" ON "nodes_join_tokens" ("expires_at")',
      'CREATE TABLE "nodes" ("name" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "accepts_guests" INTEGER NOT NULL, "management_address" TEXT COLLATE RTRIM NULL, "config_state" TEXT COLLATE RTRIM NOT NULL, "config_word" TEXT COLLATE RTRIM NULL, "config_args" TEXT NULL, "config_notes" TEXT NULL, "storage_path" TEXT COLLATE RTRIM NULL, "pool_name" TEXT COLLATE RTRIM NULL, "pool_capacity_bytes" INTEGER NULL, "pool_available_bytes" INTEGER NULL, "network_name" TEXT COLLATE RTRIM NULL, "bridge" TEXT COLLATE RTRIM NULL, "vnc_port_first" INTEGER NULL, "vnc_port_last" INTEGER NULL, "facts" TEXT NULL, "load" TEXT NULL, "hypervisor" TEXT NULL, "surroundings" TEXT NULL, "maintenance" INTEGER NOT NULL, "heard_at" INTEGER NOT NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("name"))',
      'CREATE UNIQUE INDEX "nodes_address" ON "nodes" ("management_address")',
    ],
    mysql: [
      "CREATE TABLE `nodes_join_tokens` (`id` VARCHAR(36) NOT NULL, `hash` VARCHAR(64) NOT NULL, `created_by` VARCHAR(128) NOT NULL, `created_at` BIGINT NOT NULL, `expires_at` BIGINT NOT NULL, `used_at` BIGINT NULL, `used_by` VARCHAR(64) NULL, `used_machine` VARCHAR(64) NULL, PRIMARY KEY (`id`), UNIQUE KEY `nodes_join_tokens_hash` (`hash`), KEY `nodes_join_tokens_end` (`expires_at`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `nodes` (`name` VARCHAR(64) NOT NULL, `state` VARCHAR(16) NOT NULL, `accepts_guests` TINYINT NOT NULL, `management_address` VARCHAR(64) NULL, `config_state` VARCHAR(16) NOT NULL, `config_word` VARCHAR(96) NULL, `config_args` MEDIUMTEXT NULL, `config_notes` MEDIUMTEXT NULL, `storage_path` VARCHAR(191) NULL, `pool_name` VARCHAR(64) NULL, `pool_capacity_bytes` BIGINT NULL, `pool_available_bytes` BIGINT NULL, `network_name` VARCHAR(64) NULL, `bridge` VARCHAR(15) NULL, `vnc_port_first` INT NULL, `vnc_port_last` INT NULL, `facts` MEDIUMTEXT NULL, `load` MEDIUMTEXT NULL, `hypervisor` MEDIUMTEXT NULL, `surroundings` MEDIUMTEXT NULL, `maintenance` TINYINT NOT NULL, `heard_at` BIGINT NOT NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`name`), UNIQUE KEY `nodes_address` (`management_address`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
