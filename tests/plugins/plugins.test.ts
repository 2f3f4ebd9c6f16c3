/** The compiled executable loads a plugin from a folder, through the same face as the built-in ones. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, until } from "../support/app.ts";

setDefaultTimeout(120_000);

const plugin = join(import.meta.dir, "notes.tsx");

describe("a plugin from outside", () => {
  let app: App;
  beforeAll(async () => {
    app = await App.open({ libvirtUri: "test:///default", plugins: [plugin] });
    await until("the node has reported", 30_000, async () => {
      const { status, body } = await app.api<{ state: string }>("GET", `/nodes/${app.nodeName}`);
      return status === 200 && body.state === "live";
    });
  });
  afterAll(async () => {
    await app?.close();
  });

  async function signIn(): Promise<string> {
    const answer = await fetch(`${app.url}/api/v1/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: app.adminName, password: app.adminPassword }),
    });
    return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
  }

  test("its table, API, task, node side and words work", async () => {
    const made = await app.ask<{ id: string; task: { id: string } }>("POST", `/notes/${app.nodeName}`, {
      body: "<b>quiet</b>",
    });
    expect(await app.ended(made.task.id)).toMatchObject({ kind: "notes.stamp", state: "succeeded" });
    expect(await app.ask<Record<string, unknown>>("GET", `/notes/${made.id}`)).toEqual({
      id: made.id,
      body: "<b>quiet</b>",
      node: app.nodeName,
    });
    const missing = await app.api<{ detail: string }>("GET", "/notes/none");
    expect(missing).toMatchObject({ status: 404, body: { detail: "There is no such note." } });
  });

  test("its routes have the same checks as all others", async () => {
    expect((await app.api("POST", `/notes/${app.nodeName}`, { body: "" })).status).toBe(422);
    expect((await app.api("POST", `/notes/${app.nodeName}`, { body: "x", more: 1 })).status).toBe(422);
    expect((await app.api("POST", "/notes/nowhere", { body: "x" })).status).toBe(503);
    expect((await fetch(`${app.url}/api/v1/notes/none`)).status).toBe(401);
    const { paths } = (await (await fetch(`${app.url}/api/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(paths)).toContain("/api/v1/notes/{node}");
  });

  test("its page is drawn with the shared components, in the frame, escaped", async () => {
    const cookie = await signIn();
    const page = await (await fetch(`${app.url}/notes`, { headers: { cookie } })).text();
    expect(page).toContain("note: &lt;b&gt;quiet&lt;/b&gt;");
    expect(page).toContain('href="/guests"');
  });

  test("its variable is one of boot jobs, and its setting one of the settings", async () => {
    const { items } = await app.ask<{ items: { name: string; label: string }[] }>(
      "GET",
      "/boot-jobs/variables",
    );
    expect(items).toContainEqual({ name: "NOTE-COUNT", label: "How many notes there are" });
    const job = (content: string) => ({
      name: content,
      scope: "user",
      onFailure: "boot",
      rules: [{ kind: "write", path: "/etc/notes", content }],
    });
    const made = await app.api<{ id: string }>("POST", "/boot-jobs", job("{NOTE-COUNT}"));
    expect(made.status).toBe(201);
    const refused = await app.api<{ errors: unknown }>("POST", "/boot-jobs", job("{NOTE-NUMBER}"));
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.body)).toContain("There is no variable {NOTE-NUMBER}");
    expect(JSON.stringify((await app.api("GET", "/settings")).body)).toContain("note: ");

    const cookie = await signIn();
    const show = async (path: string) => {
      const answer = await fetch(`${app.url}${path}`, { headers: { cookie } });
      expect([path, answer.status]).toEqual([path, 200]);
      return answer.text();
    };
    expect(await show("/boot-jobs")).toContain(`href="/boot-jobs/${made.body.id}"`);
    expect(await show(`/boot-jobs/${made.body.id}`)).toContain("How many notes there are");
    expect(await show(`/boot-jobs/${made.body.id}/rule`)).toContain('name="content"');
    expect(await show(`/boot-jobs/${made.body.id}/edit`)).toContain('value="{NOTE-COUNT}"');
    expect(await show("/boot-jobs/new")).toContain('name="onFailure"');
    expect(await show("/boot-jobs/queue")).toContain("Nothing is queued");
    expect(await show("/guests/batch/boot-jobs?id=x")).toContain('name="jobs"');
  });

  test("its rows outlast a restart", async () => {
    const before = await app.ask<{ id: string }>("POST", `/notes/${app.nodeName}`, { body: "stays" });
    await app.stop();
    await app.start();
    expect(await app.ask<{ body: string }>("GET", `/notes/${before.id}`)).toMatchObject({ body: "stays" });
  });
});

/** The program's clock, which alone is at another time; what it waits for takes as long as it takes. */
const fakeClock = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

test("its nightly turn comes at its hour, in the compiled executable", async () => {
  expect(existsSync(fakeClock)).toBe(true);
  const app = await App.open({
    libvirtUri: "test:///default",
    plugins: [plugin],
    environment: {
      LD_PRELOAD: fakeClock,
      // Seconds before the hour, so that the notes are there by then.
      FAKETIME: `@${new Date().getUTCFullYear()}-06-15 02:59:40`,
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      TZ: "UTC",
    },
  });
  try {
    await until("the node has reported", 20_000, async () => {
      const { status, body } = await app.api<{ state: string }>("GET", `/nodes/${app.nodeName}`);
      return status === 200 && body.state === "live";
    });
    const leave = async (body: string): Promise<string> =>
      (await app.ask<{ id: string }>("POST", `/notes/${app.nodeName}`, { body })).id;
    const [today, longer] = [await leave("for today"), await leave("for longer")];
    const statusOf = async (id: string) => (await app.api("GET", `/notes/${id}`)).status;
    expect(await statusOf(today)).toBe(200);
    await until("the night's turn", 60_000, async () => (await statusOf(today)) === 404, 500);
    expect(await statusOf(longer)).toBe(200);
  } finally {
    await app.close();
  }
});

test("a plugin that can't be loaded stops the start with its name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jimv-broken-"));
  try {
    const file = join(folder, "broken.ts");
    writeFileSync(file, "export default (");
    expect(App.open({ libvirtUri: "test:///default", plugins: [file] })).rejects.toThrow(
      "broken.ts can't be loaded",
    );
    await expect(App.open({ libvirtUri: "test:///default", plugins: [file] })).rejects.toThrow(
      "jimv setup ended with 1",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
