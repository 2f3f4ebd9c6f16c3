/** `jimv controller` and `jimv node`: the modes of more than one machine. */
import type { CommandSpec } from "./commands.ts";

const needs = "needs MySQL (or MariaDB) and Redis (5 or newer), which this version can't use yet";

function announced(name: "controller" | "node", short: string, long: string): CommandSpec {
  return {
    name,
    short,
    long: `${long}\n\nIt ${needs}. On one machine use: jimv standalone`,
    options: {},
    run: async () => {
      console.error(`jimv: ${name} mode ${needs}: run "jimv standalone" on one machine meanwhile`);
      return 1;
    },
  };
}

export const controllerCommand = announced(
  "controller",
  "serve the pages and the API, and lead the nodes (a cluster)",
  "Serves the pages and the API and leads the nodes of a cluster.",
);

export const nodeCommand = announced(
  "node",
  "run guests for a controller (a cluster)",
  "Runs guests on this machine for the controllers of a cluster.",
);
