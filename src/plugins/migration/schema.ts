/** The tables of migrations under way, and of nodes that are being emptied. */
import { index, integer, json, type Reason, type Row, table, text, time, unique } from "jimv";
import type { Figures } from "./figures.ts";

export const runs = table(
  "migration_runs",
  {
    task: text(36).primaryKey(),
    guestUuid: text(36).notNull(),
    fromNode: text(64).notNull(),
    toNode: text(64).notNull(),
    /** Null until the migration has begun. */
    figures: json<Figures>(),
    changedAt: time().notNull(),
  },
  (t) => [index("migration_runs_guest", t.guestUuid)],
);
export type MigrationRun = Row<typeof runs>;

/** Ports of the nodes that take guests, on which QEMU listens for memory and disks: booked until it has arrived. */
export const ports = table(
  "migration_ports",
  {
    id: text(36).primaryKey(),
    node: text(64).notNull(),
    port: integer().notNull(),
    task: text(36).notNull(),
  },
  (t) => [unique("migration_ports_port", t.node, t.port), index("migration_ports_task", t.task)],
);

/** `ended`: nothing more will go by itself, whether or not all have gone. */
export type DrainState = "draining" | "ended" | "cancelled";

/** Nodes in maintenance that are, or were, emptied. The row goes when maintenance ends. */
export const drains = table("migration_drains", {
  node: text(64).primaryKey(),
  state: text<DrainState>(16).notNull(),
  /** `kind:name` of who began it. */
  actor: text(128).notNull(),
  beganAt: time().notNull(),
  /** When a guest last began to go, went or was given up. */
  changedAt: time().notNull(),
  endedAt: time(),
});
export type Drain = Row<typeof drains>;

/** `stayed`: it can't go, and `reasons` say why. */
export type DrainStepState = "waiting" | "moving" | "moved" | "stayed";

/** One guest of a node that is being emptied. */
export const drainSteps = table(
  "migration_drain_steps",
  {
    id: text(36).primaryKey(),
    node: text(64).notNull(),
    guestUuid: text(36).notNull(),
    /** Kept for when it is gone. */
    guestName: text(63).notNull(),
    /** In this order they go. */
    position: integer().notNull(),
    state: text<DrainStepState>(16).notNull(),
    /** Where the plan would put it, then where it goes or went. */
    toNode: text(64),
    task: text(36),
    attempts: integer().notNull(),
    /** Why it can't go, or did not. */
    reasons: json<Reason[]>(),
  },
  (t) => [unique("migration_drain_steps_guest", t.node, t.guestUuid)],
);
export type DrainRow = Row<typeof drainSteps>;
