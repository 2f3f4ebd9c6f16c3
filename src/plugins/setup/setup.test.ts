import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { heartbeat, makeStage, rightCode, type Stage } from "../../../tests/support/stage.ts";
import { StreamReader } from "../../core/http/testing/lab.ts";
import { nodeService, nodesPlugin } from "../nodes/index.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { type Facts, judge } from "./checks.ts";
import { setupPlugin, setupService } from "./index.ts";

const input = {
  name: "anna",
  password: "long enough",
  language: "en",
  storagePath: "/srv/jimv",
  bridge: null,
  vncPortFirst: 15900,
  vncPortLast: 15999,
} as const;
const actor = { kind: "user", name: "anna" } as const;
const form = {
  code: rightCode,
  name: "anna",
  password: "long enough",
  again: "long enough",
  language: "en",
  storagePath: "/srv/jimv",
  bridge: "",
  vncPortFirst: "15900",
  vncPortLast: "15999",
};

describe("the first start", () => {
  let stage: Stage;
  const service = () => stage.controller.use(setupService);
  const people = () => stage.web.access.hasPeople();
  const get = (path: string) => stage.web.handle(new Request(`http://localhost${path}`));
  const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    stage.web.handle(
      new Request("http://localhost/set-up", {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      }),
    );

  beforeEach(async () => {
    stage = await makeStage([tasksPlugin, nodesPlugin, setupPlugin]);
    await stage.report("nodes.heartbeat", heartbeat);
  });
  afterEach(() => stage.stop());

  test("makes the administrator, keeps the ports and sets the node up, once", async () => {
    expect(service().isDone()).toBe(false);
    const { person, taskId } = await service().finish(input, actor);
    expect(person).toMatchObject({ name: "anna", role: "administrator" });
    expect(service().isDone()).toBe(true);
    expect(await stage.command("nodes.configure")).toMatchObject({
      id: taskId,
      payload: { storagePath: "/srv/jimv" },
    });
    await expect(service().finish({ ...input, name: "eve" }, actor)).rejects.toMatchObject({
      word: "setup.done",
    });
  });

  test("of two that finish at once one is refused", async () => {
    const both = await Promise.allSettled([
      service().finish(input, actor),
      service().finish({ ...input, name: "eve" }, actor),
    ]);
    expect(both.map((one) => one.status)).toEqual(["fulfilled", "rejected"]);
  });

  test("a refused choice makes nobody", async () => {
    await expect(service().finish({ ...input, storagePath: "/etc" }, actor)).rejects.toMatchObject({
      fields: [{ path: "storagePath" }],
    });
    await expect(service().finish({ ...input, bridge: "br9" }, actor)).rejects.toMatchObject({
      fields: [{ path: "bridge" }],
    });
    expect(await people()).toBe(false);
  });

  test("without a node yet the administrator is made all the same", async () => {
    const bare = await makeStage([tasksPlugin, nodesPlugin, setupPlugin]);
    try {
      expect(await bare.controller.use(setupService).finish(input, actor)).toMatchObject({ taskId: null });
      expect(await bare.controller.use(nodeService).list()).toEqual([]);
    } finally {
      await bare.stop();
    }
  });

  test("the page needs the code, and signs in", async () => {
    const page = await get("/set-up");
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('id="check-libvirt"');
    const wrong = await post({ ...form, code: "guess" }, { "hx-request": "true" });
    expect(wrong.status).toBe(422);
    expect(await wrong.text()).toContain("This is not the code");
    expect(await people()).toBe(false);
    const right = await post(form);
    expect([right.status, right.headers.get("location")]).toEqual([303, "/"]);
    const cookie = right.headers.get("set-cookie") ?? "";
    expect(cookie).toContain("HttpOnly");
    const { ask } = await stage.session();
    expect((await ask("/nodes")).status).toBe(200);
  });

  test.each([
    [{ again: "something else" }, "differ"],
    [{ password: "short", again: "short" }, "At least 8"],
    [{ name: "" }, "fill this in"],
    [{ name: "<b>" }, "Letters, digits"],
    [{ storagePath: "relative" }, "beginning with a slash"],
    [{ vncPortFirst: "99999999999999999999" }, "At most"],
    [{ vncPortLast: "15900" }, "at least 8 ports"],
    [{ language: "xx" }, "One of"],
  ])("the page refuses %j at its field", async (change, text) => {
    const response = await post({ ...form, ...change }, { "hx-request": "true" });
    expect(response.status).toBe(422);
    expect(await response.text()).toContain(text);
    expect(await people()).toBe(false);
  });

  test("from another site it is refused", async () => {
    const response = await post(form, { origin: "https://evil.example", "sec-fetch-site": "cross-site" });
    expect(response.status).toBe(403);
    expect(await people()).toBe(false);
  });

  test("afterwards the page leads away and its stream is closed", async () => {
    await service().finish(input, actor);
    expect((await get("/set-up")).headers.get("location")).toBe("/");
    expect((await post(form)).status).toBe(409);
    expect((await get("/set-up/stream")).status).toBe(409);
  });

  test("the checks change in the page by themselves", async () => {
    const stream = new StreamReader(await get("/set-up/stream"));
    const until = async (part: string): Promise<string> => {
      for (;;) {
        const message = await stream.data();
        if (message === null) throw new Error(`the stream ended before ${part}`);
        if (message.includes(part)) return message;
      }
    };
    expect(await until("check-libvirt")).toContain("9.0.0");
    await stage.report("nodes.heartbeat", {
      ...heartbeat,
      hypervisor: { connected: false, since: 1, reason: "no socket <b>" },
    });
    stage.clock.pass(2_000);
    const row = await until("check-libvirt");
    expect(row).toContain("no socket &lt;b&gt;");
    expect(row).toContain("systemctl enable --now libvirtd");
    await stream.cancel();
  });
});

