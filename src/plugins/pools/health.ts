/** How a pool is on a node: what the node told of it, judged, and what pages show of that. */
import type { Clock } from "jimv";
import type { NodeService } from "../nodes/index.ts";
import type { PoolFact } from "./report.ts";
import { localPoolId, type Pool, type Presence } from "./schema.ts";
import { isSharedKind, type PresenceView, presenceView, usedOf } from "./view.ts";

/** A node's storage folder as its part of the pool `local`. */
export function localPresence(node: Awaited<ReturnType<NodeService["storages"]>>[number]): PresenceView[] {
  const { storage, name } = node;
  if (!storage) return [];
  const healthy = node.state === "live" && node.hypervisor?.connected !== false;
  return [
    {
      poolId: localPoolId,
      nodeName: name,
      path: storage.path,
      libvirtName: storage.poolName,
      state: "ready",
      healthy,
      problem: healthy ? null : { word: "pools.nodeAway", args: { node: name } },
      capacityBytes: storage.capacityBytes,
      availableBytes: storage.availableBytes,
    },
  ];
}

/** What a fact makes of a presence. */
export function judged(
  row: Presence,
  fact: PoolFact | undefined,
  kind: Pool["kind"],
): Pick<Presence, "healthy" | "word" | "args" | "capacityBytes" | "availableBytes"> {
  const { capacityBytes, availableBytes } = row;
  const sick = (word: string, args: Record<string, string | number>) => ({
    healthy: false,
    word,
    args,
    capacityBytes,
    availableBytes,
  });
  if (!fact) return sick("pools.missing", { node: row.nodeName });
  if (fact.error) return sick(fact.error.word, fact.error.args);
  if (isSharedKind(kind) && kind !== "ceph" && fact.mark !== row.poolId)
    return sick("pools.notMounted", { path: row.path });
  return {
    healthy: true,
    word: null,
    args: null,
    capacityBytes: fact.capacityBytes,
    availableBytes: fact.availableBytes,
  };
}

/** What pages show of a presence, coarsely. */
export function digest(row: Presence, clock: Pick<Clock, "now">): string {
  const view = presenceView(row, clock);
  return JSON.stringify([view.healthy, view.problem, view.capacityBytes, usedOf(view)]);
}
