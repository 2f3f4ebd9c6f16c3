/** `jimv store copy`: from one machine to many, the store first. */
import { existsSync } from "node:fs";
import { dataFiles } from "../core/config/config.ts";
import { storeConnection } from "../core/config/connections.ts";
import { loadSnapshot, markMoved, openStore, refuseUnfit, SnapshotError } from "../core/store/index.ts";
import { type CommandSpec, UsageError } from "./commands.ts";
import { allPlugins } from "./controller-side.ts";
import { lockData } from "./lock.ts";
import { migrationsOf, tablesOf } from "./open-store.ts";
import { configOf } from "./options.ts";

export const storeCopyCommand: CommandSpec = {
  name: "store copy",
  short: "move a standalone's store from SQLite into MySQL",
  long: [
    "Copies everything from the data folder's SQLite store into the MySQL database of the configuration's [store],",
    "which must be empty, and compares. Stop jimv standalone before; the guests run on. Afterwards start",
    "jimv controller with the same data folder (it has the master key), and jimv node beside it.",
  ].join("\n"),
  options: {
    rehearse: {
      type: "boolean",
      help: "leave the SQLite store usable: without this it refuses to be used beside the copy",
    },
  },
  async run(options) {
    const config = configOf(options);
    const target = storeConnection(config);
    const { store: path, lock } = dataFiles(config.data);
    if (target.kind !== "mysql")
      throw new UsageError('store copy needs the target in the configuration: [store] with kind = "mysql"');
    if (!existsSync(path))
      throw new SnapshotError(`There is no store at ${path}. Give the data folder with --data.`);
    const plugins = await allPlugins(config);
    const sources = migrationsOf(plugins);
    const unlock = lockData(lock);
    const from = await openStore({ kind: "sqlite", path });
    const to = await openStore(target);
    try {
      await refuseUnfit(from);
      await from.migrate(sources);
      const rows = await from.snapshot(sources, tablesOf(plugins), (snapshot) =>
        loadSnapshot(to, sources, snapshot.header, snapshot.rows()),
      );
      for (const table of tablesOf(plugins)) {
        const [here, there] = [await from.count(table), await to.count(table)];
        if (here !== there)
          throw new SnapshotError(
            `A table has ${here} rows here and ${there} in MySQL: something else writes there. Empty the database, ` +
              "see that no controller runs, and copy again.",
          );
      }
      if (options.rehearse !== true) await markMoved(from);
      for (const [name, count] of rows) console.log(`${String(count).padStart(10)}  ${name}`);
      console.log("All rows are in MySQL. Start jimv controller and jimv node with this data folder.");
      return 0;
    } finally {
      await to.close();
      await from.close();
      unlock();
    }
  },
};
