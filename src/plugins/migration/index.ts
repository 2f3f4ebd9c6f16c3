/** Migration: moves guests from one node to another, running or off, and says how long it still takes. */
import { definePlugin } from "jimv";
import { guestMoves, guestService } from "../guests/index.ts";
import { nodeService } from "../nodes/index.ts";
import { poolService } from "../pools/index.ts";
import { migrationService } from "./contract.ts";
import { migrationMigrations } from "./migrations.ts";
import { registerOperations } from "./operations.ts";
import { startPages } from "./pages.tsx";
import { MigrationSettings } from "./requests.ts";
import { startRoutes } from "./routes.ts";
import { runs } from "./schema.ts";
import { Migration } from "./service.ts";
import { registerSettlements } from "./settlements.ts";
import { migrationWords } from "./words.ts";

export * from "./contract.ts";
export { MigrateGuest } from "./requests.ts";

export const migrationPlugin = definePlugin({
  name: "migration",
  requires: ["nodes", "pools", "tasks", "disks", "guests"],
  words: migrationWords,
  tables: [runs],
  migrations: migrationMigrations,
  settings: MigrationSettings,
  controller(context) {
    const needs = { nodes: context.use(nodeService), pools: context.use(poolService) };
    const moves = context.use(guestMoves);
    const service = new Migration(context, needs, moves);
    context.provide(migrationService, service);
    registerSettlements(context, needs, moves);
    startRoutes(context, service);
    startPages(context, service, context.use(guestService));
  },
  node: registerOperations,
});
