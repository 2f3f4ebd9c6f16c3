/**
 * A guest's whole life in the browser, on the compiled executable, real libvirt and real QEMU: made, watched,
 * killed behind JimV's back, seen on its screen, and deleted.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { type App, demoTemplate, until } from "../support/app.ts";
import { liveStreamOpen, TestBrowser, watchText } from "../support/browser.ts";
import { saidIn, soon as soonIn } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import type { PrivateLibvirtd } from "../support/libvirtd.ts";
import { watchStalls } from "../support/stalls.ts";

setDefaultTimeout(300_000);

/** The row must have changed well under a second after the guest died. */
const noticedMilliseconds = 1_000;
/** MiB; enough for the demo guest. */
const memoryMiB = 192;

const folder = mkdtempSync("/var/tmp/jimv-e2e-");
let lab: Lab;
let libvirtd: PrivateLibvirtd;
let app: App;
let browser: TestBrowser;
let page: Page;

beforeAll(async () => {
  lab = await openLab();
  ({ libvirtd, app } = lab);
  browser = await TestBrowser.open();
  await app.registerTemplate(await demoTemplate(folder));
  page = await browser.signedIn(app);
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Pictures to look at, for who asks for them: JIMV_TEST_PICTURES names a folder. */
async function picture(name: string): Promise<void> {
  const pictures = process.env.JIMV_TEST_PICTURES;
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) });
}

interface Guest {
  uuid: string;
  name: string;
  state: string;
  initState: string;
}

async function guestNamed(name: string): Promise<Guest> {
  const { items } = await app.ask<{ items: Guest[] }>("GET", `/guests?q=${name}`);
  const guest = items.find((one) => one.name === name);
  if (!guest) throw new Error(`there is no guest ${name}`);
  return guest;
}

const stateOf = (uuid: string): string => `#guest-${uuid} [data-col=state]`;

async function hasState(name: string, state: string): Promise<Guest> {
  await until(`${name} is ${state}`, 120_000, async () => (await guestNamed(name)).state === state);
  return guestNamed(name);
}

/** A state may be told before its task has ended, and until then every other action is refused. */
const atRest = (uuid: string): Promise<void> =>
  until(`nothing is done with ${uuid}`, 120_000, async () => {
    const { items } = await app.ask<{ items: { state: string }[] }>("GET", `/tasks?targetKey=${uuid}`);
    return items.every(({ state }) => state !== "queued" && state !== "running");
  });

/** Whether a command succeeds in the guest; for `until`. */
const soon = (command: string, name: string) => (): Promise<boolean> => soonIn(libvirtd, name, command);

test("two guests are asked for in the form, and their rows live through the creation", async () => {
  await page.goto(`${app.url}/guests`);
  await liveStreamOpen(page);
  await page.click("text=Create guest");
  await page.waitForURL("**/guests/new");
  await page.fill('input[name="name"]', "web");
  await page.fill('input[name="memoryMiB"]', String(memoryMiB));
  await page.fill('input[name="quantity"]', "2");
  // The rail says what will be made, before anything is.
  await page.waitForSelector("#create-summary >> text=web-2");
  await page.waitForSelector("#create-button >> text=Create 2 guests");
  await page.click("#create-button");
  await page.waitForURL(/\/guests$/);
  await liveStreamOpen(page);
  const [one, two] = [await guestNamed("web-1"), await guestNamed("web-2")];
  // A bar with figures, while it lasts; a row that never shows one would have run without progress.
  const seen = await watchText(page, stateOf(two.uuid), "%");
  await seen();
  for (const guest of [one, two])
    await page.waitForSelector(`${stateOf(guest.uuid)} >> text=Running`, { timeout: 120_000 });
  await page.waitForSelector("#guests-sub >> text=2 of 2 run");
  expect(await page.locator("#guests-segments").textContent()).toMatch(/Running\s*2/);
});

