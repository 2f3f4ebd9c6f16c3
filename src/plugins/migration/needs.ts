/** What migrations need of the plugins below, narrow enough that tests can pretend them. */
import type { Statement } from "jimv";
import type { PlaceableNode } from "../guests/index.ts";
import type { PoolService } from "../pools/index.ts";

/** A node that guests can leave or come to. */
export interface MovableNode extends PlaceableNode {
  managementAddress: string | null;
  networks: readonly { name: string; active: boolean }[];
  bridges: readonly string[];
}

export interface MigrationNeeds {
  nodes: {
    list(): Promise<MovableNode[]>;
    get(name: string): Promise<MovableNode | null>;
    /** Begins or ends maintenance; `along` is written in the same batch. */
    change(name: string, change: { maintenance: boolean }, along: readonly Statement[]): Promise<unknown>;
  };
  pools: Pick<PoolService, "standing" | "need">;
}
