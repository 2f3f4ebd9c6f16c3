/** Cold start to the first page, memory when idle, and what the first page load weighs. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import type { Bench, Section } from "./bench.ts";
import { signedIn, startBrowser } from "./browser.ts";
import { aim, digits, median, spreadTable, table } from "./figures.ts";
import { type Guest, Product } from "./product.ts";
import { run, say } from "./shell.ts";

const starts = 15;
const guests = 10;
const idleMilliseconds = 60_000;
const mebibyte = 1024 ** 2;

const megabytes = (mebibytes: number): number => (mebibytes * mebibyte) / 1e6;

interface Memory {
  when: string;
  rss: number;
  pss: number;
  anonymous: number;
}

/** A process's memory in MiB, from the kernel's own sums. */
function memoryOf(pid: number, when: string): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string) => Number(rollup.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))?.[1]) / 1024;
  return { when, rss: field("Rss"), pss: field("Pss"), anonymous: field("Anonymous") };
}

interface Weight {
  path: string;
  requests: number;
  bytes: number;
}

/** What a page with an empty cache fetches until it is quiet: bodies as they came, and their headers. */
async function weigh(context: BrowserContext, path: string): Promise<Weight> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const weights = new Map<string, number>();
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  const streams = new Set<string>();
  session.on("Network.responseReceived", ({ requestId, response }) => {
    if (response.mimeType === "text/event-stream") streams.add(requestId);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (!streams.has(requestId)) weights.set(requestId, encodedDataLength);
  });
  await page.goto(path, { waitUntil: "load" });
  // What the page's scripts fetch by themselves comes after its load.
  await Bun.sleep(1000);
  await page.close();
  return {
    path,
    requests: weights.size,
    bytes: [...weights.values()].reduce((sum, bytes) => sum + bytes, 0),
  };
}

export async function start(bench: Bench): Promise<Section> {
  const folder = join(bench.folder, "start");
  const product = await Product.prepare(await bench.executable(), folder, bench.libvirtd.uri);
  const browser = await startBrowser();
  try {
    say(`starting the program ${starts} times`);
    await product.start(); // sets the node up; not counted
    await product.ready();
    await product.stop();
    const times: number[] = [];
    for (let i = 0; i < starts; i++) {
      times.push(await product.start());
      await product.stop();
    }

    say(`memory without guests and with ${guests}, each after ${idleMilliseconds / 1000} s`);
    await product.start();
    await product.ready();
    await Bun.sleep(idleMilliseconds);
    const memory = [memoryOf(product.pid, "started, without guests, idle for 60 s")];
    const image = join(folder, "empty.qcow2");
    await run(["qemu-img", "create", "-q", "-f", "qcow2", "--", image, "16M"]);
    const templateId = await product.registerTemplate("empty", image);
    const made = await product.ask<{ guests: Guest[]; tasks: { id: string }[] }>("POST", "/guests", {
      name: "idle",
      templateId,
      vcpus: 1,
      memoryMiB: 64,
      quantity: guests,
    });
    await Promise.all(made.tasks.map(({ id }) => product.ended(id)));
    // A guest that runs in its firmware would only take the processor from what is measured.
    await Promise.all(made.guests.map(({ uuid }) => product.perform("POST", `/guests/${uuid}/pause`)));
    await Bun.sleep(idleMilliseconds);
    memory.push(memoryOf(product.pid, `after having made ${guests} guests, idle for 60 s`));

    say("weighing the first page load");
    const stranger = await browser.newContext({ baseURL: product.url, locale: "en" });
    const weights = [
      await weigh(stranger, "/sign-in"),
      await weigh(await signedIn(browser, product), "/guests"),
    ];

    await product.stop();
    await product.start();
    await product.ready();
    await Bun.sleep(idleMilliseconds);
    memory.push(memoryOf(product.pid, `started anew with ${guests} guests, idle for 60 s`));
    await product.deleteGuests(made.guests.map(({ uuid }) => uuid));
    return { title: "Start, memory and weight", text: text(times, memory, weights) };
  } finally {
    await browser.close();
    await product.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function text(times: readonly number[], memory: readonly Memory[], weights: readonly Weight[]): string {
  const heaviest = Math.max(...weights.map(({ bytes }) => bytes));
  return [
    "### Cold start to the first page",
    "",
    spreadTable("ms", [["`jimv standalone` to the answer of `GET /sign-in`", times]]),
    "",
    aim("median", median(times), 300, " ms"),
    "",
    "From starting the process, on a data folder that is set up, to the whole sign-in page; asked again every",
    "millisecond. libvirt is reached meanwhile and need not have answered yet. The executable lies in the page cache;",
    "reading it from the disk after a boot comes on top.",
    "",
    "### Memory of `jimv standalone` when idle",
    "",
    table(
      ["", "RSS MiB", "PSS MiB", "anonymous MiB"],
      memory.map(({ when, rss, pss, anonymous }) => [when, ...[rss, pss, anonymous].map(digits)]),
    ),
    "",
    ...memory.slice(0, 1).map(({ when, rss }) => aim(`RSS ${when}`, megabytes(rss), 120, " MB")),
    ...memory.slice(1).map(({ when, rss }) => `- RSS ${when}: ${digits(megabytes(rss))} MB`),
    "",
    "From `/proc/PID/smaps_rollup`. RSS counts the pages of the executable and of libraries that are mapped and in",
    "memory, which the kernel drops when it needs room; anonymous memory is the program's own. No browser was connected",
    "in the 60 s; heartbeats and the regular list of domains went on. Creating a batch makes workers for libvirt that go",
    "again within a quarter of a minute; the heap that it grew is given back once the program is quiet. The guests are",
    "paused; QEMU's and libvirtd's memory are not in it.",
    "",
    "### First page load",
    "",
    table(
      ["page", "requests", "bytes", "KB"],
      weights.map(({ path, requests, bytes }) => [
        `\`${path}\``,
        String(requests),
        String(bytes),
        digits(bytes / 1000),
      ]),
    ),
    "",
    aim("heavier page", heaviest / 1000, 120, " KB"),
    "",
    "What Chromium with an empty cache takes from the wire for the page and everything that it fetches within a second,",
    "compressed as served, headers included; the open event stream is left out. The list of guests has",
    `${guests} rows.`,
    "",
    "Not measured: start right after a boot, days of running, hundreds of guests.",
  ].join("\n");
}
