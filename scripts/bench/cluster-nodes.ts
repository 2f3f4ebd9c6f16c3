/**
 * Many nodes in one process (of several), for the bench `cluster`: JimV's own node side over the real road, each with a pretended
 * hypervisor. They join as machines do. Commands come as lines of JSON on standard input, answers and what happened
 * go to standard output in the same form.
 *
 *   bun scripts/bench/cluster-nodes.ts ORDER      ORDER: a JSON file, see `Order`
 */
import { readFileSync } from "node:fs";
import { realClock } from "../../src/core/clock.ts";
import { makeKeyPair } from "../../src/core/http/certificate.ts";
import { stderrLog } from "../../src/core/log/log.ts";
import { Node } from "../../src/core/node.ts";
import { roadProtocol } from "../../src/core/road/contract.ts";
import { Outbox } from "../../src/core/road/outbox.ts";
import { openRedisNodeRoad } from "../../src/core/road/redis-node.ts";
import { timing } from "../../src/core/timing.ts";
import { NodeKey } from "../../src/core/vault.ts";
import { builtInPlugins } from "../../src/plugins/index.ts";
import type { JoinAnswer, JoinRequest } from "../../src/plugins/program.ts";
import { redisAddress } from "../../src/program/redis-end.ts";
import { version } from "../../src/program/version.ts";
import { Machine } from "../../tests/world/machine.ts";
import { PretendedProcess } from "../../tests/world/process.ts";
import { firstPage, guestName, guestUuid, nodeName } from "./cluster-ground.ts";
import { BenchHypervisor } from "./cluster-hypervisor.ts";

export interface Order {
  url: string;
  token: string;
  /** In all processes together. */
  nodes: number;
  /** This process has the nodes whose number leaves `part` when divided by `parts`. */
  part: number;
  parts: number;
}

/** What the bench says. */
export type Saying =
  /** No lists of domains until the next word about guests: rows are being made of which no node knows. */
  | { say: "hold" }
  /** All nodes of all processes together have so many guests from now on. */
  | { say: "guests"; count: number }
  /** Asks to be told once the addresses of all guests were told and applied, as each is when it is first seen. */
  | { say: "settle" }
  /** So many changes a second of this process's guests from now on; 0 ends it, and the lags so far are told. */
  | { say: "load"; perSecond: number };

/** What the nodes say. `at` is the machine's time in milliseconds with fractions. */
export type Hearing =
  | { hear: "joined"; seconds: number }
  | { hear: "guests" }
  | { hear: "settled" }
  | { hear: "changed"; uuid: string; state: string; at: number }
  /** Milliseconds from writing a change into the outbox until the controller's word that it is applied. */
  | { hear: "lags"; lags: number[] };

const joinsAtOnce = 4;
const joinPauseMilliseconds = 500;
/** A timer that comes no later than this says that the process keeps up with what its nodes do. */
const keepsUpMilliseconds = 50;
/** So many in a row, before more nodes join. */
const timersInTime = 3;
/** Then more join all the same. */
const pacePatienceMilliseconds = 10_000;
/** A guest rests so long between two changes, so that each change is told from the next. */
const restMilliseconds = 5_000;
const tickMilliseconds = 10;
/** Of the changes, those of the few guests on the first page of the list. */
const shownShare = 0.05;
const settlePauseMilliseconds = 200;

const tell = (hearing: Hearing): void => void process.stdout.write(`${JSON.stringify(hearing)}\n`);

/** An outbox that measures how long the news of guests are under way. */
class TimedOutbox extends Outbox {
  private readonly written = new Map<number, number>();
  lags: number[] = [];
  /** The report of each guest's addresses that is not applied yet, and guests of which one is. */
  private readonly addresses = new Map<number, string>();
  readonly settled = new Set<string>();

  override add(...args: Parameters<Outbox["add"]>): number {
    const sequence = super.add(...args);
    if (args[0] === "guests.changed") this.written.set(sequence, performance.now());
    if (args[0] === "guests.addresses")
      this.addresses.set(sequence, String((args[1] as { uuid?: unknown }).uuid));
    return sequence;
  }

  override applied(generation: string, sequence: number): void {
    super.applied(generation, sequence);
    const now = performance.now();
    for (const [each, at] of this.written) {
      if (each > sequence) break;
      this.lags.push(now - at);
      this.written.delete(each);
    }
    for (const [each, uuid] of this.addresses) {
      if (each > sequence) break;
      this.settled.add(uuid);
      this.addresses.delete(each);
    }
  }
}

const order = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Order;

