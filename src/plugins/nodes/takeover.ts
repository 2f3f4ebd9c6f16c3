/**
 * A machine that was renamed comes back as another node. One action makes everything that hung on its old name hang
 * on the new one. Each plugin says how the names in its own tables are carried along.
 */
import {
  AppError,
  and,
  type ControllerContext,
  eq,
  ne,
  peers,
  remove,
  type ServiceKey,
  type Statement,
  StoreUniqueError,
  serviceKey,
  tasks,
  update,
} from "jimv";
import type { ClusterDoor } from "./joining.ts";
import { nodes } from "./schema.ts";
import { type NodeService, nodeEvent } from "./service.ts";

/** Statements that let rows about the node `from` be about `to`. */
export type NameCarrier = (from: string, to: string) => Statement[];
/** Who keeps nodes' names in tables of its own adds one. */
export const nameCarriers: ServiceKey<NameCarrier> = serviceKey("nodes.nameCarriers");

/** What this plugin and core keep by a node's name. The new name's own row goes: the old one has the choices. */
export const ownNames: NameCarrier = (from, to) => [
  remove(nodes, eq(nodes.name, to)),
  update(nodes, { name: to }, eq(nodes.name, from), { expect: 1 }),
  remove(peers, eq(peers.name, from)),
  update(tasks, { nodeName: to }, eq(tasks.nodeName, from)),
  update(tasks, { targetKey: to }, and(eq(tasks.targetType, "node"), eq(tasks.targetKey, from))),
];

type Ground = Pick<ControllerContext, "store" | "log" | "commit" | "slots" | "tasks">;

export class Takeover {
  constructor(
    private readonly ground: Ground,
    private readonly service: NodeService,
    private readonly door: ClusterDoor | null,
  ) {}

  /** Other nodes that are the same machine by its machine-id, and not there any more. */
  async formerNames(name: string): Promise<string[]> {
    const { store } = this.ground;
    const peer = await store.first(peers, { where: eq(peers.name, name) });
    if (!peer || peer.machineId === "") return [];
    const same = await store.select(peers, {
      where: and(eq(peers.machineId, peer.machineId), ne(peers.name, name)),
    });
    const views = await Promise.all(same.map((each) => this.service.get(each.name)));
    return views.flatMap((view) => (view?.state === "offline" ? [view.name] : [])).sort();
  }

  /**
   * Lets `to` have all that was the offline node `from`'s.
   * @throws AppError notFound; conflict when they are not the same machine, or the old one is not offline
   */
  async takeOver(from: string, to: string): Promise<void> {
    const { commit, slots, log } = this.ground;
    await this.service.need(from);
    const node = await this.service.need(to);
    if (!(await this.formerNames(to)).includes(from))
      throw new AppError("conflict", "nodes.takeOver.other", { from, to });
    await this.ground.tasks.abandon(from, { word: "task.interrupted", args: { node: from } });
    try {
      await commit(
        [
          ...slots.all(nameCarriers).flatMap((carry) => carry(from, to)),
          // Of the old row everything stays but where the machine is reached now.
          update(nodes, { managementAddress: node.managementAddress }, eq(nodes.name, to)),
        ],
        [nodeEvent(from, { removed: true }), nodeEvent(to, { tookOver: from })],
      );
    } catch (error) {
      if (!(error instanceof StoreUniqueError)) throw error;
      throw new AppError(
        "conflict",
        "nodes.takeOver.clash",
        { from, to, table: error.table },
        { cause: error },
      );
    }
    log.info("node taken over under its new name", { from, to });
    try {
      await this.door?.expel(from);
    } catch (error) {
      log.warn("the old name is shut out when Redis is back", { node: from, error: String(error) });
    }
  }
}