test("a guest shows its address, its screen and its definition, asked for when its page opens", async () => {
  const { uuid } = await guestNamed("web-1");
  await page.goto(`${app.url}/guests`);
  await page.waitForSelector(`#guest-${uuid} [data-col="address"] >> text=/^192\\.168\\./`, {
    timeout: 120_000,
  });
  await page.goto(`${app.url}/guests/${uuid}`);
  await page.waitForFunction(() => {
    const picture = document.querySelector<HTMLImageElement>("#guest-screen img");
    return picture?.complete && picture.naturalWidth >= 320;
  });
  await page.click("text=XML");
  await page.waitForSelector("#guest-xml pre >> text=<domain");
  const xml = await page.locator("#guest-xml pre").textContent();
  expect(xml).toContain(uuid);
  expect(xml).not.toContain("passwd");
  const { body } = await app.api<{ xml: string }>("GET", `/guests/${uuid}/definition`);
  expect(body.xml.trim()).toBe(xml?.trim() ?? "");
});

test("a guest that dies behind JimV's back changes its row in well under a second", async () => {
  await page.goto(`${app.url}/guests`);
  await liveStreamOpen(page);
  const times: Record<string, number> = {};
  const { uuid } = await guestNamed("web-2");
  const stalls = watchStalls();

  const off = await watchText(page, stateOf(uuid), "Off");
  let began = Date.now();
  await libvirtd.virsh("destroy", "web-2");
  times["virsh destroy"] = (await off()) - began;

  await page.hover(`#guest-${uuid}`);
  await page.click(`#guest-${uuid} [aria-label="Start: web-2"]`);
  await page.waitForSelector(`${stateOf(uuid)} >> text=Running`, { timeout: 120_000 });

  const gone = await watchText(page, stateOf(uuid), "Off");
  const crashed = await watchText(page, stateOf(uuid), "Crashed");
  const qemu = libvirtd.qemuPid("web-2");
  if (qemu === null) throw new Error("web-2 has no QEMU");
  began = Date.now();
  process.kill(qemu, "SIGKILL");
  times["kill -9 of QEMU"] = (await Promise.race([gone(), crashed()])) - began;

  const limit = stalls.allow(noticedMilliseconds);
  stalls.stop();
  console.log("row changed after", times, "of", limit);
  for (const [what, ms] of Object.entries(times)) expect([what, ms < limit]).toEqual([what, true]);
});

test("the shown password is the one that works: typed into the console, it signs root in", async () => {
  const guest = await guestNamed("web-1");
  await until(
    "the first set-up is done",
    120_000,
    async () => (await guestNamed("web-1")).initState === "done",
  );
  await page.goto(`${app.url}/guests/${guest.uuid}`);
  // Nothing of it is in the page before the eye is pressed.
  const secret = page.locator("[data-secret] output");
  const text = async (): Promise<string> => (await secret.textContent()) ?? "";
  expect(await text()).toBe("••••••••");
  await page.click("[data-eye]");
  await until("the password is shown", 5_000, async () => !(await text()).includes("•"));
  const password = await text();
  expect(password).toMatch(/^[\w]{16}$/);

  await page.goto(`${app.url}/guests/${guest.uuid}/console`);
  await page.waitForSelector('[data-lamp="live"]');
  await page.waitForSelector("#screen canvas");
  await until("the screen shows something", 60_000, () => showsSomething(page));
  // What is typed before a question stands there is thrown away; the terminal's text is what /dev/vcs1 holds. A question
  // under an older banner may be that of a getty that was just ended: the guest draws its screen anew when it hears of
  // its name, and when it hears of its address.
  const asked = "grep -qE 'guest +web-1 +address +[0-9].*web-1 login:' /dev/vcs1";
  await until("getty asks on the screen", 60_000, soon(asked, "web-1"));
  await page.click("#screen canvas");
  await typeKeys("root\n");
  await until("login asks for the password", 30_000, soon("grep -q Password: /dev/vcs1", "web-1"));
  await typeKeys(`${password}\n`);
  await picture("console-login");
  await until("root's shell waits on the screen", 60_000, soon("grep -q ':~#' /dev/vcs1", "web-1"));
  await typeKeys("echo typed-here > /tmp/from-the-console\n");
  await until(
    "the shell on the screen has done what was typed",
    30_000,
    soon("grep -q typed-here /tmp/from-the-console", "web-1"),
  );
  await picture("console-shell");
});

