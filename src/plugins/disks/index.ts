/** Disks: system disks of guests and data disks, as files in a node's storage pool. */
import { and, definePlugin, eq, type ServiceKey, update } from "jimv";
import { nameCarriers, nodeService } from "../nodes/index.ts";
import { poolService, poolUsers } from "../pools/index.ts";
import { type DiskAttachment, diskAttachment, diskService } from "./contract.ts";
import { disksMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { diskPages } from "./pages.tsx";
import { startRoutes } from "./routes.ts";
import { disks } from "./schema.ts";
import { Disks } from "./service.ts";
import { registerSettlements } from "./settlements.ts";
import { disksWords } from "./words.ts";

export * from "./contract.ts";
export { type Disk, type DiskFormat, type DiskRole, type DiskState, diskStates, disks } from "./schema.ts";

export const disksPlugin = definePlugin({
  name: "disks",
  requires: ["nodes", "pools", "tasks"],
  words: disksWords,
  tables: [disks],
  migrations: disksMigrations,
  controller(context) {
    /** The guests plugin starts after this one, or not at all. */
    const attachment = (): DiskAttachment | null => optional(diskAttachment);
    function optional<T>(key: ServiceKey<T>): T | null {
      try {
        return context.use(key);
      } catch {
        return null;
      }
    }
    const service = new Disks(context, context.use(nodeService), context.use(poolService), attachment);
    context.provide(diskService, service);
    context.slots.add(nameCarriers, (from, to) => [
      update(disks, { nodeName: to }, eq(disks.nodeName, from)),
    ]);
    context.slots.add(poolUsers, async (poolId, nodeName) => {
      const inPool = and(
        eq(disks.poolId, poolId),
        nodeName === null ? undefined : eq(disks.nodeName, nodeName),
      );
      return (await context.store.select(disks, { where: inPool })).map((disk) => disk.name);
    });
    registerSettlements(context);
    startRoutes(context, service);
    diskPages(context, service, context.use(nodeService), context.use(poolService), attachment);
  },
  node: startNode,
});
