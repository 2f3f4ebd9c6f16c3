/** The API of tasks. */
import {
  AppError,
  type ControllerContext,
  listQuery,
  pageOf,
  pageSchema,
  sortOf,
  Type,
  taskStates,
  windowOf,
} from "jimv";
import { type TaskService, taskSort } from "./service.ts";
import { TaskAnswer, TaskBody, taskAnswer, taskBody } from "./view.ts";

const short = Type.String({ maxLength: 96 });
const TaskPath = Type.Object({ id: Type.String({ maxLength: 36 }) });

export function startRoutes(context: ControllerContext, service: TaskService): void {
  const { web, tasks: desk } = context;
  const tag = "Tasks";

  web.api({
    method: "GET",
    path: "/tasks",
    summary: "Tasks, newest first",
    tag,
    role: "reader",
    query: listQuery({
      sort: taskSort,
      filters: {
        state: Type.Union(taskStates.map((state) => Type.Literal(state))),
        kind: short,
        nodeName: short,
        targetType: short,
        targetKey: short,
        leftovers: Type.Boolean(),
      },
    }),
    answer: { status: 200, schema: pageSchema(TaskBody) },
    async handle({ query, viewer }) {
      const { sort, state, ...filters } = query;
      const found = await service.list({
        ...filters,
        ...windowOf(query),
        states: state === undefined ? undefined : [state],
        sort: sortOf(sort, "-createdAt"),
      });
      return {
        body: pageOf(
          found.items.map((task) => taskBody(task, viewer)),
          found.total,
          query,
        ),
      };
    },
  });

  web.api({
    method: "GET",
    path: "/tasks/{id}",
    summary: "One task: state, progress, step, time left, error",
    tag,
    role: "reader",
    params: TaskPath,
    answer: { status: 200, schema: TaskBody },
    async handle({ params, viewer }) {
      const task = await service.get(params.id);
      if (!task) throw new AppError("notFound", "task.notFound");
      return { body: taskBody(task, viewer) };
    },
  });

  web.api({
    method: "POST",
    path: "/tasks/{id}/cancel",
    summary: "Ask a task to end and to take back what it did",
    description:
      "One that has not begun ends at once. A running one ends at its next safe point, where its kind allows it.",
    tag,
    role: "operator",
    params: TaskPath,
    answer: { status: 202, schema: TaskAnswer },
    async handle({ params, viewer }) {
      await desk.cancel(params.id);
      return taskAnswer(desk, params.id, viewer);
    },
  });
}
