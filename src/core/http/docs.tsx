/**
 * The page to read the API at: made from the registered routes, as the OpenAPI document is, without scripts
 * or anything from elsewhere. It is in English, as the API's own names are.
 */
import type { TSchema } from "@sinclair/typebox";
import { type ErrorKind, errorKinds } from "../errors.ts";
import { apiPrefix } from "./api.ts";
import type { ApiRoute, PageRoute } from "./contract.ts";
import { plain, refusalsOf } from "./openapi.ts";

/** The page for whoever asks: reading about an address needs no sign-in, using it does. */
export function docsPage(routes: readonly ApiRoute[], version: string): PageRoute {
  return {
    method: "GET",
    path: "/api/docs",
    role: "anyone",
    handle({ url }) {
      const query = (url.searchParams.get("q") ?? "").slice(0, 100);
      const words = query.toLowerCase().split(/\s+/).filter(Boolean);
      const shown = routes.filter((route) => {
        const text = `${route.method} ${apiPrefix}${route.path} ${route.tag} ${route.summary}`.toLowerCase();
        return words.every((word) => text.includes(word));
      });
      const page = (
        <Docs routes={shown} total={routes.length} query={query} version={version} origin={url.origin} />
      );
      return { page, title: "API", frame: "plain" };
    },
  };
}

interface DocsProps {
  routes: readonly ApiRoute[];
  total: number;
  query: string;
  version: string;
  origin: string;
}

function Docs({ routes, total, query, version, origin }: DocsProps) {
  const tags = [...new Set(routes.map((route) => route.tag))].sort();
  return (
    <div class="stack api-docs" lang="en">
      <div class="head">
        <div class="head-text">
          <h1>API</h1>
          <p class="sub">
            JimV {version}. The same as an OpenAPI document: <a href="/api/openapi.json">/api/openapi.json</a>
          </p>
        </div>
      </div>
      <Basics />
      <search>
        <form method="get" action="/api/docs" class="row">
          <label class="search-field">
            <span class="sr">Filter</span>
            <input
              type="search"
              name="q"
              value={query}
              placeholder="Filter: path, method, word"
              maxlength={100}
            />
          </label>
          <button type="submit" class="btn">
            Filter
          </button>
          <span class="sub">
            {routes.length} of {total}
          </span>
        </form>
      </search>
      {tags.map((tag) => (
        <section class="panel" id={`tag-${tag.toLowerCase().replaceAll(/\W+/g, "-")}`}>
          <div class="panel-head">
            <h2>{tag}</h2>
          </div>
          {routes
            .filter((route) => route.tag === tag)
            .map((route) => (
              <Route route={route} origin={origin} open={routes.length <= 3} />
            ))}
        </section>
      ))}
      <Problems />
    </div>
  );
}

function Basics() {
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>How it works</h2>
      </div>
      <ul>
        <li>
          Sign in with a token: <code>Authorization: Bearer jimv_…</code>. Or with a session:{" "}
          <code>POST /api/v1/sessions</code>; then every request but GET needs the answer's{" "}
          <code>csrfToken</code> as header <code>X-CSRF-Token</code>.
        </li>
        <li>
          JSON in camelCase, units in the names (<code>memoryMiB</code>), moments in UTC milliseconds. Unknown
          fields are refused.
        </li>
        <li>
          What takes time answers 202 with a task; <code>GET /api/v1/events</code> tells when something
          changed.
        </li>
        <li>
          Lists take <code>page</code>, <code>pageSize</code>, <code>q</code>, <code>sort</code> (
          <code>-name</code> for descending) and filters.
        </li>
      </ul>
    </section>
  );
}

