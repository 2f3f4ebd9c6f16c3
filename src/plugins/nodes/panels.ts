/** Places on a node's page where other plugins put things. */
import { type ServiceKey, type Statement, serviceKey, type Viewer } from "jimv";
import type { Child } from "jimv/ui";
import type { PortRange } from "./reserved-ports.ts";
import type { NodeView } from "./view.ts";

/** What another plugin shows on a node's page. */
export interface NodePanel {
  /** Null where there is nothing to show. It is drawn anew with the page. */
  render(node: NodeView, viewer: Viewer): Promise<Child>;
  /** A live view for what changes more often than the page; its key is the node. */
  view: string;
}
export const nodePanels: ServiceKey<NodePanel> = serviceKey("nodes.panels");

/** The dialog with which maintenance begins, by the node's name: whoever can empty a node adds it. */
export type MaintenanceDialog = (node: string) => string;
export const maintenanceDialogs: ServiceKey<MaintenanceDialog> = serviceKey("nodes.maintenanceDialogs");

/** Who gives out ports of nodes besides those of screens adds their range: nodes keep them from other programs. */
export type PortRangeSource = () => Promise<PortRange>;
export const portRanges: ServiceKey<PortRangeSource> = serviceKey("nodes.portRanges");

/**
 * Who books ports of a node's VNC range adds a guard: what makes a batch fail when somebody books one meanwhile.
 * @throws AppError conflict when a port outside of the new range is in use
 */
export type VncRangeGuard = (node: string, range: PortRange) => Promise<Statement[]>;
export const vncRangeGuards: ServiceKey<VncRangeGuard> = serviceKey("nodes.vncRangeGuards");

/** The page of a node's VNC ports, by the node's name: whoever shows them adds it. */
export type VncPortsPage = (node: string) => string;
export const vncPortsPages: ServiceKey<VncPortsPage> = serviceKey("nodes.vncPortsPages");
