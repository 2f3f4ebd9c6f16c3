/** The controller, the servers and the nodes of the bench `cluster`, and what is measured of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../../src/core/store/index.ts";
import { timing } from "../../src/core/timing.ts";
import type { Cluster, ClusterController } from "../../tests/support/cluster.ts";
import { addGuests, nodeName } from "./cluster-ground.ts";
import type { Hearing, Saying } from "./cluster-nodes.ts";
import { followEvents } from "./product.ts";
import { until } from "./shell.ts";

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

export const joinMilliseconds = 180_000;
const listMilliseconds = 400_000;
const restartMilliseconds = 120_000;
/** Between two requests of the person who looks at lists meanwhile. */
const lookPauseMilliseconds = 100;
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

/** The process of the nodes. */
export class Nodes {
  readonly changes: Extract<Hearing, { hear: "changed" }>[] = [];
  private readonly others: Hearing[] = [];
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  constructor(orderFile: string) {
    this.child = Bun.spawn([process.execPath, join(import.meta.dir, "cluster-nodes.ts"), orderFile], {
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
        if (heard.hear === "changed") this.changes.push(heard);
        else this.others.push(heard);
      }
    }
  }

  async hear<H extends Hearing["hear"]>(what: H, ms: number): Promise<Extract<Hearing, { hear: H }>> {
    return until(`the nodes say "${what}"`, ms, () => {
      if (this.child.exitCode !== null) throw new Error("the simulated nodes have ended");
      const at = this.others.findIndex(({ hear }) => hear === what);
      return at < 0 ? undefined : (this.others.splice(at, 1)[0] as Extract<Hearing, { hear: H }>);
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

  async count(sql: string): Promise<number> {
    const { database } = this.cluster.database;
    const [row] = await this.cluster.mariadb.query(`select count(*) as n from \`${database}\`.${sql}`);
    return Number((row as { n: number }).n);
  }

  /** Every node gets a storage folder and a network, as a person would choose them. */
  async configure(folder: string): Promise<number> {
    await until("all nodes live", joinMilliseconds, async () =>
      (await this.count("nodes where state = 'live' and facts is not null")) === this.scale.nodes
        ? true
        : undefined,
    );
    const begun = performance.now();
    for (let i = 0; i < this.scale.nodes; i++)
      await this.controller.ask("POST", `/nodes/${nodeName(i)}/configure`, { storagePath: folder });
    await until("all nodes are set up", joinMilliseconds, async () =>
      (await this.count("nodes where config_state = 'ready'")) === this.scale.nodes ? true : undefined,
    );
    return (performance.now() - begun) / 1000;
  }

  /** Adds guests up to `to`, and waits until nobody misses one. */
  async addGuests(from: number, to: number): Promise<void> {
    this.nodes.say({ say: "hold" });
    // Lists that are under way know nothing of them.
    await Bun.sleep(timing.fullListMilliseconds / 2);
    await addGuests(this.store, { from, to }, this.scale.nodes);
    this.nodes.say({ say: "guests", count: to });
    await this.nodes.hear("guests", listMilliseconds);
    await until("all guests were seen", listMilliseconds, async () =>
      (await this.count("guests where state in ('running', 'paused')")) === to ? true : undefined,
    );
  }

  private async look(path: string): Promise<number> {
    const begun = performance.now();
    const answer = await fetch(`${this.controller.url}${path}`, { headers: { cookie: this.session } });
    await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return performance.now() - begun;
  }

  /** Follows what an open page is sent, until the answer is called. */
  private async followPage(onRow: (uuid: string) => void): Promise<() => void> {
    const abort = new AbortController();
    const answer = await fetch(`${this.controller.url}/events?view=guests`, {
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
      controller: controller.program.pid,
      MariaDB: cluster.mariadb.pid,
      Redis: cluster.redis.pid,
      nodes: nodes.pid,
    };
    const processors = (): number[] => Object.values(pids).map(cpuSeconds);
    const times = new Map<Look, number[]>();
    let most = 0;
    nodes.changes.length = 0;
    nodes.say({ say: "load", perSecond: scale.changes });
    const before = processors();
    const begun = performance.now();
    for (let turn = 0; performance.now() - begun < scale.seconds * 1000; turn++)
      for (const [name, path] of Object.entries(looks) as [Look, string][]) {
        const q = String(((turn * 7919) % guests) + 100_000).slice(1);
        times.set(name, [...(times.get(name) ?? []), await this.look(path.replace("{q}", q))]);
        most = Math.max(most, rss(pids.controller));
        await Bun.sleep(lookPauseMilliseconds);
      }
    const seconds = (performance.now() - begun) / 1000;
    const used = processors().map((after, i) => (after - (before[i] ?? 0)) / seconds);
    nodes.say({ say: "load", perSecond: 0 });
    const { lags } = await nodes.hear("lags", listMilliseconds);
    // What was told last is still under way.
    await Bun.sleep(timing.heartbeatMilliseconds);
    for (const stop of stops) stop();
    const changes = nodes.changes.slice();
    return {
      guests,
      times,
      lags,
      changes: changes.length,
      seconds,
      toApi: changes.flatMap(({ uuid, state, at }) => api.after(uuid, state, at)),
      toPage: changes.flatMap(({ uuid, at }) => page.after(uuid, null, at)),
      processors: Object.keys(pids).map((name, i) => [name, used[i] ?? 0]),
      rss: most,
    };
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
      await until(`${count} nodes live`, restartMilliseconds, async () =>
        (await this.count(`nodes where heard_at >= ${since} and state = 'live'`)) >= count ? true : undefined,
      );
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
