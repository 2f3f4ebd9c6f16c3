import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { definePlugin, insert, tasks } from "jimv";
import { heartbeat, makeStage, type Stage } from "../../../tests/support/stage.ts";
import { StreamReader } from "../../core/http/testing/lab.ts";
import { disksPlugin } from "../disks/index.ts";
import { guestsPlugin } from "../guests/index.ts";
import { nodesPlugin } from "../nodes/index.ts";
import { poolsPlugin } from "../pools/index.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { templatesPlugin } from "../templates/index.ts";
import { dashboardNeeds, dashboardPlugin } from "./index.ts";

const evil = "<img src=x>";
const otherPlugin = definePlugin({
  name: "other",
  controller: ({ slots }) => {
    slots.add(dashboardNeeds, async () => [
      { id: `x:${evil}`, tone: "bad", title: evil, detail: evil, action: { label: evil, href: "/x" } },
    ]);
  },
});
const plugins = [
  tasksPlugin,
  nodesPlugin,
  poolsPlugin,
  templatesPlugin,
  disksPlugin,
  guestsPlugin,
  dashboardPlugin,
];

describe("the dashboard", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await makeStage(plugins);
    await stage.report("nodes.heartbeat", heartbeat);
  });
  afterEach(() => stage.stop());

  const page = async (): Promise<string> => {
    const { ask } = await stage.session();
    const response = await ask("/");
    expect(response.status).toBe(200);
    return response.text();
  };

  test("says first what needs somebody, each with its way out", async () => {
    const first = await page();
    expect(first).toContain("No storage folder and network yet");
    expect(first).toContain('href="/nodes/kvm-1/configure"');
    await stage.report("nodes.heartbeat", {
      ...heartbeat,
      hypervisor: { connected: false, since: 1, reason: "no socket" },
    });
    expect(await page()).toContain("libvirtd is away: no socket");
    stage.clock.pass(25_000);
    expect(await page()).toContain("Offline. Last heard");
  });

  test("shows tasks that left something behind until it is gone", async () => {
    const now = stage.clock.now();
    const row = {
      id: "t1",
      kind: "templates.check",
      state: "failed" as const,
      nodeName: "kvm-1",
      targetType: "template",
      targetKey: "x",
      targetName: "Debian",
      exclusiveKey: null,
      payload: "{}",
      progress: 0,
      step: null,
      etaSeconds: null,
      errorWord: "task.defect",
      errorArgs: { detail: "x" },
      leftovers: true,
      cancelRequested: false,
      actor: "user:anna",
      fence: 2,
      attempts: 1,
      deadlineAt: now,
      createdAt: now,
      sentAt: now,
      startedAt: now,
      endedAt: now,
    };
    await stage.store.run(insert(tasks, row));
    expect(await page()).toContain("Check template Debian: something is left on the node");
    await stage.report("task.cleaned", { id: "t1" });
    expect(await page()).not.toContain("something is left on the node");
  });

  test("shows what other plugins add, as text", async () => {
    const more = await makeStage([...plugins, otherPlugin]);
    try {
      const { ask } = await more.session();
      const text = await (await ask("/")).text();
      expect(text).not.toContain("<img");
      expect(text).toContain("&lt;img src=x&gt;");
      expect(more.errors).toEqual([]);
    } finally {
      await more.stop();
    }
  });

  test("changes by itself", async () => {
    const { ask } = await stage.session();
    const after = await stage.store.lastEventSeq();
    const stream = new StreamReader(await ask(`/events?after=${after}&view=dashboard`));
    await stage.report("nodes.heartbeat", {
      ...heartbeat,
      hypervisor: { connected: false, since: 1, reason: "gone away" },
    });
    for (;;) {
      const message = await stream.data();
      if (message === null) throw new Error("the stream ended");
      if (message.includes("dashboard-needs") && message.includes("gone away")) break;
    }
    await stream.cancel();
  });
});
