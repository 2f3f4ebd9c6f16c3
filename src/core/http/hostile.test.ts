/** Hostile input: each kind is answered by a clear 4xx that names the field, and nothing of it is an internal error. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Client, type Lab, makeLab } from "./testing/lab.ts";
import { addThings } from "./testing/things.ts";

let lab: Lab;
beforeEach(async () => {
  lab = await makeLab();
  addThings(lab.web);
});
afterEach(() => lab.stop());

const problem = async (response: Response) =>
  (await response.json()) as Record<string, unknown> & { errors?: Record<string, string>[] };

describe("hostile input is refused by name", () => {
  const body = (text: string | Uint8Array<ArrayBuffer>, type = "application/json") => ({
    body: text,
    headers: { "content-type": type },
  });
  const deep = `{"name":${"[".repeat(5000)}${"]".repeat(5000)}}`;
  test.each<[string, string, Parameters<Client["ask"]>[1], number, string]>([
    ["sorting by SQL", "/api/v1/things?sort=name;drop%20table%20users", {}, 422, "sort field.choice"],
    ["sorting by another column", "/api/v1/things?sort=passwordHash", {}, 422, "sort field.choice"],
    ["a query nobody knows", "/api/v1/things?page=1&where=1%3D1", {}, 422, "where field.unknown"],
    ["a query of the prototype", "/api/v1/things?__proto__=1", {}, 422, "__proto__ field.unknown"],
    ["a query given twice", "/api/v1/things?page=1&page=2", {}, 422, "page field.repeated"],
    ["page 0", "/api/v1/things?page=0", {}, 422, "page field.min"],
    ["a page that is a word", "/api/v1/things?page=one", {}, 422, "page field.integer"],
    ["a huge page", "/api/v1/things?page=99999999999999999999", {}, 422, "page field.max"],
    ["a page in scientific notation", "/api/v1/things?page=1e3", {}, 422, "page field.integer"],
    ["a filter with a quote", "/api/v1/things?state=on'%20or%20'1'='1", {}, 422, "state field.choice"],
    ["half a character in q", "/api/v1/things?q=%00", {}, 422, "q field.characters"],
    ["a path that climbs", "/api/v1/things/..%2f..%2fetc%2fpasswd", {}, 422, "id field.pattern"],
    ["a path of XML", "/api/v1/things/%3Cdomain%3E", {}, 422, "id field.pattern"],
    ["a path with a 4-byte character", "/api/v1/things/%F0%9F%92%A9", {}, 422, "id field.pattern"],
    ["a path that isn't UTF-8", "/api/v1/things/%FF", {}, 400, "http.badAddress"],
    ["a broken percent sign", "/api/v1/things/%zz", {}, 400, "http.badAddress"],
    ["no JSON", "/api/v1/things", body("{name: x}"), 400, "http.badJson"],
    ["JSON that ends early", "/api/v1/things", body('{"name":'), 400, "http.badJson"],
    ["deep JSON", "/api/v1/things", body(deep), 400, "http.jsonTooDeep"],
    [
      "bytes that are no UTF-8",
      "/api/v1/things",
      body(Buffer.from('{"name":"\xff"}', "latin1")),
      400,
      "http.notUtf8",
    ],
    ["half a character in JSON", "/api/v1/things", body('{"name":"\\ud800"}'), 422, "name field.characters"],
    ["NUL in a name", "/api/v1/things", body('{"name":"a\\u0000b"}'), 422, "name field.characters"],
    ["a form instead of JSON", "/api/v1/things", { form: { name: "x" } }, 415, "http.wantsJson"],
    ["text", "/api/v1/things", body("{}", "text/plain"), 415, "http.wantsJson"],
    ["no body", "/api/v1/things", { method: "POST" }, 422, "name field.required"],
    ["an array", "/api/v1/things", { json: [] }, 422, " field.type"],
    ["null", "/api/v1/things", { json: null }, 422, " field.type"],
    ["an unknown field", "/api/v1/things", { json: { name: "x", admin: true } }, 422, "admin field.unknown"],
    [
      "the prototype",
      "/api/v1/things",
      body('{"name":"x","__proto__":{"a":1}}'),
      422,
      "__proto__ field.unknown",
    ],
    ["a name that is a number", "/api/v1/things", { json: { name: 7 } }, 422, "name field.type"],
    ["a long name", "/api/v1/things", { json: { name: "n".repeat(21) } }, 422, "name field.tooLong"],
    ["a count beyond integers", "/api/v1/things", body('{"name":"x","count":1e308}'), 422, "count field.max"],
    ["an infinite count", "/api/v1/things", body('{"name":"x","count":1e999}'), 422, "count field.integer"],
    ["a count of NaN", "/api/v1/things", body('{"name":"x","count":NaN}'), 400, "http.badJson"],
    ["a fraction", "/api/v1/things", { json: { name: "x", count: 1.5 } }, 422, "count field.integer"],
    ["a count as text", "/api/v1/things", { json: { name: "x", count: "1" } }, 422, "count field.integer"],
    ["2 MiB", "/api/v1/things", body(`{"name":"${"x".repeat(2 << 20)}"}`), 413, "http.tooLarge"],
  ])("%s", async (_, path, ask, status, expected) => {
    const operator = await lab.token("operator");
    const response = await operator.ask(path, ask);
    const answer = await problem(response);
    expect(response.status).toBe(status);
    if (status === 422)
      expect(answer.errors?.map((error) => `${error.path} ${error.word}`)).toContain(expected);
    else expect(answer.code).toBe(expected);
    expect(lab.errors).toEqual([]);
  });

  test.each(["a'b\"c", "<script>alert(1)</script>", "line\nbreak", "💾 🐼", "</domain><x/>"])(
    "a name of %j is kept as it is",
    async (name) => {
      const operator = await lab.token("operator");
      const response = await operator.ask("/api/v1/things", { json: { name: name.slice(0, 20) } });
      expect((await response.json()) as unknown).toMatchObject({ name: name.slice(0, 20) });
    },
  );

  test("a body that only claims to be small is cut at the limit", async () => {
    const operator = await lab.token("operator");
    const response = await operator.ask("/api/v1/things", {
      body: "x".repeat(2 << 20),
      headers: { "content-type": "application/json", "content-length": "10" },
    });
    expect(response.status).toBe(413);
  });
});
