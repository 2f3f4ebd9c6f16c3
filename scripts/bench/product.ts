/** The program under measurement: the executable, set up in a folder of its own, and its API. */
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, until } from "./shell.ts";

const startMilliseconds = 30_000;
const taskMilliseconds = 180_000;
const person = { name: "bench", password: "a password for the bench" };

interface Task {
  id: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  step: string | null;
  error: { detail: string } | null;
}

export interface Guest {
  uuid: string;
  name: string;
  state: string;
  error: { text: string } | null;
}

/** An event of the API's stream. */
export interface ApiEvent {
  topic: string;
  key: string;
  data: Record<string, unknown> | null;
}

/** Follows a controller's event stream until the answer is called; resolves once it is open. */
export async function followEvents(
  url: string,
  token: string,
  onEvent: (event: ApiEvent) => void,
): Promise<() => void> {
  const abort = new AbortController();
  const answer = await fetch(`${url}/api/v1/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: abort.signal,
  });
  if (!answer.ok || !answer.body) throw new Error(`the event stream answered ${answer.status}`);
  const pump = async (body: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of body) {
      const messages = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = messages.pop() ?? "";
      for (const message of messages) {
        const data = message.match(/^data: (\{.*)$/m)?.[1];
        if (data) onEvent(JSON.parse(data) as ApiEvent);
      }
    }
  };
  pump(answer.body).catch((error) => {
    if (!abort.signal.aborted) console.error("the event stream ended:", error);
  });
  return () => abort.abort();
}

export class Product {
  private child: Bun.Subprocess | null = null;
  private token = "";

  private constructor(
    private readonly executable: string,
    private readonly folder: string,
    private readonly port: number,
  ) {}

  /** Sets a data folder up, for a libvirtd at this address; nothing runs yet. */
  static async prepare(executable: string, folder: string, libvirtUri: string): Promise<Product> {
    mkdirSync(join(folder, "plugins"), { recursive: true });
    const product = new Product(executable, folder, freePort());
    const lines = [
      `data = ${JSON.stringify(product.data)}`,
      `listen = "127.0.0.1:${product.port}"`,
      `plugins = ${JSON.stringify(join(folder, "plugins"))}`,
      'logLevel = "warn"',
      "[libvirt]",
      `uri = ${JSON.stringify(libvirtUri)}`,
    ];
    writeFileSync(product.config, `${lines.join("\n")}\n`);
    const password = join(folder, "password");
    writeFileSync(password, person.password, { mode: 0o600 });
    await product.command("setup", "--admin-name", person.name, "--admin-password-file", password);
    product.token = (await product.command("token", "create", "--name", "bench")).trim();
    return product;
  }

  private get data(): string {
    return join(this.folder, "data");
  }
  private get config(): string {
    return join(this.folder, "jimv.toml");
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get pid(): number {
    if (!this.child) throw new Error("the program does not run");
    return this.child.pid;
  }

  private command(...words: string[]): Promise<string> {
    return run([this.executable, ...words, "--config", this.config]);
  }

  /** Starts the program; resolves with the milliseconds until the sign-in page answered. */
  async start(): Promise<number> {
    const log = openSync(join(this.folder, "log"), "a");
    const begun = performance.now();
    this.child = Bun.spawn([this.executable, "standalone", "--config", this.config], {
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    const end = Date.now() + startMilliseconds;
    for (;;) {
      const answer = await fetch(`${this.url}/sign-in`, { redirect: "manual" }).catch(() => null);
      if (answer?.status === 200) {
        await answer.text();
        return performance.now() - begun;
      }
      if (this.child.exitCode !== null || Date.now() > end)
        throw new Error(
          `the program did not start: ${readFileSync(join(this.folder, "log"), "utf8").slice(-2000)}`,
        );
      await Bun.sleep(1);
    }
  }

  async stop(): Promise<void> {
    this.child?.kill("SIGTERM");
    await this.child?.exited;
    this.child = null;
  }

  /** Waits until the node takes guests. */
  async ready(): Promise<void> {
    await until("the node to be set up", startMilliseconds, async () => {
      const { items } = await this.get<{ items: { configured: boolean; storage: unknown }[] }>("/nodes");
      return items[0]?.configured && items[0].storage ? true : undefined;
    });
  }

  get<T>(path: string): Promise<T> {
    return this.ask("GET", path);
  }

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Asks for something that takes time, and waits for its end. @throws Error with the task's reason */
  async perform(method: string, path: string, body?: unknown): Promise<Task> {
    const { task } = await this.ask<{ task: Task }>(method, path, body);
    return this.ended(task.id);
  }

  task(id: string): Promise<Task> {
    return this.get(`/tasks/${id}`);
  }

  ended(id: string): Promise<Task> {
    return until(`task ${id}`, taskMilliseconds, async () => {
      const task = await this.task(id);
      if (task.state === "failed" || task.state === "cancelled")
        throw new Error(`a task ${task.state}: ${task.error?.detail}`);
      return task.state === "succeeded" ? task : undefined;
    });
  }

  /** Registers an image that its guests are not told anything by, so that they are exactly what virsh makes. */
  async registerTemplate(name: string, path: string): Promise<string> {
    const wanted = { name, path, osFamily: "linux", init: "none", defaultSizeGiB: 1 };
    await this.ask("POST", "/templates", wanted);
    return until(`template ${name}`, startMilliseconds, async () => {
      const { items } = await this.get<{ items: { id: string; name: string; state: string }[] }>(
        "/templates",
      );
      const found = items.find((item) => item.name === name);
      if (found?.state === "refused") throw new Error(`the template ${path} was refused`);
      return found?.state === "ready" ? found.id : undefined;
    });
  }

  async deleteGuests(uuids: readonly string[]): Promise<void> {
    await Promise.all(uuids.map((uuid) => this.perform("DELETE", `/guests/${uuid}`, { force: true })));
  }

  /** Follows the API's event stream until the answer is called; resolves once it is open. */
  follow(onEvent: (event: ApiEvent) => void): Promise<() => void> {
    return followEvents(this.url, this.token, onEvent);
  }

  /** What a browser's context needs to be signed in. */
  readonly person = person;
}

function freePort(): number {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  if (port === undefined) throw new Error("no free port was found");
  return port;
}
