/** The rules of storage pools: making them, putting them on nodes, and hearing how they are. Controller side. */
import {
  type Actor,
  AppError,
  and,
  asc,
  type ControllerContext,
  type Envelope,
  type EventRow,
  eq,
  fieldError,
  Gathered,
  inArray,
  insert,
  made,
  type PayloadOf,
  type PreparedTask,
  type ReportEffects,
  type ResultOf,
  remove,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  type Task,
  type TaskError,
  timing,
  update,
} from "jimv";
import type { NodeService } from "../nodes/index.ts";
import type { PoolService, PoolUsers, Standing } from "./contract.ts";
import { digest, judged, localPresence } from "./health.ts";
import { readFacts } from "./report.ts";
import { type AddNode, type ChangePool, type CreatePool, checkPath } from "./requests.ts";
import { type CephOptions, localPoolId, type Pool, type Presence, pools, presences } from "./schema.ts";
import { addPool, removePool } from "./tasks.ts";
import { isSharedKind, type PoolView, type PresenceView, poolView, presenceView } from "./view.ts";

/** The node side takes it for ours by this. */
export const libvirtName = (poolId: string): string => `jimv-pool-${poolId}`;

export const poolEvent = (id: string, data: unknown = null): EventRow => ({ topic: "pool", key: id, data });

const nameKeyOf = (name: string): string => name.toLowerCase();
/** How many names of users a refusal lists. */
const namesShown = 5;

type Ground = Pick<ControllerContext, "store" | "clock" | "tasks" | "commit" | "vault" | "log">;

export class Pools implements PoolService {
  private readonly reconciledAt = new Map<string, number>();
  /** By node: the pools that are set up there. */
  private readonly ready: Gathered<string, Presence[]>;

  constructor(
    private readonly ground: Ground,
    private readonly nodes: Pick<NodeService, "storages" | "get">,
    private readonly users: () => readonly PoolUsers[],
  ) {
    this.ready = new Gathered(async (names) => {
      const where = and(inArray(presences.nodeName, names), eq(presences.state, "ready"));
      return Map.groupBy(await ground.store.select(presences, { where }), ({ nodeName }) => nodeName);
    });
  }

  async list(): Promise<PoolView[]> {
    const { store } = this.ground;
    const [rows, all, nodes] = await Promise.all([
      store.select(pools, { orderBy: asc(pools.nameKey) }),
      store.select(presences, { orderBy: asc(presences.nodeName) }),
      this.nodes.storages(),
    ]);
    const views = all.map((row) => presenceView(row, this.ground.clock));
    return rows.map((pool) =>
      poolView(pool, pool.id === localPoolId ? nodes.flatMap(localPresence) : views.filter(of(pool))),
    );
  }

  async get(id: string): Promise<PoolView | null> {
    return (await this.list()).find((pool) => pool.id === id) ?? null;
  }

  async need(id: string): Promise<PoolView> {
    const pool = await this.get(id);
    if (!pool) throw new AppError("notFound", "pools.notFound", {});
    return pool;
  }

  async onNode(nodeName: string): Promise<{ pool: PoolView; presence: PresenceView }[]> {
    return (await this.list()).flatMap((pool) =>
      pool.presences.filter((each) => each.nodeName === nodeName).map((presence) => ({ pool, presence })),
    );
  }

  async standing(poolId: string, from: string, to: string): Promise<Standing> {
    const pool = await this.need(poolId);
    const { isShared, trustedSharedMount, name } = pool;
    const there = pool.presences.find((each) => each.nodeName === to);
    const here = pool.presences.find((each) => each.nodeName === from);
    const problem =
      there?.healthy === true
        ? null
        : (there?.problem ?? { word: "pools.notOnNode", args: { pool: name, node: to } });
    return {
      present: there?.healthy === true,
      shared: isShared && here !== undefined,
      trusted: trustedSharedMount,
      path: there?.path ?? null,
      problem,
    };
  }

