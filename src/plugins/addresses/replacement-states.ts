/** What a person may do about a replacement that is under way: one table for the service, the buttons and the API. */
import type { Replacement, ReplacementState } from "./schema.ts";

export type ReplacementAction = "again" | "confirm" | "takeBack";
type OpenState = Extract<ReplacementState, "planned" | "applied">;
/** `going`: something is on its way. `stuck`: it failed, or nobody heard how it ended. */
type Pace = "going" | "stuck";

/**
 * `again`: look, or try, once more. `confirm`: the new address is the guest's although it does not answer. `takeBack`:
 * give the new address up. At a boot there is nothing to look at before the guest was told.
 */
const allowed = {
  live: {
    planned: { going: [], stuck: ["again", "confirm", "takeBack"] },
    applied: { going: [], stuck: ["again", "confirm", "takeBack"] },
  },
  boot: {
    planned: { going: ["takeBack"], stuck: ["takeBack"] },
    applied: { going: ["confirm", "takeBack"], stuck: ["again", "confirm", "takeBack"] },
  },
} as const satisfies Record<
  Replacement["way"],
  Record<OpenState, Record<Pace, readonly ReplacementAction[]>>
>;

type Standing = Pick<Replacement, "way" | "state" | "failedWord" | "openFor">;

/** What is allowed now; nothing once it has ended. */
export function actionsOf({ way, state, failedWord, openFor }: Standing): readonly ReplacementAction[] {
  if (openFor === null || !(state === "planned" || state === "applied")) return [];
  return allowed[way][state][failedWord === null ? "going" : "stuck"];
}

/** Why an action is not allowed, as a word with the guest's `name`. */
export const whyNot = ({ way, state }: Standing): string =>
  way === "boot" && state === "planned" ? "addresses.notTold" : "addresses.underWay";
