/** What may be said about boot jobs: the schemas that API and forms share. */
import { listQuery, patternWord, type Static, Type } from "jimv";
import { failureWays, jobScopes, ruleKinds } from "./schema.ts";

const oneOf = <T extends string>(values: readonly T[], more: object = {}) =>
  Type.Unsafe<T>(
    Type.Union(
      values.map((value) => Type.Literal(value)),
      more,
    ),
  );

const longestContent = 64 * 1024;
const mostRules = 50;
const mostAtOnce = 200;

/** Absolute, without `..`; on Windows with its drive (`C:\…` or `C:/…`). */
const Path = Type.String({
  maxLength: 512,
  pattern: "^([A-Za-z]:)?[/\\\\](?!.*(^|[/\\\\])\\.\\.([/\\\\]|$))[^\\u0000-\\u001f\\u007f]+$",
  [patternWord]: "boot-jobs.pathForm",
});
const Mode = Type.String({ pattern: "^0?[0-7]{3}$", [patternWord]: "boot-jobs.modeForm" });
const Content = Type.String({ minLength: 1, maxLength: longestContent });

const ruleFields = {
  kind: oneOf(ruleKinds, { description: "`run` a command, `write` a file, `append` to a file" }),
  path: Type.Optional(Path),
  content: Content,
  mode: Type.Optional(Mode),
};
export const RuleBody = Type.Object(ruleFields, { additionalProperties: false });
export type RuleBody = Static<typeof RuleBody>;
/** As the form posts it. */
export const RuleForm = Type.Object(ruleFields);

const Name = Type.String({ minLength: 1, maxLength: 64, pattern: "^[^\\u0000-\\u001f\\u007f]+$" });
const Remark = Type.String({ maxLength: 191, pattern: "^[^\\u0000-\\u001f\\u007f]*$" });
const Scope = oneOf(jobScopes.filter((scope) => scope !== "system"));
const OnFailure = oneOf(failureWays, { description: "`boot` anyway, or `stay` off" });

const jobFields = {
  name: Name,
  remark: Type.Optional(Remark),
  scope: Scope,
  onFailure: OnFailure,
  templateIds: Type.Optional(Type.Array(Type.String({ maxLength: 36 }), { maxItems: mostAtOnce })),
};
export const JobForm = Type.Object(jobFields);
export type JobForm = Static<typeof JobForm>;
export const CreateJob = Type.Object(
  { ...jobFields, rules: Type.Array(RuleBody, { maxItems: mostRules }) },
  { additionalProperties: false },
);
export type CreateJob = Static<typeof CreateJob>;
export const ChangeJob = Type.Partial(CreateJob, { additionalProperties: false });
export type ChangeJob = Static<typeof ChangeJob>;

export const MoveRule = Type.Object(
  { jobId: Type.String({ maxLength: 36, description: "The job it goes to, at its end" }) },
  { additionalProperties: false },
);

const ids = (what: string) =>
  Type.Array(Type.String({ maxLength: 36 }), { minItems: 1, maxItems: mostAtOnce, description: what });
export const QueueJobs = Type.Object(
  { guests: ids("uuids of guests"), jobs: ids("ids of jobs, in the order to carry them out") },
  { additionalProperties: false },
);
export const TakeBack = Type.Object({ ids: ids("ids of queued jobs") }, { additionalProperties: false });

export const QueuedQuery = listQuery({
  sort: ["queuedAt"],
  filters: {
    state: oneOf(["pending", "done", "failed"] as const),
    guest: Type.String({ maxLength: 36 }),
  },
});
