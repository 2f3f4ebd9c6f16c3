/**
 * The web face carried out: one door for API, pages, streams, sockets and assets. Each request is looked up,
 * its sender recognised, checked, answered, and every answer gets the security headers. What goes wrong
 * becomes a problem document below `/api` and a page elsewhere, never a stack.
 */
import { Access } from "../auth/access.ts";
import type { Clock } from "../clock.ts";
import { AppError, errorText } from "../errors.ts";
import type { WebDesk } from "../plugin.ts";
import { remembered } from "../remembered.ts";
import type { Store } from "../store/index.ts";
import { timing } from "../timing.ts";
import type { Undo } from "../undo.ts";
import type { WordBook } from "../words.ts";
import { type AccessService, makeAccessService } from "./access-service.ts";
import { answerApi, apiPrefix } from "./api.ts";
import type {
  ApiRoute,
  FormSpec,
  LiveView,
  NavEntry,
  PageRoute,
  SearchHit,
  Shell,
  SocketRoute,
  Viewer,
} from "./contract.ts";
import { docsPage } from "./docs.tsx";
import { type Connection, createEngine, type ListenOptions } from "./engine.ts";
import { EventHub } from "./hub.ts";
import { openApi } from "./openapi.ts";
import { answerPage, isPartial, type PagesDependencies, redirect, refusalPage, toSignIn } from "./pages.ts";
import { problemResponse, refusalOf, type WebLog } from "./problem.ts";
import { RouteTable } from "./router.ts";
import { secure } from "./security.ts";
import { sessionRoutes } from "./session-routes.ts";
import { Sockets } from "./sockets.ts";
import { eventsRoute, liveRoute, smallPages } from "./stream-routes.ts";
import { Streams } from "./streams.ts";
import { includes, isSignedIn, type Visitor, Visitors } from "./visitor.ts";
import { httpWords } from "./words.ts";

export interface WebOptions {
  store: Store;
  clock: Clock;
  /** Gets the web's own words added. */
  words: WordBook;
  log: WebLog;
  shell: Shell;
  /** The asset of a path in an encoding that the client takes, or null. */
  assets(path: string, acceptEncoding: string | null): Response | null;
  version: string;
  /** False until the first administrator is made: pages then lead to `/set-up`. */
  isSetUp(): boolean;
}

export interface Web extends WebDesk {
  /** For the set-up and the pages of signing in; also provided to plugins as `accessService`. */
  readonly access: AccessService;
  /** Another controller wrote events: streams read the log now. */
  wake(): void;
  /** Answers a request in memory, as from address `memory`. Its URL must begin with `http://localhost`. */
  handle(request: Request): Promise<Response>;
  /** @throws Error when the port is taken */
  listen(options: ListenOptions): { port: number };
  /** Ends streams and sockets, waits for running requests for a while, and closes. */
  stop(): Promise<void>;
}

type Search = (query: string, viewer: Viewer) => Promise<SearchHit[]>;

export function createWeb(options: WebOptions): Web {
  return new Server(options).face();
}

class Server {
  private readonly apiRoutes = new RouteTable<ApiRoute>();
  private readonly pageRoutes = new RouteTable<PageRoute>();
  private readonly socketRoutes = new RouteTable<SocketRoute>();
  private readonly forms = new Map<string, FormSpec>();
  private readonly views = new Map<string, LiveView>();
  private asides: Promise<unknown> = Promise.resolve();
  private readonly navEntries = new Set<NavEntry>();
  private readonly searches = new Set<Search>();
  private readonly uniques = new Map<string, () => Error>();
  private readonly visitors: Visitors;
  private readonly hub: EventHub;
  private readonly streams: Streams;
  private readonly sockets: Sockets;
  private readonly access: Access;
  private readonly service: AccessService;
  private readonly pageNeeds: PagesDependencies;
  private readonly engine = createEngine((request, connection) => this.fetch(request, connection));
  /** Who is behind a request that is being answered. */
  private readonly present = new WeakMap<Request, Visitor>();
  private tls = false;
  private stopping = false;

  constructor(private readonly options: WebOptions) {
    const { store, clock, words, log, shell } = options;
    words.add(httpWords);
    this.access = new Access(store, clock);
    this.visitors = new Visitors(this.access, words);
    this.hub = new EventHub(store, log);
    const stillIn = (visitor: Visitor): Promise<boolean> => this.visitors.stillIn(visitor);
    this.sockets = new Sockets({ clock, log, stillIn });
    this.streams = new Streams({
      hub: this.hub,
      clock,
      log,
      stillIn,
      reload: () => shell.reload(),
    });
    this.service = makeAccessService(
      this.access,
      () => this.tls,
      (id) => {
        this.streams.endFor(id);
        this.sockets.endFor(id);
      },
    );
    const logFailure = (what: string, error: unknown): void =>
      log.error(`${what} failed and is left out`, { error: errorText(error) });
    this.pageNeeds = {
      shell,
      nav: () => [...this.navEntries].sort((one, other) => one.order - other.order),
      cursor: () => this.hub.cursor(),
      logFailure,
    };
    this.registerOwn(logFailure);
  }

