/** The live stream in a real browser: what arrives changes the page in place and disturbs nobody. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { rowMark } from "../../src/core/http/shown-rows.ts";
import { guests, type MockGuest } from "../../src/ui/gallery/data.ts";
import { guestTable } from "../../src/ui/gallery/guests.tsx";
import { append, html, prepend, reload, remove, replace, TableRow, trayChange } from "../../src/ui/index.ts";
import { openPage, Site, startBrowser } from "./site.tsx";

setDefaultTimeout(60_000);

let site: Site;
let browser: Browser;
let page: Page;
let complaints: string[];
let close: () => Promise<void>;

beforeAll(async () => {
  site = new Site();
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  site.stop();
});
beforeEach(async () => {
  site.refuse = null;
  site.connections.length = 0;
  site.told.length = 0;
  ({ page, complaints, close } = await openPage(
    browser,
    `${site.url}gallery/guests?lang=en&theme=light&stream=/events`,
  ));
  await page.waitForSelector('[data-lamp="live"]');
});
afterEach(async () => {
  await close();
  await until(() => site.streaming === 0);
});

const guest = (name: string): MockGuest => {
  const found = guests.find((one) => one.name === name);
  if (!found) throw new Error(`no guest ${name}`);
  return found;
};
const row = (of: MockGuest): Promise<string> => html(<TableRow spec={guestTable} row={of} lang="en" />);
const idOf = (name: string): string => guestTable.rowId(guest(name));
const textOf = (name: string): Promise<string | null> =>
  page.locator(`#${idOf(name)} [data-col="state"]`).textContent();

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    // Asked once only: the filter that was typed into may draw the list anew right after.
    if (await done()) return;
    await Bun.sleep(10);
  }
  throw new Error("it did not come to be within 20 s");
}

test("a changed row is replaced; tick, focus, open menu and the other rows stay", async () => {
  const id = idOf("web-07");
  await page.click(`#${id} .pick input`);
  await page.click(`#${id} .acts > .btn`);
  await page.locator(`#${id} .menu`).waitFor({ state: "visible" });
  await page.evaluate((rowId) => {
    (document.getElementById(rowId) as HTMLElement & { mine?: boolean }).mine = true;
  }, id);
  const focused = await page.evaluate(() => document.activeElement?.textContent);
  site.push(replace(id, await row({ ...guest("web-07"), state: "crashed" })));
  await until(async () => (await textOf("web-07")) === "Crashed");
  expect(
    await page.evaluate(
      (rowId) => (document.getElementById(rowId) as HTMLElement & { mine?: boolean }).mine,
      id,
    ),
  ).toBe(true);
  expect(await page.locator(`#${id} .pick input`).isChecked()).toBe(true);
  expect(await page.locator(`#${id} .menu`).isVisible()).toBe(true);
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(focused ?? "");
  // What it allows has changed: it can't be shut down any more.
  expect(await page.locator('[data-batch="shutdown"]').isDisabled()).toBe(true);
  expect(complaints).toEqual([]);
});

test("the menu stays at its button while its row changes", async () => {
  const id = idOf("web-07");
  await page.click(`#${id} .acts > .btn`);
  const before = await page.locator(`#${id} .menu`).boundingBox();
  site.push(replace(id, await row({ ...guest("web-07"), state: "paused" })));
  await until(async () => (await textOf("web-07")) === "Paused");
  expect(await page.locator(`#${id} .menu`).boundingBox()).toEqual(before);
});

test("typing goes on while rows change", async () => {
  await page.click("#filter-field");
  await page.keyboard.type("we");
  site.push(replace(idOf("web-08"), await row({ ...guest("web-08"), state: "off" })));
  await page.keyboard.type("b-0");
  await until(async () => (await textOf("web-08")) === "Off");
  expect(await page.inputValue("#filter-field")).toBe("web-0");
});

test("rows come and go; a row that comes twice is there once; an unknown id does nothing", async () => {
  const fresh: MockGuest = {
    ...guest("web-07"),
    uuid: "11111111-0000-4000-8000-000000000001",
    name: "fresh-1",
  };
  const count = await page.locator("#guests-rows tr").count();
  const markup = await row(fresh);
  site.push(
    append("guests-rows", markup),
    append("guests-rows", markup),
    replace(guestTable.rowId(fresh), await row({ ...fresh, state: "paused" })),
    replace("guest-nobody", markup),
    remove("guest-nobody"),
  );
  await until(async () => (await page.locator("#guests-rows tr").count()) === count + 1);
  await page.waitForSelector(`#${guestTable.rowId(fresh)} [data-flash="paused"]`);
  site.push(remove(guestTable.rowId(fresh)), remove(idOf("win-lab")));
  await until(async () => (await page.locator("#guests-rows tr").count()) === count - 1);
  expect(complaints).toEqual([]);
});

test("the empty state gives way to the first row and comes back after the last", async () => {
  await page.goto(`${site.url}gallery/guests-empty?lang=en&stream=/events`);
  await page.waitForSelector('[data-lamp="live"]');
  expect(await page.locator("#guests .empty").isVisible()).toBe(true);
  site.push(append("guests-rows", await row(guest("web-07"))));
  await page.locator("#guests .empty").waitFor({ state: "hidden" });
  site.push(remove(idOf("web-07")));
  await page.locator("#guests .empty").waitFor({ state: "visible" });
});

test("within one task a bar never goes back; another task begins anew", async () => {
  const of = guest("web-21");
  const bar = page.locator(`#${idOf("web-21")} progress`);
  const step = { en: "Copying", "zh-CN": "复制" };
  const at = async (percent: number, id: string): Promise<string> =>
    replace(idOf("web-21"), await row({ ...of, task: { id, percent, etaSeconds: 5, stepIn: step } }));
  site.push(await at(80, "t1"));
  await until(async () => (await bar.getAttribute("value")) === "80");
  site.push(await at(40, "t1"), replace(idOf("web-07"), await row({ ...guest("web-07"), state: "off" })));
  await until(async () => (await textOf("web-07")) === "Off");
  expect(await bar.getAttribute("value")).toBe("80");
  site.push(await at(5, "t2"));
  await until(async () => (await bar.getAttribute("value")) === "5");
});

test("a changed state flashes and settles", async () => {
  await page.evaluate((id) => {
    const seen: string[] = [];
    (window as unknown as { seen: string[] }).seen = seen;
    document
      .getElementById(id)
      ?.addEventListener("animationstart", (event) => seen.push(event.animationName));
  }, idOf("web-07"));
  site.push(replace(idOf("web-07"), await row({ ...guest("web-07"), state: "off" })));
  await page.waitForFunction(() => (window as unknown as { seen: string[] }).seen.includes("flash"));
  await page.waitForFunction(() => document.querySelector(".flash") === null);
});

test("a cut stream is opened again with the last id, the lamp tells, and what came between arrives", async () => {
  site.push(replace(idOf("web-07"), await row({ ...guest("web-07"), state: "paused" })));
  await until(async () => (await textOf("web-07")) === "Paused");
  const connected = site.connections.length;
  site.refuse = 503;
  site.cut();
  await page.waitForSelector('[data-lamp="lost"]');
  await until(() => site.connections.length > connected);
  site.refuse = null;
  await page.waitForSelector('[data-lamp="live"]');
  expect(site.connections.at(-1)).not.toBeNull();
  site.push(replace(idOf("web-07"), await row({ ...guest("web-07"), state: "off" })));
  await until(async () => (await textOf("web-07")) === "Off");
});

test("the stream is told which rows the page shows; when others come by another way it is told anew", async () => {
  const rows = (): Promise<string[]> =>
    page.locator("[data-view] tbody tr[id]").evaluateAll((all) => all.map(({ id }) => id));
  const first = await rows();
  expect(first.length).toBeGreaterThan(10);
  expect(site.told).toEqual([first.map(rowMark)]);
  // What the stream itself brings, the server knows.
  const made = { ...guest("web-07"), uuid: "33333333-0000-4000-8000-000000000001", name: "made" };
  site.push(prepend("guests-rows", await row(made)));
  await page.waitForSelector(`#${guestTable.rowId(made)}`);
  site.push(replace(guestTable.rowId(made), await row({ ...made, state: "off" })));
  await until(
    async () => (await page.locator(`#${guestTable.rowId(made)}`).textContent())?.includes("Off") ?? false,
  );
  expect(site.told).toHaveLength(1);
  const other = { ...made, uuid: "33333333-0000-4000-8000-000000000002" };
  await page.evaluate(
    (text) =>
      window.htmx.swap({
        text,
        sourceElement: document.body,
        target: document.getElementById("guests-rows") as Element,
        swap: "beforeend",
      }),
    await row(other),
  );
  await until(() => site.told.length === 2);
  expect(site.told[1]).toContain(rowMark(guestTable.rowId(other)));
  expect(site.told[1]).toContain(rowMark(guestTable.rowId(made)));
  await page.waitForSelector('[data-lamp="live"]');
});

test("a first connection that fails is tried again", async () => {
  site.refuse = 503;
  await page.goto(`${site.url}gallery/guests?lang=en&stream=/events`);
  await page.waitForSelector('[data-lamp="lost"]');
  site.refuse = null;
  await page.waitForSelector('[data-lamp="live"]');
});

test("reload morphs the page: ticks, focus and typed text stay, and what differs is put right", async () => {
  await page.click(`#${idOf("web-07")} .pick input`);
  await page.click("#filter-field");
  await page.keyboard.type("web");
  await page.evaluate((id) => {
    document.getElementById(id)?.remove();
    (window as unknown as { here: boolean }).here = true;
  }, idOf("web-08"));
  site.push(reload());
  await page.waitForSelector(`#${idOf("web-08")}`);
  expect(await page.evaluate(() => (window as unknown as { here?: boolean }).here)).toBe(true);
  expect(await page.locator(`#${idOf("web-07")} .pick input`).isChecked()).toBe(true);
  expect(await page.inputValue("#filter-field")).toBe("web");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("filter-field");
  // The filter's own answer draws the rows as the server had them when it was asked.
  await page.waitForURL("**/guests?q=web");
  site.push(replace(idOf("web-07"), await row({ ...guest("web-07"), state: "off" })));
  await until(async () => (await textOf("web-07")) === "Off");
  expect(site.connections).toHaveLength(1);
});

