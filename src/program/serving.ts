/** What every mode with a controller does once its parts are there: serve, lead, and stop in order. */
import { hostname } from "node:os";
import type { Clock } from "../core/clock.ts";
import { type Config, isLoopback } from "../core/config/config.ts";
import type { Leadership } from "../core/controller.ts";
import { listenOptions, type Tls } from "../core/http/tls.ts";
import { Leader } from "../core/leader/leader.ts";
import type { Log } from "../core/log/log.ts";
import { trimWhenQuiet } from "../core/memory.ts";
import type { Store } from "../core/store/index.ts";
import { setupService } from "../plugins/program.ts";
import { type ControllerEnd, type ControllerSide, makeControllerSide } from "./controller-side.ts";
import type { NodeSide } from "./node-side.ts";
import { untilStopped } from "./signals.ts";
import { version } from "./version.ts";

export interface Mode {
  /** The controller's end of the road. */
  open(ground: { store: Store; clusterId: string }): Promise<ControllerEnd>;
  /** A node in the same process, where there is one. */
  node?(side: ControllerSide): Promise<NodeSide>;
}

/** Runs a controller until a signal asks it to stop. Resolves with the exit code. */
export async function serve(config: Config, world: { clock: Clock; log: Log }, mode: Mode): Promise<number> {
  const { clock, log } = world;
  let lastCode = "";
  let serving = false;
  let leader: Leader | null = null;
  const tls = isLoopback(config.listenAddress) ? null : await listenOptions(config);
  const side = await makeControllerSide(config, {
    ...world,
    open: mode.open,
    hasNode: mode.node !== undefined,
    fingerprint: tls?.fingerprint ?? null,
    leadership: async (store): Promise<Leadership> => {
      leader = new Leader({
        store,
        clock,
        holder: `${hostname()}:${process.pid}:${crypto.randomUUID()}`,
        onError: (error) =>
          log.warn("the lease can't be asked for; it is tried again", {
            error: error instanceof Error ? error.message : String(error),
          }),
      });
      await leader.start();
      return leader;
    },
    printCode: (code) => {
      lastCode = code;
      if (serving) console.log(`A new code for the set-up page: ${code}`);
    },
  });
  const { store, web, controller, plugins, end } = side;
  await controller.start(plugins);
  // Pages are served while libvirt is still being reached, which may take seconds.
  const nodeStarts = mode.node?.(side);
  announce(config, tls, listen(config, web, tls));
  if (!controller.use(setupService).isDone())
    console.log(`First start: open the page and enter the code ${lastCode}`);
  serving = true;
  trimWhenQuiet(clock);
  return untilStopped(clock, log, async () => {
    await web.stop();
    await (await nodeStarts)?.stop();
    await controller.stop();
    await (leader as Leader | null)?.stop();
    await end.close();
    await store.close();
  });
}

function listen(config: Config, web: ControllerSide["web"], tls: Tls | null): number {
  const { port } = web.listen({
    address: config.listenAddress,
    port: config.listenPort,
    ...(tls ? { tls } : {}),
  });
  return port;
}

function announce(config: Config, tls: Tls | null, port: number): void {
  const shown = config.listenAddress.includes(":") ? `[${config.listenAddress}]` : config.listenAddress;
  console.log(`JimV ${version} serves ${tls ? "https" : "http"}://${shown}:${port}/`);
  if (tls) console.log(`Certificate fingerprint (SHA-256): ${tls.fingerprint}`);
}
