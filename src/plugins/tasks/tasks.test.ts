import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { definePlugin, defineTask, type TaskKind, Type } from "jimv";
import { heartbeat, makeStage, type Stage } from "../../../tests/support/stage.ts";
import { StreamReader } from "../../core/http/testing/lab.ts";
import { taskService, tasksPlugin, tasksTray } from "./index.ts";

const kindOf = (name: string, cancellable: boolean): TaskKind =>
  defineTask({
    kind: name,
    payload: Type.Object({}),
    result: Type.Object({}),
    deadlineMs: 60_000,
    resend: false,
    attempts: 1,
    cancellable,
    weight: "light",
  });
const soft = kindOf("try.soft", true);
const hard = kindOf("try.hard", false);
const settlement = { succeeded: () => ({ statements: [] }), failed: () => ({ statements: [] }) };
const tryPlugin = definePlugin({
  name: "try",
  controller(context) {
    context.settle(soft, settlement);
    context.settle(hard, settlement);
  },
});

describe("tasks", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await makeStage([tasksPlugin, tryPlugin]);
    await stage.report("nodes.heartbeat", heartbeat);
  });
  afterEach(() => stage.stop());

  const make = async (kind = soft, name = "web-1", actor = "anna"): Promise<string> => {
    const { desk } = stage.controller;
    const task = await desk.prepare(kind, {
      node: "kvm-1",
      target: { type: "guest", key: name, name },
      payload: {},
      actor: { kind: "user", name: actor },
    });
    await stage.store.batch(task.statements, { events: task.events });
    desk.kick();
    return task.id;
  };

  test("the API tells state, progress, step, time left and error", async () => {
    const id = await make();
    const { id: sent, fence } = await stage.command("try.soft");
    expect(sent).toBe(id);
    await stage.report("task.started", { id, fence });
    await stage.report("task.progress", { id, fence, progress: 40, step: "task.step.again", etaSeconds: 7 });
    const reader = await stage.token("reader");
    const read = async () => (await reader.ask(`/api/v1/tasks/${id}`)).json();
    expect(await read()).toMatchObject({
      state: "running",
      progress: 40,
      step: "Trying once more",
      etaSeconds: 7,
      error: null,
      actor: "user:anna",
    });
    const error = { word: "hypervisor.noSpace", args: { detail: "disk full" } };
    await stage.report("task.ended", { id, fence, state: "failed", error, leftovers: true });
    expect(await read()).toMatchObject({
      state: "failed",
      leftovers: true,
      error: { word: "hypervisor.noSpace", args: { detail: "disk full" } },
    });
    const answer = (await read()) as { error: { detail: string } };
    expect(answer.error.detail).toContain("Free some space");
  });

  test("the API filters by its fields and refuses others", async () => {
    await make(soft, "web-1");
    // No hexadecimal digits: a task's id must not match by chance.
    await make(hard, "sql-1");
    const reader = await stage.token("reader");
    const totals = async (query: string) =>
      ((await (await reader.ask(`/api/v1/tasks?${query}`)).json()) as { total: number }).total;
    expect(await totals("")).toBe(2);
    expect(await totals("kind=try.hard")).toBe(1);
    expect(await totals("targetType=guest&targetKey=web-1")).toBe(1);
    expect(await totals("nodeName=kvm-9")).toBe(0);
    expect(await totals("state=queued&q=SQL")).toBe(1);
    expect(await totals("leftovers=true")).toBe(0);
    for (const query of ["actor=x", "state=odd", "sort=payload", "sort=createdAt,1", "pageSize=9999"])
      expect((await reader.ask(`/api/v1/tasks?${query}`)).status).toBe(422);
    expect((await reader.ask("/api/v1/tasks/none")).status).toBe(404);
  });

  test("cancelling: by operators, once, and only where the kind allows it", async () => {
    const reader = await stage.token("reader");
    const operator = await stage.token("operator");
    const id = await make(hard);
    const cancel = { method: "POST" };
    const { fence } = await stage.command("try.hard");
    await stage.report("task.started", { id, fence });
    expect((await reader.ask(`/api/v1/tasks/${id}/cancel`, cancel)).status).toBe(403);
    expect((await operator.ask(`/api/v1/tasks/${id}/cancel`, cancel)).status).toBe(409);
    const other = await make(soft);
    const begun = await stage.command("try.soft");
    const asked = await operator.ask(`/api/v1/tasks/${other}/cancel`, cancel);
    expect(asked.status).toBe(202);
    expect(await asked.json()).toMatchObject({ task: { id: other, cancelRequested: true } });
    await stage.end(begun, { state: "cancelled" });
    expect((await operator.ask(`/api/v1/tasks/${other}/cancel`, cancel)).status).toBe(409);
  });

  test("the tray holds what is open, and own failures until they are read", async () => {
    const tray = stage.controller.use(tasksTray);
    const viewer = (name: string) => ({
      actor: { kind: "user" as const, name },
      role: "operator" as const,
      language: "en" as const,
      theme: "auto" as const,
      csrf: null,
      say: (word: string) => word,
    });
    const ids = async (name: string) => (await tray(viewer(name)))().map((task) => task.id);
    const id = await make();
    expect(await ids("anna")).toEqual([id]);
    expect(await ids("bert")).toEqual([id]);
    const error = { word: "task.defect", args: { detail: "x" } };
    await stage.end(await stage.command("try.soft"), { state: "failed", error });
    expect(await ids("anna")).toEqual([id]);
    expect(await ids("bert")).toEqual([]);
    // The frame asks for its tray while the page is made, which may be the page that shows how it ended.
    const begun = await tray(viewer("anna"));
    stage.controller.use(taskService).markRead([id]);
    expect(begun()).toEqual([]);
    expect(await ids("anna")).toEqual([]);
  });

  test("pages show foreign text as text", async () => {
    const evil = '<img src=x onerror=alert(1)>"';
    const id = await make(soft, evil, evil);
    const command = await stage.command("try.soft");
    await stage.end(command, { state: "failed", error: { word: "task.defect", args: { detail: evil } } });
    const { ask } = await stage.session();
    for (const path of [
      "/tasks",
      `/tasks/${id}`,
      "/tasks?show=failed",
      `/tasks?q=${encodeURIComponent(evil)}`,
    ]) {
      const response = await ask(path);
      const page = await response.text();
      expect([path, response.status]).toEqual([path, 200]);
      expect(page).not.toContain("<img");
      expect(page).toContain("&lt;img");
    }
    expect((await ask("/tasks/none")).status).toBe(404);
    expect(stage.errors).toEqual([]);
  });

  test("a row, the page and the tray change by themselves", async () => {
    const { ask } = await stage.session();
    const after = await stage.store.lastEventSeq();
    const views = ["tasks:", "task-tray"].map((view) => `view=${view}`).join("&");
    const stream = new StreamReader(await ask(`/events?after=${after}&${views}`));
    const id = await make();
    const seen: string[] = [];
    while (
      !(seen.some((text) => text.includes("tasks-rows")) && seen.some((text) => text.includes("tray-tasks")))
    ) {
      const message = await stream.data();
      if (message === null) throw new Error("the stream ended");
      seen.push(message);
    }
    const command = await stage.command("try.soft");
    await stage.end(command, { state: "succeeded", result: {} });
    for (;;) {
      const message = await stream.data();
      if (message === null) throw new Error("the stream ended");
      if (message.includes(`#tasks-${id}`) && message.includes("Done")) break;
    }
    await stream.cancel();
  });
});
