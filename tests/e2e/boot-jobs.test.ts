/**
 * Boot jobs in the browser, on the compiled executable, the real libguestfs and a real guest: queued from its row, seen
 * waiting without a reload, carried out before its boot, and found inside the guest by its agent. The long form
 * (JIMV_LONG=1) adds a guest that stays off, one that is made with a job, and a node that dies in the middle of one.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { type App, demoTemplate, until } from "../support/app.ts";
import { liveStreamOpen, TestBrowser } from "../support/browser.ts";
import { saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { libguestfsGround } from "../support/libguestfs.ts";

setDefaultTimeout(420_000);
const isLong = process.env.JIMV_LONG === "1";

/** A small machine boots, under emulation, on a machine that does other things, too. */
const carriedMilliseconds = 240_000;
const bootMilliseconds = 120_000;

/** A plugin that the executable knows nothing of: it adds a variable, and a tab beside that of boot jobs. */
const notes = join(import.meta.dir, "../plugins/notes.tsx");

const folder = mkdtempSync("/var/tmp/jimv-e2e-");
let lab: Lab;
let app: App;
let browser: TestBrowser;
let page: Page;
let templateId: string;
/** A guest whose jobs are out of time soon, and a page that shows it. */
let waiting: { page: Page; uuid: string; still: () => Promise<void> };

