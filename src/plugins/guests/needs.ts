/** What the guests plugin needs of the plugins below it, narrow enough that tests can pretend them. */
import type { ControllerContext, HostFacts } from "jimv";
import type { PoolService } from "../pools/index.ts";
import type { TemplateService } from "../templates/index.ts";

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
  network: { network: string } | { bridge: string } | null;
  vnc: { first: number; last: number; listen: string } | null;
}

export interface GuestNeeds {
  nodes: {
    list(): Promise<PlaceableNode[]>;
    get(name: string): Promise<PlaceableNode | null>;
    /** Those of these names that are not offline: a page of guests has no need for what their nodes last said. */
    heardOf(names: readonly string[]): Promise<ReadonlySet<string>>;
  };
  templates: Pick<TemplateService, "usable" | "using" | "supply">;
  pools: Pick<PoolService, "list" | "standing">;
}

/** The part of the controller's context that the guests' rules use. */
export type Ground = Pick<
  ControllerContext,
  | "clusterId"
  | "store"
  | "clock"
  | "log"
  | "vault"
  | "tasks"
  | "settings"
  | "hooks"
  | "commit"
  | "ask"
  | "slots"
  | "web"
>;
