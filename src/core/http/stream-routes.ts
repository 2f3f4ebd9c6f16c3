/** The addresses of the event streams, and the small pages of the core itself. */
import { Type } from "@sinclair/typebox";
import { AppError } from "../errors.ts";
import { languages } from "../words.ts";
import type { AccessService } from "./access-service.ts";
import type { ApiRoute, FormSpec, LiveView, PageRoute, SearchHit, Shell, Viewer } from "./contract.ts";
import { fieldMessage } from "./forms.ts";
import { localPath } from "./security.ts";
import { ShownRows } from "./shown-rows.ts";
import type { HeldView, Streams } from "./streams.ts";
import { includes, isSignedIn, type Visitor } from "./visitor.ts";

export interface StreamRoutesDependencies {
  streams: Streams;
  visitorOf(request: Request): Visitor;
  view(name: string): LiveView | undefined;
}

const viewsPerPage = 50;

/** `/api/v1/events`. */
export function eventsRoute({ streams, visitorOf }: StreamRoutesDependencies): ApiRoute {
  const query = Type.Object({
    after: Type.Optional(
      Type.Integer({ minimum: 0, description: "Resume after this number; the header Last-Event-ID wins" }),
    ),
    topic: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        maxItems: 50,
        description: "Only these topics",
      }),
    ),
  });
  const route: ApiRoute<undefined, typeof query, undefined> = {
    method: "GET",
    path: "/events",
    tag: "Events",
    role: "reader",
    summary: "Follow what happens (SSE)",
    description:
      "A stream of server-sent events: `id` is the number, `event` the topic, `data` the JSON of {seq, at, topic, key, data}. Come back with Last-Event-ID and nothing is missed; where that is no longer possible, the stream begins with `event: reload` and you read the lists again.",
    query,
    answer: { status: 200, schema: Type.String({ description: "text/event-stream" }) },
    handle: ({ query: { after, topic = [] }, request }) =>
      streams.json(visitorOf(request), topic, resumeFrom(request) ?? after ?? null),
  };
  return route as unknown as ApiRoute;
}

/** `/events`, the stream of a page. */
export function liveRoute({ streams, visitorOf, view }: StreamRoutesDependencies): PageRoute {
  return {
    method: "GET",
    path: "/events",
    role: "reader",
    handle({ url, request }) {
      const names = url.searchParams.getAll("view").slice(0, viewsPerPage);
      const held = names.map((held): HeldView => {
        const colon = held.indexOf(":");
        const name = colon < 0 ? held : held.slice(0, colon);
        const found = view(name);
        if (!found) throw new AppError("notFound", "http.noView", { view: name });
        return { view: found, key: colon < 0 ? null : held.slice(colon + 1) };
      });
      const after = url.searchParams.get("after");
      const resume = resumeFrom(request);
      const from = resume ?? (after !== null && /^\d{1,15}$/.test(after) ? Number(after) : null);
      const shown = ShownRows.told(url.searchParams.get("shown"));
      return streams.html(visitorOf(request), { held, shown, resumes: resume !== null, after: from });
    },
  };
}

function resumeFrom(request: Request): number | null {
  const id = request.headers.get("last-event-id");
  if (id === null || id === "") return null;
  // What is no number of ours can't be resumed: -1 makes the stream say "start over".
  return /^\d{1,15}$/.test(id) ? Number(id) : -1;
}

export interface SmallPagesDependencies {
  shell: Shell;
  access: AccessService;
  visitorOf(request: Request): Visitor;
  form(name: string): FormSpec | undefined;
  searches(): readonly ((query: string, viewer: Viewer) => Promise<SearchHit[]>)[];
  setLanguage(personId: string, language: (typeof languages)[number]): Promise<void>;
  logFailure(what: string, error: unknown): void;
}

/** Field checks, the palette's search, the choice of a language, and where problem types lead. */
export function smallPages(needs: SmallPagesDependencies): PageRoute[] {
  return [
    {
      method: "POST",
      path: "/check/{form}",
      // Each form has a role of its own, asked below; the set-up's has none.
      role: "anyone",
      async handle({ params, form, viewer }) {
        const spec = needs.form(params.form ?? "");
        if (!spec) throw new AppError("notFound", "http.noForm", { form: params.form ?? "" });
        if (spec.role !== "anyone") {
          if (!isSignedIn(viewer)) throw new AppError("unauthenticated", "http.signIn");
          if (!includes(viewer.role, spec.role))
            throw new AppError("forbidden", "http.needsRole", { role: spec.role });
        }
        const { field, ...rest } = form;
        const name = typeof field === "string" ? field : "";
        const text = await fieldMessage(spec, rest, name, viewer);
        return { fragment: needs.shell.fieldMessage({ field: name, text }) };
      },
    },
    {
      method: "GET",
      path: "/search",
      role: "reader",
      async handle({ url, viewer }) {
        const query = (url.searchParams.get("q") ?? "").trim().slice(0, 200);
        const found = await Promise.all(
          needs.searches().map(async (search) => {
            try {
              return query === "" ? [] : await search(query, viewer);
            } catch (error) {
              needs.logFailure("a search", error);
              return [];
            }
          }),
        );
        return { fragment: needs.shell.searchHits({ viewer, hits: found.flat() }) };
      },
    },
    {
      // The `type` of a problem document is an address that people may open.
      method: "GET",
      path: "/problems/{kind}",
      role: "anyone",
      handle: () => ({ redirect: "/api/docs#problems" }),
    },
    {
      method: "POST",
      path: "/language",
      role: "anyone",
      async handle({ form, request }) {
        const language = languages.find((each) => each === form.language) ?? "en";
        const { by } = needs.visitorOf(request);
        if (by.kind === "session") await needs.setLanguage(by.person.id, language);
        const next = typeof form.next === "string" ? form.next : null;
        return { redirect: localPath(next), headers: needs.access.rememberLanguage(language) };
      },
    },
  ];
}
