/** What the boot jobs give to other plugins: variables to add, and jobs to queue. */
import { type Actor, defineHook, type ReportEffects, serviceKey } from "jimv";
import type { Guest, NewGuest } from "../guests/index.ts";
import type { RuleBody } from "./requests.ts";
import type { BootJob, FailureWay, QueuedJob } from "./schema.ts";

/**
 * A variable of rules. Plugins add their own to the slot `boot-jobs.variables`; from outside of the executable by
 * `context.slots.add(serviceKey("boot-jobs.variables"), { name, label, value })`.
 */
export interface BootVariable {
  /** Capital letters, digits and `-`: `SSH-KEY`. */
  name: string;
  /** Word key: what it is. */
  label: string;
  /** Left out of logs. */
  isSecret?: boolean;
  /**
   * Its value for a guest; null: the guest has none, and jobs that need it are refused with a sentence. `made` belongs to
   * one that is just being booked, and is in no table yet.
   */
  value(guest: Guest, made?: MadeGuest): string | null | Promise<string | null>;
}
export type MadeGuest = Pick<NewGuest, "interfaces" | "addressing">;
export const bootVariables = serviceKey<BootVariable>("boot-jobs.variables");

export interface BootJobs {
  /** Makes or changes a job of the scope `system` that the calling plugin keeps; `key` is its lasting id. */
  keepSystemJob(
    key: string,
    name: string,
    onFailure: FailureWay,
    rules: readonly RuleBody[],
  ): Promise<BootJob>;
  /** Queues jobs on guests, all or nothing. Ids of what was queued, guest by guest. @throws AppError */
  queue(guests: readonly string[], jobs: readonly string[], actor: Actor): Promise<string[]>;
  /** Takes back what is pending. How many there were. @throws AppError conflict while it is carried out */
  takeBack(ids: readonly string[]): Promise<number>;
}
export const bootJobsService = serviceKey<BootJobs>("boot-jobs");

/** Runs when a node tells how a job went: handlers add what follows from it, in the same batch. */
export const bootJobEnded = defineHook<{ queued: QueuedJob; succeeded: boolean; effects: ReportEffects }>(
  "boot-jobs.ended",
);
