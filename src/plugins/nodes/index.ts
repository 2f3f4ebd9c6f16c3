/**
 * Nodes: the machines that run guests. They tell of themselves every two seconds; here it is decided whether
 * they live, and they are set up with a storage folder, a network and a range of VNC ports.
 */
import { definePlugin, type ServiceKey, serviceKey, timing } from "jimv";
import { Departure } from "./departure.ts";
import { heartbeatKind } from "./heartbeat.ts";
import { clusterDoor, Joining } from "./joining.ts";
import { joiningPages } from "./joining-pages.tsx";
import { joiningRoutes } from "./joining-routes.ts";
import { leavingPages } from "./leaving-pages.tsx";
import { leavingRoutes } from "./leaving-routes.ts";
import { startLive } from "./live.tsx";
import { nodesMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { nodePages, startPages } from "./pages.tsx";
import { maintenanceDialogs, nodePanels, vncPortsPages } from "./panels.ts";
import { startRoutes } from "./routes.ts";
import { joinTokens, nodes } from "./schema.ts";
import { NodeService, NodeSettings } from "./service.ts";
import { nameCarriers, ownNames, Takeover } from "./takeover.ts";
import { configureNode } from "./tasks.ts";
import { nodesWords } from "./words.ts";

export { type NodeKeeper, nodeKeepers } from "./departure.ts";
export { isInSystem, refusedFolder } from "./folder.ts";
export {
  type ClusterDoor,
  clusterDoor,
  fingerprintIn,
  JoinAnswer,
  type JoinRequest,
  makeJoinToken,
} from "./joining.ts";
export { lookAtFolder, prepareFolder } from "./machine.ts";
export {
  maintenanceDialogs,
  type NodePanel,
  nodePanels,
  portRanges,
  vncPortsPages,
  vncRangeGuards,
} from "./panels.ts";
export type { PortRange } from "./reserved-ports.ts";
export { ConfigBody } from "./routes.ts";
export { type NodeRow, type NodeState, nodes } from "./schema.ts";
export {
  defaultVncPorts,
  maintenanceEnded,
  type NodeConfig,
  type NodeService,
  NodeSettings,
  nodeEvent,
} from "./service.ts";
export { nodeHref } from "./table.tsx";
export { type NameCarrier, nameCarriers } from "./takeover.ts";
export { fixText, nodeMark, toneOf, troubleText } from "./trouble.tsx";
export {
  type NetworkChoice,
  type NodeTrouble,
  type NodeView,
  nearlyFullShare,
  troubleOf,
  usedPercent,
} from "./view.ts";

/** By this key other plugins ask for the nodes. */
export const nodeService: ServiceKey<NodeService> = serviceKey("nodes");

/** Guests on these nodes, for the list and the detail: who has guests adds a counter. */
export type GuestCounter = (
  names: readonly string[],
) => Promise<ReadonlyMap<string, { running: number; total: number }>>;
export const guestCounters: ServiceKey<GuestCounter> = serviceKey("nodes.guestCounters");

export const nodesPlugin = definePlugin({
  name: "nodes",
  requires: ["tasks"],
  words: nodesWords,
  tables: [nodes, joinTokens],
  migrations: nodesMigrations,
  settings: NodeSettings,
  controller(context) {
    const service = new NodeService(context);
    context.provide(nodeService, service);
    context.onReport(heartbeatKind, (envelope) => service.heard(envelope), { toldAgain: true });
    context.settle(configureNode, {
      succeeded: (task, payload, result) => service.configured(task, payload, result),
      failed: (task, _payload, error) => service.notConfigured(task, error),
    });
    context.whenLeading(() => {
      let busy = false;
      return context.clock.every(timing.nodeStateTurnMilliseconds, () => {
        if (busy) return;
        busy = true;
        service
          .lookForSilence()
          .catch((error) => context.log.warn("looking for silent nodes failed", { error: String(error) }))
          .finally(() => {
            busy = false;
          });
      });
    });
    startRoutes(context, service);
    const door = context.find(clusterDoor);
    const takeover = new Takeover(context, service, door);
    const formerNames = (node: string): Promise<string[]> => takeover.formerNames(node);
    const countGuests = async (names: readonly string[]) => {
      const counters = context.slots.all(guestCounters);
      if (counters.length === 0) return null;
      const counts = await Promise.all(counters.map((counter) => counter(names)));
      return new Map(counts.flatMap((count) => [...count]));
    };
    const pages = nodePages(context, service, {
      count: countGuests,
      formerNames,
      panels: () => context.slots.all(nodePanels),
      vncPortsPage: () => context.slots.all(vncPortsPages)[0] ?? null,
      maintenanceDialog: () => context.slots.all(maintenanceDialogs)[0] ?? null,
    });
    const departure = new Departure(context, service, door);
    startPages(context, service, pages, departure);
    startLive(context, service, pages);
    const cluster = door && { door, joining: new Joining(context, door) };
    joiningPages(context, cluster);
    if (cluster) joiningRoutes(context, cluster.joining);
    context.slots.add(nameCarriers, ownNames);
    leavingPages(context, service, departure, takeover);
    leavingRoutes(context, departure, takeover);
  },
  node: startNode,
});
