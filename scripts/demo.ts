/**
 * The demo's hands: what a person would do in the browser, through the API. `up` signs in, registers the demo
 * template, creates the demo guest or starts it again, waits until its agent has set the password, and says
 * where to look; `down` shuts the guest down. Both may be run again at any time.
 */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const guestName = "demo";
const templateName = "JimV demo";
/** Under emulation on a busy machine a guest needs up to a minute; the rest is reserve. */
const startSeconds = 120;
const bootSeconds = 300;
const shutdownSeconds = 30;
const setUpTries = 2;
const vncPorts = { vncPortFirst: 15900, vncPortLast: 19899 };

interface Page<T> {
  items: T[];
}
interface Said {
  text?: string;
  detail?: string;
}
interface Node {
  name: string;
  configured: boolean;
  acceptsGuests: boolean;
  trouble: string | null;
  config: { error: { detail?: string } | null };
}
interface Template {
  id: string;
  name: string;
  state: "checking" | "ready" | "refused";
  refused: Said | null;
}
interface Guest {
  uuid: string;
  name: string;
  state: string;
  initState: "none" | "pending" | "done" | "failed";
  error: Said | null;
  initError: Said | null;
  actions: string[];
  tasks: { step: string | null; progress: number }[];
}
interface Task {
  id: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  progress: number;
  step: string | null;
  error: Said | string | null;
}

/** Something that a person must mend; shown without a stack. */
class DemoError extends Error {}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { listen: { type: "string" }, data: { type: "string" }, pid: { type: "string" } },
});
const { listen, data } = values;
if (listen === undefined || data === undefined) throw new DemoError("give --listen and --data");
// Beyond loopback JimV serves TLS with its own certificate; this is the machine that made it.
const secure = !/^(127\.|\[::1\]|localhost)/.test(listen);
const reachable = listen.replace(/^(0\.0\.0\.0|\[::\]|):/, "127.0.0.1:");
const url = `${secure ? "https" : "http"}://${reachable}`;
const password = readFileSync(join(data, "administrator-password"), "utf8").trim();
const headers: Record<string, string> = { accept: "application/json" };

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(secure ? { tls: { rejectUnauthorized: false } } : {}),
    signal: AbortSignal.timeout(20_000),
  });
  const cookie = response.headers.get("set-cookie");
  if (cookie !== null) headers.cookie = cookie.split(";")[0] ?? "";
  const text = await response.text();
  if (!response.ok) throw new DemoError(`${method} ${path} answered ${response.status}: ${problemOf(text)}`);
  return (text === "" ? null : JSON.parse(text)) as T;
}

function problemOf(text: string): string {
  try {
    const problem = JSON.parse(text) as { detail?: string; title?: string; errors?: Said[] };
    return [problem.detail ?? problem.title, ...(problem.errors ?? []).map((error) => error.detail)].join(
      "; ",
    );
  } catch {
    return text.slice(0, 200);
  }
}

const textOf = (said: Said | string | null): string =>
  typeof said === "string" ? said : (said?.text ?? said?.detail ?? "no reason given");

/** Asks again and again until there is a value. */
async function until<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new DemoError(`waited ${seconds} s for ${what}`);
    await Bun.sleep(250);
  }
}

async function signIn(): Promise<void> {
  const session = await call<{ csrfToken: string }>("POST", "/sessions", { name: "admin", password });
  headers["x-csrf-token"] = session.csrfToken;
}

async function answers(): Promise<true | undefined> {
  if (
    values.pid !== undefined &&
    (await Bun.file(`/proc/${values.pid}/cmdline`)
      .text()
      .catch(() => "")) === ""
  )
    throw new DemoError("jimv ended at once");
  return fetch(`${url}/`, {
    redirect: "manual",
    ...(secure ? { tls: { rejectUnauthorized: false } } : {}),
  }).then(
    () => true as const,
    () => undefined,
  );
}

async function theGuest(): Promise<Guest | undefined> {
  const { items } = await call<Page<Guest>>("GET", `/guests?q=${guestName}`);
  return items.find((guest) => guest.name === guestName);
}

/** What virsh prints, or undefined where it fails. */
async function virsh(...args: string[]): Promise<string | undefined> {
  const child = Bun.spawn(["virsh", "-q", "-c", "qemu:///system", ...args], {
    stderr: "ignore",
    timeout: 20_000,
  });
  const text = await new Response(child.stdout).text();
  return (await child.exited) === 0 ? text : undefined;
}

/** Whether the agent answers in this boot; that the guest was once set up does not tell. */
async function agentAnswers(uuid: string): Promise<true | undefined> {
  const answer = await virsh("qemu-agent-command", uuid, '{"execute":"guest-ping"}', "--timeout", "5");
  return answer === undefined ? undefined : true;
}

/** The guest's address on JimV's network. */
async function addressOf(uuid: string): Promise<string> {
  const found = await until(
    "an address",
    15,
    async () =>
      /\b(\d+\.\d+\.\d+\.\d+)\//.exec((await virsh("domifaddr", uuid, "--source", "lease")) ?? "")?.[1],
  ).catch(() => undefined);
  return found ?? "none yet";
}

/** Waits for a task and shows its steps. @throws DemoError with its reason when it fails */
async function finished(task: { id: string }, what: string, seconds: number): Promise<void> {
  let shown = "";
  await until(what, seconds, async () => {
    const { state, error, progress } = await call<Task>("GET", `/tasks/${task.id}`);
    if (state === "failed" || state === "cancelled") throw new DemoError(`${what}: ${textOf(error)}`);
    if (state === "running" && `${progress}` !== shown) {
      shown = `${progress}`;
      console.error(`   ${what}: ${progress} %`);
    }
    return state === "succeeded" ? true : undefined;
  });
}

