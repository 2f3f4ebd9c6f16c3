/** The first start in the browser: the wizard with its one-time code, then sign-in, sign-out, and a template. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { type App, demoTemplate, until } from "../support/app.ts";
import { signIn, TestBrowser } from "../support/browser.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { run } from "../support/processes.ts";

setDefaultTimeout(240_000);

const folder = mkdtempSync("/var/tmp/jimv-first-");
let lab: Lab;
let app: App;
let browser: TestBrowser;
let page: Page;

beforeAll(async () => {
  lab = await openLab({ setUp: false });
  app = lab.app;
  browser = await TestBrowser.open();
  page = await browser.page(app);
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function fillWizard(code: string): Promise<void> {
  const fields = {
    code,
    name: app.adminName,
    password: app.adminPassword,
    again: app.adminPassword,
    storagePath: join(app.folder, "disks"),
    vncPortFirst: "21000",
    vncPortLast: "21099",
  };
  for (const [name, value] of Object.entries(fields)) await page.fill(`#set-up [name="${name}"]`, value);
}

test("every page leads to the wizard, whose checks run", async () => {
  await page.goto(`${app.url}/guests`);
  await page.waitForURL("**/set-up");
  await until("libvirt's check has passed", 60_000, async () => {
    const text = (await page.locator("main, body").first().textContent()) ?? "";
    return text.includes("9.") && /libvirt/i.test(text);
  });
});

test("a typed storage folder is looked at: what is free there, and whether it can be one", async () => {
  const tiny = `${folder}/tiny`;
  const closed = `${folder}/closed`;
  for (const [path, options] of [
    [tiny, "size=8m"],
    [closed, "ro"],
  ] as const) {
    mkdirSync(path);
    await run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]);
  }
  try {
    const field = page.locator('#set-up [name="storagePath"]');
    const error = page.locator('[data-field="f-storagePath"] > .error');
    for (const [path, says] of [
      ["disks", "beginning with a slash"],
      [`${tiny}/disks`, "only 8 MiB are free"],
      [`${closed}/disks`, "mounted read-only"],
    ] as const) {
      await field.fill(path);
      await field.press("Tab");
      await error.filter({ hasText: says }).waitFor();
    }
    await field.fill(`${folder}/disks`);
    await field.press("Tab");
    await error.waitFor({ state: "hidden" });
    await page.locator("#folder-space", { hasText: `GiB free for ${folder}/disks` }).waitFor();
  } finally {
    for (const path of [tiny, closed]) await run(["umount", path]);
  }
});

test("a wrong code is refused at its field, and nothing is made", async () => {
  await fillWizard("wrong-code");
  await page.click("#set-up [type=submit]");
  await page.waitForSelector('#set-up [name="code"][aria-invalid="true"]');
  const refused = await fetch(`${app.url}/api/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: app.adminName, password: app.adminPassword }),
  });
  expect(refused.status).toBe(401);
});

test("the printed code makes the administrator, signs in, and sets the node up", async () => {
  await fillWizard(app.setupCode);
  await page.click("#set-up [type=submit]");
  await page.waitForURL((url) => url.pathname === "/" || url.pathname === "/guests");
  await app.nodeReady();
  // The wizard is closed for good.
  await page.goto(`${app.url}/set-up`);
  expect(new URL(page.url()).pathname).not.toBe("/set-up");
});

test("a template is registered in the browser, and becomes ready while one looks at it", async () => {
  const image = await demoTemplate(folder);
  await page.goto(`${app.url}/templates`);
  await page.click("[data-create]");
  await page.fill('[name="name"]', "Demo");
  await page.fill('[name="path"]', image);
  await page.check('[name="init"][value="agent"]', { force: true });
  await page.click("form [type=submit]");
  await until("the template is ready", 60_000, async () => {
    const { items } = await app.ask<{ items: { name: string; state: string }[] }>("GET", "/templates");
    return items.some((template) => template.name === "Demo" && template.state === "ready");
  });
  await page.waitForSelector("text=Ready");
});

test("signing out ends the session everywhere, also in the tab that stays open", async () => {
  const other = await page.context().newPage();
  await other.goto(`${app.url}/guests`);
  const cookies = await page.context().cookies();
  await page.goto(`${app.url}/guests`);
  await page.click('[popovertarget="user-menu"], [aria-label^="You:"]');
  await page.click("text=Sign out");
  await page.waitForURL("**/sign-in**");
  // The old cookie is worth nothing any more.
  const session = cookies.find((cookie) => cookie.name === "jimv_session");
  const answer = await fetch(`${app.url}/api/v1/guests`, {
    headers: { cookie: `jimv_session=${session?.value}` },
  });
  expect(answer.status).toBe(401);
  await other.waitForURL("**/sign-in**", { timeout: 30_000 });
});

test("a wrong password is refused without saying what was wrong", async () => {
  const texts: (string | null)[] = [];
  for (const name of [app.adminName, "nobody-here"]) {
    await page.goto(`${app.url}/sign-in`);
    await signIn(page, name, "not-the-password");
    const alert = page.locator(".error:visible, .notice.bad:visible, [role=alert]:visible").first();
    await alert.waitFor();
    texts.push(await alert.textContent());
    expect(new URL(page.url()).pathname).toBe("/sign-in");
  }
  expect(texts[0]).toBe(texts[1] ?? "");
});

test("after signing in one is where one wanted to go", async () => {
  await page.goto(`${app.url}/disks`);
  await page.waitForURL("**/sign-in**");
  await signIn(page, app.adminName, app.adminPassword);
  await page.waitForURL("**/disks");
});

test("no page complained of a script or of the content security policy", () => {
  expect(browser.complaints).toEqual([]);
});
