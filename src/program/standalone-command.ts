/** `jimv standalone`: controller and node in one process, on SQLite and a road inside the process. */
import { realClock } from "../core/clock.ts";
import { type Config, ConfigError, dataFiles } from "../core/config/config.ts";
import { storeConnection } from "../core/config/connections.ts";
import { stderrLog } from "../core/log/log.ts";
import { LocalRoad } from "../core/road/local.ts";
import type { CommandSpec } from "./commands.ts";
import { localEnd, makeDataFolder } from "./controller-side.ts";
import { lockData } from "./lock.ts";
import { openOutbox, startNodeSide } from "./node-side.ts";
import { configOf } from "./options.ts";
import { serve } from "./serving.ts";

export const standaloneCommand: CommandSpec = {
  name: "standalone",
  short: "everything in one process on this machine; nothing to install but libvirt",
  long: [
    "Runs controller and node in one process, with SQLite as its store. It needs libvirt and QEMU on",
    "this machine, and nothing else. Open the address that it prints in a browser; the first start asks",
    "there for the one-time code that is printed, too.",
  ].join("\n"),
  options: {},
  run: async (options) => standalone(configOf(options)),
};

async function standalone(config: Config): Promise<number> {
  if (storeConnection(config).kind !== "sqlite")
    throw new ConfigError(
      'configuration section "store": standalone keeps its state in a file of its own; with MySQL run jimv controller and jimv node',
    );
  const world = { clock: realClock, log: stderrLog(config.logLevel) };
  makeDataFolder(config.data);
  const unlock = lockData(dataFiles(config.data).lock);
  try {
    const road = new LocalRoad(world.clock);
    return await serve(config, world, {
      open: async () => localEnd(road),
      node: ({ plugins, clusterId }) =>
        startNodeSide(
          config,
          { ...world, road: road.node(config.node), outbox: openOutbox(config, world), clusterId },
          plugins,
        ),
    });
  } finally {
    unlock();
  }
}
