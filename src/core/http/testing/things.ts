/** Routes of an imaginary plugin, with every kind of schema, for tests of the door. */
import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { StoreUniqueError } from "../../store/index.ts";
import { listQuery, pageOf, sortOf } from "../list.ts";
import type { Web } from "../server.ts";

const failing = (): never => {
  throw new AppError("conflict", "http.needsRole", { role: "x" });
};
/** Adds `/api/v1/things` and the pages `/things/{id}`. */
export function addThings(web: Web): void {
  web.api({
    method: "GET",
    path: "/things",
    summary: "List things",
    tag: "Things",
    role: "reader",
    query: listQuery({
      sort: ["name", "createdAt"],
      filters: { state: Type.Union([Type.Literal("on"), Type.Literal("off")]) },
    }),
    answer: { status: 200 },
    handle: ({ query }) => ({
      body: { ...pageOf([], 0, query), sort: sortOf(query.sort, "-name"), state: query.state },
    }),
  });
  web.api({
    method: "POST",
    path: "/things",
    summary: "Make a thing",
    tag: "Things",
    role: "operator",
    body: Type.Object({
      name: Type.String({ minLength: 1, maxLength: 20 }),
      count: Type.Optional(Type.Integer({ minimum: 1 })),
      disks: Type.Optional(Type.Array(Type.Object({ sizeGiB: Type.Integer({ minimum: 1, maximum: 100 }) }))),
    }),
    answer: { status: 201 },
    handle: ({ body, viewer }) => ({ body: { name: body.name, by: viewer.actor } }),
  });
  web.api({
    method: "GET",
    path: "/things/{id}",
    summary: "One thing",
    tag: "Things",
    role: "reader",
    params: Type.Object({ id: Type.String({ pattern: "^[a-z0-9-]{1,36}$" }) }),
    answer: { status: 200 },
    handle({ params }) {
      if (params.id === "broken") throw new Error("secret detail of the inside");
      if (params.id === "taken") throw new StoreUniqueError("things_name", "things", 0);
      if (params.id === "taken-elsewhere") throw new StoreUniqueError("others_name", "others", 0);
      return { body: params };
    },
  });
  web.page({
    method: "GET",
    path: "/things/{id}",
    role: "reader",
    handle: ({ params, partial }) =>
      partial
        ? { fragment: "<p>part</p>" }
        : { page: `<p>${Bun.escapeHTML(params.id ?? "")}</p>`, title: "Thing", views: ["thing:7"] },
  });
  web.page({
    method: "POST",
    path: "/things/{id}",
    role: "operator",
    handle: ({ form }) => (form.fail ? failing() : { redirect: `/things/${Object.keys(form).join("-")}` }),
  });
}
