/** The SQL that makes the table of console tickets. Frozen: what is released is never edited. */
import type { Migration } from "jimv";

export const consoleMigrations: readonly Migration[] = [
  {
    id: "0001-console",
    sqlite: [
      'CREATE TABLE "console_tickets" ("hash" TEXT COLLATE RTRIM NOT NULL, "guest_uuid" TEXT COLLATE RTRIM NOT NULL, "actor" TEXT COLLATE RTRIM NOT NULL, "expires_at" INTEGER NOT NULL, PRIMARY KEY ("hash"))',
      'CREATE INDEX "console_tickets_expires" ON "console_tickets" ("expires_at")',
    ],
    mysql: [
      "CREATE TABLE `console_tickets` (`hash` VARCHAR(64) NOT NULL, `guest_uuid` VARCHAR(36) NOT NULL, `actor` VARCHAR(128) NOT NULL, `expires_at` BIGINT NOT NULL, PRIMARY KEY (`hash`), KEY `console_tickets_expires` (`expires_at`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ],
  },
];
