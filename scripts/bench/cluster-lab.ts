/** The controller, the servers and the nodes of the bench `cluster`, and what is measured of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rowMark } from "../../src/core/http/shown-rows.ts";
import type { Store } from "../../src/core/store/index.ts";
import { timing } from "../../src/core/timing.ts";
import type { Cluster, ClusterController } from "../../tests/support/cluster.ts";
import { addGuests, firstPage, guestUuid, nodeName } from "./cluster-ground.ts";
import type { Hearing, Saying } from "./cluster-nodes.ts";
import { followEvents } from "./product.ts";
import { say, until } from "./shell.ts";

export interface Scale {
  nodes: number;
  guests: number;
  /** As many in the second round. */
  moreGuests: number;
  /** State changes a second. */
  changes: number;
  /** Seconds that each round is measured. */
  seconds: number;
}

export const joinMilliseconds = 900_000;
const countPauseMilliseconds = 250;
/** What takes longer than this says how far it is. */
const progressMilliseconds = 10_000;
const configuredAtOnce = 20;
const listMilliseconds = 400_000;
const restartMilliseconds = 300_000;
/** Between two requests of the person who looks at lists meanwhile. */
const lookPauseMilliseconds = 100;
/** A look that takes longer ends the bench. */
const lookMilliseconds = 60_000;
/** `_SC_CLK_TCK` of Linux. */
const ticksPerSecond = 100;

/** What people look at. `{q}` is a part of one guest's name, another one each time. */
const looks = {
  "API, first page": "/api/v1/guests",
  "API, search": "/api/v1/guests?q={q}",
  "page `/guests`": "/guests",
  "page `/guests`, search": "/guests?q={q}",
  "page `/guests`, page 20": "/guests?page=20",
  "page `/nodes`": "/nodes",
} as const;
export type Look = keyof typeof looks;

/** Looks that have an aim of 50 ms. */
export const aimed: readonly Look[] = [
  "API, first page",
  "API, search",
  "page `/guests`",
  "page `/guests`, search",
];
const aimedLooks = aimed.map((name) => [name, looks[name]] as const);
/** Reports that are under way when the nodes stand still are applied within this. */
const digestMilliseconds = 1_000;

/** With a part of one guest's name, another one each turn. */
const searched = (path: string, turn: number, guests: number): string =>
  path.replace("{q}", String(((turn * 7919) % guests) + 100_000).slice(1));

/** One process of nodes. */
class NodesPart {
  readonly heard: Hearing[] = [];
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  constructor(
    orderFile: string,
    private readonly onChange: (change: Extract<Hearing, { hear: "changed" }>) => void,
  ) {
    // Nodes are machines of their own: here they have the processors when the controller and its servers leave them.
    const program = [process.execPath, join(import.meta.dir, "cluster-nodes.ts"), orderFile];
    this.child = Bun.spawn(["chrt", "--idle", "0", ...program], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.listen().catch((error) => console.error("the nodes can't be heard:", error));
  }

  get pid(): number {
    return this.child.pid;
  }

  private async listen(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const heard = JSON.parse(line) as Hearing;
        if (heard.hear === "changed") this.onChange(heard);
        else this.heard.push(heard);
      }
    }
  }

  async hear<H extends Hearing["hear"]>(what: H, ms: number): Promise<Extract<Hearing, { hear: H }>> {
    return until(`the nodes say "${what}"`, ms, () => {
      if (this.child.exitCode !== null) throw new Error("the simulated nodes have ended");
      const at = this.heard.findIndex(({ hear }) => hear === what);
      return at < 0 ? undefined : (this.heard.splice(at, 1)[0] as Extract<Hearing, { hear: H }>);
    });
  }

  say(saying: Saying): void {
    this.child.stdin.write(`${JSON.stringify(saying)}\n`);
    void this.child.stdin.flush();
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }
}

/** The processes of the nodes. */
export class Nodes {
  readonly changes: Extract<Hearing, { hear: "changed" }>[] = [];
  private readonly parts: NodesPart[];

  /** One order file for each process. */
  constructor(orderFiles: readonly string[]) {
    this.parts = orderFiles.map((file) => new NodesPart(file, (change) => this.changes.push(change)));
  }

  get pids(): number[] {
    return this.parts.map(({ pid }) => pid);
  }

  /** What each of them says. */
  hear<H extends Hearing["hear"]>(what: H, ms: number): Promise<Extract<Hearing, { hear: H }>[]> {
    return Promise.all(this.parts.map((part) => part.hear(what, ms)));
  }

  say(saying: Saying): void {
    const share =
      saying.say === "load" ? { ...saying, perSecond: saying.perSecond / this.parts.length } : saying;
    for (const part of this.parts) part.say(share);
  }

  async stop(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.stop()));
  }
}

