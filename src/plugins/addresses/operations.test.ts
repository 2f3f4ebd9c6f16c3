/** The node's side of a live replacement, on a guest whose agent and answers the test plays. */
import { expect, test } from "bun:test";
import { AppError, HypervisorError, type NodeContext, type Operation, type PayloadOf } from "jimv";
import { PretendedClock } from "../../../tests/world/clock.ts";
import { applyScript, backScript, codes, keepScript } from "./in-guest.ts";
import { startNode } from "./operations.ts";
import type { Answer } from "./reach.ts";
import { replaceLive } from "./replace-tasks.ts";

const mac = "52:54:00:00:00:01";
const order: PayloadOf<typeof replaceLive> = {
  replacement: "00000000-0000-4000-8000-000000000001",
  uuid: "00000000-0000-4000-8000-000000000002",
  mac,
  old: "192.0.2.10/24",
  now: "192.0.2.11/24",
  gateway: null,
  seed: null,
  tie: null,
  again: false,
  unseen: false,
};

/** What the guest is like: how its scripts exit, or that its agent is silent then. */
interface Play {
  state?: string;
  isAwake?: boolean;
  apply?: number | "silent" | "denied";
  keep?: number;
  back?: number | "silent";
  answer?: Answer;
}

/** How the task ends: "done", or the word of its failure. */
async function outcome(
  play: Play,
  how: { attempt?: number; again?: boolean; unseen?: boolean } = {},
): Promise<string> {
  const clock = new PretendedClock();
  let run: ((operation: Operation, payload: typeof order) => Promise<unknown>) | null = null;
  let exit = 0;
  const exits = (script: string): number | "silent" | "denied" => {
    if (script === applyScript) return play.apply ?? 0;
    if (script === keepScript) return play.keep ?? 0;
    if (script === backScript) return play.back ?? 0;
    throw new Error("an unknown script");
  };
  const context = {
    clock,
    log: { warn() {}, debug() {} },
    every: () => () => {},
    onStop: () => {},
    report: () => {},
    hooks: { on: () => () => {} },
    operation(kind: { kind: string }, fn: typeof run) {
      if (kind.kind === replaceLive.kind) run = fn;
    },
    hypervisor: {
      status: () => ({ connected: false }),
      onStatus: () => () => {},
      domain: async () => ({ state: play.state ?? "running" }),
      agentAnswers: async () => play.isAwake ?? true,
      async agent(_: string, command: { execute: string; arguments: { arg: string[] } }) {
        if (command.execute !== "guest-exec") return { exited: true, exitcode: exit };
        const came = exits(command.arguments.arg[1] ?? "");
        if (came === "silent") throw new HypervisorError("agentSilent", "silent");
        if (came === "denied") throw new HypervisorError("denied", "denied");
        exit = came;
        return { pid: 1 };
      },
    },
  };
  startNode(context as unknown as NodeContext, async () => play.answer ?? { answered: false, mac: null });
  const operation = {
    isRepeated: (how.attempt ?? 1) > 1,
    progress() {},
    step: (_: string, __: null, fn: () => Promise<unknown>) => fn(),
  };
  if (!run) throw new Error("the operation was not registered");
  const task = run as (operation: Operation, payload: typeof order) => Promise<unknown>;
  let word: string | null = null;
  const { again = false, unseen = false } = how;
  void task(operation as unknown as Operation, { ...order, again, unseen }).then(
    () => {
      word = "done";
    },
    (error) => {
      word = error instanceof AppError ? error.word : String(error);
    },
  );
  for (let seconds = 0; word === null && seconds < 300; seconds++) await clock.advance(1000);
  return word ?? "no end";
}

const hers: Answer = { answered: true, mac };
const routed: Answer = { answered: true, mac: null };
const repeated = [{ attempt: 2 }, { again: true }];

test("a first attempt says what it met before it changed anything", async () => {
  expect(await outcome({ state: "off" })).toBe("addresses.live.off");
  expect(await outcome({ isAwake: false })).toBe("addresses.live.silent");
  expect(await outcome({ apply: "denied" })).toBe("addresses.live.denied");
  expect(await outcome({ answer: routed })).toBe("addresses.live.taken");
});

test("one that comes again does not take the guest for another machine, nor silence for an old address", async () => {
  for (const how of repeated) {
    expect(await outcome({ answer: routed }, how)).toBe("done");
    expect(await outcome({ answer: hers }, how)).toBe("done");
    expect(await outcome({ answer: { answered: true, mac: "52:54:00:00:00:99" } }, how)).toBe(
      "addresses.live.taken",
    );
    expect(await outcome({ state: "off" }, how)).toBe("addresses.live.gone");
    expect(await outcome({ isAwake: false }, how)).toBe("addresses.live.unknown");
    expect(await outcome({ apply: "denied" }, how)).toBe("addresses.live.unknown");
  }
});

test("the guest has its old address again only where it says so, or where its timer can't have been stopped", async () => {
  expect(await outcome({})).toBe("addresses.rolledBack");
  expect(await outcome({ back: "silent" })).toBe("addresses.rolledBack");
  expect(await outcome({ back: codes.nothingHere })).toBe("addresses.rolledBack");
  expect(await outcome({ back: codes.tooLate })).toBe("addresses.live.unknown");
  for (const how of repeated) {
    expect(await outcome({}, how)).toBe("addresses.rolledBack");
    expect(await outcome({ back: "silent" }, how)).toBe("addresses.live.unknown");
    expect(await outcome({ back: codes.nothingHere }, how)).toBe("addresses.live.unknown");
    expect(await outcome({ back: codes.tooLate }, how)).toBe("addresses.live.unknown");
    expect(await outcome({ answer: hers, keep: codes.tooLate }, how)).toBe("addresses.rolledBack");
    expect(await outcome({ answer: hers, keep: codes.nothingHere }, how)).toBe("addresses.live.unknown");
  }
});

test("where a person says that the guest has it, nobody looks, but the guest must have kept it", async () => {
  const how = { again: true, unseen: true };
  expect(await outcome({}, how)).toBe("done");
  expect(await outcome({ keep: codes.tooLate }, how)).toBe("addresses.rolledBack");
  expect(await outcome({ isAwake: false }, how)).toBe("addresses.live.unknown");
});
