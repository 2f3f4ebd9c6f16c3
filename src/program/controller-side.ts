/** What every mode with a controller shares: store, vault, words, web and the plugins' controller sides. */
import { existsSync, mkdirSync } from "node:fs";
import { authorityOf } from "../core/authority.ts";
import type { Clock } from "../core/clock.ts";
import { checkMasterKey, clusterIdOf, hasMasterKey, wrongKey } from "../core/cluster.ts";
import { type Config, dataFiles } from "../core/config/config.ts";
import { Controller, type Leadership } from "../core/controller.ts";
import { accessService } from "../core/http/access-service.ts";
import { createWeb, type Web } from "../core/http/server.ts";
import { loadPlugins, provideFaces } from "../core/loader.ts";
import type { Log } from "../core/log/log.ts";
import type { Plugin } from "../core/plugin.ts";
import { type ControllerRoad, roadProtocol } from "../core/road/contract.ts";
import type { LocalRoad } from "../core/road/local.ts";
import { type Store, StoreError } from "../core/store/index.ts";
import { taskWords } from "../core/tasks/words.ts";
import { timing } from "../core/timing.ts";
import { steadily } from "../core/turns.ts";
import type { Undo } from "../core/undo.ts";
import { Vault } from "../core/vault.ts";
import { WordBook } from "../core/words.ts";
import { builtInPlugins } from "../plugins/index.ts";
import {
  type ClusterDoor,
  clusterDoor,
  loadedPlugins,
  setupCode,
  setupHost,
  setupService,
  tasksTray,
} from "../plugins/program.ts";
import { makeShell, serveAsset, uiWords } from "../ui/index.ts";
import { faces } from "./faces.ts";
import { migrationsOf, openStorePatiently } from "./open-store.ts";
import { makeSetupCode } from "./setup-code.ts";
import { version } from "./version.ts";

/** A controller's end of the road, with what a road between machines has beside it. */
export interface ControllerEnd {
  road: ControllerRoad;
  /** Who may use the road; null in one process. */
  members: Pick<ClusterDoor, "newTicket" | "admit" | "expel" | "warnings"> | null;
  /** Tells other controllers that something was committed. */
  wakeOthers(): void;
  onWake(listener: () => void): Undo;
  close(): Promise<void>;
}

/** The end of a road inside one process. */
export function localEnd(road: LocalRoad): ControllerEnd {
  return {
    road: road.controller,
    members: null,
    wakeOthers: () => {},
    onWake: () => () => {},
    close: async () => {},
  };
}

/** The parts of a controller, made but not started. */
export interface ControllerSide {
  end: ControllerEnd;
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
    open: (ground: { store: Store; clusterId: string }) => Promise<ControllerEnd>;
    /** Whether a node runs in this very process. */
    hasNode: boolean;
    /** Of the certificate that this controller shows; null where it speaks no TLS. */
    fingerprint: string | null;
    leadership: (store: Store) => Promise<Leadership>;
    /** Shows the one-time code of the set-up to whoever watches the start. */
    printCode: (code: string) => void;
  },
): Promise<ControllerSide> {
  const { clock, log, hasNode, fingerprint } = world;
  const files = dataFiles(config.data);
  const plugins = await allPlugins(config);
  const store = await openStorePatiently(config, migrationsOf(plugins), world);
  const vault = await openVault(store, files.masterKey);
  const clusterId = await clusterIdOf(store);
  const end = await world.open({ store, clusterId });
  const { road, members } = end;
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
      tray: async (viewer) => (controller ? controller.use(tasksTray)(viewer) : () => []),
      views: ["task-tray"],
    }),
    assets: serveAsset,
    version,
    isSetUp: () => controller?.use(setupService).isDone() ?? false,
  });
  const leadership = await world.leadership(store);
  const membersOnly = members !== null;
  controller = new Controller({ store, clock, road, log, vault, web, clusterId, leadership, membersOnly });
  controller.provide(accessService, web.access);
  controller.provide(setupCode, makeSetupCode(world.printCode));
  controller.provide(loadedPlugins, plugins);
  controller.provide(setupHost, {
    version,
    localNode: hasNode ? config.node : null,
    storagePath: `${config.data}/disks`,
    road: () => road.status(),
  });
  if (members) {
    const authority = await authorityOf({ store, vault, clock }, clusterId);
    controller.provide(clusterDoor, {
      ...members,
      clusterId,
      protocol: roadProtocol,
      fingerprint,
      authority: authority.cert,
      sign: authority.sign,
    });
    followOthers(world, { store, web, controller, end });
  }
  return { store, vault, web, controller, plugins, clusterId, words, end };
}

/**
 * With other controllers beside this one: they hear of what is committed here, and this one looks at the log
 * when they say so, and now and then by itself, since Redis may be away.
 */
function followOthers(
  world: { clock: Clock; log: Log },
  { store, web, controller, end }: Pick<ControllerSide, "store" | "web" | "controller" | "end">,
): void {
  let own = 0;
  store.onEvents((events) => {
    own = Math.max(own, events.at(-1)?.seq ?? 0);
    end.wakeOthers();
  });
  const wake = (): void => {
    web.wake();
    controller.wake();
  };
  end.onWake(wake);
  steadily(world.clock, world.log, "others' events", timing.eventsLookMilliseconds, async () => {
    const last = await store.lastEventSeq();
    if (last > own) wake();
    own = Math.max(own, last);
  });
}

/** The master key; made where the store has no secrets yet. @throws StoreError where it is another store's */
async function openVault(store: Store, path: string): Promise<Vault> {
  if (!existsSync(path) && (await hasMasterKey(store))) throw new StoreError(wrongKey(path));
  const vault = Vault.open(path);
  await checkMasterKey(store, vault, path);
  return vault;
}
