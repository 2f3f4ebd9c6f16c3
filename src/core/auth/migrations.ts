/** The SQL that makes the tables of people, sessions and tokens. Frozen: what is released is never edited. */
import type { Migration } from "../store/index.ts";

export const authMigrations: readonly Migration[] = [
  {
    id: "0001-auth",
    sqlite: [
      'CREATE TABLE "users" ("id" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "name_key" TEXT COLLATE RTRIM NOT NULL, "password_hash" TEXT COLLATE RTRIM NOT NULL, "role" TEXT COLLATE RTRIM NOT NULL, "language" TEXT COLLATE RTRIM NULL, "created_at" INTEGER NOT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "users_name_key" ON "users" ("name_key")',
      'CREATE TABLE "sessions" ("id_hash" TEXT COLLATE RTRIM NOT NULL, "user_id" TEXT COLLATE RTRIM NOT NULL, "address" TEXT COLLATE RTRIM NOT NULL, "created_at" INTEGER NOT NULL, "used_at" INTEGER NOT NULL, "expires_at" INTEGER NOT NULL, PRIMARY KEY ("id_hash"))',
      'CREATE INDEX "sessions_user" ON "sessions" ("user_id")',
      'CREATE INDEX "sessions_expires" ON "sessions" ("expires_at")',
      'CREATE TABLE "api_tokens" ("id" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "hash" TEXT COLLATE RTRIM NOT NULL, "role" TEXT COLLATE RTRIM NOT NULL, "created_by" TEXT COLLATE RTRIM NOT NULL, "created_at" INTEGER NOT NULL, "expires_at" INTEGER NULL, "used_at" INTEGER NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "api_tokens_hash" ON "api_tokens" ("hash")',
      'CREATE UNIQUE INDEX "api_tokens_name" ON "api_tokens" ("name")',
    ],
    mysql: [
      "CREATE TABLE `users` (`id` VARCHAR(36) NOT NULL, `name` VARCHAR(64) NOT NULL, `name_key` VARCHAR(64) NOT NULL, `password_hash` VARCHAR(191) NOT NULL, `role` VARCHAR(16) NOT NULL, `language` VARCHAR(16) NULL, `created_at` BIGINT NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `users_name_key` (`name_key`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `sessions` (`id_hash` VARCHAR(64) NOT NULL, `user_id` VARCHAR(36) NOT NULL, `address` VARCHAR(64) NOT NULL, `created_at` BIGINT NOT NULL, `used_at` BIGINT NOT NULL, `expires_at` BIGINT NOT NULL, PRIMARY KEY (`id_hash`), KEY `sessions_user` (`user_id`), KEY `sessions_expires` (`expires_at`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `api_tokens` (`id` VARCHAR(36) NOT NULL, `name` VARCHAR(64) NOT NULL, `hash` VARCHAR(64) NOT NULL, `role` VARCHAR(16) NOT NULL, `created_by` VARCHAR(64) NOT NULL, `created_at` BIGINT NOT NULL, `expires_at` BIGINT NULL, `used_at` BIGINT NULL, PRIMARY KEY (`id`), UNIQUE KEY `api_tokens_hash` (`hash`), UNIQUE KEY `api_tokens_name` (`name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
