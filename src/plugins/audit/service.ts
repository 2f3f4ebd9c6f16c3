/** Asks all nodes to look at themselves and compares what they say with the store. */
import { dirname } from "node:path/posix";
import {
  and,
  type ControllerContext,
  eq,
  inArray,
  isNotNull,
  isNull,
  leaderLease,
  openTaskStates,
  or,
  type PayloadOf,
  type ReportEffects,
  type ResultOf,
  type Task,
  tasks,
  timing,
  upsert,
} from "jimv";
import { type Disk, disks } from "../disks/index.ts";
import { type Guest, guestInterfaces, guests } from "../guests/index.ts";
import { migrationPorts } from "../migration/index.ts";
import type { NodeService, NodeView } from "../nodes/index.ts";
import type { PoolService, PoolView } from "../pools/index.ts";
import { type Finding, findings, type Look } from "./findings.ts";
import { auditLooks } from "./schema.ts";
import { lookTask } from "./tasks.ts";

export interface AuditResult {
  /** What is wrong. */
  findings: Finding[];
  /** What could not be looked at, so that nothing is known of it. */
  doubts: Finding[];
  /** How much was compared. */
  seen: { nodes: number; guests: number; disks: number; domains: number; files: number; openTasks: number };
}

type Ground = Pick<ControllerContext, "store" | "clock" | "tasks">;

const actor = { kind: "system", name: "audit" } as const;

export class AuditService {
  constructor(
    private readonly ground: Ground,
    private readonly nodes: Pick<NodeService, "list">,
    private readonly pools: Pick<PoolService, "list">,
  ) {}

  /**
   * The whole audit. May run in another process than the leader, which sends the looks to the nodes. What is found
   * is looked at a second time, because the cluster goes on working meanwhile: only what is still so counts.
   */
  async run(): Promise<AuditResult> {
    const first = await this.pass();
    if (first.findings.length === 0) return first;
    await this.ground.clock.sleep(timing.auditAgainMilliseconds);
    const second = await this.pass();
    const before = new Set(first.findings.map(keyOf));
    return { ...second, findings: second.findings.filter((finding) => before.has(keyOf(finding))) };
  }

  private async pass(): Promise<AuditResult> {
    const { store, clock } = this.ground;
    const doubts: Finding[] = [];
    const looks = await this.lookEverywhere(doubts);
    const [allTasks, allGuests, interfaces, allDisks, ports, ends] = await Promise.all([
      store.select(tasks, {
        where: or(
          inArray(tasks.state, [...openTaskStates]),
          isNotNull(tasks.exclusiveKey),
          eq(tasks.leftovers, true),
          and(eq(tasks.state, "failed"), isNull(tasks.errorWord)),
        ),
      }),
      store.select(guests, { where: "all" }),
      store.select(guestInterfaces, { where: "all" }),
      store.select(disks, { where: "all" }),
      store.select(migrationPorts, { where: "all" }),
      this.endsTold(),
    ]);
    for (const [node, look] of looks)
      for (const folder of look.closed) doubts.push({ word: "audit.node.closed", args: { node, folder } });
    const facts = {
      tasks: allTasks,
      guests: allGuests,
      interfaces,
      disks: allDisks,
      ports,
      ends,
      looks,
      now: clock.now(),
    };
    const all = [...looks.values()];
    return {
      findings: findings(facts),
      doubts,
      seen: {
        nodes: looks.size,
        guests: allGuests.length,
        disks: allDisks.length,
        domains: all.reduce((sum, look) => sum + look.domains.length, 0),
        files: all.reduce((sum, look) => sum + look.files.length, 0),
        openTasks: allTasks.filter((task) => task.endedAt === null).length,
      },
    };
  }

  /** How often each task's end was told, by its id, as far back as events are kept. */
  private async endsTold(): Promise<Map<string, number>> {
    const { store } = this.ground;
    const ends = new Map<string, number>();
    for (let from = 0; ; ) {
      const events = await store.eventsAfter(from, eventsAtOnce);
      for (const { topic, key, data } of events) {
        if (topic !== "task" || !isEnd(data)) continue;
        ends.set(key, (ends.get(key) ?? 0) + 1);
      }
      const last = events.at(-1);
      if (!last || events.length < eventsAtOnce) return ends;
      from = last.seq;
    }
  }