test("Ctrl-Alt-Del reaches the guest", async () => {
  const mark = "/run/jimv-test-before-reboot";
  await saidIn(libvirtd, "web-1", `touch ${mark}`);
  await page.click("#console-cad");
  await until("the guest has booted anew", 120_000, soon(`test ! -e ${mark}`, "web-1"));
  // The same console goes on: QEMU stayed.
  await page.waitForSelector('[data-lamp="live"]');
});

test("the console ends when the guest does, and comes back when it runs again", async () => {
  const { uuid } = await guestNamed("web-1");
  await app.ask("POST", `/guests/${uuid}/force-stop`);
  await page.waitForSelector('[data-lamp="lost"]');
  await page.waitForFunction(() => /web-1/.test(document.querySelector("#console-state")?.textContent ?? ""));
  await hasState("web-1", "off");
  await app.ask("POST", `/guests/${uuid}/start`);
  await page.waitForSelector('[data-lamp="live"]', { timeout: 120_000 });
});

test("pause and resume, from the menu of the row", async () => {
  const { uuid } = await guestNamed("web-1");
  await hasState("web-1", "running");
  await page.goto(`${app.url}/guests`);
  await liveStreamOpen(page);
  await page.click(`#guest-${uuid} [aria-label="Actions for web-1"]`);
  await page.click(`#guest-${uuid}-menu >> text=Pause`);
  await page.waitForSelector(`${stateOf(uuid)} >> text=Paused`);
  await page.click(`#guest-${uuid} [aria-label="Actions for web-1"]`);
  await page.click(`#guest-${uuid}-menu >> text=Resume`);
  await page.waitForSelector(`${stateOf(uuid)} >> text=Running`);
});

test("a shutdown and a reboot ask the guest's own system, which obeys", async () => {
  const { uuid } = await guestNamed("web-1");
  await until("web-1's agent answers", 120_000, soon("true", "web-1"));
  const mark = "/run/jimv-test-before-shutdown";
  await saidIn(libvirtd, "web-1", `touch ${mark}`);
  const qemu = libvirtd.qemuPid("web-1");
  await page.click(`#guest-${uuid} [aria-label="Actions for web-1"]`);
  await page.click(`#guest-${uuid}-menu >> text=Reboot`);
  await until("the guest has booted anew", 120_000, soon(`test ! -e ${mark}`, "web-1"));
  expect(libvirtd.qemuPid("web-1")).toBe(qemu);
  await page.click(`#guest-${uuid} [aria-label="Actions for web-1"]`);
  await page.click(`#guest-${uuid}-menu >> text=Shut down`);
  await page.waitForSelector(`${stateOf(uuid)} >> text=Off`, { timeout: 120_000 });
  await app.ask("POST", `/guests/${uuid}/start`);
  await page.waitForSelector(`${stateOf(uuid)} >> text=Running`, { timeout: 120_000 });
});

test("a selection says how many rows each action fits, and acts on those", async () => {
  const [one, two] = [await guestNamed("web-1"), await guestNamed("web-2")];
  await page.goto(`${app.url}/guests`);
  await liveStreamOpen(page);
  await page.check("[data-select-all]");
  const fits = async (action: string): Promise<string> =>
    (await page.locator(`[data-batch="${action}"] [data-fits]`).textContent())?.trim() ?? "";
  // web-1 runs, web-2 was killed: one may be started, one forced off, both deleted.
  expect([await fits("start"), await fits("force-stop"), await fits("delete")]).toEqual(["1", "1", "2"]);
  await page.click('[data-batch="force-stop"]');
  await page.click("#force-guests-confirm");
  await page.waitForSelector(`${stateOf(one.uuid)} >> text=Off`, { timeout: 120_000 });
  await page.click('[data-batch="start"]');
  for (const guest of [one, two])
    await page.waitForSelector(`${stateOf(guest.uuid)} >> text=Running`, { timeout: 120_000 });
});

