/** The API of a running program, as an administrator uses it. */
import { randomPassword } from "../../src/core/vault.ts";
import { desktopName } from "./vnc.ts";

export interface Answer<T = Record<string, unknown>> {
  status: number;
  body: T;
}

/** A task as the API tells it. */
export interface TaskBody {
  id: string;
  kind: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  progress: number;
  step: string | null;
  etaSeconds: number | null;
  error: { word: string; detail: string } | null;
  leftovers: boolean;
}

export abstract class Client {
  readonly adminName = "admin";
  readonly adminPassword = randomPassword(16);
  private token = "";

  /** `http://127.0.0.1:PORT` of the program. */
  abstract readonly url: string;

  /** As fetch; for programs with a certificate of their own. */
  protected fetch(path: string, options: RequestInit): Promise<Response> {
    return fetch(`${this.url}${path}`, options);
  }

  /** Calls the API as an administrator's token; signs in at the first call. */
  async api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    if (this.token === "") this.token = await this.makeToken();
    const response = await this.fetch(`/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as T };
  }

  /** A page, as somebody with that token gets it. */
  async page(path: string): Promise<string> {
    if (this.token === "") this.token = await this.makeToken();
    const response = await this.fetch(path, {
      headers: { authorization: `Bearer ${this.token}`, accept: "text/html" },
    });
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
    return response.text();
  }

  /** As `api`, for calls that must go well. */
  async ask<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.api<T>(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** What the screen is called that a guest's console shows; the password of the console opens it. */
  async screen(uuid: string): Promise<string> {
    type Ticket = { ticket: string; password: string; socketUrl: string };
    const { ticket, password, socketUrl } = await this.ask<Ticket>("POST", `/guests/${uuid}/console-tickets`);
    const url = `${this.url.replace(/^http/, "ws")}${socketUrl}?ticket=${ticket}`;
    return desktopName(url, { headers: { authorization: `Bearer ${this.token}` }, password });
  }

  private async makeToken(): Promise<string> {
    const signIn = await this.fetch("/api/v1/sessions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: this.adminName, password: this.adminPassword }),
    });
    if (signIn.status !== 201) throw new Error(`sign-in answered ${signIn.status}: ${await signIn.text()}`);
    const { csrfToken } = (await signIn.json()) as { csrfToken: string };
    const cookie = signIn.headers.get("set-cookie")?.split(";")[0] ?? "";
    const made = await this.fetch("/api/v1/tokens", {
      method: "POST",
      headers: { "content-type": "application/json", cookie, "x-csrf-token": csrfToken },
      body: JSON.stringify({ name: `test-${randomPassword(6)}`, role: "administrator" }),
    });
    if (made.status !== 201) throw new Error(`a token was refused: ${await made.text()}`);
    return ((await made.json()) as { token: string }).token;
  }

  task(id: string): Promise<TaskBody> {
    return this.ask("GET", `/tasks/${id}`);
  }

  /** Waits for a task's end, however it ends. */
  async ended(id: string, ms = 120_000): Promise<TaskBody> {
    let last: TaskBody | null = null;
    await until(`task ${id} ends`, ms, async () => {
      last = await this.task(id);
      return !["queued", "running"].includes(last.state);
    });
    return last ?? this.task(id);
  }

  /** Registers an image and waits until it is ready; its id. */
  async registerTemplate(path: string, more: Record<string, unknown> = {}): Promise<string> {
    type Registered = { task: { id: string }; template: { id: string } };
    const { task, template } = await this.ask<Registered>("POST", "/templates", {
      name: "Demo",
      path,
      osFamily: "linux",
      init: "agent",
      ...more,
    });
    const ended = await this.ended(task.id);
    if (ended.state !== "succeeded") throw new Error(`template refused: ${JSON.stringify(ended)}`);
    return template.id;
  }
}

/** Looks again and again until it is so. @throws Error that says what was waited for */
export async function until(
  what: string,
  ms: number,
  done: () => boolean | Promise<boolean>,
  pauseMs = 50,
): Promise<void> {
  const end = Date.now() + ms;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await Bun.sleep(pauseMs);
  }
}
