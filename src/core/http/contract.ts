/**
 * What plugins say to the web: API routes, pages, forms, live views, sockets. Only descriptions and
 * types; `server.ts` carries them out. Elysia stays behind this face.
 */
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import type { AppError } from "../errors.ts";
import type { Language, WordArgs } from "../words.ts";
import type { ShownRows } from "./shown-rows.ts";

/** What somebody may do, each including the ones before. */
export const roles = ["reader", "operator", "administrator"] as const;
export type Role = (typeof roles)[number];

/** Who asked. Written into tasks and trails as `kind:name`. */
export interface Actor {
  kind: "user" | "token" | "system";
  name: string;
}

/** The person or program behind a request. */
export interface Viewer {
  actor: Actor;
  role: Role;
  language: Language;
  theme: "light" | "dark" | "auto";
  /** The session's CSRF token; null for API tokens, which need none. */
  csrf: string | null;
  /** Texts in the viewer's language, from every word list. */
  say(word: string, args?: WordArgs): string;
}

/** Anything that JSX gives. hono/jsx nodes become HTML by `String(await node)`. */
export type Html = { toString(): string } | Promise<{ toString(): string }>;

type Fields<S> = S extends { static: infer T } ? T : Record<never, never>;

/** An endpoint below `/api/v1`. Input and answer schemas make the check, the OpenAPI document and the types. */
export interface ApiRoute<
  P extends TObject | undefined = TObject | undefined,
  Q extends TObject | undefined = TObject | undefined,
  B extends TSchema | undefined = TSchema | undefined,
> {
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** OpenAPI style, without the prefix: `/guests/{uuid}`. */
  path: string;
  /** One English line for the API page. */
  summary: string;
  /** A paragraph more, where needed. */
  description?: string;
  tag: string;
  /** The least role; "anyone" needs no sign-in (and no CSRF token). */
  role: Role | "anyone";
  params?: P;
  /** Unknown query fields are refused with 422. */
  query?: Q;
  body?: B;
  /** What a success looks like. */
  answer: {
    status: 200 | 201 | 202 | 204;
    schema?: TSchema;
    /** It answers 200 of the same shape as well, where nothing is left to wait for. */
    orAtOnce?: true;
  };
  handle(call: ApiCall<Fields<P>, Fields<Q>, Fields<B>>): Promise<ApiAnswer> | ApiAnswer;
}

export interface ApiCall<P = unknown, Q = unknown, B = unknown> {
  params: P;
  query: Q;
  body: B;
  viewer: Viewer;
  request: Request;
  /** The peer's address, for rate limits and trails. */
  address: string;
}

/** A JSON answer, or a finished Response for what is not JSON. */
export type ApiAnswer = { status?: number; body?: unknown; headers?: Record<string, string> } | Response;

/** A page or a page's fragment, outside `/api`. */
export interface PageRoute {
  method: "GET" | "POST";
  /** `/guests/{uuid}`. */
  path: string;
  role: Role | "anyone";
  handle(call: PageCall): Promise<PageAnswer> | PageAnswer;
}

export interface PageCall {
  params: Record<string, string>;
  url: URL;
  /** The posted form; repeated names become arrays. Empty for GET. */
  form: Record<string, string | string[]>;
  viewer: Viewer;
  request: Request;
  address: string;
  /** True when htmx asked (header `HX-Request`): answer a fragment, not a page. */
  partial: boolean;
}

/** What a page handler gives back. `page` is put into the frame; `fragment` is sent as it is. */
export type PageAnswer =
  | {
      page: Html;
      title: string;
      /** The trail of places above this one. */
      crumbs?: { href: string; label: string }[];
      /** Live views this page holds (see `LiveView`), as `name` or `name:key`. */
      views?: string[];
      /** `plain`: outside the frame (set-up); `narrow`: so, too, with one small form; `bare`: `page` is the whole document. */
      frame?: "full" | "plain" | "narrow" | "bare";
      status?: number;
      headers?: Record<string, string>;
    }
  | { fragment: Html; status?: number; headers?: Record<string, string> }
  /** 303, or `HX-Redirect` for htmx. */
  | { redirect: string; headers?: Record<string, string> }
  | Response;

/**
 * A form that a page holds. Its schema makes the HTML constraints, the check on leaving a field
 * (`POST /check/<name>` with the whole form and `field=`), and the server's own check of the post.
 */
