/** What the client scripts do, in a real browser, under the product's content policy. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
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
afterEach(async () => {
  await close();
  site.posts.length = 0;
});

async function open(name: string, query = "lang=en&theme=light", width?: number): Promise<void> {
  ({ page, complaints, close } = await openPage(browser, `${site.url}gallery/${name}?${query}`, width));
}

const row = (n: number): string => `#guests-rows tr:nth-child(${n})`;
const ticked = (): Promise<number> => page.locator("#guests-rows .pick input:checked").count();

describe("tables", () => {
  test("Shift takes a range, select-all takes all, the batch bar counts what each action fits", async () => {
    await open("guests");
    const bar = page.locator("[data-batch-bar]");
    expect(await bar.isVisible()).toBe(false);
    await page.click(`${row(3)} .pick input`);
    await page.click(`${row(6)} .pick input`, { modifiers: ["Shift"] });
    expect(await ticked()).toBe(4);
    expect(await bar.locator("[data-selected]").textContent()).toBe("4 selected");
    // web-07 and web-08 run, web-09 migrates, web-legacy is off.
    expect(await bar.locator('[data-batch="start"]').textContent()).toBe("Start 1");
    expect(await bar.locator('[data-batch="shutdown"]').textContent()).toBe("Shut down 2");
    await page.click("[data-select-all]");
    expect(await ticked()).toBe(await page.locator("#guests-rows tr").count());
    await page.keyboard.press("Escape");
    expect(await ticked()).toBe(0);
    expect(await bar.isVisible()).toBe(false);
    expect(complaints).toEqual([]);
  });

  test("with all of a page selected the whole list can be; unticking a row takes that back", async () => {
    await open("guests");
    const bar = page.locator("[data-batch-bar]");
    const offer = bar.locator("[data-whole]");
    await page.click(`${row(3)} .pick input`);
    expect(await offer.isVisible()).toBe(false);
    await page.click("[data-select-all]");
    expect(await offer.textContent()).toBe("Select all 128");
    await offer.click();
    expect(await offer.isVisible()).toBe(false);
    expect(await bar.locator("[data-selected]").textContent()).toBe("128 selected");
    // This one is not made for whole lists.
    expect(await bar.locator('[data-batch="delete"]').isDisabled()).toBe(true);
    await bar.locator('[data-batch="start"]').click();
    await page.waitForSelector("#toasts .toast");
    const [post] = site.posts;
    expect(post?.form.getAll("id")).toEqual([]);
    expect(post?.form.get("whole")).toBe("guests:q=web");
    await page.click(`${row(4)} .pick input`);
    const rows = await page.locator("#guests-rows tr").count();
    expect(await bar.locator("[data-selected]").textContent()).toBe(`${rows - 1} selected`);
    expect(complaints).toEqual([]);
  });

  test("a batch action posts the rows that allow it, with the CSRF token", async () => {
    await open("guests");
    for (const n of [3, 4, 5]) await page.click(`${row(n)} .pick input`);
    await page.click('[data-batch="shutdown"]');
    await page.waitForSelector("#toasts .toast");
    const [post] = site.posts;
    expect(post?.path).toBe("/guests/batch/shutdown");
    expect(post?.form.getAll("id")).toHaveLength(2);
    expect(post?.csrf).toBe("gallery-token");
    expect(complaints).toEqual([]);
  });

  test("a batch delete asks first: the server's dialog names the victims and focus is on Cancel", async () => {
    await open("guests");
    for (const n of [3, 4]) await page.click(`${row(n)} .pick input`);
    await page.click('[data-batch="delete"]');
    await page.waitForSelector("dialog#delete[open]");
    expect(await page.locator("#delete .victims li").count()).toBe(2);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Cancel");
    await page.click("#delete-confirm");
    await page.waitForSelector("dialog#delete", { state: "detached" });
    expect(site.posts[0]?.path).toBe("/deleted");
    expect(site.posts[0]?.form.getAll("id")).toHaveLength(2);
  });

  test("J, K, X and Enter work the rows; Escape leaves a field; single keys can be turned off", async () => {
    await open("guests");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    expect(await page.locator(`${row(2)} .pick input`).isChecked()).toBe(true);
    await page.keyboard.press("/");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("filter-field");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog#keys[open]");
    await page.uncheck("#keys [data-single-keys]");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    expect(await page.locator("dialog#keys").isVisible()).toBe(false);
  });

  test("the filter narrows the list while one types, keeps the focus, and can be shared as an address", async () => {
    await open("guests");
    const failed: string[] = [];
    page.on("requestfailed", (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
    await page.keyboard.press("/");
    await page.keyboard.type("nobody");
    const empty = page.locator("#guests .empty");
    await empty.waitFor({ state: "visible" }).catch(async (cause) => {
      const typed = await page.inputValue("#filter-field");
      throw new Error(`typed "${typed}", address ${page.url()}, ${JSON.stringify({ failed, complaints })}`, {
        cause,
      });
    });
    expect(await page.locator("#guests-rows tr").count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("filter-field");
    expect(page.url()).toEndWith("/guests?q=nobody");
    await page.fill("#filter-field", "");
    await page.waitForSelector("#guests-rows tr");
    expect(complaints).toEqual([]);
  });

  test("G, then a letter, goes to a place", async () => {
    await open("parts");
    await page.keyboard.press("g");
    await page.keyboard.press("g");
    await page.waitForURL("**/guests");
  });

  test("the row menu opens at its button, is worked by arrows, and says why an entry can't be used", async () => {
    await open("guests");
    await page.click(`${row(3)} .acts > .btn`);
    const menu = page.locator(`${row(3)} .menu`);
    await menu.waitFor({ state: "visible" });
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Start");
    expect(await menu.locator("button").first().getAttribute("title")).toBe("Running");
    await menu.locator("button").first().click({ force: true });
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Shut down");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#toasts .toast");
    expect(site.posts.map((post) => post.path.split("/").at(-1))).toEqual(["shutdown"]);
    expect(await menu.isVisible()).toBe(false);
  });
});

