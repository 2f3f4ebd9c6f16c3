/** Places on a node's page where other plugins put things. */
import { type ServiceKey, serviceKey, type Viewer } from "jimv";
import type { Child } from "jimv/ui";
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
