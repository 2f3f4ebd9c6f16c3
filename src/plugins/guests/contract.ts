/** What the guests plugin gives to others: its service, hooks and slots. */
import { type Actor, defineHook, type Statement, serviceKey } from "jimv";
import type { ChangeGuest, CreateGuest, DeleteGuest, GuestListQuery } from "./requests.ts";
import type { ForeignDomain, Guest, GuestDetails } from "./schema.ts";
import type { Action, GuestState } from "./states.ts";
import type { GuestDetail, GuestScreen, GuestView } from "./views.ts";

/** What was begun: the tasks can be followed at `/api/v1/tasks/{id}`. */
export interface Begun {
  task: { id: string };
}

export interface GuestService {
  list(query: GuestListQuery): Promise<{ items: GuestView[]; page: number; pageSize: number; total: number }>;
  /** Several guests' rows, in no order; unknown ones are left out. */
  views(uuids: readonly string[]): Promise<GuestView[]>;
  /** @throws AppError notFound */
  get(uuid: string): Promise<GuestDetail>;
  /** Definition and screen as its node last told them; null before anybody looked. */
  details(uuid: string): Promise<GuestDetails | null>;
  /** Asks the guest's node for definition, screen and addresses; they come as reports. @throws AppError notFound */
  look(uuid: string): Promise<void>;
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
  /** Where the screen is. @throws AppError notFound, conflict when there is none in this state */
  screen(uuid: string): Promise<GuestScreen>;
}

export type PowerAction = Exclude<Action, "delete" | "console" | "edit">;

export const guestService = serviceKey<GuestService>("guests");

/** Runs before a batch of guests is booked; a handler that throws an AppError refuses it. */
export const guestBeforeCreate = defineHook<{
  request: CreateGuest;
  /** Where each guest of the batch will be. */
  guests: readonly { name: string; nodeName: string }[];
}>("guest.beforeCreate");
/** Runs before a guest is started; a handler that throws an AppError refuses it. */
export const guestBeforeBoot = defineHook<{ guest: Guest }>("guest.beforeBoot");
/** Runs when a guest's deletion is written: handlers add what goes along, in the same batch. */
export const guestDeleted = defineHook<{ guest: Guest; statements: Statement[] }>("guest.deleted");
