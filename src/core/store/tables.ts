/** The store's own tables: the event log with its counter, and the leases. Made by `storeMigrations`. */
import type { Migration } from "./migrations.ts";
import { bigint, json, table, text, time } from "./schema.ts";

/** Named numbers that only rise; each change locks its row until the batch is committed. */
export const counters = table("counters", {
  name: text(64).primaryKey(),
  value: bigint().notNull(),
});

export const events = table("events", {
  /** Rises by one with every event of the cluster, in the order of commits. */
  seq: bigint().primaryKey(),
  at: time().notNull(),
  topic: text(64).notNull(),
  key: text(191).notNull(),
  data: json(),
});

export const leases = table("leases", {
  name: text(64).primaryKey(),
  /** A name that is unique to each start of a controller; empty when released. */
  holder: text(191).notNull(),
  /** Rises by one with every new holder. */
  epoch: bigint().notNull(),
  /** By the database's clock, in UTC milliseconds. */
  expiresAt: time().notNull(),
});

export const storeTables = [counters, events, leases];
/** The counter of `events.seq`. */
export const eventCounter = "events";

/** Frozen: what is released is never edited, only followed by another one. */
export const storeMigrations: readonly Migration[] = [
  {
    id: "0001-store",
    sqlite: [
      'CREATE TABLE "counters" ("name" TEXT COLLATE RTRIM NOT NULL, "value" INTEGER NOT NULL, PRIMARY KEY ("name"))',
      'CREATE TABLE "events" ("seq" INTEGER NOT NULL, "at" INTEGER NOT NULL, "topic" TEXT COLLATE RTRIM NOT NULL, "key" TEXT COLLATE RTRIM NOT NULL, "data" TEXT NULL, PRIMARY KEY ("seq"))',
      'CREATE TABLE "leases" ("name" TEXT COLLATE RTRIM NOT NULL, "holder" TEXT COLLATE RTRIM NOT NULL, "epoch" INTEGER NOT NULL, "expires_at" INTEGER NOT NULL, PRIMARY KEY ("name"))',
      "INSERT INTO counters (name, value) VALUES ('events', 0)",
    ],
    mysql: [
      "CREATE TABLE `counters` (`name` VARCHAR(64) NOT NULL, `value` BIGINT NOT NULL, PRIMARY KEY (`name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `events` (`seq` BIGINT NOT NULL, `at` BIGINT NOT NULL, `topic` VARCHAR(64) NOT NULL, `key` VARCHAR(191) NOT NULL, `data` MEDIUMTEXT NULL, PRIMARY KEY (`seq`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "CREATE TABLE `leases` (`name` VARCHAR(64) NOT NULL, `holder` VARCHAR(191) NOT NULL, `epoch` BIGINT NOT NULL, `expires_at` BIGINT NOT NULL, PRIMARY KEY (`name`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      "INSERT INTO counters (name, value) VALUES ('events', 0)",
    ],
  },
];
