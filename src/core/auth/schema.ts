/** The tables of people, their sessions and API tokens. */
import type { Role } from "../http/contract.ts";
import { index, table, text, time, unique } from "../store/index.ts";
import type { Language } from "../words.ts";

export const users = table(
  "users",
  {
    id: text(36).primaryKey(),
    name: text(64).notNull(),
    /** The name in lower case: `Anna` and `anna` are one person. */
    nameKey: text(64).notNull(),
    passwordHash: text(191).notNull(),
    role: text<Role>(16).notNull(),
    language: text<Language>(16),
    createdAt: time().notNull(),
  },
  (t) => [unique("users_name_key", t.nameKey)],
);

export const sessions = table(
  "sessions",
  {
    /** SHA-256 of what the cookie holds, in hex: who reads the table can't take over a session. */
    idHash: text(64).primaryKey(),
    userId: text(36).notNull(),
    address: text(64).notNull(),
    createdAt: time().notNull(),
    usedAt: time().notNull(),
    /** The end in any case; idleness ends it sooner. */
    expiresAt: time().notNull(),
  },
  (t) => [index("sessions_user", t.userId), index("sessions_expires", t.expiresAt)],
);

export const apiTokens = table(
  "api_tokens",
  {
    id: text(36).primaryKey(),
    name: text(64).notNull(),
    /** SHA-256 of the token, in hex. */
    hash: text(64).notNull(),
    role: text<Role>(16).notNull(),
    createdBy: text(64).notNull(),
    createdAt: time().notNull(),
    expiresAt: time(),
    usedAt: time(),
  },
  (t) => [unique("api_tokens_hash", t.hash), unique("api_tokens_name", t.name)],
);

export const authTables = [users, sessions, apiTokens];
