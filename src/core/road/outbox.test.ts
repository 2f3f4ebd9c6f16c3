import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Outbox } from "./outbox.ts";

const clock = { now: () => 42, after: () => () => {}, every: () => () => {}, sleep: async () => {} };

const me = { incarnation: 7, machine: "m" };

describe("the outbox", () => {
  let folder = "";
  let path = "";
  const opened: Outbox[] = [];
  const open = (): Outbox => {
    const outbox = new Outbox(path, clock, "node-1");
    opened.push(outbox);
    return outbox;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "jimv-outbox-"));
    path = join(folder, "outbox.sqlite");
  });
  afterEach(() => {
    for (const outbox of opened.splice(0)) outbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const kinds = (outbox: Outbox, after = 0): string[] =>
    outbox.pending(after, me, 200).map((each) => each.kind);

  test("nobody else may read it", () => {
    open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("hands reports out in order, durable and latest-only alike, with who and when", () => {
    const outbox = open();
    outbox.add("first", { n: 1 });
    outbox.add("beat", { n: 1 }, "beat");
    outbox.add("second", { n: 2 });
    outbox.add("beat", { n: 2 }, "beat");
    const pending = outbox.pending(0, me, 200);
    expect(pending.map(({ kind, body }) => [kind, body.n])).toEqual([
      ["first", 1],
      ["second", 2],
      ["beat", 2],
    ]);
    expect(pending[0]).toMatchObject({
      node: "node-1",
      generation: outbox.generation,
      incarnation: 7,
      at: 42,
    });
    const sequences = pending.map((each) => each.sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  });

  test("after delivery latest-only reports are gone, durable ones stay until they are applied", () => {
    const outbox = open();
    outbox.add("durable", {});
    outbox.add("beat", {}, "beat");
    const last = outbox.pending(0, me, 200).at(-1)?.sequence ?? 0;
    outbox.delivered(last);
    expect(kinds(outbox)).toEqual(["durable"]);
    outbox.applied("another generation", last);
    expect(outbox.count()).toBe(1);
    outbox.applied(outbox.generation, last);
    expect(outbox.count()).toBe(0);
    expect(kinds(outbox)).toEqual([]);
  });

  test("a restart keeps generation, durable reports and journal, and never uses a number twice", () => {
    const before = open();
    before.add("durable", {});
    const id = before.journal("task-1", "undo", { path: "/a" });
    const last = before.pending(0, me, 200).at(-1)?.sequence ?? 0;
    before.close();
    const after = open();
    expect(after.generation).toBe(before.generation);
    expect(kinds(after)).toEqual(["durable"]);
    expect(after.journaled("task-1")).toEqual([{ id, taskId: "task-1", name: "undo", args: { path: "/a" } }]);
    after.add("new", {});
    expect(after.pending(last, me, 200)[0]?.sequence).toBeGreaterThan(last);
  });

  test("a file that has lost its last numbers goes on behind what the controller has applied", () => {
    const outbox = open();
    outbox.applied(outbox.generation, 123_456);
    outbox.add("new", {});
    expect(outbox.pending(0, me, 200)[0]?.sequence).toBeGreaterThan(123_456);
  });

  test("a task's end and the end of its journal are one", () => {
    const outbox = open();
    outbox.journal("task-1", "undo", {});
    outbox.journal("task-2", "undo", {});
    outbox.finish("task-1", false, "task.ended", { id: "task-1" });
    expect(outbox.journaled().map((entry) => entry.taskId)).toEqual(["task-2"]);
    outbox.finish("task-2", true, "task.ended", { id: "task-2" });
    expect(outbox.journaled("task-2")).toHaveLength(1);
    expect(kinds(outbox)).toEqual(["task.ended", "task.ended"]);
  });

  test("the journal is taken back last step first", () => {
    const outbox = open();
    for (const name of ["copy", "define"]) outbox.journal("task-1", name, {});
    expect(outbox.journaled("task-1").map((entry) => entry.name)).toEqual(["define", "copy"]);
  });

  test("no later report is handed out before an earlier one, however many there are", () => {
    const outbox = open();
    outbox.add("beat", {}, "beat");
    for (let n = 0; n < 450; n++) outbox.add("durable", { n });
    outbox.add("list", {}, "list");
    let after = 0;
    const heard: number[] = [];
    for (
      let batch = outbox.pending(after, me, 200);
      batch.length > 0;
      batch = outbox.pending(after, me, 200)
    ) {
      heard.push(...batch.map((each) => each.sequence));
      after = batch.at(-1)?.sequence ?? after;
      outbox.delivered(after);
    }
    expect(heard).toHaveLength(452);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
  });

  test("closed, it is silent but for the journal, which must not be lost", () => {
    const outbox = open();
    outbox.close();
    outbox.add("late", {});
    outbox.finish("task-1", false, "task.ended", {});
    expect(outbox.pending(0, me, 200)).toEqual([]);
    expect(() => outbox.journal("task-1", "undo", {})).toThrow("stopping");
  });
});
