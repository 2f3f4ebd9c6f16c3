/**
 * A cluster of the compiled executable on one machine: real MariaDB, real Redis, controllers and nodes as processes
 * of their own. Nodes use libvirt's test driver unless told otherwise.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { randomPassword } from "../../src/core/vault.ts";
import { type Answer, executable, until } from "./app.ts";
import { startMariadb, type TestMariadb } from "./mariadb.ts";
import { startRedis, type TestRedis } from "./redis.ts";

const startMilliseconds = 60_000;
const stopMilliseconds = 20_000;

/** With the process id of the tests that made it. */
const prefix = "/var/tmp/jimv-cluster-";

/** Removes what tests that were killed have left: their programs, which know them by a folder, and the folder. */
function sweep(): void {
  for (const name of readdirSync(dirname(prefix))) {
    const path = join(dirname(prefix), name);
    const pid = path.startsWith(prefix) && /^(\d+)-/.exec(path.slice(prefix.length))?.[1];
    if (!pid || existsSync(`/proc/${pid}`)) continue;
    endProcessesIn(path);
    rmSync(path, { recursive: true, force: true });
  }
}

/** Ends the processes that work in a folder. */
function endProcessesIn(folder: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) === folder) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
}

/** One running program. */
export class Program {
  output = "";
  private child: Bun.Subprocess<"ignore", "pipe", "pipe"> | null = null;

  constructor(
    readonly folder: string,
    private readonly command: readonly string[],
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Starts it; resolves when it has printed something that `ready` matches, or has ended. */
  async start(ready: RegExp, more: readonly string[] = []): Promise<RegExpExecArray | null> {
    const child = Bun.spawn([...this.command, ...more], {
      env: { PATH: process.env.PATH ?? "", HOME: "/root", LANG: "C.UTF-8", ...this.environment },
      cwd: this.folder,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.child = child;
    const from = this.output.length;
    const collected = [this.collect(child.stdout), this.collect(child.stderr)];
    let found: RegExpExecArray | null = null;
    await until(`"${ready.source}" is printed`, startMilliseconds, async () => {
      if (child.exitCode !== null) await Promise.all(collected);
      found = ready.exec(this.output.slice(from));
      return found !== null || child.exitCode !== null;
    });
    return found;
  }

  private async collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.output += decoder.decode(chunk, { stream: true });
  }

  /** @throws Error when it does not run */
  get pid(): number {
    if (!this.child) throw new Error("the program does not run");
    return this.child.pid;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const { child } = this;
    if (!child) return null;
    this.child = null;
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), stopMilliseconds);
    await child.exited;
    clearTimeout(late);
    return child.exitCode;
  }
}

/** A controller that people and tests can ask. */
export class ClusterController {
  url = "";
  constructor(
    readonly program: Program,
    private readonly secret: () => string,
  ) {}

  async start(): Promise<void> {
    const found = await this.program.start(/serves (https?:\/\/[^/\s]+)/);
    if (!found?.[1]) throw new Error(`the controller did not start:\n${this.program.output}`);
    this.url = found[1];
  }

  async api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.secret()}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as T };
  }

  /** As `api`, for calls that must go well. */
  async ask<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.api<T>(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Opens a page's stream; what then waits until that says `text`. @throws Error where it ends before */
  async stream(path: string): Promise<(text: string) => Promise<void>> {
    const { body } = await fetch(`${this.url}${path}`, {
      headers: { authorization: `Bearer ${this.secret()}`, accept: "text/event-stream" },
    });
    return async (text) => {
      let said = "";
      for await (const part of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        said += part;
        if (said.includes(text)) return;
      }
      throw new Error(`the stream ended before it said ${text}`);
    };
  }

  /** Waits until a node is in a state. */
  async nodeIs(name: string, state: string, ms = 60_000): Promise<void> {
    await until(`${name} is ${state}`, ms, async () => {
      const { status, body } = await this.api<{ state: string }>("GET", `/nodes/${name}`);
      return status === 200 && body.state === state;
    });
  }

  joinToken = async (): Promise<string> => (await this.ask<{ token: string }>("POST", "/nodes/tokens")).token;
}

export interface ClusterOptions {
  /** Instead of the one that the tests build. */
  executable?: string;
  /** More arguments for mariadbd. */
  mariadb?: readonly string[];
  /** Controllers reach MariaDB by its socket, as they would on one machine. */
  bySocket?: boolean;
}

export class Cluster {
  private readonly programs: Program[] = [];
  /** The administrator. */
  readonly person = { name: "admin", password: randomPassword(16) };
  /** A token of the administrator's. */
  secret = "";
  private readonly masterKey: string;

