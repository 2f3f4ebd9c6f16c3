/** The pages at the door: signing in and out with the limits of guessing, and tokens whose secret is shown once. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Lab, makeLab, password, requestOf } from "../../core/http/testing/lab.ts";
import { accessPages } from "./pages.ts";
import { accessWords } from "./words.ts";

let lab: Lab;
beforeEach(async () => {
  lab = await makeLab();
  lab.words.add(accessWords);
  accessPages(lab, lab.web.access);
});
afterEach(() => lab.stop());

const makePerson = () =>
  lab.web.access.createPerson({ name: "Anna", password, role: "administrator", language: null });
const ask = (path: string, ask: Parameters<typeof requestOf>[1] = {}) => lab.web.handle(requestOf(path, ask));

describe("signing in", () => {
  test("leads to the set-up while there is nobody", async () => {
    const response = await ask("/sign-in");
    expect(response.headers.get("location")).toBe("/set-up");
  });

  test("sets a cookie and leads to where one wanted to go, never elsewhere", async () => {
    await makePerson();
    const shown = await (await ask("/sign-in?next=%2Fguests%3Fpage%3D2")).text();
    expect(shown).toContain('value="/guests?page=2"');
    const response = await ask("/sign-in", { form: { name: "anna", password, next: "/guests?page=2" } });
    expect([response.status, response.headers.get("location")]).toEqual([303, "/guests?page=2"]);
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^jimv_session=[\w-]{43}; Path=\/; SameSite=Lax; Max-Age=604800; HttpOnly$/);
    const foreign = await ask("/sign-in", { form: { name: "anna", password, next: "//evil.example" } });
    expect(foreign.headers.get("location")).toBe("/");
    const again = await ask("/sign-in?next=/tokens", { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(again.headers.get("location")).toBe("/tokens");
  });

  test("tells nobody whether name or password was wrong, and keeps what was typed", async () => {
    await makePerson();
    const texts = new Set<string>();
    for (const name of ["anna", "bob"]) {
      const response = await ask("/sign-in", {
        form: { name, password: "wrong <b>", next: "/tokens" },
        headers: { "hx-request": "true" },
      });
      const text = await response.text();
      expect(response.status).toBe(422);
      expect(text).not.toContain("wrong <b>");
      texts.add(text.replaceAll(name, "NAME"));
    }
    expect(texts.size).toBe(1);
    expect([...texts][0]).toContain("Name or password is wrong.");
  });

  test("has a limit that ends", async () => {
    await makePerson();
    for (let turn = 0; turn < 5; turn++)
      expect((await ask("/sign-in", { form: { name: "anna", password: "wrong" } })).status).toBe(401);
    const refused = await ask("/sign-in", { form: { name: "ANNA", password } });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "300"]);
    expect(await refused.text()).toContain("Wait 300 seconds");
    lab.clock.pass(300_000);
    expect((await ask("/sign-in", { form: { name: "anna", password } })).status).toBe(303);
  });

  test("signing out ends the session for everybody who has the cookie", async () => {
    const one = await lab.session();
    expect((await one.ask("/sign-out", { form: {} })).status).toBe(403);
    expect((await one.ask("/tokens")).status).toBe(200);
    const response = await one.ask("/sign-out", { form: { _csrf: one.csrf } });
    expect(response.headers.get("set-cookie")).toContain("jimv_session=; Path=/; SameSite=Lax; Max-Age=0");
    expect((await one.ask("/tokens")).headers.get("location")).toBe("/sign-in?next=%2Ftokens");
    expect((await one.ask("/api/v1/sessions/current")).status).toBe(401);
  });
});

describe("tokens", () => {
  test("are made, shown once, listed and revoked", async () => {
    const one = await lab.session();
    const form = { name: "ci", role: "operator", validDays: "30", _csrf: one.csrf };
    const made = await (await one.ask("/tokens/new", { form, headers: { "hx-request": "true" } })).text();
    const secret = /jimv_[\w-]{43}/.exec(made)?.[0] ?? "";
    const program = { headers: { authorization: `Bearer ${secret}` } };
    expect((await ask("/api/v1/events?after=-1", program)).status).toBe(422);
    const list = await (await one.ask("/tokens")).text();
    expect(list).toContain("ci");
    expect(list).not.toContain(secret);

    const [token] = await lab.web.access.tokens();
    expect(token).toMatchObject({ role: "operator", expiresAt: lab.clock.now() + 30 * 24 * 3_600_000 });
    const dialog = await (await one.ask(`/tokens/${token?.id}/revoke`)).text();
    expect(dialog).toContain(`action="/tokens/${token?.id}/revoke"`);
    await one.ask(`/tokens/${token?.id}/revoke`, {
      form: { _csrf: one.csrf },
      headers: { "hx-request": "true" },
    });
    expect((await ask("/api/v1/events?after=-1", program)).status).toBe(401);
  });

  test("wrong fields come back with the form", async () => {
    const one = await lab.session();
    await one.ask("/tokens/new", {
      form: { name: "ci", role: "reader", validDays: "never", _csrf: one.csrf },
    });
    for (const [fields, expected] of [
      [{ name: "ci", role: "reader", validDays: "30" }, "There is a token “ci” already"],
      [{ name: "a <b>", role: "reader", validDays: "30" }, "Letters, digits and . _ @ - only"],
      [{ name: "x", role: "root", validDays: "30" }, "One of: reader, operator, administrator."],
    ] as const) {
      const response = await one.ask("/tokens/new", { form: { ...fields, _csrf: one.csrf } });
      expect(response.status).toBe(422);
      expect(await response.text()).toContain(expected);
    }
    expect(await lab.web.access.tokens()).toHaveLength(1);
  });

  test("are no business of readers", async () => {
    const reader = await lab.session("reader");
    expect((await reader.ask("/tokens")).status).toBe(403);
  });
});
