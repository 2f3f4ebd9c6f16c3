/** From a request to a page's handler and back: role, CSRF token, the form, the frame around the page. */
import { timing } from "../timing.ts";
import { readForm } from "./body.ts";
import type { Framing, Html, NavEntry, PageAnswer, PageRoute, Shell, Viewer } from "./contract.ts";
import { formOf } from "./forms.ts";
import { type Refusal, refusalHeaders, sentenceOf } from "./problem.ts";
import { refuseForeignSites } from "./security.ts";
import { includes, isSignedIn, requireCsrf, requireRole, type Visitor } from "./visitor.ts";

/** True when htmx wants a part of a page, not a page (a boosted link wants a page). */
export const isPartial = (request: Request): boolean =>
  request.headers.get("hx-request") === "true" &&
  request.headers.get("hx-request-type") !== "full" &&
  request.headers.get("hx-history-restore-request") !== "true";

export interface PagesDependencies {
  shell: Shell;
  nav(): readonly NavEntry[];
  /** Where the event log stands now. */
  cursor(): Promise<number>;
  logFailure(what: string, error: unknown): void;
}

/** @throws AppError for everything that is refused */
export async function answerPage(
  route: PageRoute,
  params: Record<string, string>,
  request: Request,
  visitor: Visitor,
  address: string,
  needs: PagesDependencies,
): Promise<Response> {
  requireRole(visitor, route.role);
  const url = new URL(request.url);
  const form = route.method === "POST" ? formOf(await readForm(request, timing.requestBodyMilliseconds)) : {};
  if (route.method === "POST" && visitor.by.kind !== "token") {
    refuseForeignSites(request);
    const token = request.headers.get("x-csrf-token") ?? form._csrf;
    if (route.role !== "anyone") requireCsrf(visitor, typeof token === "string" ? token : null);
  }
  delete form._csrf;
  const partial = isPartial(request);
  // Read before the page is made: what happens meanwhile then comes through the stream.
  const after = partial ? 0 : await needs.cursor();
  const { viewer } = visitor;
  // While the page is made: its figures are questions of their own.
  const isPage = route.method === "GET" && !partial;
  const nav = isPage ? navOf(viewer, needs) : null;
  const frame = isPage && isSignedIn(viewer) ? needs.shell.frame(viewer) : null;
  const answer = await route.handle({ params, url, form, viewer, request, address, partial });
  return render(answer, { url, viewer, partial, after, request, nav, frame }, needs);
}

interface Rendering {
  url: URL;
  viewer: Viewer;
  partial: boolean;
  after: number;
  request: Request;
  /** Asked for ahead, where a whole page is expected. */
  nav: ReturnType<typeof navOf> | null;
  frame: Framing | null;
}

async function render(answer: PageAnswer, call: Rendering, needs: PagesDependencies): Promise<Response> {
  if (answer instanceof Response) return answer;
  const { headers = {} } = answer;
  if ("redirect" in answer) return redirect(answer.redirect, call.partial, headers);
  if ("fragment" in answer)
    return html(await text(answer.fragment), answer.status ?? 200, headers, call.request);
  const { frame = "full", views = [], crumbs = [], title, page } = answer;
  const status = answer.status ?? 200;
  if (frame === "bare") return html(document(await text(page)), status, headers, call.request);
  const { viewer, url } = call;
  const nav = frame === "full" ? await (call.nav ?? navOf(viewer, needs)) : [];
  const live = isSignedIn(viewer) && (frame === "full" || views.length > 0);
  const stream = live ? streamAddress(views, call.after) : null;
  const framed = (call.frame ?? needs.shell.frame(viewer))({
    page,
    title,
    crumbs,
    views,
    stream,
    frame,
    path: url.pathname,
    nav,
  });
  return html(document(await text(framed)), status, headers, call.request);
}

/** A refusal as a page, or as a fragment where htmx asked. */
export async function refusalPage(
  { error, id }: Refusal,
  request: Request,
  viewer: Viewer,
  shell: Shell,
): Promise<Response> {
  const detail = sentenceOf(error, viewer.say);
  const headers = refusalHeaders(error);
  if (isPartial(request))
    return html(await text(shell.errorFragment({ viewer, detail, id })), error.status, headers, request);
  const title = viewer.say(`problem.${error.kind}`);
  const page = shell.error({ viewer, status: error.status, title, detail, id });
  return html(document(await text(page)), error.status, headers, request);
}

/** Sends a browser elsewhere, by htmx's own header where htmx asked. */
export function redirect(
  to: string,
  partial: boolean,
  headers: Record<string, string> = {},
  status = 200,
): Response {
  if (partial) return new Response(null, { status, headers: { ...headers, "hx-redirect": to } });
  return new Response(null, { status: 303, headers: { ...headers, location: to } });
}

async function navOf(viewer: Viewer, needs: PagesDependencies): Promise<Parameters<Framing>[0]["nav"]> {
  const entries = needs.nav().filter((entry) => includes(viewer.role, entry.role));
  return Promise.all(
    entries.map(async ({ count, changedBy: _, ...entry }) => {
      try {
        return { ...entry, figure: (await count?.()) ?? null };
      } catch (error) {
        needs.logFailure(`the figure of navigation entry "${entry.href}"`, error);
        return { ...entry, figure: null };
      }
    }),
  );
}

function streamAddress(views: readonly string[], after: number): string {
  const query = new URLSearchParams({ after: String(after) });
  for (const view of views) query.append("view", view);
  return `/events?${query}`;
}

const text = async (node: Html): Promise<string> => String(await node);

const document = (markup: string): string =>
  markup.startsWith("<!") ? markup : `<!doctype html>\n${markup}`;

/** Below this, compressing costs more than it saves. */
const compressFromBytes = 1_400;

/** An HTML answer, compressed where the browser takes it. CSRF tokens in it are masked, see `csrfToken`. */
export function html(
  markup: string,
  status: number,
  headers: Record<string, string>,
  request: Request,
): Response {
  if (status === 204) return new Response(null, { status, headers });
  const all: Record<string, string> = {
    "content-type": "text/html; charset=utf-8",
    vary: "Accept-Encoding, HX-Request, Cookie",
    ...headers,
  };
  const takesGzip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  if (!takesGzip || markup.length < compressFromBytes) return new Response(markup, { status, headers: all });
  return new Response(Bun.gzipSync(Buffer.from(markup), { level: 4 }), {
    status,
    headers: { ...all, "content-encoding": "gzip" },
  });
}

/** Where a page that needs a sign-in sends who has none. */
export function toSignIn(request: Request, isSetUp: boolean): Response {
  const partial = isPartial(request);
  if (!isSetUp) return redirect("/set-up", partial, {}, 401);
  const url = new URL(request.url);
  // A part of a page is no place to come back to; the page around it is.
  const current = partial ? request.headers.get("hx-current-url") : null;
  const back = current && URL.canParse(current) ? new URL(current) : url;
  const next = partial && !current ? "/" : back.pathname + back.search;
  return redirect(next === "/" ? "/sign-in" : `/sign-in?${new URLSearchParams({ next })}`, partial, {}, 401);
}
