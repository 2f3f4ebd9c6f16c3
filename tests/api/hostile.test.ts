/**
 * Hostile input against the real executable over HTTP. Each is answered with a clear 4xx in the form of a problem
 * document, nothing is lost by it, and the program serves on.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { App } from "../support/app.ts";
import { demoTemplate } from "../support/app.ts";
import { type Lab, openLab } from "../support/lab.ts";

setDefaultTimeout(120_000);

const folder = mkdtempSync("/var/tmp/jimv-api-");
let lab: Lab;
let app: App;
let templateId: string;
let cookie = "";
let csrfToken = "";

beforeAll(async () => {
  lab = await openLab();
  app = lab.app;
  templateId = await app.registerTemplate(await demoTemplate(folder));
  ({ cookie, csrfToken } = await signIn());
}, 300_000);

afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function signIn(): Promise<{ cookie: string; csrfToken: string }> {
  const response = await fetch(`${app.url}/api/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: app.adminName, password: app.adminPassword }),
  });
  const body = (await response.json()) as { csrfToken: string };
  return { cookie: response.headers.get("set-cookie")?.split(";")[0] ?? "", csrfToken: body.csrfToken };
}

interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: { path: string; detail: string }[];
}

/** Asks as the signed-in administrator, with a raw body. */
function raw(
  method: string,
  path: string,
  body?: BodyInit,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${app.url}${path}`, {
    method,
    redirect: "manual",
    headers: {
      cookie,
      "x-csrf-token": csrfToken,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
}

/** The problem document of a refusal, which must look like one. */
async function refusal(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as Problem;
  expect([response.status, problem.status >= 400 && problem.status < 500]).toEqual([problem.status, true]);
  expect(problem.detail.length).toBeGreaterThan(10);
  // A sentence for people: no stack, no SQL, no path of ours.
  expect(problem.detail).not.toMatch(/\bat \w+ \(|select |insert |\/src\/|undefined|\[object/i);
  return problem;
}

const guestBody = (more: Record<string, unknown>): string =>
  JSON.stringify({ name: "web", templateId, vcpus: 1, memoryMiB: 128, start: false, ...more });

const nothingWasMade = async (): Promise<void> => {
  const { total } = await app.ask<{ total: number }>("GET", "/guests");
  expect(total).toBe(0);
};

describe("names of guests", () => {
  const names = [
    "",
    " ",
    "a b",
    "it's",
    'say "hi"',
    "<script>alert(1)</script>",
    "<domain type='kvm'><name>x</name></domain>",
    "line\nbreak",
    "carriage\rreturn",
    "nul\u0000byte",
    "escape\u001b[31m",
    "emoji-😀",
    "右到左\u202etxt",
    "../../../etc/passwd",
    "..",
    ".",
    "-rf",
    "$(reboot)",
    "`reboot`",
    "a;reboot",
    "%00",
    "{name}",
    "guestfs-abc",
    "a".repeat(64),
    "a".repeat(100_000),
    "lone\ud800surrogate",
    "'; drop table guests; --",
  ];
  for (const name of names)
    test(JSON.stringify(name.length > 70 ? `${name.slice(0, 10)}… (${name.length})` : name), async () => {
      const problem = await refusal(await raw("POST", "/api/v1/guests", guestBody({ name })));
      expect(problem.status).toBe(422);
      expect(problem.errors?.map((error) => error.path)).toEqual(["name"]);
      await nothingWasMade();
    });
});

describe("values of other fields", () => {
  const bodies: [string, Record<string, unknown>, string][] = [
    ["a huge number", { memoryMiB: 1e308 }, "memoryMiB"],
    ["more than a safe integer", { memoryMiB: 2 ** 53 }, "memoryMiB"],
    ["a negative number", { vcpus: -1 }, "vcpus"],
    ["a fraction", { vcpus: 1.5 }, "vcpus"],
    ["a number as a text", { vcpus: "1" }, "vcpus"],
    ["an object for a number", { vcpus: { $gt: 0 } }, "vcpus"],
    ["an array for a text", { name: ["web"] }, "name"],
    ["null for a number", { memoryMiB: null }, "memoryMiB"],
    ["too many", { quantity: 101 }, "quantity"],
    ["none", { quantity: 0 }, "quantity"],
    ["a field that is not there", { admin: true }, "admin"],
    ["a path as a disk", { dataDisks: [{ sizeGiB: 1, path: "/etc/shadow" }] }, "dataDisks.0.path"],
    ["a key with a command", { sshKeys: ['command="reboot" ssh-ed25519 AAAA'] }, "sshKeys.0"],
    ["a password with a line break", { password: "secret\nroot:x" }, "password"],
  ];
  for (const [what, more, path] of bodies)
    test(what, async () => {
      const problem = await refusal(await raw("POST", "/api/v1/guests", guestBody(more)));
      expect(problem.status).toBe(422);
      expect(problem.errors?.map((error) => error.path)).toContain(path);
      await nothingWasMade();
    });

  test("a prototype in the body changes nothing", async () => {
    const body = `{"name":"web","templateId":"${templateId}","vcpus":1,"memoryMiB":128,"__proto__":{"role":"administrator"}}`;
    await refusal(await raw("POST", "/api/v1/guests", body));
    expect(({} as Record<string, unknown>).role).toBeUndefined();
    await nothingWasMade();
  });

  test("templates outside of what may be read, and what is no image", async () => {
    for (const path of [
      "/etc/../etc/shadow",
      "relative.qcow2",
      "/proc/self/mem",
      "/etc/shadow\u0000.qcow2",
      "/",
    ]) {
      const response = await raw(
        "POST",
        "/api/v1/templates",
        JSON.stringify({ name: `x${Math.random()}`, path, osFamily: "linux", init: "none" }),
      );
      expect([path, (await refusal(response)).status]).toEqual([path, 422]);
    }
  });
});

describe("bodies", () => {
  test("no JSON, half of it, or of another type", async () => {
    for (const body of ["{", "nonsense", "[1,2", '{"name":"web",}', "\u0000", "NaN"])
      expect((await refusal(await raw("POST", "/api/v1/guests", body))).status).toBe(400);
    const form = await raw("POST", "/api/v1/guests", "name=web", {
      "content-type": "application/x-www-form-urlencoded",
    });
    expect((await refusal(form)).status).toBe(415);
  });

  test("an array or a text where an object belongs", async () => {
    for (const body of ["[]", '"web"', "1", "null"])
      expect([400, 422]).toContain((await refusal(await raw("POST", "/api/v1/guests", body))).status);
  });

  test("too large, and nested too deeply", async () => {
    const large = await raw("POST", "/api/v1/guests", `{"name":"${"a".repeat(20 * 1024 * 1024)}"}`);
    expect((await refusal(large)).status).toBe(413);
    const deep = await raw("POST", "/api/v1/guests", `${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    expect([400, 413, 422]).toContain((await refusal(deep)).status);
    await nothingWasMade();
  });
});