function Route({ route, origin, open }: { route: ApiRoute; origin: string; open: boolean }) {
  const answer = route.answer.schema;
  return (
    <details id={`${route.method}-${route.path}`.toLowerCase().replaceAll(/\W+/g, "-")} open={open}>
      <summary>
        <code>
          {route.method} {apiPrefix}
          {route.path}
        </code>{" "}
        {route.summary}
      </summary>
      <div class="stack">
        {route.description ? <p>{route.description}</p> : null}
        <p>
          {route.role === "anyone" ? "Needs no sign-in." : `Needs the role ${route.role}.`} Success is{" "}
          {route.answer.status}; refusals are{" "}
          {refusalsOf(route)
            .map((kind) => errorKinds[kind])
            .join(", ")}
          .
        </p>
        <Fields title="In the address" schema={route.params} />
        <Fields title="Query" schema={route.query} />
        <Schema title="Body" schema={route.body} />
        <Schema title="Answer" schema={answer} />
        <pre>
          <code>{curl(route, origin)}</code>
        </pre>
      </div>
    </details>
  );
}

function Fields({ title, schema }: { title: string; schema: ApiRoute["query"] }) {
  const fields = Object.entries(schema?.properties ?? {});
  if (fields.length === 0) return null;
  return (
    <dl>
      <dt>{title}</dt>
      {fields.map(([name, field]) => (
        <dd>
          <code>{name}</code>: <code>{short(field)}</code>{" "}
          {typeof field.description === "string" ? field.description : ""}
        </dd>
      ))}
    </dl>
  );
}

function Schema({ title, schema }: { title: string; schema: TSchema | undefined }) {
  if (!schema) return null;
  return (
    <details>
      <summary>{title}</summary>
      <pre>
        <code>{JSON.stringify(plain(schema), null, 2)}</code>
      </pre>
    </details>
  );
}

function Problems() {
  return (
    <section class="panel" id="problems">
      <div class="panel-head">
        <h2>Problems</h2>
      </div>
      <p>
        A refusal is <code>application/problem+json</code>: <code>type</code>, <code>title</code>,{" "}
        <code>status</code>, <code>detail</code> (what to do, in the language of Accept-Language),{" "}
        <code>code</code> (names that sentence), <code>errors</code> (per field), and <code>id</code> where
        the log knows more.
      </p>
      <dl>
        {(Object.keys(errorKinds) as ErrorKind[]).map((kind) => (
          <dd>
            <code>/problems/{kind}</code>: {errorKinds[kind]}
          </dd>
        ))}
      </dl>
    </section>
  );
}

/** A schema in a few letters. */
function short(schema: TSchema): string {
  if (Array.isArray(schema.anyOf)) return schema.anyOf.map(short).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `${short(schema.items)}[]`;
  const bounds = [schema.minimum, schema.maximum];
  const range = bounds.some((bound) => bound !== undefined) ? ` ${bounds[0] ?? ""}…${bounds[1] ?? ""}` : "";
  const preset = schema.default !== undefined ? ` = ${JSON.stringify(schema.default)}` : "";
  return `${schema.type ?? "any"}${range}${preset}`;
}

/** A command to try the route with. The token comes from the environment, so that no history keeps it. */
function curl(route: ApiRoute, origin: string): string {
  const lines = [
    `curl ${route.method === "GET" ? "" : `-X ${route.method} `}'${origin}${apiPrefix}${route.path}'`,
  ];
  if (route.role !== "anyone") lines.push(`  -H "Authorization: Bearer $JIMV_TOKEN"`);
  if (route.body) {
    lines.push("  -H 'Content-Type: application/json'");
    lines.push(`  -d '${JSON.stringify(example(route.body))}'`);
  }
  return lines.join(" \\\n");
}

/** A value of the right shape for the required fields. */
function example(schema: TSchema): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.anyOf)) return example(schema.anyOf[0]);
  switch (schema.type) {
    case "object": {
      const required: readonly string[] = schema.required ?? [];
      const properties: Record<string, TSchema> = schema.properties ?? {};
      return Object.fromEntries(
        required.flatMap((name) => (properties[name] ? [[name, example(properties[name])]] : [])),
      );
    }
    case "array":
      return schema.items ? [example(schema.items)] : [];
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return "…";
  }
}
