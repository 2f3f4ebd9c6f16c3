/** The plugins that the executable brings. Taking one off this list leaves a program that still runs. */
import type { Plugin } from "jimv";
import { accessPlugin } from "./access/index.ts";
import { addressesPlugin } from "./addresses/index.ts";
import { auditPlugin } from "./audit/index.ts";
import { bootJobsPlugin } from "./boot-jobs/index.ts";
import { consolePlugin } from "./console/index.ts";
import { dashboardPlugin } from "./dashboard/index.ts";
import { disksPlugin } from "./disks/index.ts";
import { guestsPlugin } from "./guests/index.ts";
import { migrationPlugin } from "./migration/index.ts";
import { nodesPlugin } from "./nodes/index.ts";
import { poolsPlugin } from "./pools/index.ts";
import { settingsPlugin } from "./settings/index.ts";
import { setupPlugin } from "./setup/index.ts";
import { tasksPlugin } from "./tasks/index.ts";
import { templatesPlugin } from "./templates/index.ts";

export const builtInPlugins: readonly Plugin[] = [
  accessPlugin,
  tasksPlugin,
  nodesPlugin,
  poolsPlugin,
  templatesPlugin,
  disksPlugin,
  guestsPlugin,
  migrationPlugin,
  addressesPlugin,
  bootJobsPlugin,
  consolePlugin,
  dashboardPlugin,
  settingsPlugin,
  auditPlugin,
  setupPlugin,
];