  async create(request: CreatePool, actor: Actor) {
    const nodeNames = [...new Set(request.nodeNames)];
    const pool = this.poolOf(request);
    for (const nodeName of nodeNames) await this.liveNode(nodeName, "nodeNames");
    const booked: { presence: Presence; task: PreparedTask }[] = [];
    for (const nodeName of nodeNames) {
      // A shared folder is marked by the first node; the others must find the mark.
      const first = isSharedKind(pool.kind) ? booked[0] : undefined;
      booked.push(
        await this.prepareAdd(pool, nodeName, pool.path ?? request.path ?? "", actor, {
          isFirst: first === undefined,
          after: first?.task.id,
        }),
      );
    }
    await this.named(pool.name, () =>
      this.ground.commit(
        [insert(pools, pool), ...booked.flatMap(rowsOf)],
        [poolEvent(pool.id, made), ...booked.flatMap(({ task }) => task.events)],
      ),
    );
    this.ground.tasks.kick();
    return { pool: await this.need(pool.id), tasks: booked.map(({ task }) => ({ id: task.id })) };
  }

  /** The row of a new pool. @throws AppError invalid at a field */
  private poolOf(request: CreatePool): Pool {
    const { kind, path, monitors, cephPool, cephUser, cephKey } = request;
    let ceph: CephOptions | null = null;
    if (kind === "ceph") {
      const given = { monitors, cephPool, cephUser, cephKey };
      for (const [field, value] of Object.entries(given))
        if (value === undefined) throw fieldError(field, "pools.cephField");
      ceph = {
        monitors: (monitors ?? "").split(/[ ,]+/),
        cephPool: cephPool ?? "",
        user: cephUser ?? "",
        secretUuid: crypto.randomUUID(),
      };
    } else checkPath(path);
    return {
      id: crypto.randomUUID(),
      name: request.name,
      nameKey: nameKeyOf(request.name),
      kind,
      path: kind === "shared" || kind === "gluster" ? (path ?? null) : null,
      ceph,
      keySealed: cephKey === undefined ? null : this.ground.vault.seal(cephKey),
      trustedSharedMount: kind === "shared" && request.trustedSharedMount,
      warnPercent: request.warnPercent,
      createdAt: this.ground.clock.now(),
    };
  }

  async change(id: string, change: ChangePool): Promise<PoolView> {
    const pool = await this.need(id);
    if (change.name !== undefined && id === localPoolId && change.name !== pool.name)
      throw fieldError("name", "pools.localStays", {}, "conflict");
    if (change.trustedSharedMount && pool.kind !== "shared")
      throw fieldError("trustedSharedMount", "pools.trustShared", {});
    const { name } = change;
    const set = { ...change, ...(name === undefined ? {} : { nameKey: nameKeyOf(name) }) };
    await this.named(name ?? pool.name, () =>
      this.ground.commit([update(pools, set, eq(pools.id, id), { expect: 1 })], [poolEvent(id)]),
    );
    return this.need(id);
  }

  async remove(id: string): Promise<void> {
    const pool = await this.need(id);
    if (id === localPoolId) throw new AppError("conflict", "pools.localStays", {});
    const [first] = pool.presences;
    if (first) throw new AppError("conflict", "pools.stillOn", { pool: pool.name, node: first.nodeName });
    await this.demandUnused(pool, null);
    await this.ground.commit([remove(pools, eq(pools.id, id), { expect: 1 })], [poolEvent(id)]);
  }

  async addNode(id: string, { nodeName, path }: AddNode, actor: Actor): Promise<{ task: { id: string } }> {
    const pool = await this.row(id);
    if (id === localPoolId) throw new AppError("conflict", "pools.localByNode", { node: nodeName });
    if (pool.kind === "local") checkPath(path);
    await this.liveNode(nodeName, "nodeName");
    const others = await this.ground.store.select(presences, { where: eq(presences.poolId, id) });
    const before = others.find((each) => each.nodeName === nodeName);
    if (before && before.state !== "failed")
      throw fieldError("nodeName", "pools.alreadyOn", { pool: pool.name, node: nodeName }, "conflict");
    const rest = others.filter((each) => each !== before && each.state !== "failed");
    if (isSharedKind(pool.kind) && rest.length > 0 && !rest.some((each) => each.state === "ready"))
      throw new AppError("conflict", "pools.firstBusy", { pool: pool.name });
    const booked = await this.prepareAdd(pool, nodeName, pool.path ?? path ?? "", actor, {
      isFirst: rest.length === 0,
    });
    const again = before ? [remove(presences, at(before), { expect: 1 })] : [];
    await this.begin(pool, booked.task, [...again, insert(presences, booked.presence)]);
    return { task: { id: booked.task.id } };
  }

