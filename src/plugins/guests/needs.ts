/** What the guests plugin needs of the plugins below it, narrow enough that tests can pretend them. */
import type { ControllerContext, HostFacts } from "jimv";
import type { Init, OsFamily } from "./states.ts";

/** A node, as far as placing guests on it goes. */
export interface PlaceableNode {
  name: string;
  state: "live" | "silent" | "offline";
  /** Whether it may be chosen automatically. */
  acceptsGuests: boolean;
  configured: boolean;
  /** Takes no guests at all for now, also not by name. */
  maintenance?: boolean;
  facts: HostFacts | null;
  hypervisor: { connected: boolean; reason: string | null } | null;
  storage: { path: string; capacityBytes: number; availableBytes: number } | null;
  network: { network: string } | { bridge: string } | null;
  vnc: { first: number; last: number; listen: string } | null;
}

export interface GuestNeeds {
  nodes: { list(): Promise<PlaceableNode[]>; get(name: string): Promise<PlaceableNode | null> };
  /** `usable` @throws AppError notFound, conflict unless the template is ready */
  templates: { usable(id: string): Promise<UsableTemplate> };
}

export interface UsableTemplate {
  id: string;
  name: string;
  /** The image on its node. */
  path: string;
  /** Null: every node has it there. */
  nodeName: string | null;
  osFamily: OsFamily;
  isWindows: boolean;
  defaultSizeGiB: number;
  icon: string | null;
  init: Init;
  userName: string | null;
  /** qemu-img's name of the image's format. */
  format: string | null;
  virtualSizeBytes: number | null;
  actualSizeBytes: number | null;
}

/** The part of the controller's context that the guests' rules use. */
export type Ground = Pick<
  ControllerContext,
  "clusterId" | "store" | "clock" | "log" | "vault" | "tasks" | "settings" | "hooks" | "commit"
>;
