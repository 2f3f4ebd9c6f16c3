/** Tickets that open a console. In the store, so that the controller that is asked next knows them, too. */
import { index, table, text, time } from "jimv";

export const consoleTickets = table(
  "console_tickets",
  {
    /** SHA-256 of the ticket, so that reading the store opens no console. */
    hash: text(64).primaryKey(),
    guestUuid: text(36).notNull(),
    /** `kind:name` of who may use it. */
    actor: text(128).notNull(),
    expiresAt: time().notNull(),
  },
  (t) => [index("console_tickets_expires", t.expiresAt)],
);
