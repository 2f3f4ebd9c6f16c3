/**
 * A controller: the plugins' controller sides on one store and one road. Serves people always, and while it
 * leads it also sends tasks and applies reports.
 */
import { Cron } from "croner";
import type { Clock } from "./clock.ts";
import { errorText } from "./errors.ts";
import { Hooks } from "./hooks.ts";
import type { Log } from "./log/log.ts";
import type { ControllerContext, Plugin, ServiceKey, Slots, WebDesk } from "./plugin.ts";
import { Applier } from "./road/applier.ts";
import type { ControllerRoad } from "./road/contract.ts";
import { StoredSettings } from "./settings.ts";
import type { Store } from "./store/index.ts";
import { Desk } from "./tasks/desk.ts";
import { Dispatcher } from "./tasks/dispatcher.ts";
import { handleTaskReports } from "./tasks/reports.ts";
import { steadily } from "./turns.ts";
import { type Undo, UndoList } from "./undo.ts";
import { keepTidy } from "./upkeep.ts";
import type { Vault } from "./vault.ts";

/** Who leads. `epoch` is null while somebody else does. */
export interface Leadership {
  epoch(): number | null;
  /** Called at each change, and at once with the present state. */
  onChange(listener: (epoch: number | null) => void): Undo;
}

/** Everything outside that a controller needs; the pretended world of the scenarios has the same shape. */
export interface ControllerWorld {
  store: Store;
  clock: Clock;
  road: ControllerRoad;
  log: Log;
  vault: Vault;
  web: WebDesk;
  clusterId: string;
  leadership: Leadership;
  /** Only nodes that have joined with a token are heard; otherwise whoever says hello is one (one process). */
  membersOnly?: boolean;
}

export class Controller {
  readonly desk: Desk;
  readonly dispatcher: Dispatcher;
  readonly applier: Applier;
  readonly settings: StoredSettings;
  private readonly hooks = new Hooks();
  private readonly services = new Map<string, unknown>();
  private readonly slotEntries = new Map<string, unknown[]>();
  private readonly leading = new Set<() => Undo>();
  private readonly whileLeading = new UndoList();
  private readonly started: { plugin: string; undos: UndoList }[] = [];
  private readonly own = new UndoList();
  private leads = false;
  private epoch: number | null = null;

  constructor(private readonly world: ControllerWorld) {
    const { store, clock } = world;
    this.desk = new Desk(store, clock, world.log);
    // As of when it began to lead: never undefined while it leads, and refused by the store once another does.
    const epoch = (): number | undefined => this.epoch ?? undefined;
    this.dispatcher = new Dispatcher(world, this.desk, epoch);
    this.applier = new Applier(world, epoch);
    this.settings = new StoredSettings(store);
  }