  /** What is written when a node is gone for good: its part of each pool goes with it. */
  async leaving(nodeName: string): Promise<{ statements: Statement[]; events: EventRow[] }> {
    const where = eq(presences.nodeName, nodeName);
    const there = await this.ground.store.select(presences, { where });
    return {
      statements: there.length === 0 ? [] : [remove(presences, where)],
      events: there.map(({ poolId }) => poolEvent(poolId)),
    };
  }

  async removeNode(id: string, nodeName: string, actor: Actor): Promise<{ task: { id: string } }> {
    const pool = await this.row(id);
    if (id === localPoolId) throw new AppError("conflict", "pools.localByNode", { node: nodeName });
    const all = await this.ground.store.select(presences, { where: eq(presences.poolId, id) });
    const presence = all.find((each) => each.nodeName === nodeName);
    if (!presence) throw new AppError("notFound", "pools.notOnNode", { pool: pool.name, node: nodeName });
    if (presence.state === "adding" || presence.state === "removing")
      throw new AppError("conflict", "pools.busy", { pool: pool.name, node: nodeName });
    await this.demandUnused(pool, nodeName);
    await this.liveNode(nodeName, null);
    const task = await this.ground.tasks.prepare(removePool, {
      node: nodeName,
      target: { type: "pool", key: id, name: pool.name },
      exclusive: `pool:${id}@${nodeName}`,
      payload: {
        poolId: id,
        path: presence.path,
        libvirtName: presence.libvirtName,
        secretUuid: pool.ceph?.secretUuid ?? null,
        isLast: pool.kind === "local" || all.length === 1,
      },
      actor,
    });
    const set = { state: "removing", word: null, args: null } as const;
    const unchanged = and(at(presence), eq(presences.state, presence.state));
    await this.begin(pool, task, [update(presences, set, unchanged, { expect: 1 })]);
    return { task: { id: task.id } };
  }

  private async prepareAdd(
    pool: Pool,
    nodeName: string,
    path: string,
    actor: Actor,
    { isFirst, after }: { isFirst: boolean; after?: string | undefined },
  ): Promise<{ presence: Presence; task: PreparedTask }> {
    const presence: Presence = {
      poolId: pool.id,
      nodeName,
      path: pool.kind === "ceph" ? `rbd:${libvirtName(pool.id)}` : path,
      libvirtName: libvirtName(pool.id),
      state: "adding",
      word: null,
      args: null,
      healthy: false,
      capacityBytes: 0,
      availableBytes: 0,
      seenAt: null,
    };
    const payload: PayloadOf<typeof addPool> = {
      poolId: pool.id,
      kind: pool.kind,
      path: presence.path,
      libvirtName: presence.libvirtName,
      isFirst,
      trusted: pool.trustedSharedMount,
      ceph: pool.ceph,
      ...(pool.keySealed === null ? {} : { cephKey: this.ground.vault.unseal(pool.keySealed) }),
    };
    const task = await this.ground.tasks.prepare(addPool, {
      node: nodeName,
      target: { type: "pool", key: pool.id, name: pool.name },
      exclusive: `pool:${pool.id}@${nodeName}`,
      payload,
      actor,
      after,
    });
    return { presence, task };
  }

  private async begin(pool: Pool, task: PreparedTask, statements: Statement[]): Promise<void> {
    try {
      await this.ground.commit([...statements, ...task.statements], [poolEvent(pool.id), ...task.events]);
    } catch (error) {
      if (!(error instanceof StoreUniqueError || error instanceof StoreExpectationError)) throw error;
      throw new AppError("conflict", "pools.changing", { pool: pool.name }, { cause: error });
    }
    this.ground.tasks.kick();
  }

  // ---- what nodes say

  added(task: Task, payload: PayloadOf<typeof addPool>, result: ResultOf<typeof addPool>): ReportEffects {
    const set = {
      ...result,
      state: "ready",
      healthy: true,
      word: null,
      args: null,
      seenAt: this.ground.clock.now(),
    } as const;
    return this.settled(task, update(presences, set, of2(payload.poolId, task.nodeName)));
  }

