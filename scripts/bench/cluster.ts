/** One controller with MariaDB and Redis, and as many simulated nodes and guests as asked. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/core/store/index.ts";
import { Cluster } from "../../tests/support/cluster.ts";
import type { Bench, Section } from "./bench.ts";
import { aimed, joinMilliseconds, Lab, type Look, Nodes, type Round, type Scale } from "./cluster-lab.ts";
import type { Order } from "./cluster-nodes.ts";
import { aim, digits, percentile, table } from "./figures.ts";
import { say } from "./shell.ts";

export const fullScale: Scale = { nodes: 500, guests: 10_000, moreGuests: 25_000, changes: 100, seconds: 60 };
/** Of the aim "so many are live again". */
const restartNodes = 200;
/** A process of more can't keep up with them beside the controller on one machine. */
const nodesOfProcess = 125;
const mebibyte = 1024 ** 2;
/** No database server of the last ten years has less memory than this. */
const mariadb = ["--innodb-buffer-pool-size=256M", "--innodb-log-file-size=64M"];

interface Figures {
  joined: number;
  configured: number;
  rounds: Round[];
  still: Map<Look, number[]>;
  restart: [number, number][];
}

export async function cluster(bench: Bench): Promise<Section> {
  const scale = { ...fullScale, ...bench.scale };
  const folder = join(bench.folder, "cluster");
  mkdirSync(folder, { recursive: true });
  const { cluster: servers, controller } = await Cluster.open({
    executable: await bench.executable(),
    mariadb,
    bySocket: true,
  });
  const store = await openStore(servers.database);
  const parts = Math.ceil(scale.nodes / nodesOfProcess);
  const orders = Array.from({ length: parts }, (_, part) => {
    const file = join(folder, `order-${part}.json`);
    const order: Order = { url: controller.url, token: servers.secret, nodes: scale.nodes, part, parts };
    writeFileSync(file, JSON.stringify(order), { mode: 0o600 });
    return file;
  });
  say(`${scale.nodes} nodes join`);
  const nodes = new Nodes(orders);
  try {
    const lab = new Lab(scale, servers, controller, store, nodes);
    const [heard] = await Promise.all([nodes.hear("joined", joinMilliseconds), lab.joined()]);
    const joined = Math.max(...heard.map(({ seconds }) => seconds));
    say("they are set up");
    await lab.signIn();
    const disks = join(folder, "disks");
    mkdirSync(disks, { mode: 0o711 });
    const configured = await lab.configure(disks);
    const rounds: Round[] = [];
    let had = 0;
    for (const guests of [scale.guests, scale.moreGuests]) {
      say(`${guests} guests`);
      await lab.addGuests(had, guests);
      had = guests;
      rounds.push(await lab.round(guests));
    }
    say("the nodes stand still");
    const still = await lab.still(had);
    say("the controller is killed and started again");
    const wanted = [...new Set([Math.min(restartNodes, scale.nodes), scale.nodes])];
    const seconds = await lab.restart(wanted);
    const restart = wanted.map((count, i): [number, number] => [count, seconds[i] ?? 0]);
    return { title: "A large cluster", text: text(scale, { joined, configured, rounds, still, restart }) };
  } finally {
    await nodes.stop();
    await store.close();
    await servers.close();
  }
}

const quantiles = (values: readonly number[]): string[] =>
  [0.5, 0.95, 0.99, 1].map((share) => (values.length === 0 ? "–" : digits(percentile(values, share))));

function roundText(scale: Scale, round: Round): string[] {
  const { guests, times, changes, lags, toApi, toPage, processors, seconds } = round;
  const news = [
    ["report written → known to be applied", lags],
    ["change → event stream of the API", toApi],
    ["change → row of an open page", toPage],
  ] as const;
  return [
    `### ${guests} guests, ${digits(changes / seconds)} changes a second`,
    "",
    table(
      ["ms", "n", "p50", "p95", "p99", "max"],
      [
        ...news.map(([name, values]) => [name, String(values.length), ...quantiles(values)]),
        ...[...times].map(([name, values]) => [name, String(values.length), ...quantiles(values)]),
      ],
    ),
    "",
    `- ${changes} changes, of which the API's stream told ${toApi.length}; ${round.shownChanges} of guests on the open page, which showed ${toPage.length}`,
    `- processors: ${processors.map(([name, share]) => `${name} ${digits(share)}`).join(", ")}`,
    aim("the controller's RSS, most", round.rss / mebibyte, 1024, " MiB"),
    ...(guests === scale.moreGuests
      ? aimed.map((name) => aim(`${name}, p95`, percentile(times.get(name) ?? [], 0.95), 50, " ms"))
      : []),
    "",
  ];
}

/** The looks where nothing else wants the processor. */
function stillText(guests: number, still: ReadonlyMap<Look, number[]>): string[] {
  return [
    `### ${guests} guests, and the nodes stand still`,
    "",
    table(
      ["ms", "n", "p50", "p95", "p99", "max"],
      [...still].map(([name, values]) => [name, String(values.length), ...quantiles(values)]),
    ),
    "",
    ...[...still].map(([name, values]) => aim(`${name}, p95`, percentile(values, 0.95), 50, " ms")),
    "",
  ];
}

/** How much slower each look became with more guests. */
function growth(rounds: readonly Round[]): string[] {
  const [few, many] = rounds;
  if (!few || !many) return [];
  const parts = [...many.times].map(([name, values]) => {
    const before = percentile(few.times.get(name) ?? [], 0.5);
    return `${name} ${digits(percentile(values, 0.5) / before)}`;
  });
  return [`- median with ${many.guests} guests / with ${few.guests}: ${parts.join(", ")}`, ""];
}

function text(scale: Scale, { joined, configured, rounds, still, restart }: Figures): string {
  return [
    ...rounds.flatMap((round) => roundText(scale, round)),
    ...growth(rounds),
    ...stillText(scale.moreGuests, still),
    "### Nodes come",
    "",
    `- ${scale.nodes} machines joined, a few at a time, each with a token of its own: ${digits(joined)} s`,
    `- ${scale.nodes} nodes were set up by a task each: ${digits(configured)} s`,
    ...restart.map(([count, seconds]) =>
      count === restartNodes
        ? aim(`after a controller that was away for 20 s came back, ${count} nodes live`, seconds, 30, " s")
        : `- ${count} nodes live: ${digits(seconds)} s`,
    ),
    "",
    `${scale.nodes} nodes in ${Math.ceil(scale.nodes / nodesOfProcess)} processes: JimV's own node side, agent and outbox (in memory) over the real road, each with a`,
    "pretended hypervisor; heartbeats every 2 s, full lists and facts every 10 s. Guests pause and resume at random,",
    "every twentieth time one on the first page of the list. Controller (the executable), MariaDB, Redis, the nodes and",
    "the bench share this machine's processors, so the controller has less than a machine of its own would give it; the",
    "nodes, which elsewhere are machines of their own, yield to the others (SCHED_IDLE). A stream of the API and that of an",
    "open first page of the list are followed all the time (a page hears of the rows that it shows), and one person looks",
    "at a list every 0.1 s; times include the page's transfer.",
    "The controller is ended by SIGKILL and starts when every node counts as offline; it counts from its start.",
    "Where the nodes stand still (their processes are stopped for some seconds) one look follows the other without a",
    "pause: what a look takes by itself, where it waits for no processor.",
    "MariaDB is reached by its socket; it writes each commit but does not flush it to the disk.",
    "",
    "Not measured: networks between the machines, several controllers, hundreds of people.",
  ].join("\n");
}
