/**
 * Where a template's image can be read, and bringing it to where it can't. A template is registered where its image
 * is. Guests elsewhere are made from a copy in their own pool: it is made once for each place, by a task that all
 * creations there wait for.
 */
import {
  type Actor,
  and,
  type ControllerContext,
  type EventRow,
  eq,
  insert,
  type Reason,
  type ReportEffects,
  remove,
  type Statement,
  type Task,
  type TaskError,
  update,
} from "jimv";
import type { NodeService } from "../nodes/index.ts";
import { localPoolId, markOf, type PoolService, type PoolView, roomKey } from "../pools/index.ts";
import { templateFolder } from "./rules.ts";
import { type Template, type TemplateCopy, templateCopies } from "./schema.ts";
import { copyTemplate, dropCopy } from "./tasks.ts";

/** How a template can be had by a guest on a node with its disk in a pool. */
export type Reach =
  | { path: string }
  /** A copy is being made. */
  | { path: string; after: string }
  /** It has to be copied there first: so many bytes. */
  | { path: string; copyBytes: number; from: { nodeName: string; path: string } }
  | { refusal: Reason };

/** What a creation has to commit, wait for and read. */
export interface Supplied {
  path: string;
  after: string | undefined;
  statements: Statement[];
  events: EventRow[];
}

/** Everything that is known of where a template is, at one moment. */
export interface Whereabouts {
  template: Template;
  copies: TemplateCopy[];
  pools: PoolView[];
  /** Live nodes, and where their libvirtd is reached. */
  live: ReadonlyMap<string, string>;
}

type Ground = Pick<ControllerContext, "store" | "clock" | "tasks">;

/**
 * The pool whose copy of a template a guest's disk is made from. Images in Ceph are made from a file: the one in the
 * node's own storage folder.
 */
function copyPoolOf({ pools }: Whereabouts, pool: PoolView): PoolView {
  return pool.kind === "ceph" ? (pools.find((each) => each.id === localPoolId) ?? pool) : pool;
}

const healthyOn = (pool: PoolView, nodeName: string) =>
  pool.presences.find((each) => each.nodeName === nodeName && each.healthy);

export class TemplateSupply {
  constructor(
    private readonly ground: Ground,
    private readonly nodes: Pick<NodeService, "list">,
    private readonly pools: Pick<PoolService, "list">,
    /** How a node's libvirtd is reached from another, `{address}` being its address. */
    private readonly peerUri: () => Promise<string>,
  ) {}

  async whereabouts(template: Template): Promise<Whereabouts> {
    const [copies, pools, nodes] = await Promise.all([
      this.ground.store.select(templateCopies, { where: eq(templateCopies.templateId, template.id) }),
      this.pools.list(),
      this.nodes.list(),
    ]);
    const live = nodes.filter((node) => node.state === "live");
    return {
      template,
      copies,
      pools,
      live: new Map(live.map((node) => [node.name, node.managementAddress ?? node.name])),
    };
  }

  /**
   * How a guest on the node gets the image. `inPool`: it has to be in the guest's own pool, since its disk will go on
   * reading it (a linked one) and must find it wherever the guest goes.
   */
  reach(where: Whereabouts, nodeName: string, guestPool: PoolView, inPool: boolean): Reach {
    const { template, copies, pools, live } = where;
    const pool = copyPoolOf(where, guestPool);
    const originPool = pools.find(
      (each) =>
        each.isShared &&
        each.presences.some(
          (on) => on.nodeName === template.nodeName && template.path.startsWith(`${on.path}/`),
        ),
    );
    const bound = inPool && pool.isShared;
    if (template.nodeName === nodeName && (!bound || originPool?.id === pool.id))
      return { path: template.path };
    if (originPool && healthyOn(originPool, nodeName) && (!bound || originPool.id === pool.id))
      return { path: template.path };
    const place = roomKey(pool, nodeName);
    const own = copies.find((copy) => copy.place === place);
    if (own) return own.taskId === null ? { path: own.path } : { path: own.path, after: own.taskId };
    const there = pool.presences.find((each) => each.nodeName === nodeName);
    const readable = copies.find((copy) => {
      const home = pools.find((each) => each.id === copy.poolId);
      return copy.taskId === null && home?.isShared && healthyOn(home, nodeName) !== undefined;
    });
    if (readable && !bound) return { path: readable.path };
    const from = [
      { nodeName: template.nodeName, path: template.path },
      ...copies.filter((copy) => copy.taskId === null),
    ]
      .filter((source) => live.has(source.nodeName))
      .map(({ nodeName: on, path }) => ({ nodeName: on, path }))[0];
    if (!there || !from) {
      const args = { template: template.name, node: template.nodeName };
      return { refusal: { of: nodeName, word: "templates.copy.away", args } };
    }
    const path = `${templateFolder(there.path)}${template.id}.${template.format ?? "qcow2"}`;
    return { path, from, copyBytes: template.fileSizeBytes ?? template.actualSizeBytes ?? 0 };
  }

