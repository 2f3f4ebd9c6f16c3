/** The rules of disks: data disks of their own, and what may be done with those that guests have. */
import {
  type Actor,
  AppError,
  and,
  asc,
  type Column,
  type ControllerContext,
  contains,
  desc,
  type EventRow,
  eq,
  fieldError,
  inArray,
  insert,
  made,
  or,
  type PreparedTask,
  pageOf,
  type Statement,
  StoreExpectationError,
  StoreUniqueError,
  sortOf,
  update,
  windowOf,
} from "jimv";
import type { NodeService } from "../nodes/index.ts";
import {
  diskFormatOf,
  diskPath,
  localPoolId,
  markOf,
  type PoolService,
  type PoolView,
  type PresenceView,
} from "../pools/index.ts";
import type {
  ChangeDisk,
  CreateDisk,
  DiskAction,
  DiskAttachment,
  DiskListQuery,
  DiskService,
  DiskView,
  diskSorts,
} from "./contract.ts";
import { type Disk, type DiskState, disks } from "./schema.ts";
import { createDisk, deleteDisk } from "./tasks.ts";

const bytesPerGiB = 1024 ** 3;
/** An empty qcow2 file takes next to nothing; this much of the disk must be free all the same. */
const leastFreeShare = 0.01;

/** What may be asked of a data disk in each state; a system disk comes and goes with its guest. */
export const allowedOfData = {
  creating: [],
  idle: ["rename", "attach", "delete"],
  attached: ["rename", "detach"],
  attaching: [],
  detaching: [],
  growing: [],
  moving: [],
  deleting: [],
  failed: ["delete"],
} as const satisfies Record<DiskState, readonly DiskAction[]>;

const columns: Record<(typeof diskSorts)[number], Column> = {
  name: disks.name,
  sizeGiB: disks.sizeGiB,
  nodeName: disks.nodeName,
  state: disks.state,
  createdAt: disks.createdAt,
};

export const diskEvent = (uuid: string, data: unknown = null): EventRow => ({
  topic: "disk",
  key: uuid,
  data,
});

type Ground = Pick<ControllerContext, "store" | "clock" | "tasks" | "commit">;

/** What a list's query means to the store; undefined for all disks. */
function whereOf({ q, state, nodeName, poolId, guestUuid, role = "data" }: DiskListQuery) {
  const text = q?.trim();
  return and(
    role === "all" ? undefined : eq(disks.role, role),
    state === undefined ? undefined : eq(disks.state, state),
    nodeName === undefined ? undefined : eq(disks.nodeName, nodeName),
    poolId === undefined ? undefined : eq(disks.poolId, poolId),
    guestUuid === undefined ? undefined : eq(disks.guestUuid, guestUuid),
    text ? or(contains(disks.name, text), eq(disks.uuid, text)) : undefined,
  );
}

export class Disks implements DiskService {
  constructor(
    private readonly ground: Ground,
    private readonly nodes: Pick<NodeService, "get">,
    private readonly pools: Pick<PoolService, "get">,
    /** Null where no plugin knows guests. */
    private readonly attachment: () => DiskAttachment | null,
  ) {}

  async list(query: DiskListQuery) {
    const { store } = this.ground;
    const where = whereOf(query);
    const { field, descending } = sortOf(query.sort, "name");
    const order = descending ? desc(columns[field]) : asc(columns[field]);
    // In the order's index alone: to order whole rows takes the database many times as long.
    const orderBy = [order, asc(disks.uuid)];
    const uuids = store.values(disks, disks.uuid, { where, orderBy, ...windowOf(query) });
    const [views, total] = await Promise.all([
      uuids.then((found) => this.views(found)),
      store.count(disks, where),
    ]);
    return pageOf(views, total, query);
  }

  async isListed(uuid: string, query: DiskListQuery): Promise<boolean> {
    return (await this.ground.store.count(disks, and(eq(disks.uuid, uuid), whereOf(query)))) > 0;
  }

