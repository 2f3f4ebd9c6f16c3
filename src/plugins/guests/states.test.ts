import { describe, expect, test } from "bun:test";
import type { DomainState } from "jimv";
import { allowed, allows, guestActions, guestStates, killable, stateAfter, whyNot } from "./states.ts";
import { guestsWords } from "./words.ts";

describe("what a state allows", () => {
  test("every state that refuses something says why, in both languages", () => {
    for (const state of guestStates) {
      expect(guestsWords.keys).toContain(whyNot[state]);
      expect(guestsWords.say("zh-CN", whyNot[state], { name: "web" })).not.toBe(whyNot[state]);
    }
  });

  test("a guest that runs can always be forced off, one that does not can't", () => {
    for (const state of guestStates) expect(allows(state, "force-stop")).toBe(killable.includes(state));
  });

  test("nobody can lay hands on a guest that comes or goes", () => {
    expect([...allowed.creating, ...allowed.deleting]).toEqual([]);
    for (const action of guestActions) expect(allows("deleting", action)).toBe(false);
  });

  test("every action is allowed somewhere", () => {
    for (const action of guestActions) expect(guestStates.some((state) => allows(state, action))).toBe(true);
  });
});

describe("what an observation makes of a state", () => {
  const observations: DomainState[] = ["running", "paused", "stopping", "off", "crashed"];

  test("tasks own creating, deleting, migrating and failed", () => {
    for (const state of ["creating", "deleting", "migrating", "failed"] as const)
      for (const observed of observations) expect(stateAfter(state, observed, false)).toBe(state);
  });

  test("a guest that is on its way arrives, and does not fall back while a task has its hand on it", () => {
    expect(stateAfter("starting", "running", true)).toBe("running");
    expect(stateAfter("starting", "off", true)).toBe("starting");
    expect(stateAfter("starting", "off", false)).toBe("off");
    expect(stateAfter("stopping", "off", true)).toBe("off");
    expect(stateAfter("stopping", "running", true)).toBe("stopping");
    expect(stateAfter("stopping", "running", false)).toBe("running");
  });

  test("the rest is as observed", () => {
    for (const state of ["off", "running", "paused", "crashed"] as const)
      for (const observed of observations) expect(stateAfter(state, observed, false)).toBe(observed);
  });
});
