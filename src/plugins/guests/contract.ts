/** What the guests plugin gives to others: its service, hooks and slots. */
import {
  type Actor,
  defineHook,
  type EventRow,
  type Operation,
  type PreparedTask,
  type Reason,
  type ReportEffects,
  type Statement,
  serviceKey,
  type TaskError,
  type Viewer,
} from "jimv";
import type { Child, IconName } from "jimv/ui";
import type { Disk } from "../disks/index.ts";
import type { Addressing } from "./joining.ts";
import type { PlaceableNode } from "./needs.ts";
import type { ChangeGuest, CreateGuest, DeleteGuest, GuestListQuery } from "./requests.ts";
import type { ForeignDomain, Guest, GuestDetails, GuestInterface } from "./schema.ts";
import type { Action, GuestState, Observed } from "./states.ts";
import type { GuestDetail, GuestScreen, GuestTask, GuestView } from "./views.ts";
import type { VncHolder } from "./vnc-ports.ts";

/** What was begun: the tasks can be followed at `/api/v1/tasks/{id}`. */
export interface Begun {
  task: { id: string };
}

export interface GuestService {
  list(query: GuestListQuery): Promise<{ items: GuestView[]; page: number; pageSize: number; total: number }>;
  /** Whether a guest is in the list that a query asks for, on whichever page. */
  isListed(uuid: string, query: GuestListQuery): Promise<boolean>;
  /** The guests of a whole list that are in one of the states, up to one more than `most`, and how many the list has. */
  whole(
    query: GuestListQuery,
    states: readonly GuestState[],
    most: number,
  ): Promise<{ guests: { uuid: string; name: string }[]; total: number }>;
  /** Several guests' rows, in no order; unknown ones are left out. */
  views(uuids: readonly string[]): Promise<GuestView[]>;
  /** @throws AppError notFound */
  get(uuid: string): Promise<GuestDetail>;
  /** Definition and screen as its node last told them; null before anybody looked. */
  details(uuid: string): Promise<GuestDetails | null>;
  /** Asks the guest's node for definition, screen and addresses; they come as reports. @throws AppError notFound */
  look(uuid: string): Promise<void>;
  /** Who has which VNC port of a node, by port. */
  vncHolders(node: string): Promise<VncHolder[]>;
  /** How many VNC ports guests hold on each node. */
  vncCounts(): Promise<Map<string, number>>;
  /** How many guests are in each state. */
  counts(): Promise<Map<GuestState, number>>;

  /**
   * Books everything and makes the tasks of the whole batch, all or none.
   * @throws AppError invalid (a field), conflict (does not fit, node or template not ready), notFound
   */
  create(
    request: CreateGuest,
    actor: Actor,
  ): Promise<{ tasks: { id: string }[]; guests: { uuid: string; name: string }[] }>;
  /** What `create` would refuse about one field, or nothing; for the check on leaving it. */
  checkName(name: string, quantity: number): Promise<void>;
  /** Starts, stops, pauses and the like. @throws AppError notFound, conflict with the reason */
  act(uuid: string, action: PowerAction, actor: Actor): Promise<Begun>;
  /** @throws AppError notFound, conflict */
  remove(uuid: string, options: DeleteGuest, actor: Actor): Promise<Begun>;
  /** The remark at once; name, vCPUs and memory by a task while the guest is off. `task` is null when none was needed. */
  change(
    uuid: string,
    change: ChangeGuest,
    actor: Actor,
  ): Promise<{ task: { id: string } | null; guest: GuestDetail }>;
  /** The password in clear, for a person who asked to see it; the log has who did. @throws AppError notFound */
  revealPassword(uuid: string, actor: Actor): Promise<{ userName: string; password: string }>;
  /** Tries the first set-up through the guest agent again. @throws AppError conflict */
  retryInit(uuid: string, actor: Actor): Promise<Begun>;