  /** Starts the plugins in their order, then begins to lead where it leads. A plugin that throws stops all. */
  async start(plugins: readonly Plugin[]): Promise<void> {
    this.own.add(handleTaskReports(this.world, this.desk, this.dispatcher, this.applier));
    try {
      for (const plugin of inOrder(plugins)) await this.startPlugin(plugin);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.own.add(this.world.leadership.onChange((epoch) => this.lead(epoch)));
  }

  async stop(): Promise<void> {
    this.lead(null);
    await this.dispatcher.idle();
    this.own.run();
    for (let last = this.started.pop(); last; last = this.started.pop()) last.undos.run();
  }

  /** Another controller committed something: settings are read anew, and new tasks sent, if we lead. */
  wake(): void {
    this.settings.forget();
    this.applier.forget();
    this.desk.kick();
  }

  /** A service that a plugin provides, for the program itself (set-up from the command line). */
  use<T>(key: ServiceKey<T>): T {
    if (!this.services.has(key.name)) throw new Error(`no plugin provides "${key.name}"`);
    return this.services.get(key.name) as T;
  }

  /** Gives a service from the program to the plugins; call it before `start`. */
  provide<T>(key: ServiceKey<T>, service: T): Undo {
    if (this.services.has(key.name)) throw new Error(`"${key.name}" is provided twice`);
    this.services.set(key.name, service);
    return () => this.services.delete(key.name);
  }

  private lead(epoch: number | null): void {
    const leads = epoch !== null;
    if (leads === this.leads) return;
    this.leads = leads;
    if (!leads) {
      this.whileLeading.run();
      return;
    }
    this.epoch = epoch;
    this.world.log.info("leading", { epoch });
    for (const begin of this.leading) this.whileLeading.add(begin());
    this.whileLeading.add(this.dispatcher.start());
    this.whileLeading.add(this.applier.start());
    this.whileLeading.add(keepTidy(this.world));
  }

  private async startPlugin(plugin: Plugin): Promise<void> {
    if (!plugin.controller) return;
    const undos = new UndoList();
    this.started.push({ plugin: plugin.name, undos });
    await plugin.controller(this.contextOf(plugin, undos));
  }

  private contextOf(plugin: Plugin, undos: UndoList): ControllerContext {
    const { store, clock, vault, web, clusterId } = this.world;
    const log = this.world.log.named(plugin.name);
    const keep = (undo: Undo): Undo => undos.add(undo);
    const context: ControllerContext = {
      clusterId,
      clock,
      log,
      hooks: this.hooks,
      store,
      vault,
      tasks: this.desk,
      settings: this.settings,
      web: keptWeb(web, keep),
      slots: this.slotsOf(keep),
      every: (name, ms, fn) => keep(steadily(clock, log, name, ms, fn)),
      onStop: (undo) => void keep(undo),
      settle: (kind, settlement) => keep(this.desk.register(kind, settlement)),
      onReport: (kind, handler, options) => keep(this.applier.on(kind, handler, options)),
      ask: (node, topic, key) => {
        this.world.road
          .send(node, { type: "ask", topic, key })
          .catch((error) => log.debug("an ask was not sent", { node, topic, error: errorText(error) }));
      },
      whenLeading: (fn) => keep(this.whenLeading(fn)),
      commit: async (statements, events = []) => {
        const epoch = this.world.leadership.epoch();
        await store.batch(statements, { events, ...(epoch === null ? {} : { epoch }) });
      },
      schedule: (name, pattern, timezone, fn) =>
        keep(
          this.whenLeading(() => {
            const job = new Cron(pattern, { ...(timezone ? { timezone } : {}), protect: true }, async () => {
              try {
                await fn();
              } catch (error) {
                log.error("schedule failed", { name, error: errorText(error) });
              }
            });
            return () => job.stop();
          }),
        ),
      provide: (key, service) => keep(this.provide(key, service)),
      use: (key) => this.use(key),
      find: <T>(key: ServiceKey<T>) => (this.services.get(key.name) as T | undefined) ?? null,
    };
    return context;
  }

  private whenLeading(fn: () => Undo): Undo {
    this.leading.add(fn);
    if (this.leads) this.whileLeading.add(fn());
    return () => this.leading.delete(fn);
  }

  private slotsOf(keep: (undo: Undo) => Undo): Slots {
    const entries = this.slotEntries;
    return {
      add: (slot, entry) => {
        entries.set(slot.name, [...(entries.get(slot.name) ?? []), entry]);
        return keep(() => {
          entries.set(
            slot.name,
            (entries.get(slot.name) ?? []).filter((one) => one !== entry),
          );
        });
      },
      all: <T>(slot: ServiceKey<T>) => (entries.get(slot.name) ?? []) as T[],
    };
  }
}

/** The same web, with everything that is registered kept for the plugin's end. */
function keptWeb(web: WebDesk, keep: (undo: Undo) => Undo): WebDesk {
  return {
    api: (route) => keep(web.api(route)),
    page: (route) => keep(web.page(route)),
    form: (form) => keep(web.form(form)),
    live: (view) => keep(web.live(view)),
    socket: (route) => keep(web.socket(route)),
    nav: (entry) => keep(web.nav(entry)),
    search: (fn) => keep(web.search(fn)),
    onEvents: (listener) => keep(web.onEvents(listener)),
    uniqueIs: (index, toError) => keep(web.uniqueIs(index, toError)),
  };
}

/** Plugins so that each comes after those that it requires. @throws Error for a missing one or a circle */
export function inOrder(plugins: readonly Plugin[]): Plugin[] {
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  if (byName.size !== plugins.length) throw new Error("two plugins have the same name");
  const ordered: Plugin[] = [];
  const visit = (plugin: Plugin, path: readonly string[]): void => {
    if (ordered.includes(plugin)) return;
    if (path.includes(plugin.name))
      throw new Error(`plugins require each other: ${[...path, plugin.name].join(" → ")}`);
    for (const name of plugin.requires ?? []) {
      const required = byName.get(name);
      if (!required) throw new Error(`plugin "${plugin.name}" requires "${name}", which is not there`);
      visit(required, [...path, plugin.name]);
    }
    ordered.push(plugin);
  };
  for (const plugin of plugins) visit(plugin, []);
  return ordered;
}
