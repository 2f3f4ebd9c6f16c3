/** Finding tasks, and what the tray shows. Making, ending and cancelling them is core's `TaskDesk`. */
import {
  and,
  asc,
  type ControllerContext,
  contains,
  desc,
  eq,
  gt,
  inArray,
  openTaskStates,
  or,
  type Task,
  type TaskState,
  tasks,
  type Viewer,
} from "jimv";

export const taskSort = ["createdAt", "endedAt", "kind", "targetName"] as const;

export interface TaskQuery {
  q?: string | undefined;
  states?: readonly TaskState[] | undefined;
  kind?: string | undefined;
  nodeName?: string | undefined;
  targetType?: string | undefined;
  targetKey?: string | undefined;
  /** Only failed ones that left something behind. */
  leftovers?: boolean | undefined;
  sort?: { field: (typeof taskSort)[number]; descending: boolean };
  limit?: number;
  offset?: number;
}

/** The tray shows this many open tasks at most; the list has them all. */
const trayMost = 30;
/** A failed task that its actor hasn't read is in the tray for so long, milliseconds. */
const unreadMilliseconds = 3_600_000;
/** Failures remembered as read, per process; the oldest are forgotten first. */
const readMost = 5_000;

export class TaskService {
  private readonly read = new Set<string>();

  constructor(private readonly context: Pick<ControllerContext, "store" | "clock" | "tasks">) {}

  async list(query: TaskQuery): Promise<{ items: Task[]; total: number }> {
    const { q, states, kind, nodeName, targetType, targetKey, leftovers, limit, offset } = query;
    const where = and(
      q ? or(contains(tasks.targetName, q), contains(tasks.kind, q), contains(tasks.id, q)) : undefined,
      states ? inArray(tasks.state, states) : undefined,
      kind ? eq(tasks.kind, kind) : undefined,
      nodeName ? eq(tasks.nodeName, nodeName) : undefined,
      targetType ? eq(tasks.targetType, targetType) : undefined,
      targetKey ? eq(tasks.targetKey, targetKey) : undefined,
      leftovers === undefined ? undefined : eq(tasks.leftovers, leftovers),
    );
    const { field, descending } = query.sort ?? { field: "createdAt" as const, descending: true };
    const order = descending ? desc : asc;
    const [items, total] = await Promise.all([
      this.context.store.select(tasks, {
        where,
        orderBy: [order(tasks[field]), order(tasks.id)],
        limit,
        offset,
      }),
      this.context.store.count(tasks, where),
    ]);
    return { items, total };
  }

  /** How many tasks are in each state. */
  counts(): Promise<Map<TaskState, number>> {
    return this.context.store.countBy(tasks, tasks.state);
  }

  /** How many tasks are open. Not by `counts`: thousands that ended long ago need not be counted for it. */
  openCount(): Promise<number> {
    return this.context.store.count(tasks, inArray(tasks.state, openTaskStates));
  }

  get(id: string): Promise<Task | null> {
    return this.context.tasks.get(id);
  }

  /**
   * What the viewer's tray shows when a page is loaded: what is open, and own failures that are not yet read when the
   * answer is called.
   */
  async tray({ actor }: Viewer): Promise<() => Task[]> {
    const { store, clock } = this.context;
    const [open, failed] = await Promise.all([
      store.select(tasks, {
        where: inArray(tasks.state, openTaskStates),
        orderBy: [desc(tasks.createdAt)],
        limit: trayMost,
      }),
      store.select(tasks, {
        where: and(
          eq(tasks.state, "failed"),
          eq(tasks.actor, `${actor.kind}:${actor.name}`.slice(0, 128)),
          gt(tasks.endedAt, clock.now() - unreadMilliseconds),
        ),
        orderBy: [desc(tasks.endedAt)],
        limit: trayMost,
      }),
    ]);
    return () => [...failed.filter((task) => !this.read.has(task.id)), ...open.toReversed()];
  }

  /** Takes ended tasks out of the tray: somebody has seen how they ended. */
  markRead(ids: readonly string[]): void {
    for (const id of ids) this.read.add(id);
    for (const id of this.read) {
      if (this.read.size <= readMost) break;
      this.read.delete(id);
    }
  }
}
