/** The tables of boot jobs, and of what is queued on guests. */
import { index, integer, json, longText, type Row, table, text, time, unique } from "jimv";

export const ruleKinds = ["run", "write", "append"] as const;
export type RuleKind = (typeof ruleKinds)[number];

/** `system`: queued by other plugins, hidden from people's lists; `template`: at creation; `user`: by people. */
export const jobScopes = ["user", "template", "system"] as const;
export type JobScope = (typeof jobScopes)[number];

/** What becomes of the boot when the job fails. */
export const failureWays = ["boot", "stay"] as const;
export type FailureWay = (typeof failureWays)[number];

/** One change of a guest's files. Texts may hold variables. */
export interface Rule {
  id: string;
  kind: RuleKind;
  /** The file that is written or appended to; null for a command. */
  path: string | null;
  /** Text of the file, or the command for `/bin/sh`. */
  content: string;
  /** Permissions of a written file, octal (`0600`); null: as it was, or 0644. */
  mode: string | null;
}

export const bootJobs = table(
  "boot_jobs",
  {
    id: text(36).primaryKey(),
    name: text(64).notNull(),
    /** In lower case: names are unique whatever their case. */
    nameKey: text(64).notNull(),
    remark: text(191).notNull(),
    scope: text<JobScope>(16).notNull(),
    onFailure: text<FailureWay>(8).notNull(),
    /** In the order in which they are carried out. */
    rules: json<Rule[]>().notNull(),
    /** Templates whose new guests get it, for the scope `template`. */
    templateIds: json<string[]>().notNull(),
    /** Counts up with each change, so that two who edit at once don't undo each other. */
    version: integer().notNull(),
    createdAt: time().notNull(),
    changedAt: time().notNull(),
  },
  (t) => [unique("boot_jobs_name", t.nameKey)],
);
export type BootJob = Row<typeof bootJobs>;

export type QueuedState = "pending" | "done" | "failed";

export const queuedJobs = table(
  "boot_jobs_queued",
  {
    /** Also the name of the mark that the job leaves inside the guest. */
    id: text(36).primaryKey(),
    guestUuid: text(36).notNull(),
    jobId: text(36).notNull(),
    /** Kept for when the job is gone. */
    jobName: text(64).notNull(),
    /** The job's id while it is pending, else null: a job is pending at most once on a guest. */
    pendingKey: text(36),
    state: text<QueuedState>(16).notNull(),
    /** Order on the guest. */
    position: integer().notNull(),
    /** Counts the starts that have taken it along: whoever takes it back sees that one was booked meanwhile. */
    boots: integer().notNull(),
    actor: text(128).notNull(),
    queuedAt: time().notNull(),
    /** When it is taken back by itself; null: never. */
    expiresAt: time(),
    endedAt: time(),
    /** What happened, line by line; secrets are left out. */
    log: longText(),
    failedWord: text(64),
    failedArgs: json<Record<string, string | number>>(),
  },
  (t) => [
    unique("boot_jobs_queued_once", t.guestUuid, t.pendingKey),
    index("boot_jobs_queued_guest", t.guestUuid, t.state),
    index("boot_jobs_queued_state", t.state, t.expiresAt),
    index("boot_jobs_queued_job", t.jobId),
  ],
);
export type QueuedJob = Row<typeof queuedJobs>;