beforeAll(async () => {
  lab = await openLab({ plugins: [notes], environment: await libguestfsGround(folder) });
  ({ app } = lab);
  browser = await TestBrowser.open();
  templateId = await app.registerTemplate(await demoTemplate(folder), {
    init: "cloud-init",
    userName: "root",
  });
  page = await browser.signedIn(app);
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Pictures to look at, for who asks for them: JIMV_TEST_PICTURES names a folder. */
async function picture(name: string, of = page): Promise<void> {
  const pictures = process.env.JIMV_TEST_PICTURES;
  if (pictures) await of.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

interface Queued {
  id: string;
  jobName: string;
  state: string;
  expiresAt: number | null;
  log: string | null;
  error: { word: string } | null;
}
const queuedOn = async (guest: string): Promise<Queued[]> =>
  (await app.ask<{ items: Queued[] }>("GET", `/boot-jobs/queue?guest=${guest}`)).items;
const outcomes = async (guest: string) =>
  Object.fromEntries(
    (await queuedOn(guest)).map(({ jobName, state, error }) => [jobName, error?.word ?? state]),
  );

type Rule = { kind: string; path?: string; content: string };
async function job(name: string, rules: Rule[], more: object = {}): Promise<string> {
  const body = { name, scope: "user", onFailure: "boot", rules, ...more };
  return (await app.ask<{ id: string }>("POST", "/boot-jobs", body)).id;
}

async function create(name: string, start: boolean, template = templateId) {
  type Begun = { task: { id: string }; guests: { uuid: string }[] };
  const body = { name, templateId: template, vcpus: 1, memoryMiB: 192, start };
  const { task, guests } = await app.ask<Begun>("POST", "/guests", body);
  return { uuid: guests[0]?.uuid ?? "", task: task.id };
}
const stateOf = async (uuid: string) => (await app.ask<{ state: string }>("GET", `/guests/${uuid}`)).state;
const said = (name: string, command: string) => saidIn(lab.libvirtd, name, command);
const booted = (name: string) =>
  until(`${name}'s agent answers`, bootMilliseconds, () => soon(lab.libvirtd, name, "true"));

/** Rows and badges that come although nobody has reloaded the page. */
async function notReloaded(of: Page): Promise<() => Promise<void>> {
  await of.evaluate(() => document.body.setAttribute("data-kept", ""));
  return async () => expect(await of.evaluate(() => document.body.hasAttribute("data-kept"))).toBe(true);
}

test("a job is made in the browser: its rules in order, what is wrong said at its field, and one moved", async () => {
  await page.goto(`${app.url}/boot-jobs`);
  await liveStreamOpen(page);
  await page.waitForSelector("#boot-jobs-rows >> text=Reset password");
  await picture("boot-jobs");
  await page.click("[data-create]");
  await page.fill('input[name="name"]', "Greeting");
  await page.fill('input[name="remark"]', "Says who it is");
  await picture("boot-job-form");
  await page.click('#boot-job button[type="submit"]');
  await page.waitForURL(/\/boot-jobs\/[0-9a-f-]{36}$/);
  await liveStreamOpen(page);
  const still = await notReloaded(page);
  const add = async (kind: string, path: string, content: string) => {
    await page.click("text=Add a rule");
    await page.click(`#rule-dialog label:has(input[name="kind"][value="${kind}"])`);
    await page.fill('#rule-dialog input[name="path"]', path);
    await page.fill('#rule-dialog textarea[name="content"]', content);
  };
  await add("write", "/etc/greeting", "I am {NOBODY}\n");
  await page.click('#rule-dialog button[type="submit"]');
  await page.waitForSelector("#rule-dialog >> text=There is no variable {NOBODY}");
  await picture("boot-job-rule-refused");
  await page.fill('#rule-dialog textarea[name="content"]', "I am {HOSTNAME}, {NOTE-COUNT} notes\n");
  await page.click('#rule-dialog button[type="submit"]');
  await page.waitForSelector("#job-rules >> text='/etc/greeting'");
  await add("append", "/etc/greeting", "{{HOSTNAME}} stands for it\n");
  await page.click('#rule-dialog button[type="submit"]');
  await page.waitForSelector("#job-rules >> text=stands for it");
  await add("run", "", "printf '%s\\n' {PASSWORD} >/root/said; echo \"it is {PASSWORD}\"");
  await page.click('#rule-dialog button[type="submit"]');
  await page.waitForSelector("#job-rules >> text=printf");
  // There and back: a rule that moves goes to the end.
  const other = await job("Other", []);
  const greeting = page.url().split("/").at(-1) ?? "";
  type Body = { rules: { id: string; kind: string }[] };
  const rulesOf = async (id: string) => (await app.ask<Body>("GET", `/boot-jobs/${id}`)).rules;
  const second = (await rulesOf(greeting))[1]?.id ?? "";
  await page.click(`[popovertarget="rule-${second}-menu"]`);
  await page.click(`#rule-${second}-menu >> text=Move to another job`);
  await page.selectOption('#move-rule select[name="jobId"]', { label: "Other" });
  await page.click('#move-rule button[type="submit"]');
  await page.waitForSelector("#job-rules >> text=stands for it", { state: "detached" });
  expect((await rulesOf(other)).map(({ kind }) => kind)).toEqual(["append"]);
  await app.ask("POST", `/boot-jobs/${other}/rules/${second}/move`, { jobId: greeting });
  await page.waitForSelector("#job-rules >> text=stands for it");
  expect((await rulesOf(greeting)).map(({ kind }) => kind)).toEqual(["write", "run", "append"]);
  await still();
  await picture("boot-job");
});

test("it is queued from a guest's row, and its badge comes without a reload, with a countdown", async () => {
  const { uuid, task } = await create("web", false);
  await app.ended(task);
  await job("Wrong", [{ kind: "run", content: "echo before; cat /etc/nothing" }]);
  await page.goto(`${app.url}/guests`);
  await liveStreamOpen(page);
  const still = await notReloaded(page);
  await page.check(`#guest-${uuid} input[type="checkbox"]`);
  await page.click('[data-batch="any"]:has-text("Boot jobs")');
  await page.waitForSelector("#queue-dialog");
  await picture("boot-jobs-dialog");
  await page.click('#queue-dialog button[type="submit"]');
  await page.waitForSelector("#queue-dialog >> text=Choose at least one job");
  for (const name of ["Greeting", "Wrong"]) await page.click(`#queue-dialog label:has-text("${name}")`);
  await page.click('#queue-dialog button[type="submit"]');
  await page.waitForSelector(`#guest-${uuid} >> text=/Boot jobs: 2.*in \\d+m/`);
  await still();
  await picture("boot-jobs-badge");
  const [one] = await queuedOn(uuid);
  expect((one?.expiresAt ?? 0) - Date.now()).toBeGreaterThan(8 * 60_000);
});

test("what waits is listed and taken back in batch", async () => {
  const { uuid, task } = await create("idle", false);
  await app.ended(task);
  const jobs = [await job("One", []), await job("Two", [])];
  await page.goto(`${app.url}/boot-jobs/queue`);
  await liveStreamOpen(page);
  const still = await notReloaded(page);
  await app.ask("POST", "/boot-jobs/queue", { guests: [uuid], jobs });
  for (const { id } of await queuedOn(uuid)) await page.check(`#queued-${id} input[type="checkbox"]`);
  await picture("boot-jobs-queue");
  await page.click('[data-batch="take-back"]');
  await page.waitForSelector("#boot-queue-rows >> text=Greeting");
  await page.waitForSelector("#boot-queue-rows >> text=One", { state: "detached" });
  await still();
  expect(await queuedOn(uuid)).toEqual([]);

  // The last look below comes when this one's minute is over.
  await app.ask("PATCH", "/settings/boot-jobs", { pendingMinutes: 1 });
  await app.ask("POST", "/boot-jobs/queue", { guests: [uuid], jobs });
  const list = await browser.signedIn(app);
  await list.goto(`${app.url}/guests`);
  await liveStreamOpen(list);
  await list.waitForSelector(`#guest-${uuid} >> text=/Boot jobs: 2.*in \\d+s/`);
  list.setDefaultTimeout(120_000);
  waiting = { page: list, uuid, still: await notReloaded(list) };
});

test("started, the guest has what its jobs did; the one that failed shows its log, and the badge goes", async () => {
  const { items } = await app.ask<{ items: { uuid: string; name: string }[] }>("GET", "/guests?q=web");
  const uuid = items[0]?.uuid ?? "";
  await page.goto(`${app.url}/guests/${uuid}?tab=boot-jobs`);
  await liveStreamOpen(page);
  const still = await notReloaded(page);
  await page.waitForSelector("#guest-page >> text=Boot jobs: 2");
  await page.click('#guest-page button:has-text("Start")');
  await page.waitForSelector("#guest-page >> text=Boot jobs failed: 1", { timeout: carriedMilliseconds });
  await page.waitForSelector("#guest-page >> text=Boot jobs: 2", { state: "detached" });
  await page.waitForSelector("#guest-more >> text=Command 1 ended with exit code 1");
  await still();
  await picture("boot-jobs-tab");
  await page.goto(`${app.url}/guests/${uuid}?tab=notes`);
  await page.waitForSelector("#guest-more >> text=Notes of web");
  await booted("web");
  const { password } = await app.ask<{ password: string }>("POST", `/guests/${uuid}/password/reveal`, {});
  expect(await said("web", "cat /etc/greeting /root/said")).toBe(
    `I am web, 0 notes\n{HOSTNAME} stands for it\n${password}`,
  );
  const rows = await queuedOn(uuid);
  expect(rows.find(({ jobName }) => jobName === "Greeting")).toMatchObject({ state: "done", error: null });
  expect(rows.find(({ jobName }) => jobName === "Greeting")?.log).toContain("it is ••••");
  expect(rows.find(({ jobName }) => jobName === "Wrong")).toMatchObject({
    state: "failed",
    error: { word: "boot-jobs.commandFailed" },
    log: expect.stringMatching(/before\n.*\/etc\/nothing/s),
  });
  expect(JSON.stringify(rows)).not.toContain(password);
  await page.goto(`${app.url}/guests/${uuid}?tab=boot-jobs`);
  await liveStreamOpen(page);
  const again = await notReloaded(page);
  // Read, the failed one goes from the list, and its badge with it.
  await page.click(`#guest-more .panel:has-text("Wrong") >> text=Remove from the list`);
  await page.waitForSelector("#guest-page >> text=Boot jobs failed", { state: "detached" });
  await again();
});

test("what nobody carries out in time is taken back by itself", async () => {
  await waiting.page.waitForSelector(`#guest-${waiting.uuid} >> text=Boot jobs`, { state: "detached" });
  await waiting.still();
  expect(await queuedOn(waiting.uuid)).toEqual([]);
});

test("the pages hold in both languages, in the dark, and on a narrow screen", async () => {
  const { items } = await app.ask<{ items: { uuid: string }[] }>("GET", "/guests?q=idle");
  const guest = items[0]?.uuid ?? "";
  const jobs = await app.ask<{ items: { id: string; name: string }[] }>("GET", "/boot-jobs");
  const greeting = jobs.items.find(({ name }) => name === "Greeting")?.id;
  await app.ask("PATCH", "/settings/boot-jobs", { pendingMinutes: 30 });
  await app.ask("POST", "/boot-jobs/queue", { guests: [guest], jobs: [greeting] });
  const views = [
    { language: "zh-CN", theme: "dark", width: 1440 },
    { language: "en", theme: "dark", width: 390 },
    { language: "zh-CN", theme: "light", width: 390 },
  ] as const;
  for (const view of views) {
    const other = await browser.signedIn(app, view);
    for (const [name, path] of [
      ["list", "/boot-jobs"],
      ["job", `/boot-jobs/${greeting}`],
      ["form", "/boot-jobs/new"],
      ["queue", "/boot-jobs/queue"],
      ["tab", `/guests/${guest}?tab=boot-jobs`],
      ["guests", "/guests"],
    ] as const) {
      await other.goto(`${app.url}${path}`);
      const wide = await other.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect([name, view.width, wide <= 0]).toEqual([name, view.width, true]);
      await picture(`boot-${name}-${view.language}-${view.theme}-${view.width}`, other);
    }
    await other.goto(`${app.url}/boot-jobs/${greeting}`);
    await other.click(
      '#job-rules [data-dialog], #job-rules button:has-text("Add"), #job-rules button:has-text("添加")',
    );
    await other.waitForSelector("#rule-dialog");
    await picture(`boot-rule-${view.language}-${view.theme}-${view.width}`, other);
  }
  expect(browser.complaints).toEqual([]);
});

test.if(isLong)(
  "a guest is made with its template's job; one whose job says so stays off when it fails",
  async () => {
    const template = await app.registerTemplate(await demoTemplate(folder), { name: "With a job" });
    const scope = { scope: "template", templateIds: [template] };
    await job("Of the template", [{ kind: "write", path: "/etc/made", content: "{NAME}\n" }], scope);
    const { uuid, task } = await create("made", true, template);
    expect(await app.ended(task, carriedMilliseconds)).toMatchObject({ state: "succeeded" });
    await booted("made");
    expect(await said("made", "cat /etc/made")).toBe("made");
    expect(await outcomes(uuid)).toEqual({ "Of the template": "done" });

    await app.ask("POST", `/guests/${uuid}/force-stop`);
    await until("it is off", bootMilliseconds, async () => (await stateOf(uuid)) === "off");
    const stay = await job("Must work", [{ kind: "run", content: "exit 3" }], { onFailure: "stay" });
    await app.ask("POST", "/boot-jobs/queue", { guests: [uuid], jobs: [stay] });
    const started = await app.ask<{ task: { id: string } }>("POST", `/guests/${uuid}/start`);
    expect(await app.ended(started.task.id, carriedMilliseconds)).toMatchObject({
      state: "failed",
      error: { detail: expect.stringContaining("Must work failed, so that the guest stays off") },
    });
    expect(await stateOf(uuid)).toBe("off");
    expect(await outcomes(uuid)).toMatchObject({ "Must work": "boot-jobs.commandFailed" });
  },
);

test.if(isLong)("a node that is killed in the middle of a job carries nothing out twice", async () => {
  const { uuid, task } = await create("killed", false);
  await app.ended(task);
  const jobs = [
    await job("Half", [
      { kind: "append", path: "/root/log", content: "first\n" },
      { kind: "run", content: 'echo "ran-$((40 + 2))" >>/root/log; sync; sleep 300' },
      { kind: "append", path: "/root/log", content: "never\n" },
    ]),
    await job("Whole", [{ kind: "append", path: "/root/log", content: "second\n" }]),
  ];
  await app.ask("POST", "/boot-jobs/queue", { guests: [uuid], jobs });
  const started = await app.ask<{ task: { id: string } }>("POST", `/guests/${uuid}/start`);
  // The command's own words are on the disk as soon as it has begun.
  const { items } = await app.ask<{ items: { path: string }[] }>("GET", `/disks?role=all&guestUuid=${uuid}`);
  const disk = items[0]?.path ?? "";
  await until("the command runs", carriedMilliseconds, async () => {
    const { exitCode } = Bun.spawnSync(["grep", "-q", "-a", "ran-42", disk]);
    return exitCode === 0;
  });
  await app.stop("SIGKILL");
  await app.start();
  expect(await app.ended(started.task.id, carriedMilliseconds)).toMatchObject({ state: "succeeded" });
  await booted("killed");
  expect(await said("killed", "cat /root/log")).toBe("first\nran-42\nsecond");
  expect(await outcomes(uuid)).toEqual({ Half: "boot-jobs.interrupted", Whole: "done" });
  expect(readdirSync("/run/jimv/boot-jobs")).toEqual([]);
});