test("deleting asks for the name, and takes guest, row and files along", async () => {
  const { uuid } = await guestNamed("web-2");
  const files = (): string[] => readdirSync(app.storage);
  const before = files().length;
  await atRest(uuid);
  await page.goto(`${app.url}/guests`);
  await liveStreamOpen(page);
  await page.click(`#guest-${uuid} [aria-label="Actions for web-2"]`);
  await page.click(`#guest-${uuid}-menu >> text=Delete`);
  await page.waitForSelector("#delete-guests >> text=web-2 on test-node");
  // Nothing happens before the name stands there.
  await page.click("#delete-guests-confirm", { force: true });
  expect((await guestNamed("web-2")).state).toBe("running");
  await page.fill("#delete-guests-name", "web-2");
  await page.click("#delete-guests-confirm");
  await page.waitForSelector(`#guest-${uuid}`, { state: "detached", timeout: 120_000 });
  expect(files().length).toBe(before - 1);
  expect(await libvirtd.virsh("list", "--all", "--name")).not.toContain("web-2");
  await page.waitForSelector("#guests-sub >> text=1 of 1 run");
});

test("data disks stay when they are not ticked, and go when they are", async () => {
  const make = async (name: string): Promise<Guest> => {
    await page.goto(`${app.url}/guests/new`);
    await page.fill('input[name="name"]', name);
    await page.fill('input[name="memoryMiB"]', String(memoryMiB));
    await page.click("button:has-text('Data disk')");
    await page.fill('input[name="dataDiskGiB"]', "2");
    await page.uncheck('input[name="start"]');
    await page.click("#create-button");
    await page.waitForURL(/\/guests\/[0-9a-f-]{36}$/);
    return hasState(name, "off");
  };
  const remove = async (guest: Guest, takeData: boolean): Promise<void> => {
    await page.goto(`${app.url}/guests/${guest.uuid}`);
    await liveStreamOpen(page);
    await page.click("[popovertarget=guest-menu]");
    await page.click("#guest-menu >> text=Delete");
    if (takeData) await page.check('#delete-guests input[name="takeData"]');
    await page.fill("#delete-guests-name", guest.name);
    await page.click("#delete-guests-confirm");
    await page.waitForSelector("text=This guest was deleted.", { timeout: 120_000 });
  };
  const disks = async (): Promise<{ name: string; state: string }[]> =>
    (await app.ask<{ items: { name: string; state: string }[] }>("GET", "/disks")).items;

  await remove(await make("keeper"), false);
  expect((await disks()).map(({ name, state }) => ({ name, state }))).toEqual([
    { name: "keeper-data-1", state: "idle" },
  ]);
  const before = readdirSync(app.storage).length;
  await remove(await make("taker"), true);
  expect((await disks()).map((disk) => disk.name)).toEqual(["keeper-data-1"]);
  expect(readdirSync(app.storage).length).toBe(before);
});

test("foreign domains are shown with a lock and can't be touched", async () => {
  const xml = join(folder, "foreign.xml");
  await Bun.write(
    xml,
    `<domain type="qemu"><name>&lt;b&gt;legacy&amp;"old"</name><memory unit="MiB">64</memory>
     <os><type arch="x86_64">hvm</type></os></domain>`,
  );
  await libvirtd.virsh("define", xml);
  await page.goto(`${app.url}/guests`);
  await page.waitForSelector("#guests-segments >> text=Foreign", { timeout: 20_000 });
  await page.click("#guests-segments >> text=Foreign");
  const row = page.locator("#guests-rows tr");
  await row.first().waitFor();
  expect(await row.textContent()).toContain('<b>legacy&"old"');
  expect(await row.textContent()).toContain("Foreign, read-only");
  expect(await row.locator("button, input").count()).toBe(0);
  await libvirtd.virsh("undefine", '<b>legacy&"old"');
});

test("no page complained of a script or of the content security policy", () => {
  expect(browser.complaints).toEqual([]);
});

/** Types as a person does, with Shift where it is needed: the guest sees keys, not characters. */
async function typeKeys(text: string): Promise<void> {
  for (const character of text) {
    if (character === "\n") await page.keyboard.press("Enter");
    else await page.keyboard.press(/[A-Z>]/.test(character) ? `Shift+${character}` : character);
    await Bun.sleep(40);
  }
}

/** Whether the console's canvas is anything but one colour. */
function showsSomething(console: Page): Promise<boolean> {
  return console.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>("#screen canvas");
    const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data;
    if (!pixels) return false;
    let bright = 0;
    for (let at = 0; at < pixels.length; at += 4)
      if ((pixels[at] ?? 0) + (pixels[at + 1] ?? 0) + (pixels[at + 2] ?? 0) > 200) bright++;
    return bright > 200;
  });
}
