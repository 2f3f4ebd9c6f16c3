/** A web on a store in memory, a plain shell and a clock that the test turns: for tests of the web and of plugins' routes. */
import { authMigrations } from "../../auth/migrations.ts";
import { type Clock, sleepOn } from "../../clock.ts";
import type { Log } from "../../log/log.ts";
import { openStore, type Store } from "../../store/index.ts";
import type { Undo } from "../../undo.ts";
import { WordBook } from "../../words.ts";
import type { Role, Shell } from "../contract.ts";
import { createWeb, type Web } from "../server.ts";

/** A clock that stands until `pass` moves it. */
export class TestClock implements Clock {
  private time = Date.UTC(2026, 0, 1);
  private readonly timers = new Set<{ at: number; every: number | null; fn: () => void }>();

  now(): number {
    return this.time;
  }
  after(ms: number, fn: () => void): Undo {
    return this.add({ at: this.time + ms, every: null, fn });
  }
  every(ms: number, fn: () => void): Undo {
    return this.add({ at: this.time + ms, every: ms, fn });
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }
  /** Moves on, running what falls due in its order. */
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.time = due.at;
      if (due.every === null) this.timers.delete(due);
      else due.at += due.every;
      due.fn();
    }
    this.time = end;
  }
  private add(timer: { at: number; every: number | null; fn: () => void }): Undo {
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }
}

/** Furniture without looks: what a test needs to see stands there, escaped. */
export const plainShell: Shell = {
  frame:
    () =>
    async ({ page, title, stream, nav, crumbs }) =>
      `<title>${escapeText(title)}</title><nav>${nav.map((entry) => `${entry.href}=${entry.figure?.text ?? ""}`).join(" ")}</nav>` +
      `<i>${crumbs.length}</i><b>${escapeText(stream ?? "no stream")}</b><main>${String(await page)}</main>`,
  error: ({ status, detail, id }) => `<h1>${status}</h1><p>${escapeText(detail)}</p><code>${id ?? ""}</code>`,
  errorFragment: ({ detail }) => `<div class="toast">${escapeText(detail)}</div>`,
  fieldMessage: ({ text }) => (text === "" ? "" : `<span>${escapeText(text)}</span>`),
  searchHits: ({ hits }) =>
    hits.map((hit) => `<a href="${escapeText(hit.href)}">${escapeText(hit.label)}</a>`).join(""),
  reload: () => "<reload>",
};

const escapeText = (text: string): string => Bun.escapeHTML(text);

export interface Lab {
  web: Web;
  store: Store;
  clock: TestClock;
  words: WordBook;
  /** Error lines of the log. */
  errors: string[];
  stop(): Promise<void>;
  /** A client that sends an API token of this role. */
  token(role: Role): Promise<Client>;
  /** A client with a session; its person is made at the first call. */
  session(role?: Role): Promise<Client & { csrf: string; cookie: string }>;
}

export interface Ask {
  method?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as a form. */
  form?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}
export type Client = { ask(path: string, ask?: Ask): Promise<Response> };

export const password = "correct horse battery";

/** A lab as after the set-up, or as before it. */
export async function makeLab(options: { setUp?: boolean } = {}): Promise<Lab> {
  const clock = new TestClock();
  const store = await openStore({ kind: "sqlite", path: ":memory:" }, { now: () => clock.now() });
  await store.migrate([{ name: "auth", migrations: authMigrations }]);
  const words = new WordBook();
  const errors: string[] = [];
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (text, facts) => errors.push(`${text} ${JSON.stringify(facts)}`),
    named: () => log,
  };
  const web = createWeb({
    store,
    clock,
    words,
    log,
    shell: plainShell,
    assets: (path) => (path === "/assets/app.js" ? new Response("js") : null),
    version: "0.0.0-test",
    isSetUp: () => options.setUp ?? true,
  });
  const client = (own: Record<string, string>): Client => ({
    ask: (path, ask = {}) => web.handle(requestOf(path, ask, own)),
  });
  return {
    web,
    store,
    clock,
    words,
    errors,
    async stop() {
      await web.stop();
      await store.close();
    },
    async token(role) {
      const name = `token-${crypto.randomUUID().slice(0, 8)}`;
      const { secret } = await web.access.createToken({ name, role, createdBy: "test", expiresAt: null });
      return client({ authorization: `Bearer ${secret}` });
    },
    async session(role = "administrator") {
      const door = { request: new Request("http://localhost/"), address: "memory" };
      const name = `person-${crypto.randomUUID().slice(0, 8)}`;
      // Not hashed a second time by a sign-in: hashing is slow on purpose.
      const person = await web.access.createPerson({ name, password, role, language: null });
      const { headers, csrfToken } = await web.access.enter(door, person);
      const cookie = headers["set-cookie"]?.split(";")[0] ?? "";
      return { ...client({ cookie }), cookie, csrf: csrfToken };
    },
  };
}

/** A request as a client makes it. */
export function requestOf(path: string, ask: Ask, own: Record<string, string> = {}): Request {
  const headers = new Headers({ ...own, ...ask.headers });
  let body = ask.body;
  if (ask.json !== undefined) {
    body = JSON.stringify(ask.json);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
  }
  if (ask.form) {
    body = new URLSearchParams(ask.form).toString();
    headers.set("content-type", "application/x-www-form-urlencoded");
  }
  const method = ask.method ?? (body === undefined ? "GET" : "POST");
  return new Request(`http://localhost${path}`, { method, headers, ...(body !== undefined && { body }) });
}

/** Reads messages off an event stream, waiting for each up to two seconds. */
export class StreamReader {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly decoder = new TextDecoder();
  private buffer = "";

  constructor(response: Response) {
    if (!response.body) throw new Error("the answer has no body");
    this.reader = response.body.getReader();
  }

  /** The next message as it was sent, without its closing empty line; null at the end. */
  async next(): Promise<string | null> {
    for (;;) {
      const end = this.buffer.indexOf("\n\n");
      if (end >= 0) {
        const message = this.buffer.slice(0, end);
        this.buffer = this.buffer.slice(end + 2);
        return message;
      }
      const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), 2_000));
      const read = await Promise.race([this.reader.read(), late]);
      if (read === "late")
        throw new Error(`no message came; the buffer holds ${JSON.stringify(this.buffer)}`);
      if (read.done) return null;
      this.buffer += this.decoder.decode(read.value, { stream: true });
    }
  }

  /** The next message that carries data. */
  async data(): Promise<string | null> {
    for (;;) {
      const message = await this.next();
      if (message === null || /^data:/m.test(message)) return message;
    }
  }

  async cancel(): Promise<void> {
    await this.reader.cancel();
  }
}