describe("dialogs, palette, theme", () => {
  test("a typed name unlocks the button, and nothing else does", async () => {
    await open("parts");
    await page.click("#open-typed");
    await page.waitForSelector("dialog#gallery-typed[open]");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Cancel");
    await page.fill("#gallery-typed-name", "web-0");
    await page.keyboard.press("Enter");
    await page.locator("#gallery-typed-confirm").click({ force: true });
    expect(site.posts).toEqual([]);
    await page.fill("#gallery-typed-name", "web-07");
    await page.click("#gallery-typed-confirm");
    await page.waitForSelector("dialog#gallery-typed", { state: "hidden" });
    expect(site.posts).toHaveLength(1);
  });

  test("focus returns to the button when a dialog closes", async () => {
    await open("parts");
    await page.click("#open-danger");
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("open-danger");
  });

  test("Ctrl K finds pages and what the server knows", async () => {
    await open("guests");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("nod");
    expect(await page.locator('#palette-list [aria-selected="true"]').textContent()).toBe("Nodes");
    await page.locator("#palette input").fill("db");
    await page.waitForSelector('#palette-list a[href="/found"]');
    await page.keyboard.press("Enter");
    await page.waitForURL("**/found");
  });

  test("the theme changes at once and is kept in a cookie", async () => {
    await open("parts", "lang=en");
    const ground = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await page.click("button.theme");
    await page.click('[data-theme-choice="dark"]');
    expect(await ground()).toBe("rgb(14, 16, 20)");
    expect(await page.evaluate(() => document.cookie)).toContain("jimv-theme=dark");
    await page.click("button.theme");
    await page.click('[data-theme-choice="light"]');
    expect(await ground()).toBe("rgb(246, 247, 249)");
    expect(await page.locator('[data-theme-choice="light"]').getAttribute("aria-pressed")).toBe("true");
  });
});

