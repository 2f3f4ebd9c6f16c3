/** The SQL that makes this plugin's tables. Frozen. */
import type { Migration } from "jimv";

export const bootJobsMigrations: readonly Migration[] = [
  {
    id: "0001-boot-jobs",
    sqlite: [
      'CREATE TABLE "boot_jobs" ("id" TEXT COLLATE RTRIM NOT NULL, "name" TEXT COLLATE RTRIM NOT NULL, "name_key" TEXT COLLATE RTRIM NOT NULL, "remark" TEXT COLLATE RTRIM NOT NULL, "scope" TEXT COLLATE RTRIM NOT NULL, "on_failure" TEXT COLLATE RTRIM NOT NULL, "rules" TEXT NOT NULL, "template_ids" TEXT NOT NULL, "version" INTEGER NOT NULL, "created_at" INTEGER NOT NULL, "changed_at" INTEGER NOT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "boot_jobs_name" ON "boot_jobs" ("name_key")',
      'CREATE TABLE "boot_jobs_queued" ("id" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NOT NULL, "job_id" TEXT COLLATE RTRIM NOT NULL, "job_name" TEXT COLLATE RTRIM NOT NULL, "pending_key" TEXT COLLATE RTRIM NULL, "state" TEXT COLLATE RTRIM NOT NULL, "position" INTEGER NOT NULL, "boots" INTEGER NOT NULL, "actor" TEXT COLLATE RTRIM NOT NULL, "queued_at" INTEGER NOT NULL, "expires_at" INTEGER NULL, "ended_at" INTEGER NULL, "log" TEXT NULL, "failed_word" TEXT COLLATE RTRIM NULL, "failed_args" TEXT NULL, PRIMARY KEY ("id"))',
      'CREATE UNIQUE INDEX "boot_jobs_queued_once" ON "boot_jobs_queued" ("guest_uuid", "pending_key")',
      'CREATE INDEX "boot_jobs_queued_guest" ON "boot_jobs_queued" ("guest_uuid", "state")',
      'CREATE INDEX "boot_jobs_queued_state" ON "boot_jobs_queued" ("state", "expires_at")',
      'CREATE INDEX "boot_jobs_queued_job" ON "boot_jobs_queued" ("job_id")',
    ],
    mysql: [
      "CREATE TABLE `boot_jobs` (`id` VARCHAR(36) NOT NULL, `name` VARCHAR(64) NOT NULL, `name_key` VARCHAR(64) NOT NULL, `remark` VARCHAR(191) NOT NULL, `scope` VARCHAR(16) NOT NULL, `on_failure` VARCHAR(8) NOT NULL, `rules` MEDIUMTEXT NOT NULL, `template_ids` MEDIUMTEXT NOT NULL, `version` INT NOT NULL, `created_at` BIGINT NOT NULL, `changed_at` BIGINT NOT NULL, PRIMARY KEY (`id`), UNIQUE KEY `boot_jobs_name` (`name_key`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `boot_jobs_queued` (`id` VARCHAR(36) NOT NULL, `guest_uuid` VARCHAR(36) NOT NULL, `job_id` VARCHAR(36) NOT NULL, `job_name` VARCHAR(64) NOT NULL, `pending_key` VARCHAR(36) NULL, `state` VARCHAR(16) NOT NULL, `position` INT NOT NULL, `boots` INT NOT NULL, `actor` VARCHAR(128) NOT NULL, `queued_at` BIGINT NOT NULL, `expires_at` BIGINT NULL, `ended_at` BIGINT NULL, `log` MEDIUMTEXT NULL, `failed_word` VARCHAR(64) NULL, `failed_args` MEDIUMTEXT NULL, PRIMARY KEY (`id`), UNIQUE KEY `boot_jobs_queued_once` (`guest_uuid`, `pending_key`), KEY `boot_jobs_queued_guest` (`guest_uuid`, `state`), KEY `boot_jobs_queued_state` (`state`, `expires_at`), KEY `boot_jobs_queued_job` (`job_id`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
