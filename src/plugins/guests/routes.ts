/** The API of guests. */
import { AppError, type ControllerContext, pageSchema, Type, type Viewer } from "jimv";
import { TaskAnswer, TaskBody, taskAnswer } from "../tasks/index.ts";
import type { GuestService, PowerAction } from "./contract.ts";
import { ChangeGuest, CreateGuest, DeleteGuest, GuestListQuery } from "./requests.ts";
import { type GuestDetail, GuestDetailSchema, GuestSchema, type GuestView, type Said } from "./views.ts";

const tag = "Guests";
const GuestPath = Type.Object({ uuid: Type.String({ maxLength: 36 }) });

const powerSummaries = {
  start: "Start a guest",
  shutdown: "Ask a guest to shut down",
  reboot: "Ask a guest to reboot",
  "force-stop": "Force a guest off",
  "force-reboot": "Reset a guest",
  pause: "Pause a guest",
  resume: "Resume a paused guest",
} as const satisfies Record<PowerAction, string>;

/** A guest as the API tells it: reasons also as text in the caller's language. */
function guestBody<V extends GuestView | GuestDetail>(view: V, viewer: Viewer) {
  const { icon: _, ...rest } = view;
  const said = (what: Said | null) => what && { ...what, detail: viewer.say(what.word, what.args) };
  return {
    ...rest,
    error: said(view.error),
    initError: said(view.initError),
    initNote: said(view.initNote),
  };
}

