/**
 * A MariaDB server of the tests' own: a temporary folder, a free port and a socket, ended by its process id.
 * A folder that a crashed test run left behind is cleaned by the next run.
 *
 * COMPACT rows, as MariaDB 5.5 makes them, so that keys too long for it are refused here, too.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";

const prefix = "jimv-mariadb-";
const startMilliseconds = 60_000;

export interface TestMariadb {
  readonly port: number;
  readonly socket: string;
  /** The server's process id; another one after `start`. */
  readonly pid: number;
  /** Makes an empty database, and returns what `openStore` takes to use it. */
  database(): Promise<{
    kind: "mysql";
    host: string;
    port: number;
    user: string;
    password: string;
    database: string;
  }>;
  /** Runs one statement as root, outside of any store. Resolves with its rows. */
  query(sql: string): Promise<unknown[]>;
  /** Ends the server at once, as a power cut would (SIGKILL), and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  start(): Promise<void>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** Makes a data folder and starts a server in it; extra arguments go to mariadbd. */
export async function startMariadb(extra: readonly string[] = []): Promise<TestMariadb> {
  sweep();
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  const data = join(folder, "data");
  const socket = join(folder, "s");
  const log = join(folder, "log");
  mkdirSync(data);
  const common = ["--no-defaults", `--datadir=${data}`, "--user=root", "--innodb-log-file-size=8M"];
  const install = Bun.spawn(
    [
      find("mariadb-install-db", "mysql_install_db"),
      ...common,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ],
    { stdout: "ignore", stderr: "pipe" },
  );
  const complaint = await new Response(install.stderr).text();
  if ((await install.exited) !== 0) throw new Error(`mariadb-install-db failed: ${complaint}`);

  const port = freePort();
  let server: Bun.Subprocess | undefined;
  let databases = 0;

  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    const running = server;
    server = undefined;
    if (running === undefined) return;
    running.kill(signal);
    const timer = setTimeout(() => running.kill("SIGKILL"), 20_000);
    await running.exited;
    clearTimeout(timer);
  };

  const query = async (sql: string): Promise<unknown[]> => {
    const connection = await createConnection({ socketPath: socket, user: "root" });
    try {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? rows : [];
    } finally {
      connection.destroy();
    }
  };

  const start = async (): Promise<void> => {
    server = Bun.spawn(
      [
        find("mariadbd", "mysqld"),
        ...common,
        `--socket=${socket}`,
        `--port=${port}`,
        `--pid-file=${join(folder, "pid")}`,
        `--log-error=${log}`,
        "--bind-address=127.0.0.1",
        "--innodb-buffer-pool-size=32M",
        // Each commit is written, but not flushed to disk: it survives SIGKILL, and the tests stay quick.
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-default-row-format=compact",
        "--performance-schema=OFF",
        "--skip-name-resolve",
        "--skip-log-bin",
        ...extra,
      ],
      { stdout: "ignore", stderr: "ignore" },
    );
    const running = server;
    const until = Date.now() + startMilliseconds;
    for (;;) {
      try {
        await query("select 1");
        return;
      } catch (error) {
        const written = existsSync(log) ? readFileSync(log, "utf8").slice(-2_000) : "";
        if (running.exitCode !== null)
          throw new Error(`mariadbd ended with ${running.exitCode}:\n${written}`, { cause: error });
        if (Date.now() > until) throw new Error(`mariadbd did not start:\n${written}`, { cause: error });
      }
      await Bun.sleep(50);
    }
  };

  const stop = async (): Promise<void> => {
    await end("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    await start();
    await query("create user 'jimv'@'%' identified by 'a \"secret\"'");
    await query("grant all on *.* to 'jimv'@'%'");
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    socket,
    get pid() {
      return server?.pid ?? 0;
    },
    async database() {
      const database = `test${++databases}`;
      await query(`create database ${database}`);
      return { kind: "mysql", host: "127.0.0.1", port, user: "jimv", password: 'a "secret"', database };
    },
    query,
    kill: () => end("SIGKILL"),
    start,
    stop,
  };
}

function find(...names: string[]): string {
  const path = `${process.env.PATH ?? ""}:/usr/sbin:/usr/libexec`;
  for (const name of names) {
    const found = Bun.which(name, { PATH: path });
    if (found !== null) return found;
  }
  throw new Error(`${names[0]} is not installed; on Debian: apt-get install mariadb-server`);
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
    const commandLine = `/proc/${pid}/cmdline`;
    if (existsSync(commandLine) && readFileSync(commandLine, "utf8").includes(folder))
      process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}