  changeFailed(task: Task, payload: { poolId: string }, error: TaskError): ReportEffects {
    const set = { state: "failed", healthy: false, word: error.word, args: error.args } as const;
    return this.settled(task, update(presences, set, of2(payload.poolId, task.nodeName)));
  }

  removed(task: Task, payload: PayloadOf<typeof removePool>): ReportEffects {
    return this.settled(task, remove(presences, of2(payload.poolId, task.nodeName)));
  }

  private settled(task: Task, statement: Statement): ReportEffects {
    return { statements: [statement], events: [poolEvent(task.targetKey)] };
  }

  /** How the pools of a node are. Rows and pages change only where something did. */
  async heard(envelope: Envelope): Promise<ReportEffects> {
    const facts = readFacts(envelope.body);
    if (!facts) return { statements: [] };
    const rows = (await this.ready.of(envelope.node)) ?? [];
    if (rows.length === 0) return { statements: [] };
    const statements: Statement[] = [];
    const events: EventRow[] = [];
    const missing: Presence[] = [];
    const now = this.ground.clock.now();
    const kinds = new Map((await this.ground.store.select(pools)).map((pool) => [pool.id, pool.kind]));
    for (const row of rows) {
      const fact = facts.find((each) => each.libvirtName === row.libvirtName);
      if (!fact) missing.push(row);
      const next = { ...row, ...judged(row, fact, kinds.get(row.poolId) ?? "local"), seenAt: now };
      statements.push(update(presences, next, at(row)));
      if (digest(row, this.ground.clock) !== digest(next, this.ground.clock))
        events.push(poolEvent(row.poolId));
    }
    const after = (): void => {
      for (const row of missing)
        this.reconcile(row).catch((error) =>
          this.ground.log.warn("a pool can't be set up again", { node: row.nodeName, error: String(error) }),
        );
    };
    return { statements, events, after };
  }

  /** A pool that is gone from a node's libvirt is set up there again. */
  private async reconcile(row: Presence): Promise<void> {
    const key = `${row.poolId}@${row.nodeName}`;
    const now = this.ground.clock.now();
    if (now - (this.reconciledAt.get(key) ?? 0) < timing.poolReconcileMilliseconds) return;
    this.reconciledAt.set(key, now);
    const pool = await this.row(row.poolId);
    const actor = { kind: "system", name: "pools" } as const;
    const { task } = await this.prepareAdd(pool, row.nodeName, row.path, actor, { isFirst: false });
    await this.begin(pool, task, [update(presences, { healthy: false }, at(row), { expect: 1 })]);
  }

  // ---- helpers

  private async row(id: string): Promise<Pool> {
    const pool = await this.ground.store.first(pools, { where: eq(pools.id, id) });
    if (!pool) throw new AppError("notFound", "pools.notFound", {});
    return pool;
  }

  private async liveNode(name: string, field: string | null): Promise<void> {
    const node = await this.nodes.get(name);
    const refuse = (word: string): AppError =>
      field === null
        ? new AppError("conflict", word, { node: name })
        : fieldError(field, word, { node: name }, "conflict");
    if (!node) throw refuse("pools.nodeUnknown");
    if (node.state !== "live") throw refuse("pools.nodeAway");
  }

  private async demandUnused(pool: Pick<Pool, "id" | "name">, nodeName: string | null): Promise<void> {
    const names = (await Promise.all(this.users().map((users) => users(pool.id, nodeName)))).flat();
    if (names.length > 0)
      throw new AppError("conflict", "pools.inUse", {
        pool: pool.name,
        count: names.length,
        names: names.slice(0, namesShown).join(", "),
      });
  }

  private async named(name: string, fn: () => Promise<void>): Promise<void> {
    try {
      await fn();
    } catch (error) {
      if (error instanceof StoreUniqueError && error.index === "pools_name")
        throw fieldError("name", "pools.nameTaken", { name }, "conflict");
      throw error;
    }
  }
}

const of =
  (pool: Pool) =>
  (each: PresenceView): boolean =>
    each.poolId === pool.id;
const of2 = (poolId: string, nodeName: string) =>
  and(eq(presences.poolId, poolId), eq(presences.nodeName, nodeName));
const at = (row: Presence) => of2(row.poolId, row.nodeName);
const rowsOf = ({ presence, task }: { presence: Presence; task: PreparedTask }): Statement[] => [
  insert(presences, presence),
  ...task.statements,
];