export function startRoutes(context: ControllerContext, service: GuestService): void {
  const { web, tasks } = context;

  web.api({
    method: "GET",
    path: "/guests",
    summary: "The guests",
    tag,
    role: "reader",
    query: GuestListQuery,
    answer: { status: 200, schema: pageSchema(GuestSchema) },
    async handle({ query, viewer }) {
      const page = await service.list(query);
      return { body: { ...page, items: page.items.map((view) => guestBody(view, viewer)) } };
    },
  });

  web.api({
    method: "POST",
    path: "/guests",
    summary: "Create guests from a template",
    description:
      "Books names, ports and disks of the whole batch, or nothing. A batch is named `web-1`, `web-2`, … with as many digits as the last one has.",
    tag,
    role: "operator",
    body: CreateGuest,
    answer: {
      status: 202,
      schema: Type.Object({
        task: TaskBody,
        tasks: Type.Array(TaskBody),
        guests: Type.Array(Type.Object({ uuid: Type.String(), name: Type.String() })),
      }),
    },
    async handle({ body, viewer }) {
      const made = await service.create(body, viewer.actor);
      const answers = await Promise.all(made.tasks.map(({ id }) => taskAnswer(tasks, id, viewer)));
      const all = answers.map((answer) => answer.body.task);
      return { status: 202, body: { task: all[0], tasks: all, guests: made.guests } };
    },
  });

  web.api({
    method: "GET",
    path: "/guests/{uuid}",
    summary: "One guest",
    tag,
    role: "reader",
    params: GuestPath,
    answer: { status: 200, schema: GuestDetailSchema },
    handle: async ({ params, viewer }) => ({ body: guestBody(await service.get(params.uuid), viewer) }),
  });

  web.api({
    method: "PATCH",
    path: "/guests/{uuid}",
    summary: "Change a guest",
    description: "The remark at once (200); name, vCPUs and memory by a task (202), while the guest is off.",
    tag,
    role: "operator",
    params: GuestPath,
    body: ChangeGuest,
    answer: {
      status: 202,
      schema: Type.Object({ guest: GuestDetailSchema, task: Type.Union([TaskBody, Type.Null()]) }),
      orAtOnce: true,
    },
    async handle({ params, body, viewer }) {
      if (Object.keys(body).length === 0) throw new AppError("invalid", "guests.nothingToChange", {});
      const { task, guest } = await service.change(params.uuid, body, viewer.actor);
      const answer = task && (await taskAnswer(tasks, task.id, viewer)).body.task;
      return { status: task ? 202 : 200, body: { guest: guestBody(guest, viewer), task: answer } };
    },
  });

  web.api({
    method: "DELETE",
    path: "/guests/{uuid}",
    summary: "Delete a guest with its system disk",
    description: "Its data disks stay and are free again, unless `keepDataDisks` is `false`.",
    tag,
    role: "operator",
    params: GuestPath,
    body: Type.Optional(DeleteGuest),
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, body, viewer }) {
      const { task } = await service.remove(params.uuid, body ?? {}, viewer.actor);
      return { status: 202, ...(await taskAnswer(tasks, task.id, viewer)) };
    },
  });

  web.api({
    method: "GET",
    path: "/guests/{uuid}/definition",
    summary: "A guest's libvirt definition",
    description:
      "As its node last told it, without secrets; asking also makes the node tell it anew. 404 until it did once.",
    tag,
    role: "reader",
    params: GuestPath,
    answer: {
      status: 200,
      schema: Type.Object({ xml: Type.String(), at: Type.Integer({ description: "UTC milliseconds" }) }),
    },
    async handle({ params }) {
      await service.look(params.uuid);
      const details = await service.details(params.uuid);
      if (!details) throw new AppError("notFound", "guests.noDefinition", {});
      return { body: { xml: details.xml, at: details.xmlAt } };
    },
  });

  for (const [action, summary] of Object.entries(powerSummaries) as [PowerAction, string][])
    web.api({
      method: "POST",
      path: `/guests/{uuid}/${action}`,
      summary,
      tag,
      role: "operator",
      params: GuestPath,
      answer: { status: 202, schema: TaskAnswer },
      async handle({ params, viewer }) {
        const { task } = await service.act(params.uuid, action, viewer.actor);
        return { status: 202, ...(await taskAnswer(tasks, task.id, viewer)) };
      },
    });

  web.api({
    method: "POST",
    path: "/guests/{uuid}/password/reveal",
    summary: "Show a guest's password",
    description: "Of the user that the guest was set up with. The log keeps who asked.",
    tag,
    role: "operator",
    params: GuestPath,
    answer: { status: 200, schema: Type.Object({ userName: Type.String(), password: Type.String() }) },
    async handle({ params, viewer }) {
      const body = await service.revealPassword(params.uuid, viewer.actor);
      return { body, headers: { "cache-control": "no-store" } };
    },
  });

  web.api({
    method: "POST",
    path: "/guests/{uuid}/init",
    summary: "Try the set-up through the guest agent again",
    tag,
    role: "operator",
    params: GuestPath,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, viewer }) {
      const { task } = await service.retryInit(params.uuid, viewer.actor);
      return { status: 202, ...(await taskAnswer(tasks, task.id, viewer)) };
    },
  });

  web.api({
    method: "GET",
    path: "/foreign-domains",
    summary: "Domains on the nodes that are no guests of JimV",
    tag,
    role: "reader",
    query: Type.Object({ nodeName: Type.Optional(Type.String({ maxLength: 64 })) }),
    answer: {
      status: 200,
      schema: Type.Object({
        items: Type.Array(
          Type.Object({
            uuid: Type.String(),
            nodeName: Type.String(),
            name: Type.String(),
            state: Type.String(),
            kind: Type.Union([Type.Literal("foreign"), Type.Literal("orphan")]),
            vcpus: Type.Integer(),
            memoryMiB: Type.Integer(),
            seenAt: Type.Integer({ description: "UTC milliseconds" }),
          }),
        ),
      }),
    },
    handle: async ({ query }) => ({ body: { items: await service.foreign(query.nodeName) } }),
  });

  web.api({
    method: "DELETE",
    path: "/foreign-domains/{uuid}",
    summary: "Remove an orphan from its node",
    description:
      "Only a domain that this cluster made and no guest stands for. It is forced off and its definition removed; files that it used stay.",
    tag,
    role: "administrator",
    params: GuestPath,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, viewer }) {
      const { task } = await service.removeOrphan(params.uuid, viewer.actor);
      return { status: 202, ...(await taskAnswer(tasks, task.id, viewer)) };
    },
  });
}
