/** Migration: moves guests from one node to another, running or off, and says how long it still takes. */
import { definePlugin } from "jimv";

export { type Estimate, MigrationEstimator, type MigrationSample, type MigrationTerms } from "./estimate.ts";

export const migrationPlugin = definePlugin({
  name: "migration",
  requires: ["guests"],
});
