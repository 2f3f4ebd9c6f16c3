/** What the migration plugin gives to others. */
import { type Actor, type Reason, serviceKey } from "jimv";
import type { Begun } from "../guests/index.ts";
import type { MigrateGuest } from "./requests.ts";
import type { Drain, DrainRow, MigrationRun } from "./schema.ts";

/** A node, and whether the guest can go there. */
export interface MigrationTarget {
  nodeName: string;
  /** Null: it can. */
  reason: Reason | null;
  /** Its disks are copied along; how much that is at most. */
  copyGiB: number;
  freeMemoryMiB: number;
  /** Whether it may be chosen automatically. */
  acceptsGuests: boolean;
}

/** Where each guest of a node that is to be emptied would go. */
export interface DrainStep {
  guestUuid: string;
  name: string;
  state: string;
  /** Null: it can't go anywhere, and `reasons` say why. */
  toNode: string | null;
  /** Disks that are copied along, at most so much. */
  copyGiB: number;
  reasons: Reason[];
}

/** A node that is, or was, emptied, with its guests in the order in which they go. */
export interface DrainView extends Drain {
  steps: DrainRow[];
}

/** Empties nodes for maintenance. */
export interface DrainService {
  /** Null where maintenance goes on without, or there is none. */
  get(node: string): Promise<DrainView | null>;
  /**
   * Puts the node into maintenance, and lets its guests go, so many at once as the settings say. Begins anew for what
   * an earlier one has left there. @throws AppError notFound; conflict while one is under way
   */
  begin(node: string, actor: Actor): Promise<DrainView>;
  /** Lets no more guests go, and calls back those on their way. Maintenance goes on. @throws AppError conflict */
  cancel(node: string): Promise<DrainView>;
}
export const drainService = serviceKey<DrainService>("migration.drain");

export interface MigrationService {
  /** All other nodes, those that can take the guest first. @throws AppError notFound, conflict in its state */
  targets(uuid: string): Promise<MigrationTarget[]>;
  /** @throws AppError notFound, conflict with the reasons */
  migrate(uuid: string, request: MigrateGuest, actor: Actor): Promise<Begun>;
  /**
   * A plan to empty a node: for each of its guests the node that would take it, counting what the guests before it
   * take there. Nothing is booked.
   */
  drainPlan(nodeName: string): Promise<DrainStep[]>;
  /** The migration of a guest that is under way, or null. */
  running(uuid: string): Promise<MigrationRun | null>;
}
export const migrationService = serviceKey<MigrationService>("migration");