/** As a machine does: a controller that is not ready or too busy (5xx) is asked again for a while. */
async function post<T>(path: string, body: unknown): Promise<T> {
  const late = performance.now() + timing.joinPatienceMilliseconds;
  for (;;) {
    const answer = await fetch(`${order.url}/api/v1${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${order.token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return (await answer.json()) as T;
    const told = `${path}: ${answer.status} ${await answer.text()}`;
    if (answer.status < 500 || performance.now() > late) throw new Error(told);
    await realClock.sleep(joinPauseMilliseconds);
  }
}

interface Member {
  machine: Machine;
  hypervisor: BenchHypervisor;
  outbox: TimedOutbox;
  clusterId: string;
}

async function join(i: number): Promise<Member> {
  const name = nodeName(i);
  const key = NodeKey.random();
  const machineId = i.toString(16).padStart(32, "0");
  const { token } = await post<{ token: string }>("/nodes/tokens", {});
  const request: JoinRequest = {
    token,
    name,
    machineId,
    publicKey: key.publicKey,
    tlsKey: makeKeyPair().publicKey,
    address: `10.77.${i >> 8}.${i & 255}`,
    version,
    protocol: roadProtocol,
  };
  const { clusterId, road: ticket } = await post<JoinAnswer>("/nodes/join", request);
  const machine = new Machine(realClock);
  const hypervisor = new BenchHypervisor(machine, name, new PretendedProcess(name, () => null));
  const outbox = new TimedOutbox(":memory:", realClock, name);
  const log = stderrLog("error");
  const node = new Node(
    {
      clock: realClock,
      road: openRedisNodeRoad({
        address: redisAddress(ticket),
        clusterId,
        node: name,
        clock: realClock,
        log,
        notes: outbox,
      }),
      log,
      outbox,
      key,
      hypervisor,
      clusterId,
    },
    { name, machineId, version, features: [] },
  );
  await node.start(builtInPlugins);
  return { machine, hypervisor, outbox, clusterId };
}

/** Waits until this process has time for more nodes: those that are there must not fall silent over it. */
async function keepUp(): Promise<void> {
  const late = performance.now() + pacePatienceMilliseconds;
  for (let inTime = 0; inTime < timersInTime && performance.now() < late; ) {
    const asked = performance.now();
    await realClock.sleep(tickMilliseconds);
    inTime = performance.now() - asked <= tickMilliseconds + keepsUpMilliseconds ? inTime + 1 : 0;
  }
}

/** By their numbers. */
const members = new Map<number, Member>();
const began = performance.now();
const mine = Array.from({ length: order.nodes }, (_, i) => i).filter((i) => i % order.parts === order.part);
for (let first = 0; first < mine.length; first += joinsAtOnce) {
  const some = mine.slice(first, first + joinsAtOnce);
  for (const [k, member] of (await Promise.all(some.map(join))).entries()) members.set(some[k] ?? 0, member);
  await keepUp();
}
tell({ hear: "joined", seconds: (performance.now() - began) / 1000 });

let guests = 0;
let perSecond = 0;
const changedAt = new Map<number, number>();

/** Their domains are simply there: the next list tells of them. */
function addGuests(count: number): void {
  for (; guests < count; guests++) {
    const member = members.get(guests % order.nodes);
    member?.machine.addForeign(guestUuid(guests), guestName(guests), "running", member.clusterId);
    const spec = member?.machine.domains.get(guestUuid(guests))?.spec;
    if (spec) Object.assign(spec, { vcpus: 2, memoryMiB: 4096 });
  }
}

/** A guest of this process's nodes; now and then one of those that the open page shows. */
function anyGuest(): number {
  const shown = mine.filter((node) => node < firstPage);
  if (Math.random() < shownShare) return shown[Math.floor(Math.random() * shown.length)] ?? 0;
  const node = mine[Math.floor(Math.random() * mine.length)] ?? 0;
  return node + order.nodes * Math.floor((Math.random() * (guests - node)) / order.nodes);
}

function changeOne(): void {
  const now = performance.now();
  let i = anyGuest();
  for (let tries = 0; now - (changedAt.get(i) ?? Number.NEGATIVE_INFINITY) < restMilliseconds; tries++) {
    if (tries > 100) return;
    i = anyGuest();
  }
  changedAt.set(i, now);
  const machine = members.get(i % order.nodes)?.machine;
  const uuid = guestUuid(i);
  const state = machine?.domains.get(uuid)?.state === "running" ? "paused" : "running";
  tell({ hear: "changed", uuid, state, at: performance.timeOrigin + now });
  machine?.turn(uuid, state, state === "paused" ? "suspended" : "resumed");
}

async function settled(): Promise<void> {
  const hers = mine.reduce((sum, node) => sum + Math.ceil((guests - node) / order.nodes), 0);
  const told = (): number => [...members.values()].reduce((sum, { outbox }) => sum + outbox.settled.size, 0);
  while (told() < hers) await realClock.sleep(settlePauseMilliseconds);
  tell({ hear: "settled" });
}

let due = 0;
let ticked = performance.now();
realClock.every(tickMilliseconds, () => {
  const now = performance.now();
  due += (perSecond * (now - ticked)) / 1000;
  ticked = now;
  for (; due >= 1; due--) changeOne();
});

function obey(saying: Saying): void {
  if (saying.say === "hold") {
    for (const { hypervisor } of members.values()) hypervisor.hold();
    return;
  }
  if (saying.say === "guests") {
    addGuests(saying.count);
    for (const { hypervisor } of members.values()) hypervisor.release();
    tell({ hear: "guests" });
    return;
  }
  if (saying.say === "settle") {
    void settled();
    return;
  }
  perSecond = saying.perSecond;
  const lags = [...members.values()].flatMap(({ outbox }) => outbox.lags);
  for (const { outbox } of members.values()) outbox.lags = [];
  if (perSecond === 0) tell({ hear: "lags", lags });
}

const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) obey(JSON.parse(line) as Saying);
}
process.exit(0);
