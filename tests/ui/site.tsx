/** A tiny site for the browser tests: the gallery's pages, one live stream under our hand, and a record of posts. */
import { type Browser, chromium, type Page } from "playwright-core";
import { galleryPages, serveGallery } from "../../src/ui/gallery/index.tsx";
import { append, Form, Toast } from "../../src/ui/index.ts";
import { html } from "../../src/ui/live.ts";
import { DangerDialog } from "../../src/ui/parts/dialog.tsx";
import { TextInput } from "../../src/ui/parts/form.tsx";

export interface Posted {
  path: string;
  form: URLSearchParams;
  csrf: string | null;
}

export class Site {
  readonly posts: Posted[] = [];
  /** `Last-Event-ID` of each connection to the stream. */
  readonly connections: (string | null)[] = [];
  /** The marks of the rows that each connection told. */
  readonly told: (string[] | undefined)[] = [];
  private readonly streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  private eventId = 0;
  private readonly server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => this.answer(request),
  });
  /** While set, the stream answers with this status. */
  refuse: number | null = null;

  get url(): string {
    return this.server.url.href;
  }

  /** Sends one message's data to all open pages. */
  push(...messages: string[]): void {
    const text = messages
      .map(
        (data) =>
          `${data
            .split("\n")
            .map((line) => `data: ${line}\n`)
            .join("")}id: ${++this.eventId}\n\n`,
      )
      .join("");
    for (const stream of this.streams) stream.enqueue(new TextEncoder().encode(text));
  }

  /** Ends all streams, as a restart of the server does. */
  cut(): void {
    for (const stream of this.streams) stream.close();
    this.streams.clear();
  }

  get streaming(): number {
    return this.streams.size;
  }

  stop(): void {
    this.server.stop(true);
  }

  private async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/events") return this.stream(request);
    const page = await serveGallery(request);
    if (page) return page;
    if (request.method === "POST") return this.post(request, url);
    if (url.pathname === "/guests") {
      const name = url.searchParams.get("q") === "nobody" ? "guests-empty" : "guests";
      return fragment(await galleryPages[name]({ lang: "en", theme: "light" }));
    }
    if (url.pathname === "/guests/batch/delete") {
      const ids = url.searchParams.getAll("id");
      return fragment(
        await html(
          <DangerDialog
            lang="en"
            id="delete"
            title={`Delete ${ids.length} guests?`}
            post="/deleted"
            fields={{ id: ids }}
            victims={ids}
            confirm="Delete"
            open
          />,
        ),
      );
    }
    if (url.pathname === "/search")
      return fragment(
        `<a role="option" href="/found">${url.searchParams.get("q") === "db" ? "db-1" : "?"}</a>`,
      );
    return new Response("nothing here", { status: 404 });
  }

  private async post(request: Request, url: URL): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    this.posts.push({ path: url.pathname, form, csrf: request.headers.get("x-csrf-token") });
    if (url.pathname.endsWith("/password")) return Response.json({ value: "s3cret-value" });
    if (url.pathname.startsWith("/check/"))
      return fragment(
        form.get(form.get("field") ?? "") === "taken" ? "<span>“taken” is in use. Try taken-2.</span>" : "",
      );
    if (url.pathname === "/guests" && form.get("name") === "taken")
      return fragment(
        await html(
          <Form id="create" action="/guests">
            <TextInput name="name" label="Name" value="taken" error="“taken” is in use. Try taken-2." />
          </Form>,
        ),
        422,
      );
    if (url.pathname.endsWith("/conflict"))
      return Response.json(
        { detail: "web-07 is being moved. Wait for task 12." },
        { status: 409, headers: { "content-type": "application/problem+json" } },
      );
    return fragment(
      append(
        "toasts",
        await html(
          <Toast lang="en" tone="ok">
            Done: {url.pathname}
          </Toast>,
        ),
      ),
    );
  }

  private stream(request: Request): Response {
    this.connections.push(request.headers.get("last-event-id"));
    this.told.push(new URL(request.url).searchParams.get("shown")?.split("."));
    if (this.refuse) return new Response("no", { status: this.refuse });
    let mine: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        mine = controller;
        this.streams.add(controller);
        controller.enqueue(new TextEncoder().encode(": hello\n\n"));
      },
      cancel: () => {
        this.streams.delete(mine);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }
}

function fragment(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}

/** Starts a headless Chromium. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
}

/** A page in a fresh profile. What the browser complains about (policy, script errors) is collected. */
export async function openPage(
  browser: Browser,
  url: string,
  width = 1440,
): Promise<{ page: Page; complaints: string[]; close(): Promise<void> }> {
  const context = await browser.newContext({ viewport: { width, height: 900 } });
  const page = await context.newPage();
  // Shorter than a test's own limit: a test that runs out of time takes the browser with it.
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}
