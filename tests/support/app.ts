/**
 * The compiled executable as a test's own program: temporary data, a free port, a libvirtd of the test's choice.
 * It is ended by its process id. What a test that was killed left behind (process and folder) is removed when
 * the next one starts.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { Client, until } from "./client.ts";
import { markedProcess, processMark } from "./processes.ts";

export { type Answer, type TaskBody, until } from "./client.ts";

const parent = "/var/tmp";
const prefix = "jimv-app-";
const root = join(import.meta.dir, "../..");
export const executable = join(root, "dist/jimv");
const startMilliseconds = 60_000;
const stopMilliseconds = 20_000;

export interface AppOptions {
  /** Where its libvirtd listens. */
  libvirtUri: string;
  /** Do the first set-up from the command line (default); without it the browser's wizard waits. */
  setUp?: boolean;
  /** Where guests' disks go; a folder of its own by default. */
  storage?: string;
  /** Files that are put into its plugin folder. */
  plugins?: string[];
  /** What else stands in its environment. */
  environment?: Record<string, string>;
  /** Host bridge for the guests; JimV's own NAT network by default. */
  bridge?: string;
  /** Runs it elsewhere, as in other namespaces; the process must stay the same. */
  inside?: (command: string[]) => string[];
  /** Where it serves, `127.0.0.1:0` by default. */
  listen?: string;
}

export class App extends Client {
  readonly data: string;
  readonly storage: string;
  readonly nodeName = "test-node";
  /** `http://127.0.0.1:PORT` of the running program. */
  url = "";
  /** All that it has printed, for when something goes wrong. */
  output = "";
  private child: Bun.Subprocess<"ignore", "pipe", "pipe"> | null = null;
  private readonly cleanup = (): void => sweep(this.folder);

  private constructor(
    readonly folder: string,
    private readonly options: AppOptions,
  ) {
    super();
    this.data = join(folder, "data");
    this.storage = options.storage ?? join(folder, "disks");
  }

  /** It is asked at its own address: a certificate that it made itself is its own. */
  protected override fetch(path: string, options: RequestInit): Promise<Response> {
    return fetch(`${this.url}${path}`, { ...options, tls: { rejectUnauthorized: false } });
  }

  /** Sets it up and starts it. */
  static async open(options: AppOptions): Promise<App> {
    if (!existsSync(executable)) throw new Error(`${executable} is not there: run bun scripts/build.ts`);
    sweepStale();
    const folder = mkdtempSync(join(parent, prefix));
    writeFileSync(join(folder, "owner"), processMark(process.pid));
    mkdirSync(join(folder, "plugins"));
    for (const file of options.plugins ?? []) {
      const target = join(folder, "plugins", basename(file));
      copyFileSync(file, target);
      chmodSync(target, 0o644);
    }
    const app = new App(folder, options);
    process.once("exit", app.cleanup);
    try {
      if (options.setUp !== false) await app.setUp();
      await app.start();
      return app;
    } catch (error) {
      await app.close();
      throw new Error(`${error instanceof Error ? error.message : error}\n${app.output}`);
    }
  }

  /** What the program runs with, also for its other commands. */
  environment(): Record<string, string> {
    return {
      PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: process.env.HOME ?? "/root",
      LANG: "C.UTF-8",
      JIMV_LIBVIRT_URI: this.options.libvirtUri,
      JIMV_NODE_NAME: this.nodeName,
      JIMV_PLUGINS: join(this.folder, "plugins"),
      ...this.options.environment,
    };
  }

  /** Ports that no other test of this machine is likely to use. */
  get vncPorts(): string {
    const first = 20_000 + ((process.pid * 7919) % 300) * 100;
    return `${first}-${first + 99}`;
  }

  private async setUp(): Promise<void> {
    const passwordFile = join(this.folder, "password");
    writeFileSync(passwordFile, this.adminPassword, { mode: 0o600 });
    const { bridge } = this.options;
    const command = [
      ...[executable, "setup", "--data", this.data, "--admin-name", this.adminName],
      ...["--admin-password-file", passwordFile, "--storage", this.storage, "--vnc-ports", this.vncPorts],
      ...(bridge === undefined ? [] : ["--bridge", bridge]),
    ];
    const child = Bun.spawn(command, {
      env: this.environment(),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (status !== 0) throw new Error(`jimv setup ended with ${status}: ${out}${err}`);
  }

  /** Starts it (again) on the same data, and waits until it serves. */
  async start(): Promise<void> {
    const { inside = (same) => same, listen = "127.0.0.1:0" } = this.options;
    const child = Bun.spawn(inside([executable, "standalone", "--data", this.data, "--listen", listen]), {
      env: this.environment(),
      cwd: this.folder,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.child = child;
    writeFileSync(join(this.folder, "child"), processMark(child.pid));
    const from = this.output.length;
    void this.collect(child.stdout);
    void this.collect(child.stderr);
    const serves = /serves (https?:\/\/[^/\s]+)/;
    await until("the program serves", startMilliseconds, () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      const found = serves.exec(this.output.slice(from))?.[1];
      if (found) this.url = found;
      return found !== undefined;
    });
  }

  private async collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.output += decoder.decode(chunk, { stream: true });
  }

  get pid(): number {
    if (!this.child) throw new Error("the program does not run");
    return this.child.pid;
  }

  /** The one-time code of the set-up page. */
  get setupCode(): string {
    const code = /enter the code (\S+)/.exec(this.output)?.[1];
    if (!code) throw new Error(`no set-up code was printed:\n${this.output}`);
    return code;
  }

  /** Ends it in good order; its exit status. Killed when it does not end. */
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

  /** Ends it, and removes all that it had. */
  async close(): Promise<void> {
    await this.stop();
    process.removeListener("exit", this.cleanup);
    sweep(this.folder);
  }

  /** Waits until the node is set up and reported. */
  async nodeReady(ms = 180_000): Promise<void> {
    type Node = { configured: boolean; state: string; hypervisor: { connected: boolean } | null };
    await until("the node is ready", ms, async () => {
      const { status, body } = await this.api<Node>("GET", `/nodes/${this.nodeName}`);
      return (
        status === 200 && body.configured && body.state === "live" && body.hypervisor?.connected === true
      );
    });
  }
}

/** The demo template, made on first use and kept in the cache that all tests share. */
export async function demoTemplate(folder: string): Promise<string> {
  const path = join(folder, "demo-template.qcow2");
  const child = Bun.spawn([join(root, "scripts/demo-template.sh"), path], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) throw new Error("scripts/demo-template.sh failed");
  return path;
}

function sweepStale(): void {
  for (const name of readdirSync(parent))
    if (name.startsWith(prefix) && markedProcess(join(parent, name, "owner")) === null)
      sweep(join(parent, name));
}

function sweep(folder: string): void {
  const child = markedProcess(join(folder, "child"));
  if (child !== null) process.kill(child, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
