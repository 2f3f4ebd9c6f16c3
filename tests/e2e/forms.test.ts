/** Forms, languages and themes in the browser: the same words as the server's, and nothing that is not text. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import type { Page } from "playwright-core";
import { type App, demoTemplate, until } from "../support/app.ts";
import { liveStreamOpen, TestBrowser } from "../support/browser.ts";
import { type Lab, openLab } from "../support/lab.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync("/var/tmp/jimv-forms-");
let lab: Lab;
let app: App;
let browser: TestBrowser;

beforeAll(async () => {
  lab = await openLab();
  app = lab.app;
  await app.registerTemplate(await demoTemplate(folder));
  browser = await TestBrowser.open();
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const nameError = (page: Page): Promise<string | null> =>
  page.locator('[data-field="f-name"] > .error').textContent();

describe("hostile names in the form", () => {
  for (const name of ["<img src=x onerror=alert(1)>", 'a" onfocus="x', "web 😀", "../../etc", "{{7*7}}"])
    test(name, async () => {
      const page = await browser.signedIn(app);
      await page.goto(`${app.url}/guests/new`);
      await page.fill('input[name="name"]', name);
      await page.fill('input[name="password"]', "typed-by-hand");
      // On leaving the field the server says what is wrong; on sending it says the same.
      await page.press('input[name="name"]', "Tab");
      await page.waitForSelector('input[name="name"][aria-invalid="true"]');
      const onLeaving = await nameError(page);
      await page.click("#create-button");
      await page.waitForSelector(".submit > .error:not([hidden])");
      expect(await nameError(page)).toBe(onLeaving ?? "");
      expect(onLeaving?.length).toBeGreaterThan(10);
      expect(await page.inputValue('input[name="name"]')).toBe(name);
      // What was typed as a password stays in the field, and is in no HTML.
      expect(await page.inputValue('input[name="password"]')).toBe("typed-by-hand");
      expect(await page.content()).not.toContain("typed-by-hand");
      expect(await page.locator("#create-summary img").count()).toBe(0);
      const { total } = await app.ask<{ total: number }>("GET", "/guests");
      expect(total).toBe(0);
    });
});

test("a click on Create counts, also when the summary beside it changes meanwhile", async () => {
  const page = await browser.signedIn(app);
  const preview = Promise.withResolvers<void>();
  await page.route("**/guests/new/preview", async (route) => {
    await preview.promise;
    await route.continue();
  });
  await page.goto(`${app.url}/guests/new`);
  await page.fill('input[name="name"]', "not a name, and much too long for one line");
  await page.fill('input[name="quantity"]', "9");
  await page.hover("#create-button");
  await page.mouse.down();
  preview.resolve();
  await page.waitForSelector("#create-summary >> text=9 guests");
  await page.mouse.up();
  await page.waitForSelector(".submit > .error:not([hidden])");
});

test("a form that is sent before the page's script has started comes back whole", async () => {
  const page = await browser.signedIn(app);
  const script = /\/assets\/app\.\w+\.js/;
  await page.route(script, (route) => route.abort());
  const wrong: [path: string, field: string][] = [
    ["/guests/new", "name"],
    ["/templates/new", "defaultSizeGiB"],
    [`/nodes/${app.nodeName}/configure`, "storagePath"],
  ];
  for (const [path, field] of wrong) {
    await page.goto(`${app.url}${path}`);
    await page.fill(`[name="${field}"]`, "-7");
    const asked = page.waitForRequest((request) => request.method() === "POST");
    await page.click("main form [type=submit]");
    expect([path, (await asked).isNavigationRequest()]).toEqual([path, true]);
    const again = page.locator(`[name="${field}"][aria-invalid="true"]`);
    await again.waitFor();
    expect([path, await again.inputValue()]).toEqual([path, "-7"]);
    expect([path, await page.locator("#nav").count()]).toEqual([path, 1]);
  }
});

