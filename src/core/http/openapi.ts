/** The OpenAPI 3.1 document, made from the registered routes: it can't say anything else than they do. */
import type { TObject, TSchema } from "@sinclair/typebox";
import { OptionalKind } from "@sinclair/typebox";
import { type ErrorKind, errorKinds } from "../errors.ts";
import { apiPrefix } from "./api.ts";
import type { ApiRoute } from "./contract.ts";
import { sessionCookie } from "./visitor.ts";

type Json = { [key: string]: unknown };

/** The document for all routes. */
export function openApi(routes: readonly ApiRoute[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = apiPrefix + route.path;
    const entry = paths[path] ?? {};
    entry[route.method.toLowerCase()] = operation(route);
    paths[path] = entry;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "JimV",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description:
        "Names carry their unit (memoryMiB, sizeGiB, etaSeconds); moments are UTC milliseconds. What takes time answers 202 with a task. Refusals are problem documents (RFC 9457).",
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: problemSchema },
      responses: Object.fromEntries(
        Object.entries(errorKinds).map(([kind, status]) => [kind, problemAnswer(kind as ErrorKind, status)]),
      ),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "An API token (POST /api/v1/tokens)." },
        session: {
          type: "apiKey",
          in: "cookie",
          name: sessionCookie,
          description: "Set by POST /api/v1/sessions.",
        },
        csrf: {
          type: "apiKey",
          in: "header",
          name: "X-CSRF-Token",
          description: "With a session, for every method but GET: the session's `csrfToken`.",
        },
      },
    },
  };
}

function operation(route: ApiRoute): Json {
  const changes = route.method !== "GET";
  const { status, schema, orAtOnce } = route.answer;
  const success = {
    description: "Success",
    ...(schema && status !== 204 && { content: { "application/json": { schema: plain(schema) } } }),
  };
  const bodyRequired = route.body !== undefined && (route.body.required ?? []).length > 0;
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    "x-role": route.role,
    security:
      route.role === "anyone" ? [] : [{ token: [] }, changes ? { session: [], csrf: [] } : { session: [] }],
    parameters: [...parameters(route.params, "path"), ...parameters(route.query, "query")],
    ...(route.body && {
      requestBody: { required: bodyRequired, content: { "application/json": { schema: plain(route.body) } } },
    }),
    responses: {
      ...(orAtOnce && { 200: { ...success, description: "Done at once: there is no task" } }),
      [status]: success,
      ...Object.fromEntries(
        refusalsOf(route).map((kind) => [errorKinds[kind], { $ref: `#/components/responses/${kind}` }]),
      ),
    },
  };
}

/** `POST /guests/{uuid}/start` → `postGuestsUuidStart`. */
const operationId = (route: ApiRoute): string =>
  route.method.toLowerCase() +
  route.path.replace(/[^A-Za-z0-9]+(\w?)/g, (_, letter: string) => letter.toUpperCase());

/** Which refusals a route can answer with. */
export function refusalsOf(route: ApiRoute): ErrorKind[] {
  const changes = route.method !== "GET";
  const kinds: ErrorKind[] = ["malformed"];
  if (route.role !== "anyone") kinds.push("unauthenticated", "forbidden");
  else kinds.push("unauthenticated", "tooMany");
  if (route.params) kinds.push("notFound");
  if (changes) kinds.push("conflict");
  if (route.body) kinds.push("tooLarge", "wrongType");
  kinds.push("invalid", "internal", "unavailable");
  return kinds;
}

function parameters(schema: TObject | undefined, place: "path" | "query"): Json[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || (property[OptionalKind] === undefined && property.default === undefined),
    ...(typeof property.description === "string" && { description: property.description }),
    schema: plain(property),
  }));
}

/** The schema without what only we understand. */
export function plain(schema: TSchema): unknown {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key.startsWith("x-jimv-") ? undefined : value)),
  ) as unknown;
}

const problemSchema: Json = {
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", description: "`/problems/<kind>`" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: {
      type: "string",
      description: "A sentence that says what to do, in the language of Accept-Language",
    },
    instance: { type: "string" },
    code: { type: "string", description: "Names the sentence, whatever the language" },
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["path", "word", "detail"],
        properties: { path: { type: "string" }, word: { type: "string" }, detail: { type: "string" } },
      },
    },
    reasons: {
      type: "array",
      description: "Where none of several things could be taken: why not, for each of them",
      items: {
        type: "object",
        required: ["of", "word", "detail"],
        properties: {
          of: { type: "string", description: "Its name, such as a node's" },
          word: { type: "string" },
          detail: { type: "string" },
        },
      },
    },
    id: { type: "string", description: "Of an internal error: the log has its details under this" },
  },
};

function problemAnswer(kind: ErrorKind, status: number): Json {
  return {
    description: `${status}, /problems/${kind}`,
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}