  /** How many disks a query finds. */
  count(query: DiskListQuery): Promise<number> {
    return this.ground.store.count(disks, whereOf(query));
  }

  /** In the order of the uuids; those that no disk has (any more) are left out. */
  async views(uuids: readonly string[]): Promise<DiskView[]> {
    const found = await this.ground.store.select(disks, { where: inArray(disks.uuid, uuids) });
    const views = new Map((await this.viewsOf(found)).map((view) => [view.uuid, view]));
    return uuids.flatMap((uuid) => views.get(uuid) ?? []);
  }

  async get(uuid: string): Promise<DiskView> {
    const [view] = await this.viewsOf([await this.row(uuid)]);
    if (!view) throw notFound(uuid);
    return view;
  }

  async create(request: CreateDisk, actor: Actor) {
    const node = await this.nodes.get(request.nodeName);
    if (!node) throw new AppError("notFound", "disks.nodeUnknown", { node: request.nodeName });
    if (node.state !== "live") throw new AppError("conflict", "disks.nodeAway", { node: node.name });
    const { pool, storage } = await this.storageOn(request.poolId ?? localPoolId, node.name);
    const { sizeGiB } = request;
    const need = sizeGiB * bytesPerGiB;
    if (need > storage.capacityBytes || storage.availableBytes < need * leastFreeShare)
      throw new AppError("conflict", "disks.noSpace", {
        node: node.name,
        sizeGiB,
        freeGiB: Math.floor(storage.availableBytes / bytesPerGiB),
        capacityGiB: Math.floor(storage.capacityBytes / bytesPerGiB),
      });
    const uuid = crypto.randomUUID();
    const disk: Disk = {
      uuid,
      name: request.name.trim(),
      poolId: pool.id,
      nodeName: node.name,
      guestUuid: null,
      role: "data",
      sizeGiB,
      path: diskPath(pool, storage.path, uuid),
      format: diskFormatOf(pool),
      target: null,
      state: "creating",
      failedWord: null,
      failedArgs: null,
      linkedTemplateId: null,
      writeBytes: 0,
      createdAt: this.ground.clock.now(),
    };
    const task = await this.ground.tasks.prepare(createDisk, {
      node: node.name,
      target: { type: "disk", key: uuid, name: disk.name },
      exclusive: uuid,
      payload: {
        uuid,
        path: disk.path,
        format: disk.format,
        sizeGiB,
        mark: markOf(pool),
        folder: storage.path,
      },
      actor,
    });
    await this.begin(disk, task, insert(disks, disk), made);
    return { task: { id: task.id }, disk: await this.get(uuid) };
  }

  /** The pool as the node has it. @throws AppError conflict at the field */
  private async storageOn(poolId: string, node: string): Promise<{ pool: PoolView; storage: PresenceView }> {
    const pool = await this.pools.get(poolId);
    if (!pool) throw fieldError("poolId", "pools.notFound", {});
    const storage = pool.presences.find((each) => each.nodeName === node);
    if (!storage && poolId === localPoolId)
      throw new AppError("conflict", "disks.nodeUnconfigured", { node });
    if (!storage) throw fieldError("poolId", "pools.notOnNode", { pool: pool.name, node }, "conflict");
    const { problem } = storage;
    if (!storage.healthy && problem) throw fieldError("poolId", problem.word, problem.args, "conflict");
    return { pool, storage };
  }

  async change(uuid: string, change: ChangeDisk, actor: Actor) {
    const { name, guestUuid } = change;
    let task: { id: string } | null = null;
    if (name !== undefined) {
      demand(await this.row(uuid), "rename");
      await this.ground.commit(
        [update(disks, { name: name.trim() }, eq(disks.uuid, uuid), { expect: 1 })],
        [diskEvent(uuid)],
      );
    }
    if (guestUuid !== undefined) {
      const disk = await this.row(uuid);
      const attachment = this.attachment();
      if (!attachment) throw new AppError("conflict", "disks.noGuests", {});
      if (guestUuid === null) {
        demand(disk, "detach");
        task = (await attachment.detach(disk, actor)).task;
      } else {
        demand(disk, "attach");
        task = (await attachment.attach(disk, guestUuid, actor)).task;
      }
    }
    return { task, disk: await this.get(uuid) };
  }

