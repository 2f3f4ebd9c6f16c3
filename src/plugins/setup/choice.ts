/**
 * What was chosen for this machine's node before the node was heard for the first time (`jimv setup` runs while
 * nothing else does). It is kept until the node reports, and then the node is set up by it.
 */
import { type Actor, type ControllerContext, errorText, type Static, Type } from "jimv";
import type { NodeConfig, NodeService } from "../nodes/index.ts";

const Kept = Type.Object({
  node: Type.Union([Type.String(), Type.Null()], { default: null }),
  storagePath: Type.String({ default: "" }),
  bridge: Type.Union([Type.String(), Type.Null()], { default: null }),
  vncPortFirst: Type.Integer({ default: 0 }),
  vncPortLast: Type.Integer({ default: 0 }),
});
/** Not shown on the settings page: it is no setting but a thing to be done. */
const place = "setup";
const bySetup: Actor = { kind: "system", name: "setup" };

type Ground = Pick<ControllerContext, "store" | "settings" | "log" | "whenLeading">;

/** Keeps the choice for later. */
export async function keepChoice(ground: Ground, node: string, config: NodeConfig): Promise<void> {
  const change = await ground.settings.change(place, Kept, { node, ...config });
  await ground.store.batch(change.statements, { events: change.events });
}

/** Carries the kept choice out as soon as its node reports, once. */
export function carryOutChoice(ground: Ground, nodes: Pick<NodeService, "get" | "configure">): void {
  ground.whenLeading(() => {
    let busy = false;
    const look = async (): Promise<void> => {
      const kept: Static<typeof Kept> = await ground.settings.read(place, Kept);
      if (kept.node === null) return;
      const node = await nodes.get(kept.node);
      if (node?.state !== "live" || !node.hypervisor?.connected) return;
      const { storagePath, bridge, vncPortFirst, vncPortLast } = kept;
      // Forgotten first: a choice that is refused now is offered again on the node's page, not tried for ever.
      const change = await ground.settings.change(place, Kept, { node: null });
      await ground.store.batch(change.statements, { events: change.events });
      if (node.config.state === "none")
        await nodes.configure(node.name, { storagePath, bridge, vncPortFirst, vncPortLast }, bySetup);
    };
    const turn = (): void => {
      if (busy) return;
      busy = true;
      look()
        .catch((error) =>
          ground.log.warn("what was chosen for the node can't be done", { error: errorText(error) }),
        )
        .finally(() => {
          busy = false;
        });
    };
    turn();
    return ground.store.onEvents((events) => {
      if (events.some((event) => event.topic === "node")) turn();
    });
  });
}
