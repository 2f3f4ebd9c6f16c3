/** Sessions, tokens and passwords, through the API where it has an address for them. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Lab, makeLab, password, requestOf } from "../http/testing/lab.ts";
import { createSql } from "../store/index.ts";
import { timing } from "../timing.ts";
import { Attempts } from "./attempts.ts";
import { authMigrations } from "./migrations.ts";
import { hashPassword, passwordMatches, scryptHash } from "./passwords.ts";
import { apiTokens, authTables, sessions, users } from "./schema.ts";
import { csrfMatches, csrfToken, randomSecret } from "./secrets.ts";

let lab: Lab;
beforeEach(async () => {
  lab = await makeLab();
});
afterEach(() => lab.stop());

const ask = (path: string, ask: Parameters<typeof requestOf>[1] = {}) => lab.web.handle(requestOf(path, ask));
const signIn = (name: string, secret: string) =>
  ask("/api/v1/sessions", { json: { name, password: secret } });
const anna = () =>
  lab.web.access.createPerson({ name: "Anna", password, role: "operator", language: "zh-CN" });

describe("sessions", () => {
  test("are opened, read and ended; afterwards the cookie is refused", async () => {
    await anna();
    const opened = await signIn("ANNA", password);
    expect(opened.status).toBe(201);
    const body = (await opened.json()) as { csrfToken: string };
    expect(body).toMatchObject({
      name: "Anna",
      role: "operator",
      expiresAt: lab.clock.now() + timing.sessionLifeMilliseconds,
    });
    const cookie = opened.headers.get("set-cookie")?.split(";")[0] ?? "";
    const headers = { cookie };
    const current = await ask("/api/v1/sessions/current", { headers });
    expect([current.status, await current.json()]).toMatchObject([200, { name: "Anna" }]);
    const withCsrf = { ...headers, "x-csrf-token": body.csrfToken };
    expect((await ask("/api/v1/sessions/current", { method: "DELETE", headers })).status).toBe(403);
    const ended = await ask("/api/v1/sessions/current", { method: "DELETE", headers: withCsrf });
    expect([ended.status, ended.headers.get("set-cookie")?.includes("Max-Age=0")]).toEqual([204, true]);
    expect((await ask("/api/v1/sessions/current", { headers })).status).toBe(401);
    expect((await ask("/api/v1/sessions/current", { method: "DELETE", headers: withCsrf })).status).toBe(401);
  });

  test("end when idle, and in any case after their life", async () => {
    const one = await lab.session();
    const alive = async () => (await one.ask("/api/v1/sessions/current")).status === 200;
    lab.clock.pass(timing.sessionIdleMilliseconds - 1);
    expect(await alive()).toBe(true);
    lab.clock.pass(timing.sessionIdleMilliseconds - 1);
    expect(await alive()).toBe(true);
    lab.clock.pass(timing.sessionIdleMilliseconds + 1);
    expect(await alive()).toBe(false);

    const busy = await lab.session();
    for (let hours = 0; hours < 7 * 24; hours += 6) {
      expect((await busy.ask("/api/v1/sessions/current")).status).toBe(200);
      lab.clock.pass(6 * 3_600_000);
    }
    expect((await busy.ask("/api/v1/sessions/current")).status).toBe(401);
  });

  test("a new sign-in ends the browser's session before it, and sweeps up what ended", async () => {
    const person = await anna();
    const first = await lab.web.access.enter(
      { request: new Request("http://localhost/"), address: "a" },
      person,
    );
    const cookie = first.headers["set-cookie"]?.split(";")[0] ?? "";
    const request = new Request("http://localhost/", { headers: { cookie } });
    await lab.web.access.enter({ request, address: "a" }, person);
    expect(await lab.store.count(sessions)).toBe(1);
    lab.clock.pass(timing.sessionLifeMilliseconds + 1);
    await lab.web.access.enter({ request: new Request("http://localhost/"), address: "a" }, person);
    expect(await lab.store.count(sessions)).toBe(1);
  });

  test("nothing in the store lets anybody in", async () => {
    const one = await lab.session();
    await lab.token("reader");
    const dump = JSON.stringify([
      await lab.store.select(sessions),
      await lab.store.select(users),
      await lab.store.select(apiTokens),
    ]);
    expect(dump).not.toContain(one.cookie.split("=")[1] ?? "?");
    expect(dump).not.toContain(password);
    expect(dump).not.toContain("jimv_");
    expect(dump).toContain("$argon2id$");
  });

  test("cookies that are no secrets of ours cost nothing and do nothing", async () => {
    for (const cookie of [
      "jimv_session=",
      "jimv_session=' or 1=1 --",
      `jimv_session=${"x".repeat(5000)}`,
      "=",
    ])
      expect((await ask("/api/v1/sessions/current", { headers: { cookie } })).status).toBe(401);
  });
});

describe("guessing", () => {
  test("is refused after five failures, with the time to wait, and a success clears the count", async () => {
    await anna();
    for (let turn = 0; turn < 4; turn++) expect((await signIn("anna", "wrong")).status).toBe(401);
    expect((await signIn("anna", password)).status).toBe(201);
    for (let turn = 0; turn < 5; turn++) expect((await signIn("anna", "wrong")).status).toBe(401);
    lab.clock.pass(1_000);
    const refused = await signIn("Anna", password);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "299"]);
    expect((await signIn("bob", "wrong")).status).toBe(401);
    lab.clock.pass(timing.signInWindowMilliseconds);
    expect((await signIn("anna", password)).status).toBe(201);
  });

  test("many at once are counted before they are checked", async () => {
    await anna();
    const answers = await Promise.all(Array.from({ length: 12 }, () => signIn("anna", "wrong")));
    const counts = Map.groupBy(answers, (answer) => answer.status);
    expect(counts.get(429)?.length).toBe(7);
    expect(counts.get(401)?.length).toBe(5);
  });

  test("one address can't try all names, and its memory is bounded", () => {
    const attempts = new Attempts(lab.clock);
    for (let name = 0; name < 50; name++) attempts.begin("10.0.0.1", `n${name}`);
    expect(() => attempts.begin("10.0.0.1", "other")).toThrow("access.tooMany");
    expect(() => attempts.begin("10.0.0.2", "other")).not.toThrow();
    for (let address = 0; address < 60_000; address++)
      attempts.begin(`10.1.${address >> 8}.${address & 255}`, "a");
    const { size } = (attempts as unknown as { counts: Map<string, unknown> }).counts;
    expect(size).toBeLessThanOrEqual(20_000);
  });

  test("takes as long for a name that nobody has", async () => {
    await anna();
    const time = async (name: string): Promise<number> => {
      const started = performance.now();
      await signIn(name, "wrong");
      return performance.now() - started;
    };
    await time("warm-up");
    // The shortest of a few: whatever else the machine does only adds.
    const shortest = { anna: Number.POSITIVE_INFINITY, "nobody-at-all": Number.POSITIVE_INFINITY };
    for (let round = 0; round < 3; round++)
      for (const name of ["anna", "nobody-at-all"] as const)
        shortest[name] = Math.min(shortest[name], await time(name));
    const { anna: known, "nobody-at-all": unknown } = shortest;
    // Hashing takes tens of milliseconds, the rest below one: without it the ratio would be 20 or more.
    expect(Math.max(known, unknown) / Math.min(known, unknown)).toBeLessThan(6);
  });
});

describe("tokens", () => {
  test("are listed without their secret, end and are revoked", async () => {
    const administrator = await lab.token("administrator");
    const expiresAt = lab.clock.now() + 60_000;
    const made = await administrator.ask("/api/v1/tokens", {
      json: { name: "ci", role: "reader", expiresAt },
    });
    expect(made.status).toBe(201);
    const { token, id } = (await made.json()) as { token: string; id: string };
    const own = { headers: { authorization: `Bearer ${token}` } };
    const use = async () => (await ask("/api/v1/sessions/current", own)).status;
    // It may come in, but has no session.
    expect(await use()).toBe(404);
    const list = (await (await administrator.ask("/api/v1/tokens")).json()) as {
      items: { name: string; usedAt: number }[];
    };
    expect(list.items.find((each) => each.name === "ci")?.usedAt).toBe(lab.clock.now());
    expect(JSON.stringify(list)).not.toContain(token);
    lab.clock.pass(60_000);
    expect(await use()).toBe(401);
    expect((await administrator.ask(`/api/v1/tokens/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await administrator.ask(`/api/v1/tokens/${id}`, { method: "DELETE" })).status).toBe(404);
  });

  test("refusals say what is wrong at which field", async () => {
    const administrator = await lab.token("administrator");
    const make = (json: unknown) => administrator.ask("/api/v1/tokens", { json });
    await make({ name: "ci", role: "reader" });
    const taken = await make({ name: "ci", role: "reader" });
    expect([taken.status, await taken.json()]).toMatchObject([409, { errors: [{ path: "name" }] }]);
    const past = await make({ name: "cj", role: "reader", expiresAt: 5 });
    expect([past.status, await past.json()]).toMatchObject([422, { errors: [{ path: "expiresAt" }] }]);
    expect((await make({ name: "ck", role: "root" })).status).toBe(422);
    expect((await make({ name: "</domain>", role: "reader" })).status).toBe(422);
  });
});

describe("secrets", () => {
  test("CSRF tokens are masked, each different, and belong to one session", () => {
    const [one, other] = [randomSecret(), randomSecret()];
    const tokens = [csrfToken(one), csrfToken(one)];
    expect(tokens[0]).not.toBe(tokens[1]);
    for (const token of tokens) {
      expect(csrfMatches(one, token)).toBe(true);
      expect(csrfMatches(other, token)).toBe(false);
    }
    for (const token of [null, "", "x", Buffer.alloc(64).toString("base64url")])
      expect(csrfMatches(one, token)).toBe(false);
  });

  test("passwords match their own hash, whatever they are made of", async () => {
    for (const text of ["correct horse", "密码🔑", "a'b\"<c>", "x".repeat(1000)]) {
      const hash = await hashPassword(text);
      expect(hash).toStartWith("$argon2id$");
      expect(await passwordMatches(text, hash)).toBe(true);
      expect(await passwordMatches(`${text} `, hash)).toBe(false);
    }
    expect(await passwordMatches("anything", null)).toBe(false);
  });

  test("the hash for machines without entropy works, too", async () => {
    const hash = await scryptHash("correct horse");
    expect(hash).toStartWith("scrypt$");
    expect(hash.length).toBeLessThanOrEqual(191);
    expect(await passwordMatches("correct horse", hash)).toBe(true);
    expect(await passwordMatches("correct horsf", hash)).toBe(false);
  });
});

test.each(["sqlite", "mysql"] as const)("the migrations make the tables as described, in %s", (dialect) => {
  const made = authMigrations.flatMap((migration) => migration[dialect]);
  expect(made).toEqual(authTables.flatMap((table) => createSql(table, dialect)));
});
