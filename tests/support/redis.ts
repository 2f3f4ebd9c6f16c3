/**
 * A Redis server of the tests' own: a temporary folder and a free port, ended by its process id. A folder that a
 * crashed test run left behind is cleaned by the next run.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "jimv-redis-";
const startMilliseconds = 20_000;

export interface TestRedis {
  readonly port: number;
  /** The server's process id; another one after `start`, 0 while it is away. */
  readonly pid: number;
  /** With the password of `default`. */
  readonly url: string;
  /** Runs one command of redis-cli, as `default` or as somebody else, and resolves with what it printed. */
  cli(command: readonly string[], as?: { user: string; password: string }): Promise<string>;
  /** Ends the server at once, as a power cut would (SIGKILL), and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the data that it kept. */
  start(): Promise<void>;
  /** Stops it in its tracks, and lets it go on: connections stay, nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Whether it keeps its data over a restart (AOF, each write); nothing is kept by default. */
  keeps?: boolean;
  /** A certificate and key (PEM files): then it speaks TLS alone. */
  tls?: { certificate: string; key: string };
}

export const redisPassword = "a secret of the tests";

/** Makes a folder and starts a server in it. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  sweep();
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  const pidFile = join(folder, "pid");
  const log = join(folder, "log");
  const port = freePort();
  const { tls } = options;
  let server: Bun.Subprocess | undefined;

  // In a file, so that the password stands on no command line.
  writeFileSync(
    join(folder, "redis.conf"),
    [
      "bind 127.0.0.1",
      `dir "${folder}"`,
      `pidfile "${pidFile}"`,
      `logfile "${log}"`,
      `requirepass "${redisPassword}"`,
      'save ""',
      `appendonly ${options.keeps ? "yes" : "no"}`,
      "appendfsync always",
      ...(tls
        ? [
            "port 0",
            `tls-port ${port}`,
            `tls-cert-file "${tls.certificate}"`,
            `tls-key-file "${tls.key}"`,
            "tls-auth-clients no",
          ]
        : [`port ${port}`]),
      "",
    ].join("\n"),
    { mode: 0o600 },
  );

  const cli: TestRedis["cli"] = async (command, as) => {
    const user = as ? ["--user", as.user] : [];
    const secure = tls ? ["--tls", "--cacert", tls.certificate] : [];
    const client = Bun.spawn(
      [
        find("redis-cli"),
        "-h",
        "127.0.0.1",
        "-p",
        `${port}`,
        "--no-auth-warning",
        ...secure,
        ...user,
        ...command,
      ],
      {
        env: { ...process.env, REDISCLI_AUTH: as?.password ?? redisPassword },
        stdout: "pipe",
        stderr: "pipe",
        timeout: 10_000,
      },
    );
    const [output, complaint] = await Promise.all([
      new Response(client.stdout).text(),
      new Response(client.stderr).text(),
    ]);
    return (output + complaint).trim();
  };

  const start = async (): Promise<void> => {
    server = Bun.spawn([find("redis-server"), join(folder, "redis.conf")], {
      stdout: "ignore",
      stderr: "ignore",
    });
    const running = server;
    writeFileSync(pidFile, `${running.pid}`);
    const until = Date.now() + startMilliseconds;
    while ((await cli(["ping"])) !== "PONG") {
      const written = existsSync(log) ? readFileSync(log, "utf8").slice(-2_000) : "";
      if (running.exitCode !== null)
        throw new Error(`redis-server ended with ${running.exitCode}:\n${written}`);
      if (Date.now() > until) throw new Error(`redis-server did not start:\n${written}`);
      await Bun.sleep(20);
    }
  };

  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    const running = server;
    server = undefined;
    if (running === undefined) return;
    running.kill("SIGCONT");
    running.kill(signal);
    const timer = setTimeout(() => running.kill("SIGKILL"), 10_000);
    await running.exited;
    clearTimeout(timer);
  };

  const stop = async (): Promise<void> => {
    await end("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  const scheme = tls ? "rediss" : "redis";
  return {
    port,
    get pid() {
      return server?.pid ?? 0;
    },
    url: `${scheme}://:${encodeURIComponent(redisPassword)}@127.0.0.1:${port}`,
    cli,
    kill: () => end("SIGKILL"),
    start,
    freeze: () => server?.kill("SIGSTOP"),
    thaw: () => server?.kill("SIGCONT"),
    stop,
  };
}

function find(name: string): string {
  const found = Bun.which(name, { PATH: `${process.env.PATH ?? ""}:/usr/sbin` });
  if (found !== null) return found;
  throw new Error(`${name} is not installed; on Debian: apt-get install redis-server`);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** Ends servers and removes folders of test processes that are gone. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (Number.isNaN(owner) || existsSync(`/proc/${owner}`)) continue;
    const folder = join(tmpdir(), name);
    const pidFile = join(folder, "pid");
    const pid = existsSync(pidFile) ? Number.parseInt(readFileSync(pidFile, "utf8"), 10) : Number.NaN;
    // A process id may belong to somebody else by now: only one that was started in this folder is ended.
    const cwd = `/proc/${pid}/cwd`;
    if (existsSync(cwd) && readlinkSync(cwd) === folder) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}