test("a remark may hold anything, and stays text", async () => {
  const remark = `<b>"bold"</b> & it's 😀 </textarea><script>alert(1)</script>`;
  const page = await browser.signedIn(app);
  await page.goto(`${app.url}/guests/new`);
  await page.fill('input[name="name"]', "noted");
  await page.fill('input[name="memoryMiB"]', "128");
  await page.fill('input[name="remark"]', remark);
  await page.uncheck('input[name="start"]');
  await page.click("#create-button");
  await page.waitForURL(/\/guests\/[0-9a-f-]{36}$/);
  await page.waitForSelector("#guest-head >> text=Off", { timeout: 60_000 });
  expect(await page.locator("#guest-head .sub span").first().textContent()).toBe(remark);
  await page.goto(`${app.url}/guests`);
  expect(await page.locator("#guests-rows .second").first().textContent()).toBe(remark);
  // The filter takes it as text, too.
  await page.fill("#filter-field", `it's 😀`);
  await until("the filter has narrowed the list", 10_000, () => page.url().includes("q="));
  expect(await page.locator("#guests-rows tr").count()).toBe(1);
  await page.fill("#filter-field", "%");
  await page.waitForSelector("text=Nothing matches.");
});

test("a taken name and a size that does not fit are told at their fields", async () => {
  const page = await browser.signedIn(app);
  await page.goto(`${app.url}/guests/new`);
  await page.fill('input[name="name"]', "NOTED");
  await page.press('input[name="name"]', "Tab");
  await page.waitForSelector('input[name="name"][aria-invalid="true"]');
  await page.fill('input[name="name"]', "other");
  await page.fill('input[name="memoryMiB"]', "9000000");
  await page.click("#create-button");
  await page.waitForSelector('input[name="memoryMiB"][aria-invalid="true"]');
});

test("a list that was narrowed in the page takes only new rows that belong into it", async () => {
  const page = await browser.signedIn(app);
  await page.goto(`${app.url}/disks`);
  const turned = page.waitForRequest((request) => /\/events\?.*view=disks[^&]*zz/.test(request.url()));
  await page.fill("#filter-field", "zz");
  await turned;
  for (const name of ["other", "zz-one"])
    await app.ask("POST", "/disks", { name, sizeGiB: 1, nodeName: app.nodeName });
  await page.waitForSelector("#disks-rows >> text=zz-one");
  expect(await page.locator("#disks-rows tr").count()).toBe(1);
  // Cleared again, it shows both.
  await page.fill("#filter-field", "");
  await page.waitForSelector("#disks-rows >> text=other");
  expect(await page.locator("#disks-rows tr").count()).toBe(2);
});

test("an action on a whole list asks with the number, and does nothing once it is other guests", async () => {
  const page = await browser.signedIn(app);
  await page.goto(`${app.url}/guests`);
  const templates = await app.ask<{ items: { id: string }[] }>("GET", "/templates");
  const create = async (name: string): Promise<void> => {
    const { task } = await app.ask<{ task: { id: string } }>("POST", "/guests", {
      ...{ name, templateId: templates.items[0]?.id, vcpus: 1, memoryMiB: 128, linked: true, start: false },
    });
    expect((await app.ended(task.id)).state).toBe("succeeded");
  };
  const post = (action: string, fields: Record<string, string>): Promise<{ status: number; text: string }> =>
    page.evaluate(
      async ([url, body]) => {
        const csrf = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
        const headers = {
          ...{ "x-csrf-token": csrf, "hx-request": "true", accept: "text/html" },
          "content-type": "application/x-www-form-urlencoded",
        };
        const answer = await fetch(url, { method: "POST", headers, body });
        return { status: answer.status, text: await answer.text() };
      },
      [`/guests/batch/${action}`, new URLSearchParams(fields).toString()] as const,
    );
  const whole = "guests:q=noted&show=off";
  await create("noted-2");
  const asked = await post("delete", { whole });
  expect(asked.text).toContain("Delete: 2 guests?");
  const mark = /name="mark" value="(\w+)"/.exec(asked.text)?.[1] ?? "";
  await create("noted-3");
  const refused = await post("delete", { whole, mark });
  expect([refused.status, refused.text.includes("now it would be 3")]).toEqual([409, true]);
  expect((await post("shutdown", { whole })).status).toBe(409);
  const again = await post("delete", { whole });
  expect(again.text).toContain("Delete: 3 guests?");
  const confirmed = await post("delete", {
    ...{ whole, mark: /name="mark" value="(\w+)"/.exec(again.text)?.[1] ?? "" },
  });
  expect(confirmed.status).toBe(200);
  await until("the guests are gone", 60_000, async () => {
    const { total } = await app.ask<{ total: number }>("GET", "/guests?q=noted");
    return total === 0;
  });
});

