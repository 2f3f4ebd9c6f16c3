/** The API of disks. */
import { AppError, type ControllerContext, pageSchema, Type, type Viewer } from "jimv";
import { TaskAnswer, TaskBody, taskAnswer } from "../tasks/index.ts";
import { ChangeDisk, CreateDisk, DiskListQuery, type DiskService, type DiskView } from "./contract.ts";

const tag = "Disks";
const DiskPath = Type.Object({ uuid: Type.String({ maxLength: 36 }) });
const nullable = <S extends ReturnType<typeof Type.String>>(schema: S) => Type.Union([schema, Type.Null()]);

const DiskSchema = Type.Object({
  uuid: Type.String(),
  name: Type.String(),
  poolId: Type.String(),
  nodeName: Type.String(),
  role: Type.Union([Type.Literal("system"), Type.Literal("data")]),
  sizeGiB: Type.Integer(),
  format: Type.String(),
  path: Type.String(),
  state: Type.String(),
  error: Type.Union([
    Type.Object({
      word: Type.String(),
      args: Type.Record(Type.String(), Type.Unknown()),
      detail: Type.String(),
    }),
    Type.Null(),
  ]),
  guestUuid: nullable(Type.String()),
  guestName: nullable(Type.String()),
  target: nullable(Type.String()),
  linkedTemplateId: nullable(Type.String()),
  task: Type.Union([
    Type.Object({ id: Type.String(), kind: Type.String(), progress: Type.Integer() }),
    Type.Null(),
  ]),
  actions: Type.Array(Type.String(), { description: "What may be asked of it now" }),
  createdAt: Type.Integer({ description: "UTC milliseconds" }),
});

function diskBody(view: DiskView, viewer: Viewer) {
  return {
    ...view,
    error: view.error && { ...view.error, detail: viewer.say(view.error.word, view.error.args) },
  };
}

export function startRoutes(context: ControllerContext, service: DiskService): void {
  const { web, tasks } = context;

  web.api({
    method: "GET",
    path: "/disks",
    summary: "The data disks",
    description: "System disks are left out unless `role` asks for them.",
    tag,
    role: "reader",
    query: DiskListQuery,
    answer: { status: 200, schema: pageSchema(DiskSchema) },
    async handle({ query, viewer }) {
      const page = await service.list(query);
      return { body: { ...page, items: page.items.map((view) => diskBody(view, viewer)) } };
    },
  });

  web.api({
    method: "POST",
    path: "/disks",
    summary: "Create an empty data disk",
    tag,
    role: "operator",
    body: CreateDisk,
    answer: { status: 202, schema: Type.Object({ disk: DiskSchema, task: TaskBody }) },
    async handle({ body, viewer }) {
      const { task, disk } = await service.create(body, viewer.actor);
      const answer = await taskAnswer(tasks, task.id, viewer);
      return { status: 202, body: { disk: diskBody(disk, viewer), task: answer.body.task } };
    },
  });

  web.api({
    method: "GET",
    path: "/disks/{uuid}",
    summary: "One disk",
    tag,
    role: "reader",
    params: DiskPath,
    answer: { status: 200, schema: DiskSchema },
    handle: async ({ params, viewer }) => ({ body: diskBody(await service.get(params.uuid), viewer) }),
  });

  web.api({
    method: "PATCH",
    path: "/disks/{uuid}",
    summary: "Rename, attach or detach a disk",
    description: "`guestUuid` attaches to that guest, null detaches; both while the guest is off.",
    tag,
    role: "operator",
    params: DiskPath,
    body: ChangeDisk,
    answer: {
      status: 202,
      schema: Type.Object({ disk: DiskSchema, task: Type.Union([TaskBody, Type.Null()]) }),
      orAtOnce: true,
    },
    async handle({ params, body, viewer }) {
      if (Object.keys(body).length === 0) throw new AppError("invalid", "disks.nothingToChange", {});
      const { task, disk } = await service.change(params.uuid, body, viewer.actor);
      const answer = task && (await taskAnswer(tasks, task.id, viewer)).body.task;
      return { status: task ? 202 : 200, body: { disk: diskBody(disk, viewer), task: answer } };
    },
  });

  web.api({
    method: "DELETE",
    path: "/disks/{uuid}",
    summary: "Delete a data disk that no guest has",
    tag,
    role: "operator",
    params: DiskPath,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, viewer }) {
      const { task } = await service.remove(params.uuid, viewer.actor);
      return { status: 202, ...(await taskAnswer(tasks, task.id, viewer)) };
    },
  });
}
