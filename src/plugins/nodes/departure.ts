/**
 * Removing a node that is gone: first it is listed what hangs on it, then exactly that is settled. Whose things
 * they are says what becomes of them; here it is only seen to that none is forgotten.
 */
import {
  AppError,
  and,
  type ControllerContext,
  type EventRow,
  eq,
  lte,
  peers,
  remove,
  type ServiceKey,
  type Statement,
  StoreExpectationError,
  serviceKey,
  type Task,
  timing,
} from "jimv";
import type { ClusterDoor } from "./joining.ts";
import { nodes } from "./schema.ts";
import { type NodeService, nodeEvent } from "./service.ts";

/** `forget`: taken off the books; what is on the machine stays there. `keep`: the row waits for its return. */
export const fates = ["forget", "keep"] as const;
export type Fate = (typeof fates)[number];

/** Something that hangs on a node and is settled with it. */
export interface Belonging {
  /** Unique among all of them: `guest:<uuid>`. */
  key: string;
  kind: "guest" | "disk";
  name: string;
  /** What goes with it: a guest's disks. */
  parts: readonly { name: string; sizeGiB: number }[];
}

/** Who has things on nodes adds one. */
export interface NodeKeeper {
  list(node: string): Promise<Belonging[]>;
  /** Names of all nodes on which something of it hangs, also of those that were removed. */
  nodes(): Promise<string[]>;
  /**
   * What is written for those of its own things that are named (others are somebody else's), and for what was only
   * seen on the node and has no meaning without it.
   */
  settle(
    node: string,
    fates: ReadonlyMap<string, Fate>,
  ): Promise<{ statements: Statement[]; events: EventRow[] }>;
}
export const nodeKeepers: ServiceKey<NodeKeeper> = serviceKey("nodes.keepers");

type Ground = Pick<ControllerContext, "store" | "clock" | "log" | "commit" | "slots" | "tasks">;

export class Departure {
  constructor(
    private readonly ground: Ground,
    private readonly service: NodeService,
    private readonly door: ClusterDoor | null,
  ) {}

  /**
   * What hangs on a node, or on one that was removed and may return, and what still runs there by the books.
   * @throws AppError notFound for a name that is no node's and on which nothing hangs
   */
  async preview(name: string): Promise<{ belongings: Belonging[]; tasks: Task[] }> {
    const lists = await Promise.all(this.ground.slots.all(nodeKeepers).map((keeper) => keeper.list(name)));
    const belongings = lists.flat();
    if (belongings.length === 0) await this.service.need(name);
    return { belongings, tasks: await this.ground.tasks.openOn(name) };
  }

  /** Names of removed nodes for whose return something waits. */
  async awaited(): Promise<string[]> {
    const keepers = this.ground.slots.all(nodeKeepers);
    const [there, ...held] = await Promise.all([
      this.ground.store.values(nodes, nodes.name),
      ...keepers.map((keeper) => keeper.nodes()),
    ]);
    const names = new Set(held.flat());
    for (const name of there) names.delete(name);
    return [...names].sort();
  }

  /**
   * Removes an offline node, or decides anew about what waits for one that was removed. `chosen` has a fate for each
   * belonging, neither more nor fewer.
   * @throws AppError notFound; conflict when it is not offline, or its belongings are not those that were chosen for
   */
  async remove(name: string, chosen: ReadonlyMap<string, Fate>): Promise<void> {
    const { clock, log, commit, slots, tasks } = this.ground;
    const node = await this.service.get(name);
    if (node && node.state !== "offline")
      throw new AppError("conflict", "nodes.remove.alive", { node: name });
    const { belongings } = await this.preview(name);
    if (belongings.length !== chosen.size || belongings.some(({ key }) => !chosen.has(key)))
      throw new AppError("conflict", "nodes.remove.changed", { node: name });
    // What runs there by the books ends first: its settlement may change what is settled next.
    await tasks.abandon(name, { word: "nodes.remove.taskEnded", args: { node: name } });
    const settled = await Promise.all(slots.all(nodeKeepers).map((keeper) => keeper.settle(name, chosen)));
    const isGone = and(
      eq(nodes.name, name),
      lte(nodes.heardAt, clock.now() - timing.nodeOfflineMilliseconds),
    );
    try {
      await commit(
        [
          // A removed one may have joined again meanwhile: then its belongings are its own again.
          node ? remove(nodes, isGone, { expect: 1 }) : remove(nodes, eq(nodes.name, name), { expect: 0 }),
          remove(peers, eq(peers.name, name)),
          ...settled.flatMap(({ statements }) => statements),
        ],
        [nodeEvent(name, { removed: true }), ...settled.flatMap(({ events }) => events)],
      );
    } catch (error) {
      if (!(error instanceof StoreExpectationError)) throw error;
      throw new AppError("conflict", "nodes.remove.changed", { node: name }, { cause: error });
    }
    log.info("node removed", { node: name, belongings: belongings.length });
    if (!node) return;
    try {
      await this.door?.expel(name);
    } catch (error) {
      // The store no longer has it: it is shut out as soon as Redis is back.
      log.warn("the node is shut out when Redis is back", { node: name, error: String(error) });
    }
  }
}
