/** `jimv standalone`: controller and node in one process, on SQLite and a road inside the process. */
import { realClock } from "../core/clock.ts";
import { type Config, dataFiles, isLoopback } from "../core/config/config.ts";
import { listenOptions } from "../core/http/tls.ts";
import { Leader } from "../core/leader/leader.ts";
import { type Log, stderrLog } from "../core/log/log.ts";
import { LocalRoad } from "../core/road/local.ts";
import { timing } from "../core/timing.ts";
import { setupService } from "../plugins/program.ts";
import type { CommandSpec } from "./commands.ts";
import { makeControllerSide, makeDataFolder } from "./controller-side.ts";
import { lockData } from "./lock.ts";
import { startNodeSide } from "./node-side.ts";
import { configOf } from "./options.ts";
import { stopSignal } from "./signals.ts";
import { version } from "./version.ts";

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
  const log = stderrLog(config.logLevel);
  makeDataFolder(config.data);
  const unlock = lockData(dataFiles(config.data).lock);
  try {
    return await serve(config, log);
  } finally {
    unlock();
  }
}

async function serve(config: Config, log: Log): Promise<number> {
  const clock = realClock;
  const road = new LocalRoad(clock);
  let lastCode = "";
  let serving = false;
  let leader: Leader | null = null;
  const side = await makeControllerSide(config, {
    clock,
    log,
    road: road.controller,
    leadership: async (store) => {
      leader = new Leader({ store, clock, holder: `${config.node}:${process.pid}:${crypto.randomUUID()}` });
      await leader.start();
      return leader;
    },
    printCode: (code) => {
      lastCode = code;
      if (serving) console.log(`A new code for the set-up page: ${code}`);
    },
  });
  const { store, web, controller, plugins, clusterId } = side;
  await controller.start(plugins);
  const tls = isLoopback(config.listenAddress) ? null : await listenOptions(config);
  // Pages are served while libvirt is still being reached, which may take seconds.
  const nodeStarts = startNodeSide(config, { clock, log, road: road.node(config.node), clusterId }, plugins);
  const { port } = web.listen({
    address: config.listenAddress,
    port: config.listenPort,
    ...(tls ? { tls } : {}),
  });
  const shown = config.listenAddress.includes(":") ? `[${config.listenAddress}]` : config.listenAddress;
  console.log(`JimV ${version} serves ${tls ? "https" : "http"}://${shown}:${port}/`);
  if (tls) console.log(`Certificate fingerprint (SHA-256): ${tls.fingerprint}`);
  if (!controller.use(setupService).isDone())
    console.log(`First start: open the page and enter the code ${lastCode}`);
  serving = true;
  const stopped = stopSignal();
  const node = await nodeStarts;
  const signal = await stopped;
  log.info("stopping", { signal });
  // A stop that hangs must end, too: everything may be killed at any moment anyway.
  const late = clock.after(timing.stopMilliseconds, () => process.exit(1));
  await web.stop();
  await node.stop();
  await controller.stop();
  await (leader as Leader | null)?.stop();
  await store.close();
  late();
  return 0;
}