  private constructor(
    readonly folder: string,
    readonly mariadb: TestMariadb,
    readonly redis: TestRedis,
    /** What `openStore` takes to look into the controllers' store. */
    readonly database: Awaited<ReturnType<TestMariadb["database"]>>,
    private readonly executable: string,
    private readonly environment: Record<string, string>,
  ) {
    this.masterKey = join(folder, "controller-1", "master.key");
  }

  /** MariaDB, Redis, one administrator and one controller. */
  static async open(
    options: ClusterOptions = {},
  ): Promise<{ cluster: Cluster; controller: ClusterController }> {
    sweep();
    const folder = mkdtempSync(`${prefix}${process.pid}-`);
    const [mariadb, redis] = await Promise.all([startMariadb(options.mariadb), startRedis()]);
    const database = await mariadb.database();
    const passwordFile = join(folder, "mysql");
    writeFileSync(passwordFile, database.password, { mode: 0o600 });
    const redisUrl = new URL(redis.url);
    const cluster = new Cluster(folder, mariadb, redis, database, options.executable ?? executable, {
      JIMV_PLUGINS: join(folder, "plugins"),
      JIMV_STORE_URL: `mysql://${database.user}@${database.host}:${database.port}/${database.database}`,
      JIMV_STORE_PASSWORD_FILE: passwordFile,
      ...(options.bySocket ? { JIMV_STORE_SOCKET: mariadb.socket } : {}),
      JIMV_REDIS_URL: `redis://${redisUrl.host}`,
      JIMV_REDIS_PASSWORD: decodeURIComponent(redisUrl.password),
      JIMV_LIBVIRT_URI: "test:///default",
    });
    try {
      await cluster.setUp();
      const controller = await cluster.controller("controller-1");
      return { cluster, controller };
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  private async setUp(): Promise<void> {
    const password = join(this.folder, "password");
    writeFileSync(password, this.person.password, { mode: 0o600 });
    await this.once(
      ["setup", "--admin-name", this.person.name, "--admin-password-file", password],
      "controller-1",
    );
    this.secret = (await this.once(["token", "create", "--name", "test"], "controller-1")).trim();
  }

  /** Runs a command of the executable to its end; what it printed. @throws Error when it fails */
  async once(args: readonly string[], data: string): Promise<string> {
    const child = Bun.spawn([this.executable, ...args, "--data", join(this.folder, data)], {
      env: { PATH: process.env.PATH ?? "", ...this.environment },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (status !== 0) throw new Error(`jimv ${args.join(" ")} ended with ${status}: ${out}${err}`);
    return out;
  }

  /** Starts a controller; all but the first get its master key. */
  async controller(name: string): Promise<ClusterController> {
    const data = join(this.folder, name);
    mkdirSync(data, { recursive: true });
    if (data !== join(this.folder, "controller-1"))
      writeFileSync(join(data, "master.key"), await Bun.file(this.masterKey).text(), { mode: 0o600 });
    const program = this.program([this.executable, "controller", "--data", data, "--listen", "127.0.0.1:0"]);
    const controller = new ClusterController(program, () => this.secret);
    await controller.start();
    return controller;
  }

  /**
   * A node that is not started yet. `machineId` gives it a machine-id of its own (in a mount namespace), `domains` what
   * libvirt's test driver has: the path of a file.
   */
  node(
    name: string,
    options: { data?: string; machineId?: string; address?: string; domains?: string } = {},
  ): Program {
    const data = join(this.folder, options.data ?? name);
    mkdirSync(data, { recursive: true });
    const command = [this.executable, "node", "--data", data];
    const environment: Record<string, string> = {
      JIMV_NODE_NAME: name,
      JIMV_LIBVIRT_PKI: join(data, "etc-pki"),
      ...(options.address ? { JIMV_MANAGEMENT_ADDRESS: options.address } : {}),
      ...(options.domains ? { JIMV_LIBVIRT_URI: `test://${options.domains}` } : {}),
    };
    if (options.machineId === undefined) return this.program(command, environment);
    const file = join(data, "machine-id");
    writeFileSync(file, `${options.machineId}\n`);
    const bound = 'mount --bind "$0" /etc/machine-id && exec "$@"';
    return this.program(["unshare", "-m", "sh", "-c", bound, file, ...command], environment);
  }

  private program(command: readonly string[], more: Record<string, string> = {}): Program {
    const program = new Program(this.folder, command, { ...this.environment, ...more });
    this.programs.push(program);
    return program;
  }

  /** A token as a file, as people keep it. */
  tokenFile(token: string): string {
    const path = join(this.folder, `token-${randomPassword(8)}`);
    writeFileSync(path, `${token}\n`, { mode: 0o600 });
    return path;
  }

  /** Ends everything and removes it. */
  async close(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop("SIGKILL")));
    await Promise.all([this.mariadb.stop(), this.redis.stop()]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
