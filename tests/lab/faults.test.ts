/**
 * Nothing is lost: each fault happens while guests are created, stopped, started, migrated and deleted, and each ends
 * with the same audit. The short form lasts seconds a fault; JIMV_LONG=1 holds each for a minute.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { until } from "../support/client.ts";
import { Cluster } from "./lab.ts";
import { Load } from "./load.ts";

const isLong = process.env.JIMV_LONG === "1";
const outageMilliseconds = isLong ? 60_000 : 3_000;
/** Work goes on within this after a fault is over: a lease may have to run out, and a node to be heard again. */
const recoveryMilliseconds = 90_000;
const people = 3;
setDefaultTimeout(outageMilliseconds + 300_000);

let cluster: Cluster;
let load: Load;

beforeAll(async () => {
  cluster = await Cluster.open({ nodes: 3, controllers: 2, sharedPool: true });
  const [first] = cluster.workers;
  const path = "/srv/shared/template.qcow2";
  await first?.node.machine.run("qemu-img", "create", "-q", "-f", "qcow2", path, "16M");
  load = new Load(
    cluster,
    await cluster.registerTemplate(path, { init: "none", nodeName: first?.node.name }),
  );
});
afterAll(() => cluster?.close());

interface Fault {
  name: string;
  begin(): Promise<void> | void;
  /** Nothing where the fault passes by itself. */
  end?(): Promise<void> | void;
  /** Only in the long form. */
  isLong?: true;
}

/** Which controller holds the lease. */
async function leader(): Promise<number> {
  const [row] = (await cluster.services.query("select holder from leases where name = 'leader'")) as {
    holder: string;
  }[];
  return Number(/^controller-(\d+):/.exec(row?.holder ?? "")?.[1]) - 1;
}

let led = 0;
const faults: Fault[] = [
  {
    name: "MariaDB is away",
    begin: () => cluster.services.mariadb.kill(),
    end: () => cluster.services.startMariadb(),
  },
  {
    name: "Redis is away",
    begin: () => cluster.services.redis.kill(),
    end: () => cluster.services.startRedis(),
  },
  { name: "Redis is emptied", begin: async () => void (await cluster.services.redisCli("flushall")) },
  {
    name: "the leading controller is killed, and the other one leads",
    async begin() {
      led = await leader();
      await cluster.controller(led).program.kill();
      await until("the other one leads", recoveryMilliseconds, async () => (await leader()) === 1 - led);
    },
    end: () => cluster.startController(led),
  },
  {
    name: "all controllers are killed",
    isLong: true,
    begin: async () => {
      for (const { program } of cluster.controllers) await program.kill();
    },
    end: async () => {
      for (const index of cluster.controllers.keys()) await cluster.startController(index);
    },
  },
  {
    name: "a node's process is killed",
    begin: () => cluster.worker(0).agent.kill(),
    end: () => cluster.worker(0).agent.start(),
  },
  {
    name: "libvirtd is restarted",
    begin: () => cluster.worker(1).node.libvirtd.kill(isLong ? "SIGKILL" : "SIGTERM"),
    end: () => cluster.worker(1).node.startLibvirtd(),
  },
  {
    name: "a node is cut off",
    begin: () => cluster.worker(2).node.machine.cut(),
    end: () => cluster.worker(2).node.machine.heal(),
  },
  {
    name: "a node's clock is an hour ahead",
    // A call to libvirt under way at that moment may run into its time limit of two minutes.
    isLong: true,
    begin: () => cluster.setClock(0, 3600),
    end: () => cluster.setClock(0, 0),
  },
  {
    name: "a node's clock is an hour behind",
    begin: () => cluster.setClock(1, -3600),
    end: () => cluster.setClock(1, 0),
  },
  { name: "30 % of all packets are lost", begin: () => cluster.loss(30), end: () => cluster.loss(0) },
];

for (const { name, begin, end } of faults.filter((fault) => isLong || !fault.isLong))
  test(`nothing is lost while ${name}`, async () => {
    load.begin(people);
    try {
      await load.more(people, recoveryMilliseconds);
      await begin();
      await Bun.sleep(outageMilliseconds);
      await end?.();
      await load.more(people, recoveryMilliseconds);
    } finally {
      await load.end();
    }
    await allIsWell();
  });

/** The audit that each fault ends with. */
async function allIsWell(): Promise<void> {
  for (const { node } of cluster.workers) await cluster.nodeIs(node.name, "live");
  await until("every task has ended", recoveryMilliseconds, async () => (await openTasks()) === 0);
  const { findings, doubts } = await cluster.audit();
  expect(findings.map((finding) => finding.text)).toEqual([]);
  expect(doubts.map((doubt) => doubt.text)).toEqual([]);
  expect(await endedTwice()).toEqual([]);
  await until("the pages say what is true", recoveryMilliseconds, async () =>
    Bun.deepEquals(await shown(), await actual()),
  ).catch(async () => expect(await shown()).toEqual(await actual()));
}

async function openTasks(): Promise<number> {
  const [row] = (await cluster.services.query("select count(*) as n from tasks where ended_at is null")) as {
    n: number;
  }[];
  return Number(row?.n);
}

/** Tasks whose end was told more than once. */
function endedTwice(): Promise<unknown[]> {
  return cluster.services.query(
    `select \`key\`, count(*) as ends from events where topic = 'task'
       and (data like '%"succeeded"%' or data like '%"failed"%' or data like '%"cancelled"%')
     group by \`key\` having count(*) > 1`,
  );
}

type Places = Record<string, string>;

/** Guests by name as the API lists them: on which node, and in what state. */
async function shown(): Promise<Places> {
  type Item = { name: string; nodeName: string; state: string };
  const { items } = await cluster.ask<{ items: Item[] }>("GET", "/guests?pageSize=100");
  return Object.fromEntries(
    items
      .filter(({ state }) => state !== "failed")
      .map(({ name, nodeName, state }) => [name, `${nodeName} ${state}`]),
  );
}

/** The same as the nodes' libvirtds tell it. */
async function actual(): Promise<Places> {
  const places: Places = {};
  for (const { node } of cluster.workers)
    for (const line of (await node.virsh("list", "--all")).split("\n")) {
      const [, name, state] = /^\s*\S+\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
      if (name && state) places[name] = `${node.name} ${state === "shut off" ? "off" : state}`;
    }
  return places;
}