describe("the readiness checks", () => {
  const node = { ...heartbeat, hypervisor: { connected: true, since: 0, reason: null } } as never;
  const facts: Facts = {
    database: { product: "SQLite", version: "3.50", milliseconds: 0.2 },
    road: { kind: "local", connected: true, since: 0, reason: null },
    node,
    space: { path: "/srv/jimv", availableBytes: 100 * 1024 ** 3 },
    ports: { first: 15900, last: 19899 },
    now: 100_000,
  };
  const states = (change: Partial<Facts>) =>
    Object.fromEntries(judge({ ...facts, ...change }).map((check) => [check.id, check.state]));

  test("are all fine but for the missing KVM", () =>
    expect(states({})).toEqual({
      database: "ok",
      road: "ok",
      libvirt: "ok",
      qemu: "ok",
      acceleration: "warn",
      space: "ok",
      ports: "ok",
    }));

  test.each([
    ["database", "bad", { database: { error: "gone" } }],
    ["road", "bad", { road: { kind: "redis", connected: false, since: 0, reason: "gone" } }],
    ["libvirt", "running", { node: null }],
    [
      "libvirt",
      "running",
      { node: { ...heartbeat, hypervisor: { connected: false, since: 99_000, reason: "x" } } },
    ],
    ["libvirt", "bad", { node: { ...heartbeat, hypervisor: { connected: false, since: 0, reason: "x" } } }],
    ["space", "bad", { space: { path: "/", availableBytes: 1 } }],
    ["space", "warn", { space: { path: "/", availableBytes: 5 * 1024 ** 3 } }],
    ["ports", "warn", { ports: { first: 32000, last: 33000 } }],
    [
      "ports",
      "warn",
      { node: { ...heartbeat, ports: { ephemeralFirst: 32768, ephemeralLast: 60999, listening: [15901] } } },
    ],
  ])("%s is %s", (id, state, change) => expect<string | undefined>(states(change as never)[id]).toBe(state));

  test("each that is not fine says what to do", () => {
    const sick = judge({
      ...facts,
      database: { error: "gone" },
      node: { ...heartbeat, hypervisor: { connected: false, since: 0, reason: "x" } } as never,
    });
    for (const check of sick)
      if (check.state === "bad" || check.state === "warn") expect(check.fixes.length).toBeGreaterThan(0);
  });

  test("a controller without a node of its own looks at database and road alone", () =>
    expect(Object.keys(states({ node: "none" }))).toEqual(["database", "road"]));
});