test("what is made elsewhere comes into every open list, also when it changes at once", async () => {
  const pages: Record<string, Page> = {};
  for (const path of ["/guests", "/disks?show=all", "/tasks", "/templates", "/ip-pools", "/boot-jobs"]) {
    const page = await browser.signedIn(app);
    await page.goto(app.url + path);
    await liveStreamOpen(page);
    pages[path] = page;
  }
  const template = (await app.ask<{ items: { id: string; path: string }[] }>("GET", "/templates")).items[0];
  const { task } = await app.ask<{ task: { id: string } }>("POST", "/guests", {
    ...{ name: "appears", templateId: template?.id, vcpus: 1, memoryMiB: 128, linked: true, start: false },
  });
  await app.registerTemplate(template?.path ?? "", { name: "appears" });
  await app.ask("POST", "/ip-pools", {
    name: "appears",
    first: "10.99.0.10",
    last: "10.99.0.20",
    prefix: 24,
  });
  await app.ask("POST", "/boot-jobs", { name: "appears", scope: "user", onFailure: "boot", rules: [] });
  for (const page of Object.values(pages)) await page.waitForSelector("tbody.rows >> text=appears");
  expect((await app.ended(task.id)).state).toBe("succeeded");
  for (const page of Object.values(pages)) await page.close();
});

test("Chinese and dark: every page speaks one language, and switches at once", async () => {
  const page = await browser.signedIn(app, { language: "zh-CN", theme: "dark" });
  for (const path of ["/guests", "/guests/new", "/disks", "/templates", "/nodes", "/tasks"]) {
    await page.goto(`${app.url}${path}`);
    expect(await page.getAttribute("html", "lang")).toBe("zh-CN");
    expect(await page.getAttribute("html", "data-theme")).toBe("dark");
    const text = (await page.locator("main").textContent()) ?? "";
    expect([path, /[\u4e00-\u9fff]/.test(text)]).toEqual([path, true]);
    // A key without a text would stand there as `guests.page.…`.
    expect([
      path,
      /\b(guests|disks|nodes|templates|task|state|label|action)\.[a-z]\w*/i.exec(text)?.[0],
    ]).toEqual([path, undefined]);
  }
  await page.goto(`${app.url}/guests`);
  await page.click("header [data-language]");
  await page.waitForSelector('html[lang="en"]');
  await page.waitForSelector("text=Create guest");
});

test("the language is switched in the middle of a form: what was typed stays, but for secrets", async () => {
  const page = await browser.signedIn(app);
  await page.goto(`${app.url}/guests/new`);
  await page.fill('input[name="name"]', "typed-before");
  await page.fill('input[name="quantity"]', "3");
  await page.check('input[name="linked"][value="true"]', { force: true });
  const password = page.locator('input[name="password"]');
  await password.evaluate((field: HTMLInputElement) => {
    field.value = "not-to-be-kept";
  });
  await page.click("header [data-language]");
  await page.waitForSelector('html[lang="zh-CN"]');
  await page.waitForFunction(
    () => document.querySelector<HTMLInputElement>('input[name="name"]')?.value === "typed-before",
  );
  expect(await page.inputValue('input[name="quantity"]')).toBe("3");
  expect(await page.isChecked('input[name="linked"][value="true"]')).toBe(true);
  expect(await password.inputValue()).not.toBe("not-to-be-kept");
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

test("a phone's width has no sideways scrolling", async () => {
  const page = await browser.signedIn(app, { width: 390, height: 844 });
  for (const path of ["/", "/guests?show=paused", "/guests/new", "/disks?show=all", "/tasks", "/nodes"]) {
    await page.goto(`${app.url}${path}`);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect([path, wider <= 0]).toEqual([path, true]);
  }
});

test("no page complained of a script or of the content security policy", () => {
  expect(browser.complaints).toEqual([]);
});
