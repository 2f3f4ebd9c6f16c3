/**
 * The contract that every feature is written against, built in or from `/etc/jimv/plugins`.
 * `definePlugin` only describes. The program calls `controller` where it is a controller and `node`
 * where it is a node; everything registered through a context is taken back when the plugin stops,
 * or when its start throws half-way.
 */
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import type { Clock } from "./clock.ts";
import type { Hooks } from "./hooks.ts";
import type {
  ApiRoute,
  FormSpec,
  LiveEvent,
  LiveView,
  NavEntry,
  PageRoute,
  SearchHit,
  SocketRoute,
  Viewer,
} from "./http/contract.ts";
import type { Hypervisor, LaneStatus } from "./libvirt/hypervisor.ts";
import type { Log } from "./log/log.ts";
import type { ReportBody, ReportHandler, ReportOptions } from "./road/contract.ts";
import type { SettingsDesk } from "./settings.ts";
import type { EventRow, Migration, Statement, Store, Table } from "./store/index.ts";
import type { TaskDesk, TaskSettlement } from "./tasks/desk.ts";
import type { PayloadOf, ResultOf, TaskKind } from "./tasks/kind.ts";
import type { Operation } from "./tasks/operation.ts";
import type { Undo } from "./undo.ts";
import type { Vault } from "./vault.ts";
import type { WordList } from "./words.ts";

export interface Plugin {
  /** Its folder, table prefix, route prefix and word prefix. */
  name: string;
  /** Names of plugins that must start before this one. */
  requires?: readonly string[];
  words?: WordList;
  tables?: readonly Table[];
  migrations?: readonly Migration[];
  /** A schema of settings: the settings page, its checks and the API come from it. */
  settings?: TObject;
  controller?(context: ControllerContext): void | Promise<void>;
  node?(context: NodeContext): void | Promise<void>;
}

/** Describes a plugin. Has no side effects. */
export function definePlugin(plugin: Plugin): Plugin {
  return plugin;
}

/** What controller and node sides have in common. */
interface CommonContext {
  /** The id that marks domains as this cluster's. */
  readonly clusterId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hooks: Hooks;
  /** Runs `fn` every `ms`; a turn that still runs is not started again, a failing one is logged. */
  every(name: string, ms: number, fn: () => void | Promise<void>): Undo;
  /** Registers anything that must be taken back at the end. */
  onStop(undo: Undo): void;
}

export interface ControllerContext extends CommonContext {
  readonly store: Store;
  readonly vault: Vault;
  readonly tasks: TaskDesk;
  readonly settings: SettingsDesk;
  readonly web: WebDesk;
  /** What becomes of a kind of task's target when it starts, progresses and ends. */
  settle<P extends TObject, R extends TSchema>(
    kind: TaskKind<P, R>,
    settlement: TaskSettlement<Static<P>, Static<R>>,
  ): Undo;
  /** Applies reports of a kind. The statements it returns are one batch with the road's read position. */
  onReport(kind: string, handler: ReportHandler, options?: ReportOptions): Undo;
  /** Asks a node to report about something now. Never throws, waits for no answer, and may get lost. */
  ask(node: string, topic: string, key: string): void;
  /** Runs when this controller begins to lead; what it returns runs when it no longer does. */
  whenLeading(fn: () => Undo): Undo;
  /** Writes and tells the browsers, outside of a task: for what the controller decides by itself. */
  commit(statements: Statement[], events?: EventRow[]): Promise<void>;
  /** Runs a pattern of cron's (five fields, or six with seconds) in a timezone, on the leader only. */
  schedule(name: string, pattern: string, timezone: string | null, fn: () => void | Promise<void>): Undo;
  /** Gives other plugins a typed service; `use` asks for one by the plugin's exported key. */
  provide<T>(key: ServiceKey<T>, service: T): Undo;
  use<T>(key: ServiceKey<T>): T;
  /** As `use`, for what need not be there. */
  find<T>(key: ServiceKey<T>): T | null;
  /** Furniture of other plugins' pages: guest tabs, dashboard tiles, row actions. */
  readonly slots: Slots;
}

/** The web side of a controller. */
export interface WebDesk {
  api<
    P extends TObject | undefined = undefined,
    Q extends TObject | undefined = undefined,
    B extends TSchema | undefined = undefined,
  >(route: ApiRoute<P, Q, B>): Undo;
  page(route: PageRoute): Undo;
  form<S extends TObject>(form: FormSpec<S>): Undo;
  live(view: LiveView): Undo;
  socket(route: SocketRoute): Undo;
  nav(entry: NavEntry): Undo;
  search(fn: (query: string, viewer: Viewer) => Promise<SearchHit[]>): Undo;
  /** Calls the listener with every event from now on, in order, also those of other controllers. */
  onEvents(listener: (events: readonly LiveEvent[]) => void): Undo;
  /** What a violated unique index means to a person. */
  uniqueIs(index: string, toError: () => Error): Undo;
}

export interface NodeContext extends CommonContext {
  readonly nodeName: string;
  readonly hypervisor: Hypervisor;
  /** How to carry out a kind of task. Must be idempotent; throws to fail. */
  operation<P extends TObject, R extends TSchema>(
    kind: TaskKind<P, R>,
    fn: (operation: Operation, payload: Static<P>) => Promise<Static<R>>,
  ): Undo;
  /** How to take back a step that an operation wrote into its journal. Must be idempotent. */
  undo(name: string, fn: (args: Record<string, string>) => Promise<void>): Undo;
  /** Tells the controller. With `latestKey` only the newest of that key matters, and it is not kept on disk. */
  report(kind: string, body: ReportBody, latestKey?: string): void;
  /** How to answer a controller's ask: by a report of its own. One about the same key at a time. */
  onAsk(topic: string, answer: (key: string) => void | Promise<void>): Undo;
  /** Runs at each welcome of a controller: after start, and whenever it must hear everything again. */
  onWelcome(fn: () => void | Promise<void>): Undo;
  /** Adds a lamp: a worker or loop of this node, as the node page shows it. */
  lamp(
    name: string,
    read: () => { state: LaneStatus["state"]; queueLength: number; lastTurnAt: number | null },
  ): Undo;
  /** All lamps as they are now; the hypervisor's own are in its status. */
  lamps(): LaneStatus[];
}

/** A typed name for a service that one plugin gives to others. */
export interface ServiceKey<T> {
  readonly name: string;
  /** Only for the type checker. */
  readonly type?: T;
}

export function serviceKey<T>(name: string): ServiceKey<T> {
  return { name };
}

/** Places on pages where other plugins put things. Keys are typed like services. */
export interface Slots {
  /** Adds an entry to a place. */
  add<T>(slot: ServiceKey<T>, entry: T): Undo;
  /** All entries of a place, in the order in which plugins started. */
  all<T>(slot: ServiceKey<T>): readonly T[];
}

export type { PayloadOf, ResultOf };