  /** Guests of one such place share a copy. */
  placeOf(where: Whereabouts, guestPool: PoolView, nodeName: string): string {
    return roomKey(copyPoolOf(where, guestPool), nodeName);
  }

  /** The copy's row and task, where one has to be made. Two who ask at once: the second is refused by the row's key. */
  async supply(
    where: Whereabouts,
    nodeName: string,
    guestPool: PoolView,
    inPool: boolean,
    actor: Actor,
  ): Promise<Supplied> {
    const pool = copyPoolOf(where, guestPool);
    const reach = this.reach(where, nodeName, guestPool, inPool);
    const none = { after: undefined, statements: [], events: [] };
    if ("refusal" in reach) throw new Error(`${reach.refusal.word}: looked at before`);
    if ("after" in reach) return { ...none, path: reach.path, after: reach.after };
    if (!("from" in reach)) return { ...none, path: reach.path };
    const { template } = where;
    const { path, from } = reach;
    const place = roomKey(pool, nodeName);
    const folder = pool.presences.find((each) => each.nodeName === nodeName)?.path ?? "";
    const address = where.live.get(from.nodeName) ?? from.nodeName;
    const host = address.includes(":") ? `[${address}]` : address;
    const uri = from.nodeName === nodeName ? null : (await this.peerUri()).replace("{address}", host);
    const task = await this.ground.tasks.prepare(copyTemplate, {
      node: nodeName,
      target: { type: "template", key: template.id, name: template.name },
      exclusive: `template:${template.id}@${place}`.slice(0, 96),
      payload: {
        place,
        source: { uri, path: from.path },
        path,
        format: template.format ?? "qcow2",
        sizeBytes: template.fileSizeBytes ?? 0,
        folder,
        mark: markOf(pool),
      },
      actor,
    });
    const row = {
      templateId: template.id,
      place,
      poolId: pool.id,
      nodeName,
      path,
      taskId: task.id,
      createdAt: this.ground.clock.now(),
    };
    return {
      path,
      after: task.id,
      statements: [insert(templateCopies, row), ...task.statements],
      events: task.events,
    };
  }

  copied(task: Task): ReportEffects {
    return { statements: [update(templateCopies, { taskId: null }, eq(templateCopies.taskId, task.id))] };
  }

  /** The next creation tries anew. */
  notCopied(task: Task, _error: TaskError): ReportEffects {
    return { statements: [remove(templateCopies, eq(templateCopies.taskId, task.id))] };
  }

  /** Statements and events that forget a template's copies and have their files removed. */
  async dropAll(template: Template, actor: Actor): Promise<{ statements: Statement[]; events: EventRow[] }> {
    const copies = await this.ground.store.select(templateCopies, {
      where: eq(templateCopies.templateId, template.id),
    });
    const statements: Statement[] = [];
    const events: EventRow[] = [];
    for (const copy of copies) {
      const task = await this.ground.tasks.prepare(dropCopy, {
        node: copy.nodeName,
        target: { type: "template", key: template.id, name: template.name },
        payload: { path: copy.path },
        actor,
      });
      const one = and(eq(templateCopies.templateId, template.id), eq(templateCopies.place, copy.place));
      statements.push(remove(templateCopies, one), ...task.statements);
      events.push(...task.events);
    }
    return { statements, events };
  }
}
