/** The door: lookup, roles, CSRF, problem documents, pages. Hostile input has a file of its own. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { fieldError } from "../errors.ts";
import { timing } from "../timing.ts";
import { defineWords } from "../words.ts";
import { type Client, type Lab, makeLab, requestOf } from "./testing/lab.ts";
import { addThings } from "./testing/things.ts";

let lab: Lab;
beforeEach(async () => {
  lab = await makeLab();
  addThings(lab.web);
});
afterEach(() => lab.stop());

const problem = async (response: Response) =>
  (await response.json()) as Record<string, unknown> & { errors?: Record<string, string>[] };
const anonymous: Client = { ask: (path, ask = {}) => lab.web.handle(requestOf(path, ask)) };

describe("API", () => {
  test("answers JSON to a token, with defaults and coerced queries", async () => {
    const reader = await lab.token("reader");
    const response = await reader.ask("/api/v1/things?page=2&sort=-createdAt&state=on");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      items: [],
      page: 2,
      pageSize: 50,
      total: 0,
      sort: { field: "createdAt", descending: true },
      state: "on",
    });
  });

  test("asks for a sign-in, and for the role", async () => {
    const nobody = await anonymous.ask("/api/v1/things");
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get("www-authenticate")).toContain("Bearer");
    expect(nobody.headers.get("content-type")).toBe("application/problem+json");
    const reader = await lab.token("reader");
    const refused = await reader.ask("/api/v1/things", { json: { name: "x" } });
    expect(refused.status).toBe(403);
    expect((await problem(refused)).code).toBe("http.needsRole");
    const administrator = await lab.token("administrator");
    expect((await administrator.ask("/api/v1/things", { json: { name: "x" } })).status).toBe(201);
  });

  test("a bad token is refused even where nobody is asked", async () => {
    const response = await anonymous.ask("/api/v1/things", {
      headers: { authorization: "Bearer jimv_nonsense" },
    });
    expect([response.status, (await problem(response)).code]).toEqual([401, "http.badToken"]);
  });

  test("a problem document has every member, in the client's language", async () => {
    const operator = await lab.token("operator");
    const response = await operator.ask("/api/v1/things", {
      json: { name: "", disks: [{ sizeGiB: 5000 }], odd: 1 },
      headers: { "accept-language": "zh-CN,zh;q=0.9" },
    });
    expect(response.status).toBe(422);
    const body = await problem(response);
    expect(body).toMatchObject({
      type: "/problems/invalid",
      title: "部分输入有误",
      status: 422,
      instance: "/api/v1/things",
      code: "http.invalid",
    });
    expect(body.errors?.map(({ path, word }) => `${path} ${word}`).sort()).toEqual([
      "disks.0.sizeGiB field.max",
      "name field.required",
      "odd field.unknown",
    ]);
    expect(body.errors?.find((error) => error.path === "disks.0.sizeGiB")?.detail).toBe("不大于 100。");
  });

  test("an unforeseen error shows only its id, and the log has the rest", async () => {
    const reader = await lab.token("reader");
    const response = await reader.ask("/api/v1/things/broken");
    const body = await problem(response);
    expect(response.status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("secret detail");
    expect(lab.errors.join()).toContain("secret detail");
    expect(lab.errors.join()).toContain(String(body.id));
  });

  test("a violated unique index is what its owner says it is", async () => {
    const reader = await lab.token("reader");
    const undo = lab.web.uniqueIs("things_name", () => fieldError("name", "field.required", {}, "conflict"));
    const response = await reader.ask("/api/v1/things/taken");
    expect(response.status).toBe(409);
    expect((await problem(response)).errors?.[0]?.path).toBe("name");
    expect((await reader.ask("/api/v1/things/taken-elsewhere")).status).toBe(500);
    undo();
    expect((await reader.ask("/api/v1/things/taken")).status).toBe(500);
  });

  test("a route that was taken back is gone, and an address has one owner", async () => {
    const route = {
      method: "GET",
      path: "/once",
      summary: "",
      tag: "",
      role: "anyone",
      answer: { status: 204 },
      handle: () => ({}),
    } as const;
    const undo = lab.web.api(route);
    expect(() => lab.web.api(route)).toThrow("twice");
    expect((await anonymous.ask("/api/v1/once")).status).toBe(204);
    undo();
    undo();
    expect((await anonymous.ask("/api/v1/once")).status).toBe(404);
  });

  test("HEAD, OPTIONS and unknown methods", async () => {
    const reader = await lab.token("reader");
    const head = await reader.ask("/api/v1/things", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const options = await anonymous.ask("/api/v1/things", { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, POST, HEAD, OPTIONS"]);
    expect(options.headers.get("access-control-allow-origin")).toBeNull();
    const wrong = await reader.ask("/api/v1/things", { method: "PUT", json: {} });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, POST, HEAD, OPTIONS"]);
    expect((await reader.ask("/api/v1/nothing")).status).toBe(404);
  });

  test("every answer says what may run and what may be stored", async () => {
    for (const path of ["/api/v1/things", "/things/1", "/nothing", "/assets/app.js"]) {
      const { headers } = await anonymous.ask(path);
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("content-security-policy")).not.toContain("unsafe");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });
});

describe("CSRF", () => {
  const make = { json: { name: "x" } };

  test("a session needs its own token, in header or form", async () => {
    const one = await lab.session();
    const other = await lab.session();
    const missing = await one.ask("/api/v1/things", make);
    expect([missing.status, (await problem(missing)).code]).toEqual([403, "http.needsCsrf"]);
    for (const csrf of [other.csrf, "", "x".repeat(86), `${one.csrf}a`.slice(1)])
      expect((await one.ask("/api/v1/things", { ...make, headers: { "x-csrf-token": csrf } })).status).toBe(
        403,
      );
    const ok = await one.ask("/api/v1/things", { ...make, headers: { "x-csrf-token": one.csrf } });
    expect(ok.status).toBe(201);
    expect((await one.ask("/things/1", { form: { a: "1" } })).status).toBe(403);
    const posted = await one.ask("/things/1", { form: { a: "1", _csrf: one.csrf } });
    expect([posted.status, posted.headers.get("location")]).toEqual([303, "/things/a"]);
  });

  test("requests of other sites are refused, whatever they carry", async () => {
    const one = await lab.session();
    const headers = { "x-csrf-token": one.csrf };
    for (const foreign of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example" },
      { origin: "null" },
    ] as Record<string, string>[]) {
      const response = await one.ask("/api/v1/things", { ...make, headers: { ...headers, ...foreign } });
      expect([response.status, (await problem(response)).code]).toEqual([403, "http.foreignSite"]);
      const signIn = await anonymous.ask("/api/v1/sessions", {
        json: { name: "a", password: "b" },
        headers: foreign,
      });
      expect(signIn.status).toBe(403);
    }
    const own = { ...headers, origin: "http://localhost", "sec-fetch-site": "same-origin" };
    expect((await one.ask("/api/v1/things", { ...make, headers: own })).status).toBe(201);
  });
});

describe("pages", () => {
  test("stand in the frame, with navigation by role and the stream's address", async () => {
    lab.web.nav({ group: "top", order: 2, href: "/two", icon: "x", word: "x", role: "reader" });
    lab.web.nav({
      group: "top",
      order: 1,
      href: "/one",
      icon: "x",
      word: "x",
      role: "reader",
      count: async () => ({ text: "5" }),
    });
    lab.web.nav({ group: "top", order: 0, href: "/hidden", icon: "x", word: "x", role: "administrator" });
    const reader = await lab.session("reader");
    const response = await reader.ask("/things/%3Cb%3E");
    const text = await response.text();
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(text).toStartWith("<!doctype html>");
    expect(text).toContain("<nav>/one=5 /two=</nav>");
    expect(text).toContain("/events?after=0&amp;view=thing%3A7");
    expect(text).toContain("&lt;b&gt;");
    expect(await (await reader.ask("/things/1", { headers: { "hx-request": "true" } })).text()).toBe(
      "<p>part</p>",
    );
  });

  test("have figures in the navigation that are remembered until something changes them", async () => {
    let asked = 0;
    lab.web.nav({
      group: "top",
      order: 1,
      href: "/one",
      icon: "x",
      word: "x",
      role: "reader",
      count: async () => ({ text: String(++asked) }),
      changedBy: ({ topic }) => topic === "thing",
    });
    const reader = await lab.session("reader");
    const shown = async () => /\/one=(\d+)/.exec(await (await reader.ask("/things/1")).text())?.[1];
    expect(await shown()).toBe("1");
    await lab.store.batch([], { events: [{ topic: "other", key: "1" }] });
    await Bun.sleep(0);
    expect(await shown()).toBe("1");
    await lab.store.batch([], { events: [{ topic: "thing", key: "1" }] });
    await Bun.sleep(0);
    lab.clock.pass(timing.navFigureLeastMilliseconds);
    expect(await shown()).toBe("2");
    // Nobody waits for the new one, which is asked for when the page is out.
    lab.clock.pass(timing.navFigureMilliseconds);
    expect([await shown(), await shown()]).toEqual(["2", "2"]);
    lab.clock.pass(timing.navFigureRestMilliseconds);
    await Bun.sleep(0);
    expect(await shown()).toBe("3");
    lab.clock.pass(timing.navFigureMostMilliseconds);
    expect(await shown()).toBe("4");
  });

  test("are compressed where the browser takes it", async () => {
    const reader = await lab.session("reader");
    lab.web.page({
      method: "GET",
      path: "/long",
      role: "reader",
      handle: () => ({ page: "x".repeat(9000), title: "" }),
    });
    const response = await reader.ask("/long", { headers: { "accept-encoding": "br, gzip" } });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(Buffer.from(Bun.gunzipSync(await response.bytes())).toString()).toContain("x".repeat(9000));
  });

  test("tell a stream and a script that the session is over, instead of sending another page", async () => {
    const stream = await anonymous.ask("/events?view=things", { headers: { accept: "text/event-stream" } });
    expect([stream.status, stream.headers.get("location")]).toEqual([401, null]);
    const script = await anonymous.ask("/things/1", { headers: { accept: "application/json" } });
    expect(script.status).toBe(401);
    expect((await problem(script)).code).toBe("http.signIn");
  });

  test("lead to the sign-in and back, by htmx's own header where htmx asked", async () => {
    const plain = await anonymous.ask("/things/1?a=b");
    expect([plain.status, plain.headers.get("location")]).toEqual([
      303,
      "/sign-in?next=%2Fthings%2F1%3Fa%3Db",
    ]);
    const part = await anonymous.ask("/things/1", {
      headers: { "hx-request": "true", "hx-current-url": "http://localhost/guests?page=2" },
    });
    expect([part.status, part.headers.get("hx-redirect")]).toEqual([
      401,
      "/sign-in?next=%2Fguests%3Fpage%3D2",
    ]);
    expect((await anonymous.ask("/things/1", { form: { a: "1" } })).status).toBe(401);
  });

  test("lead to the set-up until it is done", async () => {
    const fresh = await makeLab({ setUp: false });
    const response = await fresh.web.handle(requestOf("/", {}));
    expect(response.headers.get("location")).toBe("/set-up");
    await fresh.stop();
  });

  test("the first page is the first entry of the navigation", async () => {
    lab.web.nav({ group: "top", order: 1, href: "/things/1", icon: "x", word: "x", role: "reader" });
    const reader = await lab.session("reader");
    expect((await reader.ask("/")).headers.get("location")).toBe("/things/1");
    expect((await anonymous.ask("/")).headers.get("location")).toBe("/sign-in");
  });

  test("refusals are pages, and fragments for htmx", async () => {
    const one = await lab.session();
    const missing = await one.ask("/nothing<script>");
    expect([missing.status, missing.headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    expect(await missing.text()).toContain("<h1>404</h1>");
    const ask = { form: { fail: "1", _csrf: one.csrf }, headers: { "hx-request": "true" } };
    const refused = await one.ask("/things/1", ask);
    expect([refused.status, (await refused.text()).slice(0, 19)]).toEqual([409, '<div class="toast">']);
    expect((await one.ask("/things/1", { method: "DELETE" })).headers.get("allow")).toBe(
      "GET, POST, HEAD, OPTIONS",
    );
  });
});

describe("small pages of the core", () => {
  const words = defineWords({ en: { "test.odd": "Not this one." }, "zh-CN": { "test.odd": "不能用这个。" } });

  test("a field is checked on leaving it, by the same schema and the form's own check", async () => {
    lab.words.add(words);
    lab.web.form({
      name: "thing",
      role: "operator",
      schema: Type.Object({ name: Type.String({ minLength: 2 }), size: Type.Integer({ minimum: 1 }) }),
      check: async (value, field) =>
        field === "name" && value.name === "odd" ? fieldError("name", "test.odd") : null,
    });
    const one = await lab.session();
    const check = async (form: Record<string, string>) => {
      const response = await one.ask("/check/thing", { form, headers: { "hx-request": "true" } });
      return response.text();
    };
    expect(await check({ field: "name", name: "a", size: "" })).toBe("<span>At least 2 characters.</span>");
    expect(await check({ field: "name", name: "ab", size: "" })).toBe("");
    expect(await check({ field: "name", name: "odd", size: "x" })).toBe("<span>Not this one.</span>");
    expect(await check({ field: "size", name: "odd", size: "x" })).toBe("<span>A whole number.</span>");
    expect((await anonymous.ask("/check/thing", { form: { field: "name" } })).status).toBe(401);
    expect((await one.ask("/check/other", { form: { field: "name" } })).status).toBe(404);
  });

  test("the palette asks all searches, and one that fails is left out", async () => {
    lab.web.search(async () => Promise.reject(new Error("away")));
    lab.web.search(async (query) => [{ href: "/x", icon: "i", label: `<${query}>`, hint: "" }]);
    const one = await lab.session("reader");
    expect(await (await one.ask("/search?q=a%22b")).text()).toBe('<a href="/x">&lt;a&quot;b&gt;</a>');
    expect(lab.errors).toHaveLength(1);
  });

  test("a language is remembered, and only local addresses are led to", async () => {
    const one = await lab.session();
    for (const [next, location] of [
      ["/guests?page=2", "/guests?page=2"],
      ["//evil.example", "/"],
      ["/\\evil.example", "/"],
      ["/\t/evil.example", "/"],
      ["https://evil.example", "/"],
      ["javascript:alert(1)", "/"],
    ]) {
      const response = await one.ask("/language", { form: { language: "zh-CN", next: next ?? "" } });
      expect([response.status, response.headers.get("location")]).toEqual([303, location ?? ""]);
      expect(response.headers.get("set-cookie")).toContain("jimv-language=zh-CN");
    }
    const current = await one.ask("/nothing");
    expect(await current.text()).toContain("该地址不存在");
  });

  test("the API describes itself, for programs and for people", async () => {
    const document = (await (await anonymous.ask("/api/openapi.json")).json()) as {
      openapi: string;
      paths: Record<
        string,
        Record<string, { parameters: { name: string }[]; responses: Record<string, unknown> }>
      >;
    };
    expect(document.openapi).toBe("3.1.0");
    const list = document.paths["/api/v1/things"]?.get;
    expect(list?.parameters.map((parameter) => parameter.name)).toEqual([
      "page",
      "pageSize",
      "q",
      "sort",
      "state",
    ]);
    expect(Object.keys(list?.responses ?? {})).toContain("422");
    expect(JSON.stringify(document)).not.toContain("x-jimv");
    expect((await anonymous.ask("/problems/invalid")).headers.get("location")).toBe("/api/docs#problems");
    const page = await (await anonymous.ask("/api/docs?q=make")).text();
    expect(page).toContain("Make a thing");
    expect(page).not.toContain("List things");
  });
});
