/** The API of boot jobs. */
import { AppError, type ControllerContext, pageOf, pageSchema, Type, type Viewer, windowOf } from "jimv";
import type { Queue } from "./queue.ts";
import { ChangeJob, CreateJob, MoveRule, QueuedQuery, QueueJobs, RuleBody, TakeBack } from "./requests.ts";
import type { BootJob, QueuedJob } from "./schema.ts";
import type { Jobs } from "./service.ts";

const nullable = <T extends import("jimv").TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const time = Type.Integer({ description: "UTC milliseconds" });

const JobBody = Type.Object({
  id: Type.String(),
  name: Type.String(),
  remark: Type.String(),
  scope: Type.String({ description: "`user` or `template` (carried out before a new guest's first boot)" }),
  onFailure: Type.String({ description: "`boot` anyway, or `stay` off" }),
  templateIds: Type.Array(Type.String()),
  rules: Type.Array(
    Type.Object({
      id: Type.String(),
      kind: Type.String(),
      path: nullable(Type.String()),
      content: Type.String(),
      mode: nullable(Type.String()),
    }),
  ),
  createdAt: time,
  changedAt: time,
});

const QueuedBody = Type.Object({
  id: Type.String(),
  guestUuid: Type.String(),
  jobId: Type.String(),
  jobName: Type.String(),
  state: Type.String({ description: "`pending`, `done` or `failed`" }),
  actor: Type.String(),
  queuedAt: time,
  expiresAt: nullable(time),
  endedAt: nullable(time),
  log: nullable(Type.String()),
  error: nullable(Type.Object({ word: Type.String(), detail: Type.String() })),
});

const JobPath = Type.Object({ id: Type.String({ maxLength: 36 }) });
const RulePath = Type.Object({ id: Type.String({ maxLength: 36 }), rule: Type.String({ maxLength: 36 }) });

function jobBody({ nameKey: _, version: __, ...job }: BootJob) {
  return job;
}

export function queuedError({ failedWord, failedArgs }: QueuedJob, { say }: Viewer) {
  return failedWord === null ? null : { word: failedWord, detail: say(failedWord, failedArgs ?? {}) };
}

function queuedBody(row: QueuedJob, viewer: Viewer) {
  const { pendingKey: _, position: __, boots: _____, failedWord: ___, failedArgs: ____, ...rest } = row;
  return { ...rest, error: queuedError(row, viewer) };
}

export function startRoutes({ web }: ControllerContext, jobs: Jobs, queue: Queue): void {
  const tag = "Boot jobs";

  web.api({
    method: "GET",
    path: "/boot-jobs",
    summary: "The boot jobs, by name",
    tag,
    role: "reader",
    answer: { status: 200, schema: Type.Object({ items: Type.Array(JobBody) }) },
    handle: async () => ({ body: { items: (await jobs.list()).map(jobBody) } }),
  });
  web.api({
    method: "GET",
    path: "/boot-jobs/variables",
    summary: "The variables that rules may hold",
    tag,
    role: "reader",
    answer: {
      status: 200,
      schema: Type.Object({ items: Type.Array(Type.Object({ name: Type.String(), label: Type.String() })) }),
    },
    handle: ({ viewer }) => ({
      body: { items: jobs.variables().map(({ name, label }) => ({ name, label: viewer.say(label) })) },
    }),
  });
  web.api({
    method: "POST",
    path: "/boot-jobs",
    summary: "Make a boot job",
    description:
      "Rules are carried out in their order. `{NAME}` stands for a variable; in commands its value comes as data, never as part of the command. A variable that nobody knows is refused.",
    tag,
    role: "operator",
    body: CreateJob,
    answer: { status: 201, schema: JobBody },
    handle: async ({ body }) => ({ status: 201, body: jobBody(await jobs.create(body)) }),
  });
  web.api({
    method: "GET",
    path: "/boot-jobs/{id}",
    summary: "One boot job with its rules",
    tag,
    role: "reader",
    params: JobPath,
    answer: { status: 200, schema: JobBody },
    handle: async ({ params }) => ({ body: jobBody(await jobs.needOwn(params.id)) }),
  });
  web.api({
    method: "PATCH",
    path: "/boot-jobs/{id}",
    summary: "Change a boot job; `rules` replaces all of them",
    tag,
    role: "operator",
    params: JobPath,
    body: ChangeJob,
    answer: { status: 200, schema: Type.Object({ job: JobBody, task: Type.Null() }) },
    async handle({ params, body }) {
      if (Object.keys(body).length === 0) throw new AppError("invalid", "boot-jobs.nothingToChange");
      return { body: { job: jobBody(await jobs.change(params.id, body)), task: null } };
    },
  });
  web.api({
    method: "DELETE",
    path: "/boot-jobs/{id}",
    summary: "Remove a boot job that is queued nowhere",
    tag,
    role: "operator",
    params: JobPath,
    answer: { status: 204 },
    async handle({ params }) {
      await jobs.remove(params.id);
      return {};
    },
  });
  web.api({
    method: "POST",
    path: "/boot-jobs/{id}/rules",
    summary: "Add a rule at the end of a job",
    tag,
    role: "operator",
    params: JobPath,
    body: RuleBody,
    answer: { status: 201, schema: JobBody },
    handle: async ({ params, body }) => ({
      status: 201,
      body: jobBody(await jobs.putRule(params.id, null, body)),
    }),
  });
  web.api({
    method: "POST",
    path: "/boot-jobs/{id}/rules/{rule}/move",
    summary: "Move a rule to the end of another job",
    tag,
    role: "operator",
    params: RulePath,
    body: MoveRule,
    answer: { status: 204 },
    async handle({ params, body }) {
      await jobs.moveRule(params.id, params.rule, body.jobId);
      return {};
    },
  });
  web.api({
    method: "GET",
    path: "/boot-jobs/queue",
    summary: "What is queued on guests, or has ended there; newest first",
    tag,
    role: "reader",
    query: QueuedQuery,
    answer: { status: 200, schema: pageSchema(QueuedBody) },
    async handle({ query, viewer }) {
      const { items, total } = await queue.list({ ...query, ...windowOf(query) });
      return {
        body: pageOf(
          items.map((row) => queuedBody(row, viewer)),
          total,
          query,
        ),
      };
    },
  });
  web.api({
    method: "POST",
    path: "/boot-jobs/queue",
    summary: "Queue jobs on guests: they are carried out right before the next boot",
    description:
      "All or nothing. Carried out when JimV starts the guest; a reboot from inside does not count.",
    tag,
    role: "operator",
    body: QueueJobs,
    answer: { status: 201, schema: Type.Object({ ids: Type.Array(Type.String()) }) },
    handle: async ({ body, viewer }) => ({
      status: 201,
      body: { ids: await queue.queue(body.guests, body.jobs, viewer.actor) },
    }),
  });
  web.api({
    method: "POST",
    path: "/boot-jobs/queue/take-back",
    summary: "Take back what is still pending",
    tag,
    role: "operator",
    body: TakeBack,
    answer: { status: 200, schema: Type.Object({ taken: Type.Integer() }) },
    handle: async ({ body }) => ({ body: { taken: await queue.takeBack(body.ids) } }),
  });
}
