/** The API of templates. */
import { type ControllerContext, listQuery, pageOf, pageSchema, sortOf, Type, windowOf } from "jimv";
import { TaskAnswer, TaskBody, taskAnswer } from "../tasks/index.ts";
import { ChangeTemplate, IconSchema, InitSchema, OsFamilySchema, RegisterTemplate } from "./requests.ts";
import { type Template, templateStates } from "./schema.ts";
import { type TemplateService, templateSort } from "./service.ts";

const StateSchema = Type.Union(templateStates.map((state) => Type.Literal(state)));
const count = Type.Union([Type.Integer(), Type.Null()]);

const TemplateBody = Type.Object({
  id: Type.String(),
  name: Type.String(),
  path: Type.String(),
  nodeName: Type.String(),
  osFamily: OsFamilySchema,
  isWindows: Type.Boolean(),
  defaultSizeGiB: Type.Integer(),
  icon: IconSchema,
  init: InitSchema,
  userName: Type.String(),
  state: StateSchema,
  refused: Type.Union([
    Type.Object({ word: Type.String(), detail: Type.String({ description: "Why, and what to do" }) }),
    Type.Null(),
  ]),
  format: Type.Union([Type.String(), Type.Null()]),
  virtualSizeBytes: count,
  actualSizeBytes: count,
  fileSizeBytes: count,
  othersRead: Type.Boolean({ description: "Other users of the node may read the file" }),
  checkedAt: count,
  createdAt: Type.Integer({ description: "UTC milliseconds" }),
});

const TemplatePath = Type.Object({ id: Type.String({ maxLength: 36 }) });

type Say = (word: string, args?: Record<string, string | number>) => string;

export function templateBody(template: Template, say: Say) {
  const { nameKey: _, refusedWord, refusedArgs, ...rest } = template;
  const refused =
    refusedWord === null ? null : { word: refusedWord, detail: say(refusedWord, refusedArgs ?? {}) };
  return { ...rest, refused };
}

export function startRoutes(context: ControllerContext, service: TemplateService): void {
  const tag = "Templates";
  const { web } = context;

  web.api({
    method: "GET",
    path: "/templates",
    summary: "The templates",
    tag,
    role: "reader",
    query: listQuery({
      sort: templateSort,
      filters: {
        state: StateSchema,
        nodeName: Type.String({ maxLength: 64 }),
        osFamily: OsFamilySchema,
      },
    }),
    answer: { status: 200, schema: pageSchema(TemplateBody) },
    async handle({ query, viewer }) {
      const { sort, ...filters } = query;
      const found = await service.list({ ...filters, ...windowOf(query), sort: sortOf(sort, "name") });
      return {
        body: pageOf(
          found.items.map((template) => templateBody(template, viewer.say)),
          found.total,
          query,
        ),
      };
    },
  });

  web.api({
    method: "POST",
    path: "/templates",
    summary: "Register an image as a template",
    description:
      "The node looks at the image: the template is `checking`, then `ready` or `refused` with the reason.",
    tag,
    role: "administrator",
    body: RegisterTemplate,
    answer: { status: 202, schema: Type.Object({ template: TemplateBody, task: TaskBody }) },
    async handle({ body, viewer }) {
      const { template, taskId } = await service.register(body, viewer.actor);
      const answer = await taskAnswer(context.tasks, taskId, viewer);
      return { body: { template: templateBody(template, viewer.say), ...answer.body } };
    },
  });

  web.api({
    method: "GET",
    path: "/templates/{id}",
    summary: "One template",
    tag,
    role: "reader",
    params: TemplatePath,
    answer: { status: 200, schema: TemplateBody },
    async handle({ params, viewer }) {
      return { body: templateBody(await service.need(params.id), viewer.say) };
    },
  });

  web.api({
    method: "PATCH",
    path: "/templates/{id}",
    summary: "Change what is said of a template",
    tag,
    role: "administrator",
    params: TemplatePath,
    body: ChangeTemplate,
    answer: { status: 200, schema: Type.Object({ template: TemplateBody, task: Type.Null() }) },
    async handle({ params, body, viewer }) {
      const template = templateBody(await service.change(params.id, body), viewer.say);
      return { body: { template, task: null } };
    },
  });

  web.api({
    method: "POST",
    path: "/templates/{id}/check",
    summary: "Look at a template's image again",
    tag,
    role: "administrator",
    params: TemplatePath,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, viewer }) {
      return taskAnswer(context.tasks, await service.check(params.id, viewer.actor), viewer);
    },
  });

  web.api({
    method: "DELETE",
    path: "/templates/{id}",
    summary: "Forget a template; its image file stays",
    tag,
    role: "administrator",
    params: TemplatePath,
    answer: { status: 204 },
    async handle({ params, viewer }) {
      await service.remove(params.id, viewer.actor);
      return {};
    },
  });
}
