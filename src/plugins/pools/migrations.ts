/** The SQL that makes this plugin's tables, and the pool that each node's storage folder belongs to. Frozen. */
import type { Migration } from "jimv";

export const poolsMigrations: readonly Migration[] = [
  {
    id: "0001-pools",
    sqlite: [
      'CREATE TABLE "pools" ("id" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "name_key" TEXT COLLATE RTRIM NOT NULL, "kind" TEXT COLLATE RTRIM NOT NULL, "path" TEXT COLLATE RTRIM NULL, "ceph" TEXT NULL, "key_sealed" TEXT NULL, "trusted_shared_mount" INTEGER NOT NULL, "warn_percent" INTEGER NOT NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "pools_name" ON "pools" ("name_key")',
      'CREATE TABLE "pools_presences" ("pool_id" TEXT COLLATE RTRIM NOT NULL, "node_name" TEXT COLLATE RTRIM NOT NULL, "path" TEXT COLLATE RTRIM NOT NULL, "libvirt_name" TEXT COLLATE RTRIM NOT NULL, "state" TEXT COLLATE RTRIM NOT NULL, "word" TEXT COLLATE RTRIM NULL, "args" TEXT NULL, "healthy" INTEGER NOT NULL, "capacity_bytes" INTEGER NOT NULL, "available_bytes" INTEGER NOT NULL, "seen_at" INTEGER NULL, PRIMARY KEY ("pool_id", "node_name"))',
      'CREATE UNIQUE INDEX "pools_presences_libvirt" ON "pools_presences" ("node_name", "libvirt_name")',
      `INSERT INTO "pools" ("id", "name", "name_key", "kind", "trusted_shared_mount", "warn_percent", "created_at") VALUES ('local', 'local', 'local', 'local', 0, 85, 0)`,
    ],
    mysql: [
      "CREATE TABLE `pools` (`id` VARCHAR(36) NOT NULL, `name` VARCHAR(64) NOT NULL, `name_key` VARCHAR(128) NOT NULL, `kind` VARCHAR(16) NOT NULL, `path` VARCHAR(180) NULL, `ceph` MEDIUMTEXT NULL, `key_sealed` MEDIUMTEXT NULL, `trusted_shared_mount` TINYINT NOT NULL, `warn_percent` INT NOT NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `pools_name` (`name_key`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `pools_presences` (`pool_id` VARCHAR(36) NOT NULL, `node_name` VARCHAR(64) NOT NULL, `path` VARCHAR(180) NOT NULL, `libvirt_name` VARCHAR(64) NOT NULL, `state` VARCHAR(16) NOT NULL, `word` VARCHAR(96) NULL, `args` MEDIUMTEXT NULL, `healthy` TINYINT NOT NULL, `capacity_bytes` BIGINT NOT NULL, `available_bytes` BIGINT NOT NULL, `seen_at` BIGINT NULL, PRIMARY KEY (`pool_id`, `node_name`), UNIQUE KEY `pools_presences_libvirt` (`node_name`, `libvirt_name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "INSERT INTO `pools` (`id`, `name`, `name_key`, `kind`, `trusted_shared_mount`, `warn_percent`, `created_at`) VALUES ('local', 'local', 'local', 'local', 0, 85, 0)",
    ],
  },
];