  /** Domains on nodes that are no guests of ours. */
  foreign(nodeName?: string): Promise<ForeignDomain[]>;
  /** A domain of this cluster that no guest stands for. @throws AppError notFound, conflict for what is foreign */
  orphan(uuid: string): Promise<ForeignDomain>;
  /** Removes it from its node; its files stay. @throws as `orphan`, conflict while its node is away */
  removeOrphan(uuid: string, actor: Actor): Promise<Begun>;
  /** Where the screen is. @throws AppError notFound, conflict when there is none in this state */
  screen(uuid: string): Promise<GuestScreen>;
}

export type PowerAction = Exclude<Action, "delete" | "console" | "edit" | "migrate">;

export const guestService = serviceKey<GuestService>("guests");

/** A guest with everything that moves along with it. */
export interface MovingGuest {
  guest: Guest;
  disks: Disk[];
  interfaces: GuestInterface[];
}

/** Where a guest has come to, with the paths of what moved along. */
export interface Arrival {
  node: string;
  vncListen: string;
  /** The one that its domain has; null: the one that was booked. */
  vncPort: number | null;
  state: Observed;
  /** `isWhole`: it depends on no template any more. */
  disks: readonly { uuid: string; path: string; isWhole: boolean }[];
  seedPath: string | null;
}

/** What a plan would put on a node: how many guests, and what they need while they run. */
export interface PlannedGuests {
  guests: number;
  memoryMiB: number;
  vcpus: number;
}

/**
 * Whether a guest whose migration failed may run there. `unless running`: its own node was heard to the end, and where
 * it runs here it is here; `yes`: nobody heard anything.
 */
export type MoveDoubt = "no" | "unless running" | "yes";

/** The part of a migration that is the guests' own: what fits where, what is booked, and whose row says what. */
export interface GuestMoves {
  /** @throws AppError notFound, conflict when the guest's state does not allow it */
  movable(uuid: string): Promise<MovingGuest>;
  /**
   * Why nodes can't hold the guest besides their own, by name; those that can are left out. `planned` counts as
   * taken by name of node, though nothing of it is booked.
   */
  refusals(
    guest: Guest,
    nodes: readonly PlaceableNode[],
    planned?: ReadonlyMap<string, PlannedGuests>,
  ): Promise<Map<string, Reason>>;
  /**
   * Books memory, vCPUs and a VNC port on the node and begins the task that `prepare` makes with them, all or
   * nothing. From then on the guest is `migrating`. `rooms` are the keys of the pools' rooms that its copied disks
   * take: nobody else books there between `prepare`, which looks whether they fit, and the end of it.
   * @throws AppError conflict
   */
  begin(
    uuid: string,
    node: PlaceableNode,
    rooms: readonly string[],
    prepare: (moving: MovingGuest, port: number) => Promise<PreparedTask>,
  ): Promise<Begun>;
  /** What other guests bring into a pool's part on each node, GiB that their disks may grow to. */
  comingGiB(poolId: string, except?: string): Promise<Map<string, number>>;
  /** Another port on the node that the guest is moving to; null when none is free. */
  anotherPort(
    uuid: string,
    node: PlaceableNode,
    refused: readonly number[],
  ): Promise<{ port: number; statements: Statement[] } | null>;
  /** What is written when it has arrived: guest, disks and booking at once. */
  arrived(uuid: string, arrival: Arrival): Promise<ReportEffects>;
  /** What is written when it has stayed. In doubt it counts as being there, too, until that node says otherwise. */
  stayed(uuid: string, doubt: MoveDoubt): Promise<ReportEffects>;
}
export const guestMoves = serviceKey<GuestMoves>("guests.moves");
/** Other plugins' reasons why nodes can't take a guest in, by name of node. */
export type MoveGuard = (guest: Guest, nodes: readonly string[]) => Promise<ReadonlyMap<string, Reason>>;
export const moveGuards = serviceKey<MoveGuard>("guests.moveGuards");
/** How a kind of task is shown on its guest's page, where a bar says too little. */
export interface GuestPanel {
  kind: string;
  render(guest: GuestDetail, task: GuestTask, viewer: Viewer): Promise<Child>;
}
export const guestPanels = serviceKey<GuestPanel>("guests.panels");
/** A short note of another plugin on a guest's row and page. */
export interface GuestBadge {
  /** Word key with its arguments. */
  word: string;
  args: Record<string, string | number>;
  tone: "accent" | "warn" | "bad";
  /** A time that is shown behind it, UTC milliseconds: until when it holds. */
  until: number | null;
}
/** Asked for the guests of a page at once. */
export const guestBadges =
  serviceKey<(uuids: readonly string[]) => Promise<Map<string, GuestBadge[]>>>("guests.badges");
