/** A guest's end, from the moment it is killed until its row has changed in the browser. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type { Bench, Section } from "./bench.ts";
import { signedIn, startBrowser } from "./browser.ts";
import { aim, digits, percentile, summary, table } from "./figures.ts";
import { type Guest, Product } from "./product.ts";
import { run, say, until } from "./shell.ts";

const kills = 100;
const destroys = 30;
const waitMilliseconds = 10_000;

/** What the page notes: when its row began to show another state. The machine's clock, as the bench's own. */
interface Noted {
  at: number;
  state: string;
}

/** Watches one row in the page; each new state is noted with the time. */
async function watch(page: Page, uuid: string): Promise<void> {
  await page.evaluate((id) => {
    const noted: Noted[] = [];
    Object.assign(window, { noted });
    const shown = () =>
      document.querySelector(`#${CSS.escape(id)} .state`)?.getAttribute("data-flash") ?? "none";
    let last = shown();
    new MutationObserver(() => {
      const state = shown();
      if (state !== last) noted.push({ at: Date.now(), state });
      last = state;
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  }, `guest-${uuid}`);
}

/** A guest that is asked to end may show that it is stopping in between: that doesn't count. */
const ended = (state: string): boolean => state === "off" || state === "crashed";

/** When the row first showed such a state, after the notes were last cleared. */
function change(page: Page, state: (state: string) => boolean): Promise<Noted> {
  return until("the row to change", waitMilliseconds, async () => {
    const noted = await page.evaluate(() => (window as unknown as { noted: Noted[] }).noted);
    return noted.find((one) => state(one.state));
  });
}

const clear = (page: Page): Promise<void> =>
  page.evaluate(() => void (window as unknown as { noted: Noted[] }).noted.splice(0));

/** Milliseconds from each end of the guest to its changed row; `end` says when it struck. */
async function series(
  count: number,
  page: Page,
  product: Product,
  guest: Guest,
  end: () => Promise<number> | number,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    await clear(page);
    const at = await end();
    const noted = await change(page, ended);
    times.push(noted.at - at);
    await clear(page);
    await product.perform("POST", `/guests/${guest.uuid}/start`);
    await change(page, (state) => state === "running");
  }
  return times;
}

export async function reaction(bench: Bench): Promise<Section> {
  const { libvirtd } = bench;
  const folder = join(bench.folder, "reaction");
  const product = await Product.prepare(await bench.executable(), folder, libvirtd.uri);
  const browser = await startBrowser();
  try {
    await product.start();
    await product.ready();
    // An empty disk: a guest without a system starts fast and goes on running in its firmware.
    const image = join(folder, "empty.qcow2");
    await run(["qemu-img", "create", "-q", "-f", "qcow2", "--", image, "16M"]);
    const templateId = await product.registerTemplate("empty", image);
    const made = await product.ask<{ guests: Guest[]; task: { id: string } }>("POST", "/guests", {
      name: "tiny",
      templateId,
      vcpus: 1,
      memoryMiB: 64,
    });
    await product.ended(made.task.id);
    const [guest] = made.guests;
    if (!guest) throw new Error("no guest was made");
    const page = await (await signedIn(browser, product)).newPage();
    await page.goto("/guests");
    await page.waitForSelector(`#guest-${guest.uuid} .state[data-flash="running"]`);
    await watch(page, guest.uuid);

    say(`killing a guest ${kills} times`);
    const killed = await series(kills, page, product, guest, () => {
      const pid = libvirtd.qemuPid(guest.name);
      if (!pid) throw new Error("the guest has no process");
      const at = Date.now();
      process.kill(pid, "SIGKILL");
      return at;
    });
    say(`destroying a guest ${destroys} times`);
    const destroyed = await series(destroys, page, product, guest, async () => {
      const at = Date.now();
      await libvirtd.virsh("destroy", guest.uuid);
      return at;
    });
    await product.deleteGuests([guest.uuid]);
    return { title: "Reaction", text: text(killed, destroyed) };
  } finally {
    await browser.close();
    await product.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function text(killed: readonly number[], destroyed: readonly number[]): string {
  const row = (name: string, times: readonly number[]) => {
    const { count, min, median, p99, max } = summary(times);
    return [name, String(count), ...[min, median, p99, max].map(digits)];
  };
  return [
    "From the end of a running guest, behind JimV's back, to its changed row in the list of guests in headless Chromium.",
    "",
    table(
      ["", "runs", "min ms", "p50 ms", "p99 ms", "max ms"],
      [row("QEMU killed (SIGKILL)", killed), row("`virsh destroy`, the call itself included", destroyed)],
    ),
    "",
    aim("killed, p99", percentile(killed, 0.99), 300, " ms"),
    "",
    "The clock is the machine's: read right before the signal is sent (or `virsh` is started), and by a MutationObserver",
    'in the page when the row shows "off" or "crashed", before it is painted. The way between: libvirtd notices that',
    "QEMU's monitor is closed, its event, the node's report, the store, the event stream, the page. Between two runs the",
    "guest is started through the API again; it has an empty disk and stays in its firmware. One guest, one page open,",
    "browser and program on the same machine.",
    "",
    "Not measured: a network between browser and program, pages with hundreds of rows, many readers at once.",
  ].join("\n");
}