async function theTemplate(): Promise<Template> {
  const { items } = await call<Page<Template>>("GET", "/templates?pageSize=100");
  const known = items.find((template) => template.name === templateName);
  if (known?.state === "ready") return known;
  const path = join(data as string, "templates/demo.qcow2");
  let id = known?.id;
  if (known?.state === "refused") await call("POST", `/templates/${known.id}/check`);
  if (!known) {
    const made = await call<{ template: Template }>("POST", "/templates", {
      ...{ name: templateName, path, osFamily: "linux", defaultSizeGiB: 1, init: "agent", userName: "root" },
    });
    id = made.template.id;
  }
  return until("the node to look at the template", startSeconds, async () => {
    const template = await call<Template>("GET", `/templates/${id}`);
    if (template.state === "refused")
      throw new DemoError(`the template was refused: ${textOf(template.refused)}`);
    return template.state === "ready" ? template : undefined;
  });
}

/** Waits until the node has set itself up; asks it to try again where something stood in its way. */
async function nodeReady(): Promise<void> {
  let tries = 0;
  await until("the node to be ready", startSeconds, async () => {
    const { items } = await call<Page<Node>>("GET", "/nodes");
    if (items.some((node) => node.configured && node.acceptsGuests)) return true;
    const node = items.find((one) => one.config.error !== null);
    if (!node) return undefined;
    if (++tries > setUpTries)
      throw new DemoError(`the node could not set itself up: ${node.config.error?.detail}`);
    const body = { storagePath: join(data as string, "disks"), ...vncPorts };
    const { task } = await call<{ task: Task }>("POST", `/nodes/${node.name}/configure`, body);
    await finished(task, "setting the node up again", startSeconds).catch((error) =>
      console.error(String(error)),
    );
    return undefined;
  });
}

async function up(): Promise<void> {
  await until("JimV to serve its pages", startSeconds, answers);
  await signIn();
  await nodeReady();
  const template = await theTemplate();
  const began = performance.now();
  let guest = await theGuest();
  if (guest?.state === "failed") {
    const { task } = await call<{ task: Task }>("DELETE", `/guests/${guest.uuid}`);
    await finished(task, "removing an earlier failure", startSeconds);
    guest = undefined;
  }
  if (!guest) {
    console.error("== creating the guest");
    const { task } = await call<{ task: Task }>("POST", "/guests", {
      ...{ name: guestName, templateId: template.id, vcpus: 1, memoryMiB: 256, remark: "Made by demo.sh" },
    });
    await finished(task, "creating", bootSeconds);
  } else if (guest.actions.includes("start")) {
    console.error("== starting the guest");
    const { task } = await call<{ task: Task }>("POST", `/guests/${guest.uuid}/start`);
    await finished(task, "starting", startSeconds);
  }
  console.error("== waiting for the guest to boot");
  const ready = await until("the guest to be set up", bootSeconds, async () => {
    const now = await theGuest();
    if (!now) throw new DemoError("the guest is gone");
    if (now.state === "failed" || now.state === "crashed" || now.state === "off")
      throw new DemoError(`the guest is ${now.state}: ${textOf(now.error)}`);
    if (now.initState === "failed") throw new DemoError(`the guest was not set up: ${textOf(now.initError)}`);
    return now.state === "running" && now.initState === "done" ? now : undefined;
  });
  await until("the guest's agent to answer", bootSeconds, () => agentAnswers(ready.uuid));
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const secret = await call<{ userName: string; password: string }>(
    "POST",
    `/guests/${ready.uuid}/password/reveal`,
  );
  console.log(
    [
      "",
      `The guest "${ready.name}" runs and its agent answered, after ${seconds} s.`,
      "",
      `  Open           ${secure ? shownUrl() : url}/`,
      `  Administrator  admin     ${password}`,
      `  Guest          ${secret.userName.padEnd(8)}  ${secret.password}   address ${await addressOf(ready.uuid)}`,
      "",
      "What to look at:",
      "  - Guests, then demo, then Console: sign in on the guest's screen with the guest's password.",
      "  - New guest: choose the template and a quantity of 5, and watch the rows come to life.",
      `  - Pull the plug and watch the row: virsh -c '${virshUri()}' destroy demo`,
      `  - The API: ${url}/api/docs`,
      "",
    ].join("\n"),
  );
}

/** How a browser elsewhere reaches a demo that listens on every address. */
function shownUrl(): string {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address;
  return `https://${listen?.replace(/^(0\.0\.0\.0|\[::\]|):/, `${address ?? "127.0.0.1"}:`)}`;
}

/** Without systemd, libvirtd is the demo's own and listens in its folder. */
function virshUri(): string {
  const own = join(data as string, "libvirt/run/libvirt-sock");
  return process.env.JIMV_OWN_ROOM ? `qemu+unix:///system?socket=${own}` : "qemu:///system";
}

async function down(): Promise<void> {
  await signIn();
  const guest = await theGuest();
  if (!guest || guest.state === "off" || guest.state === "failed") return;
  const { uuid } = guest;
  const isOff = async () => ((await theGuest())?.state === "off" ? true : undefined);
  if (guest.actions.includes("shutdown")) {
    await call("POST", `/guests/${uuid}/shutdown`);
    if (await until("the guest to shut down", shutdownSeconds, isOff).catch(() => undefined)) return;
  }
  const now = await theGuest();
  if (now?.actions.includes("force-stop")) await call("POST", `/guests/${uuid}/force-stop`);
  await until("the guest to be off", shutdownSeconds, isOff);
}

try {
  if (positionals[0] === "down") await down();
  else await up();
} catch (error) {
  console.error(error instanceof DemoError ? `failed: ${error.message}` : error);
  process.exit(1);
}