  face(): Web {
    const adder =
      <T>(set: Set<T>) =>
      (entry: T): Undo => {
        set.add(entry);
        return () => set.delete(entry);
      };
    return {
      access: this.service,
      api: (route) => this.api(route as unknown as ApiRoute),
      page: (route) => this.page(route),
      form: (spec) => named(this.forms, "form", spec.name, spec as unknown as FormSpec),
      live: (view) => named(this.views, "live view", view.name, view),
      socket: (route) => this.socketRoutes.add("GET", route.path, route),
      nav: (entry) => this.nav(entry),
      search: adder(this.searches),
      uniqueIs: (index, toError) => named(this.uniques, "unique index", index, toError),
      onEvents: (listener) => this.hub.listen(listener),
      wake: () => this.hub.wake(),
      handle: (request) => this.engine.handle(request),
      listen: (listen) => {
        this.tls = listen.tls !== undefined;
        return this.engine.listen(listen);
      },
      stop: async () => {
        this.stopping = true;
        this.streams.stop();
        this.sockets.stop();
        this.hub.stop();
        await this.engine.stop(timing.requestGraceMilliseconds);
      },
    };
  }

  private api(route: ApiRoute): Undo {
    return this.apiRoutes.add(route.method, apiPrefix + route.path, route);
  }

  /** Questions that nobody waits for: one after the other, and not beside those of the page that began them. */
  private aside<T>(ask: () => Promise<T>): Promise<T> {
    const { clock } = this.options;
    const mine = this.asides
      .catch(() => {})
      .then(() => clock.sleep(timing.navFigureRestMilliseconds))
      .then(ask);
    this.asides = mine;
    return mine;
  }

  /** A figure that says what changes it is remembered: every page asks for it, and it may take all that is known. */
  private nav(entry: NavEntry): Undo {
    const { count, changedBy } = entry;
    if (!count || !changedBy) {
      this.navEntries.add(entry);
      return () => this.navEntries.delete(entry);
    }
    const figure = remembered(
      this.options.clock,
      {
        fresh: timing.navFigureMilliseconds,
        most: timing.navFigureMostMilliseconds,
        least: timing.navFigureLeastMilliseconds,
      },
      () => count(),
      (ask) => this.aside(ask),
    );
    const deaf = this.hub.listen((events) => {
      if (events.some(changedBy)) figure.forget();
    });
    const kept: NavEntry = { ...entry, count: figure };
    this.navEntries.add(kept);
    return () => {
      this.navEntries.delete(kept);
      deaf();
    };
  }

  private page(route: PageRoute): Undo {
    if (/^\/(?:api|assets)(?:\/|$)/.test(route.path))
      throw new Error(`"${route.path}" is no address for a page`);
    return this.pageRoutes.add(route.method, route.path, route);
  }

  private registerOwn(logFailure: PagesDependencies["logFailure"]): void {
    const visitorOf = (request: Request): Visitor => {
      const visitor = this.present.get(request);
      if (!visitor) throw new Error("the request is not being answered");
      return visitor;
    };
    const streamNeeds = { streams: this.streams, visitorOf, view: (name: string) => this.views.get(name) };
    sessionRoutes((route) => this.api(route as unknown as ApiRoute), this.service, visitorOf);
    this.api(eventsRoute(streamNeeds));
    this.page(liveRoute(streamNeeds));
    for (const page of smallPages({
      shell: this.options.shell,
      access: this.service,
      visitorOf,
      form: (name) => this.forms.get(name),
      searches: () => [...this.searches],
      setLanguage: (personId, language) => this.access.setLanguage(personId, language),
      logFailure,
    }))
      this.page(page);
  }

  private async fetch(request: Request, connection: Connection): Promise<Response | undefined> {
    const url = new URL(request.url);
    const asked = request.method === "HEAD" ? "GET" : request.method;
    try {
      const response = await this.answer(asked, url, request, connection);
      if (!response) return undefined;
      const secured = secure(response, this.tls);
      return request.method === "HEAD" ? new Response(null, secured) : secured;
    } catch (thrown) {
      return secure(await this.refuse(thrown, url, request), this.tls);
    } finally {
      this.present.delete(request);
    }
  }