  /** Sends a look to each node that lives, and waits for all of them to end, however they do. */
  private async lookEverywhere(doubts: Finding[]): Promise<Map<string, Look>> {
    const { store, clock } = this.ground;
    const looks = new Map<string, Look>();
    if ((await store.leases.holder(leaderLease)) === null) {
      doubts.push({ word: "audit.noLeader", args: {} });
      return looks;
    }
    const sent = new Map<string, string>();
    const [knownGuests, knownDisks, knownPools] = await Promise.all([
      store.select(guests, { where: "all" }),
      store.select(disks, { where: "all" }),
      this.pools.list(),
    ]);
    for (const node of await this.nodes.list()) {
      if (node.state !== "live")
        doubts.push({ word: "audit.node.silent", args: { node: node.name, state: node.state } });
      else sent.set(node.name, await this.send(node, foldersOf(node, knownGuests, knownDisks, knownPools)));
    }
    // Its tasks end by their deadlines, if only because somebody leads; this is for when nobody does.
    const late = clock.now() + timing.auditLookMilliseconds + timing.auditOverdueMilliseconds;
    for (;;) {
      const rows = await store.select(tasks, { where: inArray(tasks.id, [...sent.values()]) });
      if (rows.every((task) => task.endedAt !== null)) break;
      if (clock.now() > late) break;
      await clock.sleep(timing.auditPollMilliseconds);
    }
    for (const [node, id] of sent) {
      const look = await store.first(auditLooks, {
        where: and(eq(auditLooks.nodeName, node), eq(auditLooks.taskId, id)),
      });
      if (look) looks.set(node, JSON.parse(look.body) as Look);
      else doubts.push({ word: "audit.node.noAnswer", args: { node, id } });
    }
    return looks;
  }

  private async send(node: NodeView, folders: string[]): Promise<string> {
    const task = await this.ground.tasks.prepare(lookTask, {
      node: node.name,
      target: { type: "node", key: node.name, name: node.name },
      payload: { folders },
      actor,
    });
    await this.ground.store.batch(task.statements, { events: task.events });
    this.ground.tasks.kick();
    return task.id;
  }

  /** Keeps what a node saw; the one before is of no use any more. */
  looked(task: Task, _payload: PayloadOf<typeof lookTask>, result: ResultOf<typeof lookTask>): ReportEffects {
    const row = {
      nodeName: task.nodeName,
      taskId: task.id,
      at: this.ground.clock.now(),
      body: JSON.stringify(result),
    };
    return { statements: [upsert(auditLooks, row, ["nodeName"])] };
  }
}

const eventsAtOnce = 5_000;

function isEnd(data: unknown): boolean {
  const state = (data as { state?: string } | null)?.state;
  return state === "succeeded" || state === "failed" || state === "cancelled";
}

const keyOf = (finding: Finding): string => JSON.stringify([finding.word, finding.args]);

/** Where a node keeps disks of JimV's: its own folder, its pools, and wherever something of this node lies. */
function foldersOf(
  node: NodeView,
  knownGuests: readonly Guest[],
  knownDisks: readonly Disk[],
  knownPools: readonly PoolView[],
): string[] {
  const paths = [
    ...knownDisks.filter((disk) => disk.nodeName === node.name).map((disk) => disk.path),
    ...knownGuests.filter((guest) => guest.nodeName === node.name).flatMap((guest) => guest.seedPath ?? []),
  ];
  const present = knownPools
    .flatMap(({ presences }) => presences)
    .filter(({ nodeName, state }) => nodeName === node.name && state === "ready")
    .map(({ path }) => path);
  return [
    ...new Set([
      ...(node.storage ? [node.storage.path] : []),
      ...present,
      ...paths.map((path) => dirname(path)),
    ]),
  ];
}
