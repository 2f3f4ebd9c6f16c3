import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { PretendedClock, settled } from "../../../tests/world/clock.ts";
import { AppError } from "../errors.ts";
import { HypervisorError } from "../libvirt/hypervisor.ts";
import { silentLog } from "../log/log.ts";
import type { Command, Envelope, TaskCommand } from "../road/contract.ts";
import { Outbox } from "../road/outbox.ts";
import { timing } from "../timing.ts";
import { NodeKey, sealTo } from "../vault.ts";
import { NodeAgent, taskError } from "./agent.ts";
import { defineTask, SecretString, type TaskKind } from "./kind.ts";
import type { Operation } from "./operation.ts";

const quick = defineTask({
  kind: "test.quick",
  payload: Type.Object({ n: Type.Integer(), secret: Type.Optional(SecretString()) }),
  result: Type.Object({}),
  deadlineMs: 60_000,
  resend: true,
  attempts: 3,
  cancellable: true,
  weight: "light",
});
const patient = { ...quick, kind: "test.patient", weight: "patient" } as const satisfies TaskKind;

describe("the node's agent", () => {
  let clock: PretendedClock;
  let outbox: Outbox;
  let agent: NodeAgent;
  let say: (command: Command) => void;
  let reports: Envelope[];
  /** What it was told of refusals and (null) of welcomes after them. */
  let refusals: (string | null)[];
  const key = NodeKey.random();
  /** What the operation does. */
  let work: (operation: Operation, payload: { n: number; secret?: string | undefined }) => Promise<void>;
  /** What taking back does. */
  let takeBack: (args: Record<string, string>) => Promise<void>;

  beforeEach(async () => {
    clock = new PretendedClock();
    outbox = new Outbox(":memory:", clock, "node-1");
    reports = [];
    refusals = [];
    work = async () => {};
    takeBack = async () => {};
    const road = {
      onCommand: (handler: (command: Command) => void) => {
        say = (command) => handler(structuredClone(command));
        return () => {};
      },
      deliver: async (envelopes: Envelope[]) => {
        reports.push(...envelopes);
        const sequence = envelopes.at(-1)?.sequence ?? 0;
        say({ type: "applied", generation: outbox.generation, sequence });
      },
      onLoss: () => () => {},
      status: () => ({ kind: "local" as const, connected: true, since: 0, reason: null }),
    };
    agent = new NodeAgent(
      { clock, road, log: silentLog, outbox, key },
      { name: "node-1", machineId: "m", version: "0", features: [] },
      (refusal) => refusals.push(refusal?.word ?? null),
    );
    const run = async (operation: Operation, payload: { n: number; secret?: string | undefined }) => {
      await work(operation, payload);
      return {};
    };
    agent.operation(quick, run);
    agent.operation(patient, run);
    agent.undo("test.undo", (args) => takeBack(args));
    agent.start();
    await settled();
    welcome(1, []);
    await settled();
  });
  afterEach(() => {
    agent.stop();
    outbox.close();
  });

  /** The answer to the last hello. */
  const welcome = (incarnation: number, open: string[]): void => {
    const answers = reports.findLast((report) => report.kind === "hello")?.sequence ?? 0;
    say({ type: "welcome", incarnation, answers, open });
  };

  const task = (id: string, change: Partial<TaskCommand> = {}): TaskCommand => ({
    type: "task",
    id,
    kind: "test.quick",
    fence: 1,
    payload: { n: 1 },
    timeLeft: 60_000,
    ...change,
  });
  const ends = () =>
    reports
      .filter((report) => report.kind === "task.ended")
      .map(({ body }) => [
        body.id,
        body.fence,
        body.state,
        (body.error as { word: string } | null)?.word ?? null,
      ]);
  const count = (kind: string): number => reports.filter((report) => report.kind === kind).length;

  test("carries out a task once, however often it is told", async () => {
    let times = 0;
    work = async () => void times++;
    say(task("a"));
    say(task("a"));
    await settled();
    say(task("a"));
    await settled();
    expect(times).toBe(1);
    expect(ends()).toEqual([["a", 1, "succeeded", null]]);
  });

  test("a refusal meant for this machine is told once, and it goes on saying hello until it is welcomed", async () => {
    const refuse = (machine: string | null): void =>
      say({ type: "refused", machine, word: "node.refused.taken", args: {} });
    refuse("another machine");
    expect(refusals).toEqual([]);
    const hellos = count("hello");
    refuse("m");
    refuse("m");
    expect(refusals).toEqual(["node.refused.taken"]);
    await clock.advance(timing.helloAgainMilliseconds * 2);
    expect(count("hello")).toBe(hellos + 2);
    welcome(2, []);
    expect(refusals).toEqual(["node.refused.taken", null]);
  });

  test("opens secrets that were sealed to it, and refuses payloads it can't read", async () => {
    const seen: unknown[] = [];
    work = async (_operation, payload) => void seen.push(payload);
    say(task("a", { payload: { n: 1, secret: sealTo(key.publicKey, "open sesame") } }));
    say(task("b", { payload: { n: "one" } }));
    say(task("c", { kind: "test.unheard" }));
    await settled();
    expect(seen).toEqual([{ n: 1, secret: "open sesame" }]);
    expect(ends().slice(1)).toEqual([
      ["b", 1, "failed", "task.badPayload"],
      ["c", 1, "failed", "task.unknownKind"],
    ]);
  });

  test("a failed task's steps are taken back, last first, before its end is told", async () => {
    const story: string[] = [];
    takeBack = async ({ step = "" }) => {
      story.push(`undo ${step}`);
      expect(ends()).toEqual([]);
    };
    work = async (operation) => {
      await operation.step("one", { name: "test.undo", args: { step: "1" } }, async () => {});
      await operation.step("two", { name: "test.undo", args: { step: "2" } }, async () => {
        throw new HypervisorError("noSpace", "full");
      });
    };
    say(task("a"));
    await settled();
    expect(story).toEqual(["undo 2", "undo 1"]);
    expect(ends()).toEqual([["a", 1, "failed", "hypervisor.noSpace"]]);
    expect(outbox.journaled()).toEqual([]);
  });

  test("what can't be taken back at once is told as leftovers and tried until it is gone", async () => {
    let broken = true;
    takeBack = async () => {
      if (broken) throw new Error("not yet");
    };
    work = async (operation) => {
      await operation.step("one", { name: "test.undo", args: {} }, async () => {});
      throw new AppError("conflict", "test.reason");
    };
    say(task("a"));
    await clock.advance(timing.undoPatienceMilliseconds + 1_000);
    expect(ends()).toEqual([["a", 1, "failed", "test.reason"]]);
    expect(reports.at(-1)?.body.leftovers).toBe(true);
    broken = false;
    await clock.advance(timing.leftoverSweepMilliseconds);
    expect(outbox.journaled()).toEqual([]);
    expect(count("task.cleaned")).toBe(1);
  });

  test("a second attempt begins when the first has taken everything back", async () => {
    const story: string[] = [];
    takeBack = async () => {
      story.push("undo begins");
      await clock.sleep(1_000);
      story.push("undo ends");
    };
    work = async (operation, { n }) => {
      story.push(`attempt ${n}, repeated: ${operation.isRepeated}`);
      await operation.step("step", { name: "test.undo", args: {} }, () =>
        clock.sleep(5_000, operation.signal),
      );
    };
    say(task("a"));
    await clock.advance(100);
    say(task("a", { fence: 2, payload: { n: 2 } }));
    // Others that end meanwhile must not wake it too early.
    say(task("b", { payload: { n: 3 } }));
    await clock.advance(20_000);
    expect(story.indexOf("attempt 2, repeated: true")).toBeGreaterThan(story.indexOf("undo ends"));
    expect(story.filter((line) => line.startsWith("undo"))).toEqual(["undo begins", "undo ends"]);
    expect(ends().filter(([id]) => id === "a")).toEqual([
      ["a", 1, "failed", "task.defect"],
      ["a", 2, "succeeded", null],
    ]);
  });

  test("a cancelled task ends as cancelled, whether it runs, waits or never came", async () => {
    work = (operation) => clock.sleep(50_000, operation.signal);
    say(task("runs"));
    await settled();
    say({ type: "cancel", id: "runs", fence: 1 });
    say({ type: "cancel", id: "unknown", fence: 1 });
    say(task("unknown"));
    await clock.advance(100);
    expect(ends().sort()).toEqual([
      ["runs", 1, "cancelled", "task.cancelled"],
      ["unknown", 1, "cancelled", null],
    ]);
  });

  test("ends a task at its deadline, and does not begin one whose deadline has passed", async () => {
    let begun = 0;
    work = async (operation) => {
      begun++;
      await clock.sleep(100_000, operation.signal);
    };
    say(task("late", { timeLeft: -1 }));
    say(task("long"));
    await clock.advance(61_000);
    expect(begun).toBe(1);
    expect(ends()).toEqual([
      ["late", 1, "failed", "task.expiredRunning"],
      ["long", 1, "failed", "task.expiredRunning"],
    ]);
  });

  test("a clock that is turned while a task waits or works changes nothing of its deadline", async () => {
    work = (operation) => clock.sleep(100_000, operation.signal);
    say(task("long"));
    clock.turn(3_600_000);
    say(task("quick"));
    await clock.advance(59_000);
    expect(ends()).toEqual([]);
    await clock.advance(2_000);
    expect(ends()).toEqual([
      ["long", 1, "failed", "task.expiredRunning"],
      ["quick", 1, "failed", "task.expiredRunning"],
    ]);
  });

  test("the controller's welcome ends tasks that it has given up, and only those it was told of", async () => {
    work = (operation) => clock.sleep(50_000, operation.signal);
    say(task("given up"));
    say(task("kept"));
    await settled();
    say({ type: "greet" });
    await settled();
    say(task("newer than the hello"));
    await settled();
    welcome(2, ["kept"]);
    await clock.advance(100);
    expect(ends()).toEqual([["given up", 1, "cancelled", "task.cancelled"]]);
  });

  test("says hello with what runs, and again until it is welcomed", async () => {
    const nothing = () => () => {};
    const deliver = async (some: Envelope[]) => void heard.push(...some);
    const road = { onCommand: nothing, onLoss: nothing, deliver };
    const heard: Envelope[] = [];
    const other = new Outbox(":memory:", clock, "node-2");
    const lonely = new NodeAgent(
      {
        clock,
        road: { ...road, status: () => ({ kind: "local", connected: true, since: 0, reason: null }) },
        log: silentLog,
        outbox: other,
        key,
      },
      { name: "node-2", machineId: "m", version: "0", features: [] },
    );
    lonely.start();
    await clock.advance(timing.helloAgainMilliseconds * 3);
    lonely.stop();
    other.close();
    expect(heard.filter((report) => report.kind === "hello")).toHaveLength(4);
    work = (operation) => clock.sleep(50_000, operation.signal);
    say(task("a", { fence: 3 }));
    say({ type: "greet" });
    await clock.advance(10);
    expect(reports.findLast((report) => report.kind === "hello")?.body.running).toEqual([
      { id: "a", fence: 3 },
    ]);
  });

  test("tasks that wait for guests are never in the way of the others", async () => {
    work = async (_operation, { n }) => {
      if (n === 0) await clock.sleep(40_000);
    };
    for (let n = 0; n < 100; n++) say(task(`patient-${n}`, { kind: "test.patient", payload: { n: 0 } }));
    say(task("quick"));
    await clock.advance(10);
    expect(ends()).toEqual([["quick", 1, "succeeded", null]]);
  });

  test("a task that becomes patient gives its place to another", async () => {
    work = async (operation, { n }) => {
      if (n === 2) operation.becomePatient();
      await new Promise<never>((_, reject) =>
        operation.signal.addEventListener("abort", () => reject(operation.signal.reason)),
      );
    };
    for (let at = 0; at < 20; at++) say(task(`t${at}`, { payload: { n: 1 } }));
    await settled();
    const full = count("task.started");
    expect(full).toBeLessThan(20);
    for (let at = 0; at < 20; at++) say({ type: "cancel", id: `t${at}`, fence: 1 });
    await settled();
    for (let at = 0; at < 20; at++) say(task(`w${at}`, { payload: { n: 2 } }));
    await settled();
    expect(count("task.started")).toBe(full + 20);
  });

  test("a task's end that can't be written is written later, and nothing else becomes of the task", async () => {
    const { finish } = outbox;
    outbox.finish = () => {
      throw new Error("database or disk is full");
    };
    say(task("a"));
    await clock.advance(timing.outboxAgainMilliseconds * 2 + 10);
    expect(ends()).toEqual([]);
    outbox.finish = finish;
    await clock.advance(timing.outboxAgainMilliseconds);
    expect(ends()).toEqual([["a", 1, "succeeded", null]]);
  });

  test("after a restart it takes back what no task owns any more, once the controller has said which do", async () => {
    const story: string[] = [];
    takeBack = async ({ of = "" }) => void story.push(of);
    outbox.journal("over", "test.undo", { of: "over" });
    outbox.journal("coming again", "test.undo", { of: "again" });
    say({ type: "greet" });
    await settled();
    welcome(2, ["coming again"]);
    await clock.advance(10_000);
    expect(story).toEqual(["over"]);
    say(task("coming again", { fence: 2 }));
    await settled();
    expect(story).toEqual(["over", "again"]);
    expect(ends()).toEqual([["coming again", 2, "succeeded", null]]);
  });
});

describe("what people are told", () => {
  test("each error becomes a word with what is known", () => {
    expect(taskError(new HypervisorError("denied", "no"))).toEqual({
      word: "hypervisor.denied",
      args: { detail: "no" },
    });
    expect(taskError(new AppError("conflict", "some.word", { n: 1 }))).toEqual({
      word: "some.word",
      args: { n: 1 },
    });
    expect(taskError(new TypeError("oops"))).toEqual({ word: "task.defect", args: { detail: "oops" } });
    expect(taskError("text").word).toBe("task.defect");
  });
});
