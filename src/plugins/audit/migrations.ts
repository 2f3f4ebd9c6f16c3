/** The SQL that makes the table of the nodes' last looks. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const auditMigrations: readonly Migration[] = [
  {
    id: "0001-audit",
    sqlite: [
      'CREATE TABLE "audit_looks" ("node_name" TEXT COLLATE RTRIM NOT NULL, "task_id" TEXT COLLATE RTRIM NOT NULL, "at" INTEGER NOT NULL, "body" TEXT NOT NULL, PRIMARY KEY ("node_name"))',
    ],
    mysql: [
      "CREATE TABLE `audit_looks` (`node_name` VARCHAR(64) NOT NULL, `task_id` VARCHAR(36) NOT NULL, `at` BIGINT NOT NULL, `body` MEDIUMTEXT NOT NULL, PRIMARY KEY (`node_name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