describe("fields", () => {
  test("leaving a field asks the server and shows its words; mending it takes them away", async () => {
    await open("create");
    await page.fill("#f-name", "taken");
    await page.focus("#f-vcpus");
    const error = page.locator("#f-name-error");
    await error.waitFor({ state: "visible" });
    expect(await error.textContent()).toBe("“taken” is in use. Try taken-2.");
    expect(await page.getAttribute("#f-name", "aria-invalid")).toBe("true");
    expect(await page.locator("#f-name-hint").isVisible()).toBe(false);
    const [post] = site.posts;
    expect(post?.path).toBe("/check/guest-create");
    expect(post?.form.get("field")).toBe("name");
    expect(post?.form.get("vcpus")).toBe("4");
    await page.fill("#f-name", "free");
    await error.waitFor({ state: "hidden" });
    expect(await page.getAttribute("#f-name", "aria-invalid")).toBeNull();
    expect(complaints).toEqual([]);
  });

  test("a field that was only passed through is not checked", async () => {
    await open("create");
    await page.focus("#f-name");
    await page.keyboard.press("Tab");
    await page.fill("#f-vcpus", "8");
    await page.focus("#f-name");
    await page.waitForFunction(() => document.activeElement?.id === "f-name");
    await expectEventually(() => site.posts.length === 1);
    expect(site.posts.map((post) => post.form.get("field"))).toEqual(["vcpus"]);
  });

  test("a refused form comes back with its errors and focus on the first of them", async () => {
    await open("create");
    await page.fill("#f-name", "taken");
    await page.keyboard.press("Control+Enter");
    await page.waitForFunction(
      () =>
        document.activeElement?.id === "f-name" && document.querySelectorAll("#create .field").length === 1,
    );
    expect(await page.locator("#f-name-error").textContent()).toContain("Try taken-2");
  });

  test("eye, dice, steppers and chips", async () => {
    await open("create");
    await page.click("[data-generate]");
    const made = await page.inputValue("#f-password");
    expect(made).toMatch(/^[a-zA-Z2-9]{16}$/);
    expect(await page.getAttribute("#f-password", "type")).toBe("text");
    await page.click("[data-peek]");
    expect(await page.getAttribute("#f-password", "type")).toBe("password");
    await page.click('[data-step="1"]');
    expect(await page.inputValue("#f-quantity")).toBe("4");
    await page.check('input[value="16·16"]');
    expect(await page.inputValue("#f-vcpus")).toBe("16");
    expect(await page.inputValue("#f-memoryGib")).toBe("16");
    await page.fill("#f-memoryGib", "17");
    expect(await page.locator('input[name="size"]:checked').count()).toBe(0);
  });

  test("a secret is not in the page until the eye is pressed", async () => {
    await open("guest");
    expect(await page.content()).not.toContain("s3cret-value");
    await page.click("[data-eye]");
    await page.waitForFunction(
      () => document.querySelector("[data-secret] output")?.textContent === "s3cret-value",
    );
    expect(site.posts[0]?.csrf).toBe("gallery-token");
    await page.click("[data-eye]");
    expect(await page.locator("[data-secret] output").textContent()).toBe("••••••••");
    expect(await page.content()).not.toContain("s3cret-value");
  });

  test("a refusal as a problem document becomes a toast with its reason; it stays", async () => {
    await open("parts");
    await page.evaluate(() => {
      const button = document.createElement("button");
      button.setAttribute("hx-post", "/guests/1/conflict");
      button.setAttribute("hx-swap", "none");
      button.id = "conflict";
      document.querySelector("main")?.append(button);
      (window as unknown as { htmx: { process(e: Element): void } }).htmx.process(button);
      button.click();
    });
    await page.waitForSelector("#toasts .toast.bad");
    expect(await page.locator("#toasts .toast.bad").textContent()).toContain(
      "web-07 is being moved. Wait for task 12.",
    );
    await page.click("#toasts [data-dismiss]");
    expect(await page.locator("#toasts .toast").count()).toBe(0);
  });
});

async function expectEventually(done: () => boolean): Promise<void> {
  const until = Date.now() + 20_000;
  while (!done() && Date.now() < until) await Bun.sleep(10);
  expect(done()).toBe(true);
}
