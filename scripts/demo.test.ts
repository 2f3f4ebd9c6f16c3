/** How the demo refuses: at once, not with 0, and with a sentence. That it works is shown by running it on a bare system. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const data = mkdtempSync(join(tmpdir(), "jimv-demo-test-"));
afterAll(() => rmSync(data, { recursive: true }));

async function run(...command: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 20_000 });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

test.each([
  [["--leave"], "demo.sh does not know --leave; --help says what it knows"],
  [["--exit", "--listen"], "--listen needs ADDR:PORT"],
  [["--data"], "--data needs a folder"],
])("demo.sh %p is refused before anything is done", async (options, reason) => {
  const { code, err } = await run("scripts/demo.sh", ...options);
  expect(code).toBe(1);
  expect(err).toContain(reason);
});

test("demo.sh --help says what it does, and does nothing", async () => {
  const { code, out } = await run("scripts/demo.sh", "--help");
  expect(code).toBe(0);
  for (const option of ["--exit", "--data", "--listen"]) expect(out).toContain(`${option} `);
});

const served = "already serves";

/** Runs the demo where it can't install or build anything: each long command of it "fails" at once. */
function demo(listen: string) {
  const timeout = join(data, "timeout");
  writeFileSync(timeout, "#!/bin/sh\nexit 1\n");
  chmodSync(timeout, 0o755);
  const path = `PATH=${data}:${process.env.PATH}`;
  return run("env", path, "scripts/demo.sh", "--exit", "--data", data, "--listen", listen);
}

test("a port that somebody else has is told before anything is installed, and the stranger left alone", async () => {
  const stranger = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") });
  try {
    const listen = `127.0.0.1:${stranger.port}`;
    const { code, err } = await demo(listen);
    expect(code).toBe(1);
    expect(err).toContain(`failed: another program ${served} ${listen}: end it, or choose another address`);
    expect((await fetch(stranger.url)).ok).toBe(true);
  } finally {
    await stranger.stop(true);
  }
}, 30_000);

test("a port that a killed demo of the same folder still has is freed, and is nobody else's", async () => {
  const script =
    "const { port } = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('') });";
  const cut = Bun.spawn(
    [
      process.execPath,
      "-e",
      `${script} console.log(port);`,
      "jimv",
      "standalone",
      "--data",
      data,
      "--listen",
    ],
    { stdout: "pipe" },
  );
  try {
    const { value } = await cut.stdout.getReader().read();
    const { code, err } = await demo(`127.0.0.1:${Number(new TextDecoder().decode(value))}`);
    expect(err).not.toContain(served);
    expect(err).toContain("ending what an earlier demo left running");
    await cut.exited;
    expect(cut.signalCode).toBe("SIGTERM");
    // It went on, to where it installs.
    expect(code).toBe(1);
    expect(err).toMatch(/failed: (apt-get|npm|bun) could not|failed: apt-get update/);
  } finally {
    cut.kill();
    await cut.exited;
  }
}, 30_000);

test("a JimV that ended at once, as on a taken port, ends the demo with that reason, and signs in nowhere", async () => {
  writeFileSync(join(data, "administrator-password"), "not-for-strangers");
  const asked: string[] = [];
  const stranger = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      asked.push(request.url);
      return new Response("somebody else's");
    },
  });
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  try {
    const listen = `127.0.0.1:${stranger.port}`;
    const script = ["scripts/demo.ts", "up", "--listen", listen, "--data", data, "--pid", `${ended.pid}`];
    const { code, err } = await run(process.execPath, ...script);
    expect(code).toBe(1);
    expect(err).toContain("failed: jimv ended at once");
    expect(asked).toEqual([]);
  } finally {
    await stranger.stop(true);
  }
});