test("the tray counts open tasks, shows failed ones until read, and drops good ones", async () => {
  const count = page.locator("#tray-count");
  expect(await count.textContent()).toBe("3 tasks");
  const task = { id: "t2", title: "Create web-22", href: "/tasks/t2", percent: 100 };
  site.push(...(await trayChange("en", { ...task, state: "succeeded" })));
  await until(async () => (await count.textContent()) === "2 tasks");
  site.push(...(await trayChange("en", { ...task, id: "t9", state: "running", percent: 1 })));
  await until(async () => (await count.textContent()) === "3 tasks");
  await page.click("#tray-button");
  await page.click("#tray-t5 [data-dismiss]");
  await until(async () => !(await page.locator("#tray-button").getAttribute("class"))?.includes("failed"));
});

test("a message is in the page within some milliseconds of its arrival, also among 500 rows", async () => {
  const many = await Promise.all(
    Array.from({ length: 500 }, (_, n) =>
      row({
        ...guest("web-07"),
        uuid: `22222222-0000-4000-8000-${String(n).padStart(12, "0")}`,
        name: `n-${n}`,
      }),
    ),
  );
  await page.evaluate(
    (rows) => document.getElementById("guests-rows")?.insertAdjacentHTML("beforeend", rows),
    many.join(""),
  );
  const target = { ...guest("web-07"), uuid: "22222222-0000-4000-8000-000000000250", name: "n-250" };
  await page.evaluate((id) => {
    const times: number[] = [];
    (window as unknown as { times: number[] }).times = times;
    let began = 0;
    document.addEventListener("htmx:before:swap", () => {
      began = performance.now();
    });
    new MutationObserver(() => times.push(performance.now() - began)).observe(
      document.getElementById(id) as Element,
      {
        subtree: true,
        attributeFilter: ["data-flash"],
      },
    );
  }, guestTable.rowId(target));
  for (let turn = 0; turn < 20; turn++) {
    site.push(
      replace(guestTable.rowId(target), await row({ ...target, state: turn % 2 === 0 ? "off" : "running" })),
    );
    await page.waitForFunction((n) => (window as unknown as { times: number[] }).times.length > n, turn);
  }
  const times = await page.evaluate(() => (window as unknown as { times: number[] }).times);
  // The fastest tells what the page costs; whatever else the machine does only adds.
  expect(Math.min(...times)).toBeLessThan(20);
});
