/**
 * The page's one live stream: reads server-sent events with fetch, puts their fragments into the page
 * through htmx's morphing, and keeps the lamp honest. Why not hx-sse: docs/adr/0004-live-stream.md.
 */
import { mostRowsTold, rowMark } from "../../core/http/shown-rows.ts";
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
/** The rows that the server knows to be on the page; null while it sends the changes of all rows. */
let told: Set<string> | null = null;

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

/** The rows of the lists that a live view keeps fresh. */
const rowsShown = (): string[] => all("[data-view] tr[id]").map(({ id }) => id);

/** A list was narrowed in the page, or has other rows: from now on only what belongs to these may come. */
function follow(): void {
  const url = new URL(document.body.dataset.live ?? "", location.href);
  const views = url.searchParams.getAll("view");
  const shown = all("[data-view]").map((table) => table.dataset.view ?? "");
  const name = (view: string): string => view.replace(/:.*/, "");
  const now = views.map((view) => shown.find((other) => name(other) === name(view)) ?? view);
  const same = rowsShown().every((id) => told?.has(id) ?? true);
  if (same && now.join() === views.join()) return;
  url.searchParams.delete("view");
  for (const view of now) url.searchParams.append("view", view);
  document.body.dataset.live = url.href;
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
  turn = () => abort.abort("turned");
  let timer = setTimeout(() => abort.abort(), silenceMs);
  try {
    const asked = performance.now();
    const url = new URL(document.body.dataset.live ?? "", location.href);
    const rows = rowsShown();
    told = rows[0] && !rows[mostRowsTold] ? new Set(rows) : null;
    if (told) url.searchParams.set("shown", rows.map(rowMark).join("."));
    const response = await fetch(url, {
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
    if (!response.body || !response.headers.get("content-type")?.startsWith("text/event-stream"))
      return "lost";
    show("live", word("live", { n: Math.ceil(performance.now() - asked) }));
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
    if (abort.signal.reason === "turned") return "turned";
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Each change of each message goes into the page by itself: a later one may be about what an earlier one adds. */
async function take(blocks: string[]): Promise<void> {
  let text = "";
  for (const block of blocks) {
    let data = "";
    let named = false;
    for (const line of block.split(/\r?\n/)) {
      const [, field, value = ""] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (field === "id") lastId = value;
      else if (field === "data") data += `${value}\n`;
      else if (field === "event") named = true;
    }
    if (!named) text += data;
  }
  if (text.includes("<hx-reload>")) return refresh();
  for (const [change] of text.matchAll(/<hx-partial[\s\S]*?<\/hx-partial>/g)) {
    // What the stream itself brings, the server knows of.
    told?.add(/<tr id="([\w-]+)"/.exec(change)?.[1] ?? "");
    await put(change, document.body, "none");
  }
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
