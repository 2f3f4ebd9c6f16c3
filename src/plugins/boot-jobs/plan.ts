/** What a controller gives a node to carry out before a boot, and what the node tells afterwards. */
import { fits, type Static, Type } from "jimv";
import type { QueuedJob } from "./schema.ts";

const text = Type.String();
const Plan = Type.Object({
  guest: text,
  isWindows: Type.Boolean(),
  /** The system disk first. */
  disks: Type.Array(Type.Object({ path: text, format: text })),
  jobs: Type.Array(
    Type.Object({
      /** Of the queued row. */
      id: text,
      name: text,
      staysOff: Type.Boolean(),
      rules: Type.Array(
        Type.Object({
          kind: Type.Union([Type.Literal("run"), Type.Literal("write"), Type.Literal("append")]),
          path: Type.Union([text, Type.Null()]),
          content: text,
          mode: Type.Union([text, Type.Null()]),
        }),
      ),
    }),
  ),
  values: Type.Record(text, Type.Object({ value: text, isSecret: Type.Boolean() })),
});
export type Plan = Static<typeof Plan>;
export type PlannedJob = Plan["jobs"][number];
export type PlannedRule = PlannedJob["rules"][number];

/** Under this name the plan travels along with a boot. */
export const carriedAs = "boot-jobs";

/** @throws Error when it is none */
export function readPlan(carried: string): Plan {
  const plan: unknown = JSON.parse(carried);
  if (!fits(Plan, plan)) throw new Error("the boot jobs' plan is not what this version understands");
  return plan;
}

/** How a job went. `log`: line by line, without secrets. */
export const Outcome = Type.Object({
  id: text,
  state: Type.Unsafe<Exclude<QueuedJob["state"], "pending">>(
    Type.Union([Type.Literal("done"), Type.Literal("failed")]),
  ),
  word: Type.Union([text, Type.Null()]),
  args: Type.Record(text, Type.Union([text, Type.Number()])),
  log: text,
});
export type Outcome = Static<typeof Outcome>;

export const endedReport = "boot-jobs.ended";
export const EndedReport = Type.Object({ guest: text, outcomes: Type.Array(Outcome) });