  private async answer(
    method: string,
    url: URL,
    request: Request,
    connection: Connection,
  ): Promise<Response | undefined> {
    if (this.stopping) throw new AppError("unavailable", "http.stopping", { seconds: 5 });
    const { pathname } = url;
    if (pathname.startsWith("/assets/")) return this.asset(method, pathname, request);
    const forApi = isApi(pathname);
    const visitor = await this.visitors.of(request, forApi);
    this.present.set(request, visitor);
    const { address } = connection;

    if (pathname === "/api/openapi.json" || pathname === "/api/docs")
      return this.describe(method, pathname, request, visitor);
    if (forApi) {
      const found = this.apiRoutes.find(method, pathname);
      if (!found) throw new AppError("notFound", "http.notFound");
      if ("allow" in found) return notAllowed(method, found.allow);
      return answerApi(found.value, found.params, request, visitor, address);
    }
    const socket = this.socketRoutes.find("GET", pathname);
    if (socket && "value" in socket) return this.sockets.upgrade(socket.value, request, visitor, connection);
    const found = this.pageRoutes.find(method, pathname);
    if (!found) return this.noPage(pathname, request, visitor);
    if ("allow" in found) return notAllowed(method, found.allow);
    const { value: page, params } = found;
    // A stream and a script get the refusal itself: a page of another address would tell them nothing.
    const away = page.role !== "anyone" && !isSignedIn(visitor.viewer) && !wantsData(request);
    if (away && (method === "GET" || isPartial(request))) return toSignIn(request, this.options.isSetUp());
    return answerPage(page, params, request, visitor, address, this.pageNeeds);
  }

  private asset(method: string, pathname: string, request: Request): Response {
    if (method !== "GET") return notAllowed(method, ["GET"]);
    const asset = this.options.assets(pathname, request.headers.get("accept-encoding"));
    if (!asset) throw new AppError("notFound", "http.notFound");
    return asset;
  }

  /** The first page, where no plugin made one: the first entry of the navigation. */
  private noPage(pathname: string, request: Request, visitor: Visitor): Response {
    if (pathname !== "/") throw new AppError("notFound", "http.notFound");
    if (!isSignedIn(visitor.viewer)) return toSignIn(request, this.options.isSetUp());
    const first = this.pageNeeds.nav().find((entry) => includes(visitor.viewer.role, entry.role));
    if (!first || first.href === "/") throw new AppError("notFound", "http.notFound");
    return redirect(first.href, isPartial(request));
  }

  private async describe(
    method: string,
    pathname: string,
    request: Request,
    visitor: Visitor,
  ): Promise<Response> {
    if (method !== "GET") return notAllowed(method, ["GET"]);
    const routes = this.apiRoutes.all();
    if (pathname === "/api/openapi.json") return Response.json(openApi(routes, this.options.version));
    const page = docsPage(routes, this.options.version);
    return answerPage(page, {}, request, visitor, "", this.pageNeeds);
  }

  private async refuse(thrown: unknown, url: URL, request: Request): Promise<Response> {
    const where = `${request.method} ${url.pathname}`;
    const refusal = refusalOf(thrown, this.uniques, this.options.log, where);
    const viewer = this.present.get(request)?.viewer ?? this.visitors.anonymous(request);
    if (isApi(url.pathname) || wantsJson(request)) return problemResponse(refusal, viewer.say, url.pathname);
    try {
      return await refusalPage(refusal, request, viewer, this.options.shell);
    } catch (error) {
      this.options.log.error("the page of an error failed", { error: errorText(error) });
      return new Response(refusal.error.word, { status: refusal.error.status });
    }
  }
}

const isApi = (pathname: string): boolean => pathname === "/api" || pathname.startsWith("/api/");

const wantsData = (request: Request): boolean =>
  wantsJson(request) || request.headers.get("accept") === "text/event-stream";

/** A page's script, which reads the reason and shows it by itself. */
const wantsJson = (request: Request): boolean =>
  request.headers.get("accept")?.startsWith("application/json") ?? false;

/** OPTIONS asks what is allowed; anything else did what is not. */
function notAllowed(method: string, allow: readonly string[]): Response {
  const methods = [...allow, ...(allow.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow: methods } });
  throw new AppError("notAllowed", "http.notAllowed", { methods });
}

function named<T>(map: Map<string, T>, what: string, name: string, value: T): Undo {
  if (map.has(name)) throw new Error(`${what} "${name}" is defined twice`);
  map.set(name, value);
  return () => {
    if (map.get(name) === value) map.delete(name);
  };
}
