/**
 * Guest states and what they allow: one table, read by the service, the buttons and the API's document.
 * Also how what libvirt says of a domain becomes the guest's state.
 */
import type { DomainState } from "jimv";

export const guestStates = [
  "creating",
  "off",
  "starting",
  "running",
  "paused",
  "stopping",
  "crashed",
  "migrating",
  "deleting",
  "failed",
] as const;
export type GuestState = (typeof guestStates)[number];

export const guestActions = [
  "start",
  "shutdown",
  "reboot",
  "force-stop",
  "force-reboot",
  "pause",
  "resume",
  "delete",
  "console",
  "edit",
  "migrate",
] as const;
/** As in the API's addresses. */
export type Action = (typeof guestActions)[number];

/** What a person may ask of a guest in each state. A `delete` with `force` is also allowed in `killable` states. */
export const allowed = {
  creating: [],
  off: ["start", "delete", "edit", "migrate"],
  starting: ["force-stop", "console"],
  running: ["shutdown", "reboot", "force-stop", "force-reboot", "pause", "console", "migrate"],
  paused: ["resume", "force-stop", "force-reboot", "console", "migrate"],
  stopping: ["force-stop", "force-reboot", "console"],
  crashed: ["start", "delete", "edit"],
  migrating: ["console"],
  deleting: [],
  failed: ["delete"],
} as const satisfies Record<GuestState, readonly Action[]>;

/** States in which QEMU may be at work: deleting such a guest needs `force`. */
export const killable: readonly GuestState[] = ["starting", "running", "paused", "stopping"];

/** Guests in these states take memory of their node. */
export const residentStates: readonly GuestState[] = [
  "creating",
  "starting",
  "running",
  "paused",
  "stopping",
  "migrating",
];

/** What lists and dashboards tell apart: every state is in exactly one group. */
export const guestGroups = {
  running: ["running"],
  working: ["creating", "starting", "stopping", "migrating", "deleting"],
  paused: ["paused"],
  off: ["off"],
  trouble: ["crashed", "failed"],
} as const satisfies Record<string, readonly GuestState[]>;
export type GuestGroup = keyof typeof guestGroups;

/** Why something is not allowed in a state: a sentence that says what to do. */
export const whyNot = {
  creating: "guests.is.creating",
  off: "guests.is.off",
  starting: "guests.is.starting",
  running: "guests.is.running",
  paused: "guests.is.paused",
  stopping: "guests.is.stopping",
  crashed: "guests.is.crashed",
  migrating: "guests.is.migrating",
  deleting: "guests.is.deleting",
  failed: "guests.is.failed",
} as const satisfies Record<GuestState, string>;

/** Of a guest whose node said that it has no such domain, though it should; tells `failed` ones apart. */
export const vanishedWord = "guests.vanished";

interface Standing {
  state: GuestState;
  failedWord: string | null;
}

/** Whether its node said that it has no such domain, though it should. */
export const hasVanished = ({ state, failedWord }: Standing): boolean =>
  state === "failed" && failedWord === vanishedWord;

/** Why something is not allowed just now: a sentence that says what to do. */
export const refusalOf = (guest: Standing): string =>
  hasVanished(guest) ? "guests.is.vanished" : whyNot[guest.state];

export function allows(state: GuestState, action: Action): boolean {
  return (allowed[state] as readonly Action[]).includes(action);
}

/** What a node last said of a guest's domain; `absent`: there is none. */
export type Observed = DomainState | "absent";

/** The guest's state by observation alone, where no task has its hand on it. */
export function stateOfDomain(observed: DomainState): GuestState {
  return observed;
}

/**
 * The state after an observation. Tasks own `creating`, `deleting`, `migrating` and `failed`; a guest that is
 * on its way up or down stays so until it has arrived, or (`busy` false) nobody is taking it there any more.
 */
export function stateAfter(state: GuestState, observed: DomainState, busy: boolean): GuestState {
  switch (state) {
    case "creating":
    case "deleting":
    case "migrating":
    case "failed":
      return state;
    case "starting":
      return busy && (observed === "off" || observed === "crashed") ? state : stateOfDomain(observed);
    case "stopping":
      return busy && (observed === "running" || observed === "paused") ? state : stateOfDomain(observed);
    default:
      return stateOfDomain(observed);
  }
}

/** Where the guest's first set-up stands: `none` when there is nothing to set up from outside. */
export type InitState = "none" | "pending" | "done" | "failed";
/** How a guest is told who it is. */
export type Init = "cloud-init" | "agent" | "none";
export type OsFamily = "linux" | "windows" | "bsd" | "other";
