/** What nodes said last when they were asked to look at themselves. */
import { longText, table, text, time } from "jimv";

export const auditLooks = table("audit_looks", {
  nodeName: text(64).primaryKey(),
  /** The task that brought it. */
  taskId: text(36).notNull(),
  at: time().notNull(),
  /** JSON of the look's result. */
  body: longText().notNull(),
});