describe("addresses and queries", () => {
  test("sorting by SQL, and filters that are not there", async () => {
    for (const query of [
      "sort=name;drop table guests",
      "sort=name' or '1'='1",
      "sort=passwordSealed",
      "sort=-constructor",
      "q=x&unknown=1",
      "state=running' or 1=1 --",
      "page=0",
      "page=-1",
      "page=1e9",
      "page=99999999999999999999",
      "pageSize=100000",
      "pageSize=abc",
      "page=1&page=2",
    ])
      expect([query, (await refusal(await raw("GET", `/api/v1/guests?${query}`))).status]).toEqual([
        query,
        422,
      ]);
  });

  test("a search takes any text as text", async () => {
    for (const q of ["%", "_", "'", "\\", "' or '1'='1", "😀", "<b>", "*"]) {
      const response = await raw("GET", `/api/v1/guests?${new URLSearchParams({ q })}`);
      expect([q, response.status, ((await response.json()) as { total: number }).total]).toEqual([q, 200, 0]);
    }
  });

  test("ids that are none", async () => {
    for (const id of [
      "x",
      "..%2f..%2fetc%2fpasswd",
      "%00",
      "' or 1=1 --",
      "a".repeat(5000),
      "constructor",
      "%ff",
    ])
      for (const [method, path] of [
        ["GET", `/api/v1/guests/${id}`],
        ["DELETE", `/api/v1/guests/${id}`],
        ["POST", `/api/v1/guests/${id}/start`],
        ["GET", `/api/v1/tasks/${id}`],
        ["GET", `/api/v1/templates/${id}`],
      ] as const) {
        const response = await raw(method, path);
        expect([400, 404, 422]).toContain(response.status);
        await refusal(response);
      }
  });

  test("files that are not assets", async () => {
    for (const path of [
      "/assets/../../etc/passwd",
      "/assets/%2e%2e/%2e%2e/etc/passwd",
      "/assets//etc/passwd",
    ]) {
      const status = await rawPath(path);
      expect([400, 401, 404]).toContain(status);
    }
  });

  test("methods that an address does not have", async () => {
    for (const [method, path] of [
      ["PUT", "/api/v1/guests"],
      ["DELETE", "/api/v1/guests"],
      ["PATCH", "/api/v1/sessions"],
    ] as const) {
      const response = await raw(method, path);
      expect(response.headers.get("allow")).toBeTruthy();
      expect((await refusal(response)).status).toBe(405);
    }
  });
});