/** Seconds of processor that a process has had. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Bytes of memory that a process has now. */
function rss(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

export interface Round {
  guests: number;
  times: Map<Look, number[]>;
  toApi: number[];
  toPage: number[];
  lags: number[];
  changes: number;
  /** Those of guests on the open page. */
  shownChanges: number;
  seconds: number;
  /** How much of a processor each process had. */
  processors: [string, number][];
  rss: number;
}

export class Lab {
  private session = "";

  constructor(
    readonly scale: Scale,
    readonly cluster: Cluster,
    readonly controller: ClusterController,
    readonly store: Store,
    readonly nodes: Nodes,
  ) {}

  async signIn(): Promise<void> {
    const answer = await fetch(`${this.controller.url}/api/v1/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(this.cluster.person),
    });
    if (!answer.ok) throw new Error(`sign-in: ${answer.status} ${await answer.text()}`);
    this.session = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
  }

  /** Waits until so many rows are there. Asked so seldom that the question is no load. */
  private reaches(what: string, sql: string, wanted: number, ms: number): Promise<true> {
    let told = performance.now();
    const ask = async () => {
      const count = await this.count(sql);
      if (count >= wanted) return true;
      if (performance.now() - told > progressMilliseconds) {
        told = performance.now();
        say(`${what}: ${count} of ${wanted}`);
      }
      return undefined;
    };
    return until(what, ms, ask, countPauseMilliseconds);
  }

  /** Waits until all nodes have joined. */
  async joined(): Promise<void> {
    await this.reaches("nodes joined", "peers where machine_id <> ''", this.scale.nodes, joinMilliseconds);
  }

  async count(sql: string): Promise<number> {
    const { database } = this.cluster.database;
    const [row] = await this.cluster.mariadb.query(`select count(*) as n from \`${database}\`.${sql}`);
    return Number((row as { n: number }).n);
  }

  /** Every node gets a storage folder and a network, as a person would choose them: so many at a time. */
  async configure(folder: string): Promise<number> {
    const live = "nodes where state = 'live' and facts is not null";
    await this.reaches("all nodes live", live, this.scale.nodes, joinMilliseconds);
    const begun = performance.now();
    for (let first = 0; first < this.scale.nodes; first += configuredAtOnce) {
      const end = Math.min(first + configuredAtOnce, this.scale.nodes);
      await Promise.all(
        Array.from({ length: end - first }, (_, k) => this.configureOne(nodeName(first + k), folder)),
      );
      const ready = "nodes where config_state = 'ready'";
      await this.reaches("these nodes are set up", ready, end, joinMilliseconds);
    }
    return (performance.now() - begun) / 1000;
  }

  /** A node that was just not heard of is asked again: all of them share this machine's processors. */
  private async configureOne(name: string, folder: string): Promise<void> {
    const ask = async () => {
      const { status, body } = await this.controller.api("POST", `/nodes/${name}/configure`, {
        storagePath: folder,
      });
      if (status >= 300 && status !== 409)
        throw new Error(`${name} is not set up: ${status} ${JSON.stringify(body)}`);
      return status < 300 ? true : undefined;
    };
    await until(`${name} is told its storage`, joinMilliseconds, ask, countPauseMilliseconds);
  }

  /** Adds guests up to `to`, and waits until nobody misses one. */
  async addGuests(from: number, to: number): Promise<void> {
    this.nodes.say({ say: "hold" });
    // Lists that are under way know nothing of them.
    await Bun.sleep(timing.fullListMilliseconds / 2);
    await addGuests(this.store, { from, to }, this.scale.nodes);
    this.nodes.say({ say: "guests", count: to });
    await this.nodes.hear("guests", listMilliseconds);
    const seen = "guests where state in ('running', 'paused')";
    await this.reaches("all guests were seen", seen, to, listMilliseconds);
    // Thousands of guests never come at once; what their coming makes to do is not the load that is measured.
    this.nodes.say({ say: "settle" });
    await this.nodes.hear("settled", listMilliseconds);
  }

  /** Milliseconds until it is there. A controller that says it is too busy is asked again, as a person would. */
  private async look(path: string): Promise<number> {
    const begun = performance.now();
    for (;;) {
      const answer = await fetch(`${this.controller.url}${path}`, { headers: { cookie: this.session } });
      await answer.text();
      if (answer.ok) return performance.now() - begun;
      if (answer.status !== 503 || performance.now() - begun > lookMilliseconds)
        throw new Error(`${path}: ${answer.status}`);
      await Bun.sleep(lookPauseMilliseconds);
    }
  }

  /** Opens the list's first page and follows what its stream brings, until the answer is called. */
  private async followPage(onRow: (uuid: string) => void): Promise<() => void> {
    const abort = new AbortController();
    const headers = { cookie: this.session };
    const page = await (await fetch(`${this.controller.url}/guests`, { headers })).text();
    const rows = [...page.matchAll(/<tr id="(guest-[0-9a-f-]{36})"/g)].map(([, id = ""]) => id);
    if (rows.length !== firstPage) throw new Error(`the first page has ${rows.length} rows`);
    const asked = new URLSearchParams({ view: "guests", shown: rows.map(rowMark).join(".") });
    const answer = await fetch(`${this.controller.url}/events?${asked}`, {
      headers: { cookie: this.session },
      signal: abort.signal,
    });
    if (!answer.ok || !answer.body) throw new Error(`the page's stream answered ${answer.status}`);
    const pump = async (body: ReadableStream<Uint8Array>): Promise<void> => {
      const decoder = new TextDecoder();
      let rest = "";
      for await (const chunk of body) {
        const messages = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
        rest = messages.pop() ?? "";
        for (const message of messages) {
          const uuid = /id="guest-([0-9a-f-]{36})"/.exec(message)?.[1];
          if (uuid) onRow(uuid);
        }
      }
    };
    pump(answer.body).catch((error) => {
      if (!abort.signal.aborted) console.error("the page's stream ended:", error);
    });
    return () => abort.abort();
  }

  /** Changes, and looks at lists meanwhile. */
  async round(guests: number): Promise<Round> {
    const { scale, nodes, cluster, controller } = this;
    const api = new Sightings();
    const page = new Sightings();
    const stops = [
      await followEvents(controller.url, cluster.secret, ({ topic, key, data }) => {
        if (topic === "guest") api.see(key, String(data?.state));
      }),
      await this.followPage((uuid) => page.see(uuid, null)),
    ];
    const pids = {
      controller: [controller.program.pid],
      MariaDB: [cluster.mariadb.pid],
      Redis: [cluster.redis.pid],
      nodes: nodes.pids,
    };
    const processors = (): number[] =>
      Object.values(pids).map((some) => some.reduce((sum, pid) => sum + cpuSeconds(pid), 0));
    const times = new Map<Look, number[]>();
    let most = 0;
    nodes.changes.length = 0;
    nodes.say({ say: "load", perSecond: scale.changes });
    const before = processors();
    const begun = performance.now();
    for (let turn = 0; performance.now() - begun < scale.seconds * 1000; turn++)
      for (const [name, path] of Object.entries(looks) as [Look, string][]) {
        times.set(name, [...(times.get(name) ?? []), await this.look(searched(path, turn, guests))]);
        most = Math.max(most, rss(controller.program.pid));
        await Bun.sleep(lookPauseMilliseconds);
      }
    const seconds = (performance.now() - begun) / 1000;
    const used = processors().map((after, i) => (after - (before[i] ?? 0)) / seconds);
    nodes.say({ say: "load", perSecond: 0 });
    const lags = (await nodes.hear("lags", listMilliseconds)).flatMap((part) => part.lags);
    // What was told last is still under way.
    await Bun.sleep(timing.heartbeatMilliseconds);
    for (const stop of stops) stop();
    const changes = nodes.changes.slice();
    const first = new Set(Array.from({ length: firstPage }, (_, i) => guestUuid(i)));
    return {
      guests,
      times,
      lags,
      changes: changes.length,
      shownChanges: changes.filter(({ uuid }) => first.has(uuid)).length,
      seconds,
      toApi: changes.flatMap(({ uuid, state, at }) => api.after(uuid, state, at)),
      toPage: changes.flatMap(({ uuid, at }) => page.after(uuid, null, at)),
      processors: Object.keys(pids).map((name, i) => [name, used[i] ?? 0]),
      rss: most,
    };
  }

  /**
   * The same looks while no node says anything: what they take where they need not wait for the processor. Ends before
   * the nodes count as silent.
   */
  async still(guests: number): Promise<Map<Look, number[]>> {
    for (const pid of this.nodes.pids) process.kill(pid, "SIGSTOP");
    try {
      await Bun.sleep(digestMilliseconds);
      const times = new Map<Look, number[]>();
      const late = performance.now() + timing.nodeSilentMilliseconds - 2 * digestMilliseconds;
      for (let turn = 0; performance.now() < late; turn++)
        for (const [name, path] of aimedLooks)
          times.set(name, [...(times.get(name) ?? []), await this.look(searched(path, turn, guests))]);
      return times;
    } finally {
      for (const pid of this.nodes.pids) process.kill(pid, "SIGCONT");
    }
  }

  /** Kills the controller, starts it when all nodes count as offline; seconds until so many are live again. */
  async restart(wanted: readonly number[]): Promise<number[]> {
    await this.controller.program.stop("SIGKILL");
    await Bun.sleep(timing.nodeOfflineMilliseconds);
    const since = Date.now();
    const begun = performance.now();
    await this.controller.start();
    const seconds: number[] = [];
    for (const count of wanted) {
      const live = `nodes where heard_at >= ${since} and state = 'live'`;
      await this.reaches(`${count} nodes live`, live, count, restartMilliseconds);
      seconds.push((performance.now() - begun) / 1000);
    }
    return seconds;
  }
}

/** When something was seen of a guest. */
class Sightings {
  private readonly seen = new Map<string, { state: string | null; at: number }[]>();

  see(uuid: string, state: string | null): void {
    const one = { state, at: performance.timeOrigin + performance.now() };
    const list = this.seen.get(uuid);
    if (list) list.push(one);
    else this.seen.set(uuid, [one]);
  }

  /** Milliseconds from `at` until it was seen in that state, in a list of at most one. */
  after(uuid: string, state: string | null, at: number): number[] {
    const found = this.seen.get(uuid)?.find((one) => one.state === state && one.at >= at);
    return found ? [found.at - at] : [];
  }
}
