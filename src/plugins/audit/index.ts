/**
 * The audit: whether the store, the nodes' domains and their files tell the same story, and every task has ended.
 * `jimv audit` runs it; nodes look at themselves when they are asked. Changes nothing.
 */
import { definePlugin, eq, remove, type ServiceKey, serviceKey } from "jimv";
import { nameCarriers, nodeService } from "../nodes/index.ts";
import { poolService } from "../pools/index.ts";
import { auditMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { auditLooks } from "./schema.ts";
import { AuditService } from "./service.ts";
import { lookTask } from "./tasks.ts";
import { auditWords } from "./words.ts";

export { type Facts, type Finding, findings } from "./findings.ts";
export type { AuditResult, AuditService } from "./service.ts";

/** By this key the program asks for the audit. */
export const auditService: ServiceKey<AuditService> = serviceKey("audit");

export const auditPlugin = definePlugin({
  name: "audit",
  requires: ["guests", "disks", "nodes", "migration", "pools"],
  words: auditWords,
  tables: [auditLooks],
  migrations: auditMigrations,
  controller(context) {
    const service = new AuditService(context, context.use(nodeService), context.use(poolService));
    // What a node said under its old name is asked anew under the new one.
    context.slots.add(nameCarriers, (from) => [remove(auditLooks, eq(auditLooks.nodeName, from))]);
    context.provide(auditService, service);
    context.settle(lookTask, {
      succeeded: (task, payload, result) => service.looked(task, payload, result),
      failed: () => ({ statements: [] }),
    });
  },
  node: startNode,
});