/** A request line exactly as written: `fetch` would tidy the path. */
function rawPath(path: string): Promise<number> {
  const { hostname, port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`),
    );
    let text = "";
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])));
  });
}

describe("who asks", () => {
  test("a change without the CSRF token, or with another's", async () => {
    for (const token of ["", "nonsense", csrfToken.slice(0, -4)]) {
      const response = await raw("POST", "/api/v1/guests", guestBody({}), { "x-csrf-token": token });
      expect((await refusal(response)).status).toBe(403);
    }
    const other = await signIn();
    const mixed = await raw("POST", "/api/v1/guests", guestBody({}), { "x-csrf-token": other.csrfToken });
    expect((await refusal(mixed)).status).toBe(403);
    await nothingWasMade();
  });

  test("a form that another site posts", async () => {
    const response = await fetch(`${app.url}/guests/new`, {
      method: "POST",
      redirect: "manual",
      headers: {
        cookie,
        origin: "https://evil.example",
        "sec-fetch-site": "cross-site",
        "content-type": "application/x-www-form-urlencoded",
      },
      body: `name=web&templateId=${templateId}&vcpus=1&memoryMiB=128&quantity=1&linked=false`,
    });
    expect(response.status).toBe(403);
    await nothingWasMade();
  });

  test("a session after its sign-out, and cookies and tokens that were never given", async () => {
    const own = await signIn();
    const out = await fetch(`${app.url}/api/v1/sessions/current`, {
      method: "DELETE",
      headers: { cookie: own.cookie, "x-csrf-token": own.csrfToken },
    });
    expect(out.status).toBe(204);
    for (const headers of [
      { cookie: own.cookie },
      { cookie: "jimv_session=" },
      { cookie: `jimv_session=${"a".repeat(4000)}` },
      { authorization: "Bearer nonsense" },
      { authorization: `Bearer ${"a".repeat(6000)}` },
      { authorization: "Basic YWRtaW46YWRtaW4=" },
    ] as Record<string, string>[]) {
      const response = await fetch(`${app.url}/api/v1/guests`, { headers });
      expect((await refusal(response)).status).toBe(401);
    }
  });

  test("a reader's token may look and do nothing", async () => {
    const { token } = await app.ask<{ token: string }>("POST", "/tokens", { name: "reader", role: "reader" });
    const ask = (method: string, path: string, body?: string): Promise<Response> =>
      fetch(`${app.url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body }),
      });
    expect((await ask("GET", "/guests")).status).toBe(200);
    for (const [method, path, body] of [
      ["POST", "/guests", guestBody({})],
      ["POST", "/tokens", '{"name":"more","role":"administrator"}'],
      ["POST", "/disks", '{"name":"d","nodeName":"test-node","sizeGiB":1}'],
      ["DELETE", `/templates/${templateId}`, undefined],
    ] as const)
      expect((await refusal(await ask(method, path, body))).status).toBe(403);
    await nothingWasMade();
  });

  test("guessing a password is slowed down", async () => {
    const guess = (): Promise<Response> =>
      fetch(`${app.url}/api/v1/sessions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: "nobody", password: "guess" }),
      });
    const statuses: number[] = [];
    for (let n = 0; n < 7; n++) statuses.push((await guess()).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    // Somebody else's name is not shut out by it.
    expect((await signIn()).cookie).toContain("jimv_session=");
  });
});

describe("states", () => {
  test("each action that a state does not allow is a 409 with the reason", async () => {
    type Begun = { task: { id: string }; guests: { uuid: string }[] };
    const { task, guests } = await app.ask<Begun>("POST", "/guests", {
      name: "idle",
      templateId,
      vcpus: 1,
      memoryMiB: 128,
      start: false,
    });
    const uuid = guests[0]?.uuid ?? "";
    expect((await app.ended(task.id)).state).toBe("succeeded");
    for (const action of ["shutdown", "reboot", "force-stop", "force-reboot", "pause", "resume"]) {
      const problem = await refusal(await raw("POST", `/api/v1/guests/${uuid}/${action}`));
      expect([action, problem.status]).toEqual([action, 409]);
      expect(problem.detail).toContain("idle");
    }
    const again = await refusal(await raw("POST", "/api/v1/guests", guestBody({ name: "IDLE" })));
    expect([again.status, again.errors?.[0]?.path]).toEqual([409, "name"]);
    const huge = await refusal(
      await raw("POST", "/api/v1/guests", guestBody({ name: "huge", memoryMiB: 16 * 1024 * 1024 })),
    );
    expect([huge.status, huge.errors?.[0]?.path]).toEqual([409, "memoryMiB"]);
    const ticket = await refusal(await raw("POST", `/api/v1/guests/${uuid}/console-tickets`));
    expect(ticket.status).toBe(409);
    const { task: deletion } = await app.ask<Begun>("DELETE", `/guests/${uuid}`);
    expect((await app.ended(deletion.id)).state).toBe("succeeded");
    await nothingWasMade();
  });

  test("the console's socket takes no nonsense for a ticket", async () => {
    for (const ticket of ["", "x", "' or 1=1 --", "a".repeat(3000)]) {
      const response = await raw("GET", `/console/socket?${new URLSearchParams({ ticket })}`, undefined, {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        accept: "application/json",
      });
      expect((await refusal(response)).status).toBe(403);
    }
  });
});

test("after all of that it serves on, and printed no secret", async () => {
  expect((await raw("GET", "/api/v1/guests")).status).toBe(200);
  expect((await raw("GET", "/guests")).status).toBe(200);
  expect(app.output).not.toContain(app.adminPassword);
  expect(app.output).not.toContain(csrfToken);
  expect(app.output).not.toMatch(/internal error/);
});

test("the store keeps no password in clear", async () => {
  for (const file of ["jimv.sqlite", "jimv.sqlite-wal"]) {
    const path = join(app.data, file);
    if (!(await Bun.file(path).exists())) continue;
    const bytes = Buffer.from(await Bun.file(path).arrayBuffer());
    expect([file, bytes.includes(app.adminPassword)]).toEqual([file, false]);
  }
});