/** A tab of another plugin on a guest's page. It is drawn anew when something about the guest changes. */
export interface GuestTabEntry {
  /** For the address: letters, digits and `-`. */
  key: string;
  label(viewer: Viewer): string;
  render(guest: GuestDetail, viewer: Viewer): Child | Promise<Child>;
}
export const guestTabs = serviceKey<GuestTabEntry>("guests.tabs");
/** An action of another plugin that begins with a dialog, at `/guests/{uuid}/<action>` and `/guests/batch/<action>`. */
export interface GuestDialog {
  /** What the guest's state must allow; `any`: whatever it does, as long as it is there. */
  action: Action | "any";
  /** The address, where it is not called after its action. */
  path?: string;
  icon: IconName;
  label(viewer: Viewer): string;
}
export const pathOf = ({ path, action }: GuestDialog): string => path ?? action;
export const guestDialogs = serviceKey<GuestDialog>("guests.dialogs");
/** Runs on a node: asks for a guest's domain and reports it, so that what is reported afterwards finds it told. */
export const guestLook = defineHook<{ uuid: string }>("guest.look");

/** Runs before a batch of guests is booked; a handler that throws an AppError refuses it. */
export const guestBeforeCreate = defineHook<{
  request: CreateGuest;
  /** Where each guest of the batch will be. */
  guests: readonly { name: string; nodeName: string }[];
}>("guest.beforeCreate");
/** What plugins give a guest's node to do right before the guest boots, in `guestBooting`. */
export interface BootLuggage {
  /** Texts by plugin; sealed to the node, so that secrets may be in them. */
  carry: Record<string, string>;
  /** Time that it takes, milliseconds. */
  moreMs: number;
}
/** The part of a payload that the luggage makes; nothing where there is none. */
export const carried = ({ carry }: BootLuggage): { carry?: string } =>
  Object.keys(carry).length > 0 ? { carry: JSON.stringify(carry) } : {};
/**
 * Runs before a guest is started; a handler that throws an AppError refuses it. What handlers add is written in the batch
 * that books the start; where an `expect` of it refuses, the start is decided anew and the hook runs again.
 */
export const guestBeforeBoot = defineHook<{
  guest: Guest;
  luggage: BootLuggage;
  statements: Statement[];
}>("guest.beforeBoot");
/** A guest that is being booked: none of its rows is in the store yet. */
export interface NewGuest {
  guest: Guest;
  disks: readonly Disk[];
  interfaces: readonly GuestInterface[];
  /** How its interface is set up; null: by DHCP. */
  addressing: Addressing | null;
  /** Whether it boots at once. */
  starts: boolean;
  luggage: BootLuggage;
  /** Handlers add rows of their own to the batch. */
  statements: Statement[];
}
/** Runs when a guest is booked; also for a batch that has to be booked anew, so it changes nothing by itself. */
export const guestCreating = defineHook<NewGuest>("guest.creating");
/**
 * Runs on the node while the guest is off, right before it boots; with nothing carried it does not run. It may run
 * again for the same boot, when the node died or the boot failed. A handler that throws fails the whole task.
 */
export const guestBooting = defineHook<{
  uuid: string;
  carry: Readonly<Record<string, string>>;
  operation: Operation;
  /** Set by a handler: why the guest must stay off. */
  staysOff: TaskError | null;
}>("guest.booting");
/** Runs when a guest's deletion is written: handlers add what goes along, in the same batch. */
export const guestDeleted = defineHook<{ guest: Guest; statements: Statement[]; events: EventRow[] }>(
  "guest.deleted",
);
