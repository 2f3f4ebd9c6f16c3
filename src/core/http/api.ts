/** From a request to an API route's handler and back: role, CSRF token, input checks, JSON. */
import { Type } from "@sinclair/typebox";
import { timing } from "../timing.ts";
import { grouped, readJson } from "./body.ts";
import type { ApiAnswer, ApiRoute } from "./contract.ts";
import { refuseForeignSites } from "./security.ts";
import { checked, coerce, invalid } from "./validate.ts";
import { requireCsrf, requireRole, type Visitor } from "./visitor.ts";

export const apiPrefix = "/api/v1";

const nothing = Type.Object({});

/** @throws AppError for everything that is refused */
export async function answerApi(
  route: ApiRoute,
  params: Record<string, string>,
  request: Request,
  visitor: Visitor,
  address: string,
): Promise<Response> {
  requireRole(visitor, route.role);
  if (route.method !== "GET" && visitor.by.kind !== "token") {
    refuseForeignSites(request);
    if (route.role !== "anyone") requireCsrf(visitor, request.headers.get("x-csrf-token"));
  }
  const call = {
    params: route.params ? checkedStrings(route.params, Object.entries(params)) : params,
    query: checkedStrings(route.query ?? nothing, new URL(request.url).searchParams),
    body: route.method === "GET" ? undefined : await bodyOf(route, request),
    viewer: visitor.viewer,
    request,
    address,
  };
  // The registration saw to it that the handler's types are those of the schemas just checked.
  const answer = await route.handle(call as never);
  return answer instanceof Response ? answer : jsonAnswer(answer, route.answer.status);
}

function checkedStrings(schema: NonNullable<ApiRoute["query"]>, pairs: Iterable<[string, string]>): unknown {
  const coerced = coerce(schema, grouped(pairs), "query");
  if (!coerced.ok) throw invalid(coerced.errors);
  return checked(schema, coerced.value);
}

async function bodyOf(route: ApiRoute, request: Request): Promise<unknown> {
  const empty = request.body === null || request.headers.get("content-length") === "0";
  const value = empty ? {} : await readJson(request, timing.requestBodyMilliseconds);
  return checked(route.body ?? nothing, value);
}

function jsonAnswer(answer: Exclude<ApiAnswer, Response>, status: number): Response {
  const { body, headers = {} } = answer;
  const actual = answer.status ?? status;
  if (actual === 204) return new Response(null, { status: 204, headers });
  return new Response(JSON.stringify(body ?? {}), {
    status: actual,
    headers: { "content-type": "application/json", ...headers },
  });
}
