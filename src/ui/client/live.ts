/**
 * The page's one live stream: reads server-sent events with fetch, puts their fragments into the page
 * through htmx's morphing, and keeps the lamp honest. Why not hx-sse: docs/adr/0004-live-stream.md.
 */
import { all, csrf, word } from "./net.ts";

/** The longest pause before trying again. */
const longestPauseMs = 5000;
/** Without a sign of life for this long the connection counts as dead (the server beats more often). */
const silenceMs = 30_000;

const lamp = document.querySelector<HTMLElement>("[data-lamp]");

let lastId = "";
let tries = 0;
let wake: (() => void) | null = null;
/** Ends the connection that is, because the page now asks for something else. */
let turn: (() => void) | null = null;

function show(state: "live" | "connecting" | "lost", text: string): void {
  if (!lamp || lamp.dataset.lamp === state) return;
  lamp.dataset.lamp = state;
  for (const place of all("[data-lamp-text]", lamp)) place.textContent = text;
}

/** Begins, if the page has a stream. */
export function startLive(): void {
  if (!document.body.dataset.live) return;
  for (const name of ["online", "pageshow"]) addEventListener(name, () => wake?.());
  document.addEventListener("visibilitychange", () => document.hidden || wake?.());
  document.addEventListener("htmx:after:swap", follow);
  void run();
}

/** A list was narrowed in the page: from now on only what belongs into it may come. */
function follow(): void {
  const { live } = document.body.dataset;
  if (!live) return;
  const url = new URL(live, location.href);
  const views = url.searchParams.getAll("view");
  const shown = all("[data-view]").map((table) => table.dataset.view ?? "");
  const name = (view: string): string => view.split(":", 1)[0] ?? "";
  const now = views.map((view) => shown.find((other) => name(other) === name(view)) ?? view);
  if (now.every((view, i) => view === views[i])) return;
  url.searchParams.delete("view");
  for (const view of now) url.searchParams.append("view", view);
  document.body.dataset.live = url.pathname + url.search;
  turn?.();
}

async function run(): Promise<void> {
  for (;;) {
    const began = performance.now();
    const end = await connect().catch(() => "lost");
    if (end === "stop") return;
    if (end === "turned") continue;
    // A stream that lived is opened again at once; one that ends at its start must not be hammered.
    if (performance.now() - began > longestPauseMs) tries = 0;
    // The server ends streams in good order now and then: nobody needs to notice.
    if (end !== "ended") show("lost", word("lost"));
    const pause = Math.min(longestPauseMs, 250 * 2 ** tries++) * (0.8 + Math.random() * 0.2);
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, pause);
    });
    wake = null;
  }
}

/** One connection, from request to end. */
async function connect(): Promise<"ended" | "lost" | "stop" | "turned"> {
  const abort = new AbortController();
  let turned = false;
  turn = () => {
    turned = true;
    abort.abort();
  };
  let timer = setTimeout(() => abort.abort(), silenceMs);
  try {
    const asked = performance.now();
    const response = await fetch(document.body.dataset.live ?? "", {
      signal: abort.signal,
      headers: {
        Accept: "text/event-stream",
        "X-CSRF-Token": csrf(),
        ...(lastId ? { "Last-Event-ID": lastId } : {}),
      },
    });
    if (response.status === 401) {
      // The session is over: the server leads to the sign-in page.
      location.reload();
      return "stop";
    }
    if (
      !response.ok ||
      !response.body ||
      !response.headers.get("content-type")?.startsWith("text/event-stream")
    )
      return "lost";
    show("live", word("live", { n: Math.max(1, Math.round(performance.now() - asked)) }));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "ended";
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), silenceMs);
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      await take(blocks);
    }
  } catch (error) {
    if (turned) return "turned";
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Each change of each message goes into the page by itself: a later one may be about what an earlier one adds. */
async function take(blocks: string[]): Promise<void> {
  let text = "";
  for (const block of blocks) {
    const data: string[] = [];
    let named = false;
    for (const line of block.split(/\r?\n/)) {
      const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (field === "id") lastId = value ?? "";
      else if (field === "data") data.push(value ?? "");
      else if (field === "event") named = true;
    }
    if (!named && data.length > 0) text += `${data.join("\n")}\n`;
  }
  if (text.includes("<hx-reload>")) return refresh();
  for (const [change] of text.matchAll(/<hx-partial[\s\S]*?<\/hx-partial>/g))
    await put(change, document.body, "none");
}

async function put(text: string, target: Element, swap: string): Promise<void> {
  await window.htmx
    .swap({ text, sourceElement: document.body, target, swap })
    .catch((error) => console.error(error));
}

/** Fetches this page again and morphs into it: what is open, ticked or focused stays so. */
async function refresh(): Promise<void> {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (response.redirected && new URL(response.url).pathname !== location.pathname) {
    location.href = response.url;
    return;
  }
  if (response.ok) await put(await response.text(), document.body, "outerMorph");
  // Some other error: the next change or the person's own click shows what is wrong.
}
