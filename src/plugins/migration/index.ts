/** Migration: moves guests from one node to another, running or off, and says how long it still takes. */
import { definePlugin } from "jimv";
import { guestMoves, guestService } from "../guests/index.ts";
import { maintenanceEnded, nameCarriers, nodeService, portRanges } from "../nodes/index.ts";
import { poolService } from "../pools/index.ts";
import { drainService, migrationService } from "./contract.ts";
import { Drains } from "./drain.ts";
import { startDrainPages } from "./drain-pages.tsx";
import { startDrainRoutes } from "./drain-routes.ts";
import { migrationMigrations } from "./migrations.ts";
import { registerOperations } from "./operations.ts";
import { startPages } from "./pages.tsx";
import { MigrationSettings } from "./requests.ts";
import { startRoutes } from "./routes.ts";
import { drainSteps, drains, ports, runs } from "./schema.ts";
import { Migration } from "./service.ts";
import { registerSettlements } from "./settlements.ts";
import { migrationWords } from "./words.ts";

export * from "./contract.ts";
export { MigrateGuest } from "./requests.ts";
export { ports as migrationPorts } from "./schema.ts";

export const migrationPlugin = definePlugin({
  name: "migration",
  requires: ["nodes", "pools", "tasks", "disks", "guests"],
  words: migrationWords,
  tables: [runs, ports, drains, drainSteps],
  migrations: migrationMigrations,
  settings: MigrationSettings,
  controller(context) {
    const needs = { nodes: context.use(nodeService), pools: context.use(poolService) };
    const moves = context.use(guestMoves);
    const service = new Migration(context, needs, moves);
    context.provide(migrationService, service);
    const drain = new Drains(context, needs.nodes, service);
    context.provide(drainService, drain);
    context.whenLeading(() => drain.lead());
    context.onStop(
      context.hooks.on(maintenanceEnded, ({ node, statements }) => {
        statements.push(...drain.forget(node));
      }),
    );
    // A node of a new name is emptied anew.
    context.slots.add(nameCarriers, (from) => drain.forget(from));
    context.slots.add(portRanges, async () => {
      const { portFirst, portLast } = await context.settings.read("migration", MigrationSettings);
      return { first: portFirst, last: portLast };
    });
    registerSettlements(context, needs, moves, () => drain.kick());
    startRoutes(context, service);
    startDrainRoutes(context, service, drain);
    startPages(context, service, context.use(guestService));
    startDrainPages(context, service, drain);
  },
  node: registerOperations,
});
