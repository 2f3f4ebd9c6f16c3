/** What every mode with a controller shares: store, vault, words, web and the plugins' controller sides. */
import { existsSync, mkdirSync } from "node:fs";
import type { Clock } from "../core/clock.ts";
import { checkMasterKey, clusterIdOf, hasMasterKey, wrongKey } from "../core/cluster.ts";
import { type Config, dataFiles } from "../core/config/config.ts";
import { Controller, type Leadership } from "../core/controller.ts";
import { accessService } from "../core/http/access-service.ts";
import { createWeb, type Web } from "../core/http/server.ts";
import { loadPlugins, provideFaces } from "../core/loader.ts";
import type { Log } from "../core/log/log.ts";
import type { Plugin } from "../core/plugin.ts";
import type { ControllerRoad } from "../core/road/contract.ts";
import { type Store, StoreError } from "../core/store/index.ts";
import { taskWords } from "../core/tasks/words.ts";
import { Vault } from "../core/vault.ts";
import { WordBook } from "../core/words.ts";
import { builtInPlugins } from "../plugins/index.ts";
import { loadedPlugins, setupCode, setupHost, setupService, tasksTray } from "../plugins/program.ts";
import { makeShell, serveAsset, uiWords } from "../ui/index.ts";
import { faces } from "./faces.ts";
import { migrationsOf, openStorePatiently } from "./open-store.ts";
import { makeSetupCode } from "./setup-code.ts";
import { version } from "./version.ts";

/** The parts of a controller, made but not started. */
export interface ControllerSide {
  store: Store;
  vault: Vault;
  web: Web;
  controller: Controller;
  plugins: readonly Plugin[];
  clusterId: string;
  words: WordBook;
}

/** The folder for JimV's own state: its owner writes, and QEMU may pass through to disks below it. */
export function makeDataFolder(data: string): void {
  mkdirSync(data, { recursive: true, mode: 0o711 });
}

/** Built-in plugins and those of the plugin folder. */
export async function allPlugins(config: Config): Promise<Plugin[]> {
  provideFaces(faces);
  return [...builtInPlugins, ...(await loadPlugins(config.plugins))];
}

/** Opens and migrates the store, and makes everything that a controller is made of. */
export async function makeControllerSide(
  config: Config,
  world: {
    clock: Clock;
    log: Log;
    road: ControllerRoad;
    leadership: (store: Store) => Promise<Leadership>;
    /** Shows the one-time code of the set-up to whoever watches the start. */
    printCode: (code: string) => void;
  },
): Promise<ControllerSide> {
  const { clock, log, road } = world;
  const files = dataFiles(config.data);
  const plugins = await allPlugins(config);
  const store = await openStorePatiently(config, migrationsOf(plugins), world);
  const vault = await openVault(store, files.masterKey);
  const clusterId = await clusterIdOf(store);
  const words = new WordBook();
  for (const list of [uiWords, taskWords]) words.add(list);
  for (const plugin of plugins) if (plugin.words) words.add(plugin.words);
  let controller: Controller | null = null;
  const web = createWeb({
    store,
    clock,
    words,
    log: log.named("web"),
    shell: makeShell({
      version,
      tray: async (viewer) => (controller ? controller.use(tasksTray)(viewer) : []),
      views: ["task-tray"],
    }),
    assets: serveAsset,
    version,
    isSetUp: () => controller?.use(setupService).isDone() ?? false,
  });
  const leadership = await world.leadership(store);
  controller = new Controller({ store, clock, road, log, vault, web, clusterId, leadership });
  controller.provide(accessService, web.access);
  controller.provide(setupCode, makeSetupCode(world.printCode));
  controller.provide(loadedPlugins, plugins);
  controller.provide(setupHost, {
    version,
    localNode: config.node,
    storagePath: `${config.data}/disks`,
    road: () => road.status(),
  });
  return { store, vault, web, controller, plugins, clusterId, words };
}

/** The master key; made where the store has no secrets yet. @throws StoreError where it is another store's */
async function openVault(store: Store, path: string): Promise<Vault> {
  if (!existsSync(path) && (await hasMasterKey(store))) throw new StoreError(wrongKey(path));
  const vault = Vault.open(path);
  await checkMasterKey(store, vault, path);
  return vault;
}