export interface FormSpec<S extends TObject = TObject> {
  name: string;
  schema: S;
  role: Role | "anyone";
  /** Checks beyond the schema (a taken name). Returns what is wrong, or nothing. */
  check?(value: Partial<Static<S>>, field: string, viewer: Viewer): Promise<AppError | null>;
}

/**
 * What of a page changes by itself. The page names the views it holds; for each event on one of
 * `topics` the server renders the view and sends the result down the browser's one stream.
 */
export interface LiveView {
  name: string;
  topics: string[];
  role: Role;
  /** The payloads (from `replace`, `remove`, `append` of the UI) for a change of `event.key`; [] for nothing. */
  render(event: LiveEvent, context: LiveContext): Promise<string[]>;
  /**
   * Instead of `render`, for all changes that came while the page was being sent the last ones: what they are about is
   * read at once.
   */
  renderAll?(events: readonly LiveEvent[], context: LiveContext): Promise<string[]>;
  /**
   * What the page shows of all rows together. Told at once, then at most every `streamSumsMilliseconds`, the last change
   * in any case; without events to a page that comes back, as it may have missed the sums of what it has heard.
   */
  sums?(events: readonly LiveEvent[], context: LiveContext): Promise<string[]>;
}

/** Who looks, what the page's view was given after its colon, and which rows of lists the page shows. */
export interface LiveContext {
  viewer: Viewer;
  key: string | null;
  shown: ShownRows;
}

/** A fact that happened, as stored in the event log. */
export interface LiveEvent {
  seq: number;
  at: number;
  topic: string;
  key: string;
  data: unknown;
}

/** A WebSocket address. `open` throws an AppError to refuse. */
export interface SocketRoute {
  /** `/console/socket`. The handler checks its own ticket: sockets carry no CSRF token. */
  path: string;
  subprotocol: string | null;
  open(call: { url: URL; viewer: Viewer | null; address: string }, peer: SocketPeer): Promise<SocketHandler>;
}

export interface SocketPeer {
  /** Queued bytes are limited by `buffered`; stop reading your source while it is high. */
  send(data: Uint8Array): void;
  buffered(): number;
  close(code?: number, reason?: string): void;
}

export interface SocketHandler {
  message(data: Uint8Array): void;
  drain(): void;
  closed(): void;
}

/** An entry of the navigation. */
export interface NavEntry {
  group: "top" | "compute" | "infrastructure" | "watch" | "system";
  order: number;
  href: string;
  /** Other pages that belong to it: it is marked on those, too. */
  also?: readonly string[];
  icon: string;
  word: string;
  role: Role;
  /** A figure beside it, asked for at each page, or remembered for a moment where `changedBy` is given. */
  count?(): Promise<NavFigure | null>;
  /** Whether the figure is asked for anew after an event. */
  changedBy?(event: LiveEvent): boolean;
}

/** A figure in the navigation. */
export interface NavFigure {
  text: string;
  alarm?: "warn" | "bad";
}

/** A row of the `Ctrl K` palette. */
export interface SearchHit {
  href: string;
  icon: string;
  label: string;
  hint: string;
}

/** Makes a whole document around a page. */
export type Framing = (input: {
  page: Html;
  title: string;
  crumbs: { href: string; label: string }[];
  views: string[];
  /**
   * The address of the page's live stream (`/events?after=…&view=…`), null for who has not signed in.
   * `after` is where the event log stood before the page was made, so that nothing in between is missed.
   */
  stream: string | null;
  frame: "full" | "plain" | "narrow";
  path: string;
  nav: (Omit<NavEntry, "count" | "changedBy"> & { figure: NavFigure | null })[];
}) => Html;

/** The one place where pages meet their furniture; the program hands it to the server (core knows no layout). */
export interface Shell {
  /** Begins a frame for a viewer. What it asks for by itself is asked from now on, while the page is being made. */
  frame(viewer: Viewer): Framing;
  /** A document for a refusal or an internal error. `id` stands in the log, too. */
  error(input: { viewer: Viewer; status: number; title: string; detail: string; id: string | null }): Html;
  /** A refusal as a fragment for htmx (a toast). */
  errorFragment(input: { viewer: Viewer; detail: string; id: string | null }): Html;
  /** The message for a field, as the check on leaving it answers. Empty string for "fine". */
  fieldMessage(input: { field: string; text: string }): Html;
  /** The answers of `Ctrl K`. */
  searchHits(input: { viewer: Viewer; hits: SearchHit[] }): Html;
  /** Tells the browser to fetch its page again. One payload of the live stream. */
  reload(): string;
}