  async remove(uuid: string, actor: Actor): Promise<{ task: { id: string } }> {
    const disk = await this.row(uuid);
    demand(disk, "delete");
    const node = await this.nodes.get(disk.nodeName);
    if (!node || node.state === "offline")
      throw new AppError("conflict", "disks.nodeAway", { node: disk.nodeName });
    const task = await this.ground.tasks.prepare(deleteDisk, {
      node: disk.nodeName,
      target: { type: "disk", key: uuid, name: disk.name },
      exclusive: uuid,
      payload: { uuid, path: disk.path },
      actor,
    });
    // From here on nobody can attach it.
    const going = update(
      disks,
      { state: "deleting" },
      and(eq(disks.uuid, uuid), eq(disks.state, disk.state)),
      { expect: 1 },
    );
    await this.begin(disk, task, going);
    return { task: { id: task.id } };
  }

  private async begin(
    disk: Disk,
    task: PreparedTask,
    change: Statement,
    news: unknown = null,
  ): Promise<void> {
    try {
      await this.ground.commit([change, ...task.statements], [diskEvent(disk.uuid, news), ...task.events]);
    } catch (error) {
      const isBusy =
        error instanceof StoreExpectationError ||
        (error instanceof StoreUniqueError && error.index === "tasks_exclusive");
      if (isBusy) throw new AppError("conflict", "disks.busy", { disk: disk.name });
      throw error;
    }
    this.ground.tasks.kick();
  }

  private async row(uuid: string): Promise<Disk> {
    const disk = await this.ground.store.first(disks, { where: eq(disks.uuid, uuid) });
    if (!disk) throw notFound(uuid);
    return disk;
  }

  private async viewsOf(rows: readonly Disk[]): Promise<DiskView[]> {
    const guestUuids = [...new Set(rows.flatMap((disk) => disk.guestUuid ?? []))];
    const [names, open] = await Promise.all([
      this.attachment()?.names(guestUuids) ?? new Map<string, string>(),
      rows.length === 0
        ? []
        : this.ground.tasks.openFor(
            "disk",
            rows.map((disk) => disk.uuid),
          ),
    ]);
    return rows.map((disk) => {
      const task = open.find((each) => each.targetKey === disk.uuid);
      return {
        uuid: disk.uuid,
        name: disk.name,
        poolId: disk.poolId,
        nodeName: disk.nodeName,
        role: disk.role,
        sizeGiB: disk.sizeGiB,
        format: disk.format,
        path: disk.path,
        state: disk.state,
        error: disk.failedWord ? { word: disk.failedWord, args: disk.failedArgs ?? {} } : null,
        guestUuid: disk.guestUuid,
        guestName: disk.guestUuid === null ? null : (names.get(disk.guestUuid) ?? null),
        target: disk.target,
        linkedTemplateId: disk.linkedTemplateId,
        task: task ? { id: task.id, kind: task.kind, progress: task.progress } : null,
        actions: disk.role === "system" ? [] : allowedOfData[disk.state],
        createdAt: disk.createdAt,
      };
    });
  }
}

const notFound = (uuid: string): AppError => new AppError("notFound", "disks.notFound", { uuid });

/** @throws AppError conflict with the reason when role or state don't allow the action */
function demand(disk: Disk, action: DiskAction): void {
  const args = { disk: disk.name };
  if (disk.role === "system") throw new AppError("conflict", "disks.isSystem", args);
  if ((allowedOfData[disk.state] as readonly DiskAction[]).includes(action)) return;
  if (disk.state === "attached") throw new AppError("conflict", "disks.isAttached", args);
  if (disk.state === "idle") throw new AppError("conflict", "disks.isIdle", args);
  if (disk.state === "failed") throw new AppError("conflict", "disks.isFailed", args);
  throw new AppError("conflict", "disks.busy", args);
}
