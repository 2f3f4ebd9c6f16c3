/**
 * Addresses from a pool, in the browser on the compiled executable, real libvirt and a real guest: the pool is made,
 * the guest boots with the address that was booked for it, others reach it there, and after its end the address rests.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { type App, demoTemplate, until } from "../support/app.ts";
import { liveStreamOpen, TestBrowser } from "../support/browser.ts";
import { saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import type { PrivateLibvirtd } from "../support/libvirtd.ts";

setDefaultTimeout(300_000);

/** MiB; enough for the demo guest. */
const memoryMiB = 192;

const folder = mkdtempSync("/var/tmp/jimv-e2e-");
let lab: Lab;
let libvirtd: PrivateLibvirtd;
let app: App;
let browser: TestBrowser;
let page: Page;
/** The first three parts of the guests' network. */
let net: string;

beforeAll(async () => {
  lab = await openLab();
  ({ libvirtd, app } = lab);
  browser = await TestBrowser.open();
  await app.registerTemplate(await demoTemplate(folder), { init: "cloud-init", userName: "root" });
  page = await browser.signedIn(app);
  const xml = await libvirtd.virsh("net-dumpxml", "jimv");
  net = /ip address='(\d+\.\d+\.\d+)\.\d+'/.exec(xml)?.[1] ?? "";
  expect(net).not.toBe("");
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Pictures to look at, for who asks for them: JIMV_TEST_PICTURES names a folder. */
async function picture(name: string): Promise<void> {
  const pictures = process.env.JIMV_TEST_PICTURES;
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

interface Guest {
  uuid: string;
  addresses: string[];
  bookedAddresses: string[];
}
async function guestNamed(name: string): Promise<Guest> {
  const { items } = await app.ask<{ items: (Guest & { name: string })[] }>("GET", `/guests?q=${name}`);
  const guest = items.find((one) => one.name === name);
  if (!guest) throw new Error(`there is no guest ${name}`);
  return guest;
}

test("a pool is made in the dialog; a wrong range is said at its field", async () => {
  await page.goto(`${app.url}/ip-pools`);
  await liveStreamOpen(page);
  await page.click("[data-create]");
  await page.fill('input[name="name"]', "lan");
  await page.fill('input[name="first"]', `${net}.230`);
  await page.fill('input[name="last"]', `${net}.255`);
  await page.fill('input[name="prefix"]', "24");
  await page.fill('input[name="gateway"]', `${net}.1`);
  await page.fill('input[name="dns1"]', `${net}.1`);
  await page.check('input[name="isDefault"]');
  await page.click('#ip-pool-dialog button[type="submit"]');
  await page.waitForSelector("#ip-pool-dialog >> text=broadcast address");
  await page.fill('input[name="last"]', `${net}.240`);
  await picture("ip-pool-dialog");
  await page.click('#ip-pool-dialog button[type="submit"]');
  await page.waitForSelector("#ip-pools >> text=lan");
  await page.waitForSelector("#ip-pools >> text=11 of 11 free");
  await picture("ip-pools");
});

test("a guest is made with the default pool, and has the booked address", async () => {
  await page.goto(`${app.url}/guests/new`);
  await page.fill('input[name="name"]', "web");
  await page.fill('input[name="memoryMiB"]', String(memoryMiB));
  // The default is chosen already.
  const chosen = page.locator('select[name="ipv4Pool"] option:checked');
  expect(await chosen.textContent()).toContain(`lan: ${net}.230`);
  await picture("guest-form-address");
  await page.click("#create-button");
  await page.waitForURL(/\/guests\/[0-9a-f-]{36}$/);
  await liveStreamOpen(page);
  const guest = await guestNamed("web");
  expect(guest.bookedAddresses).toEqual([`${net}.230`]);
  await page.waitForSelector(`#guest-facts >> text=${net}.230`);
  await until("the agent answers", 120_000, () => soon(libvirtd, "web", "true"));
  expect(await saidIn(libvirtd, "web", "ip -4 -o addr show scope global")).toContain(`${net}.230/24`);
  await until("the gateway answers", 30_000, () => soon(libvirtd, "web", `ping -c 1 -W 2 ${net}.1`));
  expect(await saidIn(libvirtd, "web", "cat /etc/resolv.conf")).toContain(`${net}.1`);
});

test("its page and the pool's page say who has which address; an address that the guest dropped is marked", async () => {
  const { uuid } = await guestNamed("web");
  const looked = async (): Promise<string[]> => {
    await page.goto(`${app.url}/guests/${uuid}`);
    return (await guestNamed("web")).addresses;
  };
  await until("the node tells the address", 120_000, async () => (await looked()).includes(`${net}.230`));
  await page.goto(`${app.url}/guests/${uuid}`);
  await page.waitForSelector(`#guest-facts >> text=${net}.230`);
  expect(await page.locator("#guest-facts >> text=not in use").count()).toBe(0);
  await saidIn(
    libvirtd,
    "web",
    `card=$(ls /sys/class/net | grep -v lo | head -1); ip addr del ${net}.230/24 dev $card && ip addr add ${net}.250/24 dev $card`,
  );
  await until("the node tells the other address", 120_000, async () =>
    (await looked()).includes(`${net}.250`),
  );
  await page.goto(`${app.url}/guests/${uuid}`);
  await page.waitForSelector("#guest-facts >> text=not in use");
  // And what it has instead was not booked.
  await page.waitForSelector("#guest-facts >> text=not booked");
  await picture("guest-address-differs");
  await page.goto(`${app.url}/ip-pools`);
  await page.click("#ip-pools >> text=lan");
  await page.waitForSelector("#held-addresses >> text=web");
  await page.waitForSelector("#held-addresses >> text=not in use");
  await liveStreamOpen(page);
  expect(await page.locator(".range-picture rect.used").count()).toBe(1);
  await picture("ip-pool");
});

test("before an address is replaced its dialog knows whether the guest's own agent allows it", async () => {
  const { uuid } = await guestNamed("web");
  // Who opens the guest's page makes its node ask.
  await until("the agent's answer is in the dialog", 60_000, async () => {
    await page.goto(`${app.url}/guests/${uuid}?tab=addresses`);
    await page.click("#guest-more >> text=Replace…");
    await page.waitForSelector("#replace-dialog");
    return (await page.locator("#replace-dialog >> text=Now goes through the guest agent").count()) === 1;
  });
  await picture("replace-dialog");
  // The nodes' VNC ports belong to the same entry of the navigation.
  await page.goto(`${app.url}/vnc-ports`);
  await page.waitForSelector('#nav a[href="/ip-pools"][aria-current="page"]');
});

test("deleted, its address rests", async () => {
  const { uuid } = await guestNamed("web");
  await page.goto(`${app.url}/ip-pools`);
  await page.click("#ip-pools >> text=lan");
  await page.waitForSelector(".range-picture rect.used");
  await liveStreamOpen(page);
  await app.ask("DELETE", `/guests/${uuid}`, { force: true });
  await page.waitForSelector(".range-picture rect.resting", { timeout: 60_000 });
  expect(await page.locator(".range-picture rect.used").count()).toBe(0);
  const { items } = await app.ask<{ items: { free: number; resting: number }[] }>("GET", "/ip-pools");
  expect(items).toMatchObject([{ free: 10, resting: 1 }]);
});
