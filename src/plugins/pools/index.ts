/**
 * Storage pools: where disks and templates live, and which nodes have each. A node's storage folder is its part of
 * the pool `local`; others are put on nodes by a person, and watched by the nodes that have them.
 */
import { definePlugin, eq, remove, update } from "jimv";
import { nameCarriers, nodeKeepers, nodeService } from "../nodes/index.ts";
import { poolService, poolUsers } from "./contract.ts";
import { poolsMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { poolPages } from "./pages.tsx";
import { poolFactsKind } from "./report.ts";
import { startRoutes } from "./routes.ts";
import { pools, presences } from "./schema.ts";
import { Pools } from "./service.ts";
import { addPool, removePool } from "./tasks.ts";
import { poolsWords } from "./words.ts";

export * from "./contract.ts";
export { demandMark } from "./mark.ts";
export { localPoolId, type PoolKind, poolKinds } from "./schema.ts";
export {
  diskFormatOf,
  diskPath,
  isSharedKind,
  markOf,
  type PoolView,
  type PresenceView,
  roomKey,
} from "./view.ts";

export const poolsPlugin = definePlugin({
  name: "pools",
  requires: ["nodes", "tasks"],
  words: poolsWords,
  tables: [pools, presences],
  migrations: poolsMigrations,
  controller(context) {
    const nodes = context.use(nodeService);
    const service = new Pools(context, nodes, () => context.slots.all(poolUsers));
    context.provide(poolService, service);
    context.slots.add(nameCarriers, (from, to) => [
      remove(presences, eq(presences.nodeName, to)),
      update(presences, { nodeName: to }, eq(presences.nodeName, from)),
    ]);
    context.slots.add(nodeKeepers, {
      list: async () => [],
      nodes: async () => [],
      // They go with the node, unless something is kept for its return: that may lie in them.
      settle: async (node, fates) =>
        [...fates.values()].includes("keep") ? { statements: [], events: [] } : service.leaving(node),
    });
    context.onReport(poolFactsKind, (envelope) => service.heard(envelope), { toldAgain: true });
    context.settle(addPool, {
      succeeded: (task, payload, result) => service.added(task, payload, result),
      failed: (task, payload, error) => service.changeFailed(task, payload, error),
    });
    context.settle(removePool, {
      succeeded: (task, payload) => service.removed(task, payload),
      failed: (task, payload, error) => service.changeFailed(task, payload, error),
    });
    startRoutes(context, service);
    poolPages({ context, service, nodes });
  },
  node: startNode,
});
