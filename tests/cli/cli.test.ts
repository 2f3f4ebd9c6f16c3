/** The compiled executable's command line: what it says, and with which exit code. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { executable } from "../support/app.ts";

setDefaultTimeout(60_000);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync("/var/tmp/jimv-cli-");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function jimv(args: string[], more: { stdin?: string } = {}) {
  const child = Bun.spawn([executable, ...args], {
    stdin: more.stdin === undefined ? "ignore" : new Blob([more.stdin]),
    stdout: "pipe",
    stderr: "pipe",
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? "",
      JIMV_LIBVIRT_URI: "test:///default",
      JIMV_PLUGINS: join(folder, "none"),
    },
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

test("--version and --help", async () => {
  expect((await jimv(["--version"])).out).toMatch(/^jimv \d+\.\d+\.\d+( \([0-9a-f]+\))?\n$/);
  const help = await jimv(["--help"]);
  expect(help.code).toBe(0);
  for (const word of [
    "standalone",
    "controller",
    "node",
    "setup",
    "check",
    "token create",
    "--config FILE",
    "--data DIR",
    "--listen ADDR:PORT",
  ])
    expect(help.out).toContain(word);
  expect((await jimv(["setup", "--help"])).out).toContain("--admin-password-file FILE");
});

test("what can't be understood ends with 2 and says why", async () => {
  for (const args of [["fly"], ["standalone", "--speed", "9"], ["token", "create"]]) {
    const { code, err } = await jimv(args);
    expect(code).toBe(2);
    expect(err).toMatch(/^jimv: \S/);
    expect(err).not.toContain("    at ");
  }
  expect((await jimv([])).code).toBe(2);
});

test("the modes of a cluster say what they need", async () => {
  const said = [
    { mode: "controller", exit: 1, words: ["store.url", "MySQL", "jimv standalone"] },
    { mode: "node", exit: 2, words: ["jimv node --join"] },
  ];
  for (const { mode, exit, words } of said) {
    const { code, err } = await jimv([mode]);
    expect([mode, code]).toEqual([mode, exit]);
    for (const word of words) expect(err).toContain(word);
  }
});

test("a wrong configuration names the key", async () => {
  const file = join(folder, "bad.toml");
  writeFileSync(file, 'logLevel = "shouting"\n');
  const { code, err } = await jimv(["standalone", "--config", file]);
  expect(code).toBe(1);
  expect(err).toContain('"logLevel"');
});

test("check says what is there, also as JSON, and fails without libvirt", async () => {
  const found = await jimv(["check", "--data", join(folder, "data")]);
  expect(found.out).toContain("C library");
  expect(found.out).toContain("libvirt");
  const bad = Bun.spawn([executable, "check", "--json", "--data", join(folder, "data")], {
    stdout: "pipe",
    env: { PATH: process.env.PATH ?? "", JIMV_LIBVIRT_URI: "qemu+unix:///system?socket=/nowhere" },
  });
  const results = JSON.parse(await new Response(bad.stdout).text()) as {
    name: string;
    state: string;
    mend: string;
  }[];
  expect(await bad.exited).toBe(1);
  expect(results.find((one) => one.name === "libvirt")).toMatchObject({ state: "bad" });
  for (const one of results) if (one.state === "bad") expect(one.mend).not.toBe("");
});

test("setup, a second setup, a reset, and tokens; files are private", async () => {
  const data = join(folder, "state");
  const password = "correct horse battery";
  const first = await jimv(["setup", "--data", data, "--admin-password-file", "-", "--json"], {
    stdin: `${password}\n`,
  });
  expect(first).toMatchObject({ code: 0, out: '{"name":"admin"}\n' });
  expect(first.err).toBe("");
  for (const file of ["jimv.sqlite", "master.key"]) {
    expect(existsSync(join(data, file))).toBe(true);
    expect(statSync(join(data, file)).mode & 0o077).toBe(0);
  }
  const second = await jimv(["setup", "--data", data]);
  expect(second.code).toBe(1);
  expect(second.err).toMatch(/^jimv: .+\n$/);
  const reset = await jimv(["setup", "--data", data, "--reset-administrator", "admin", "--json"]);
  expect((JSON.parse(reset.out) as { password: string }).password).toHaveLength(16);
  expect((await jimv(["setup", "--data", data, "--reset-administrator", "nobody"])).code).toBe(1);

  const token = await jimv([
    "token",
    "create",
    "--data",
    data,
    "--name",
    "ci",
    "--role",
    "reader",
    "--days",
    "7",
  ]);
  expect(token).toMatchObject({ code: 0 });
  expect(token.out).toMatch(/^jimv_\S{20,}\n$/);
  expect((await jimv(["token", "create", "--data", data, "--name", "ci"])).code).toBe(1);
  expect((await jimv(["token", "create", "--data", data, "--name", "x", "--role", "king"])).code).toBe(2);
  const store = await Bun.file(join(data, "jimv.sqlite")).text();
  expect(store).not.toContain(password);
  expect(store).not.toContain(token.out.trim());
});

test("one process a data folder", async () => {
  const data = join(folder, "locked");
  await jimv(["setup", "--data", data]);
  const args = ["standalone", "--data", data, "--listen", "127.0.0.1:0"];
  const running = Bun.spawn([executable, ...args], {
    stdout: "pipe",
    stderr: "ignore",
    env: {
      PATH: process.env.PATH ?? "",
      JIMV_LIBVIRT_URI: "test:///default",
      JIMV_PLUGINS: join(folder, "none"),
    },
  });
  try {
    const reader = running.stdout.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toContain("serves http://127.0.0.1:");
    const second = await jimv(args);
    expect(second.code).toBe(1);
    expect(second.err).toContain("another jimv runs on this data folder");
  } finally {
    running.kill("SIGTERM");
    await running.exited;
  }
});
