/** A task as API and pages show it: texts in the reader's language, the payload left out. */
import { type Static, type Task, type TaskDesk, Type, taskStates, type Viewer } from "jimv";
import type { StateOf, TrayTask } from "jimv/ui";

const orNull = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** How every answer describes a task. */
export const TaskBody = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: "Plugin, dot, verb: guests.create" }),
  title: Type.String({ description: "For people, in the language of Accept-Language" }),
  state: Type.Union(taskStates.map((state) => Type.Literal(state))),
  nodeName: Type.String(),
  target: Type.Object({ type: Type.String(), key: Type.String(), name: Type.String() }),
  progress: Type.Integer({ minimum: 0, maximum: 100, description: "Percent, never backwards" }),
  step: orNull(Type.String({ description: "What it is doing, for people" })),
  etaSeconds: orNull(Type.Integer({ description: "Time left, or null where it can't be told" })),
  error: Type.Union([
    Type.Object({
      word: Type.String({ description: "For programs: it doesn't change with the language" }),
      args: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
      detail: Type.String({ description: "For people: what happened and what to do" }),
    }),
    Type.Null(),
  ]),
  leftovers: Type.Boolean({
    description: "Something half-made is still on the node; JimV goes on removing it",
  }),
  cancelRequested: Type.Boolean(),
  actor: Type.String({ description: "Who asked: user:anna, token:backup, system:nodes" }),
  attempts: Type.Integer(),
  createdAt: Type.Integer({ description: "UTC milliseconds, as all times" }),
  startedAt: orNull(Type.Integer()),
  endedAt: orNull(Type.Integer()),
});

/** What an action that takes time answers, with status 202. */
export const TaskAnswer = Type.Object({ task: TaskBody });

type Say = Viewer["say"];

/** "Create web-21": the task's own name. */
export const taskTitle = (task: Task, say: Say): string =>
  say(`task.${task.kind}`, { name: task.targetName });

/** Why it failed and what to do; null while it didn't. */
export const taskErrorText = (task: Task, say: Say): string | null =>
  task.errorWord === null ? null : say(task.errorWord, task.errorArgs ?? {});

export function taskBody(task: Task, { say }: Pick<Viewer, "say">): Static<typeof TaskBody> {
  const { id, kind, state, nodeName, progress, etaSeconds, leftovers, cancelRequested, actor, attempts } =
    task;
  return {
    id,
    kind,
    title: taskTitle(task, say),
    state,
    nodeName,
    target: { type: task.targetType, key: task.targetKey, name: task.targetName },
    progress,
    step: task.step === null ? null : say(task.step),
    etaSeconds,
    error:
      task.errorWord === null
        ? null
        : { word: task.errorWord, args: task.errorArgs ?? {}, detail: taskErrorText(task, say) ?? "" },
    leftovers,
    cancelRequested,
    actor,
    attempts,
    createdAt: task.createdAt,
    startedAt: task.startedAt,
    endedAt: task.endedAt,
  };
}

/** The answer of a route whose service returned a task's id. */
export async function taskAnswer(
  desk: Pick<TaskDesk, "get">,
  id: string,
  viewer: Viewer,
): Promise<{ body: Static<typeof TaskAnswer> }> {
  const task = await desk.get(id);
  if (!task) throw new Error(`task ${id} is not there right after it was made`);
  return { body: { task: taskBody(task, viewer) } };
}

/** A failed task with something left on its node has a look of its own. */
export const lookState = (task: Pick<Task, "state" | "leftovers">): StateOf<"task"> =>
  task.state === "failed" && task.leftovers ? "leftovers" : task.state;

export const taskHref = (id: string): string => `/tasks/${id}`;

/** A task as the tray in the header shows it. */
export function trayTask(task: Task, viewer: Viewer): TrayTask {
  const error = taskErrorText(task, viewer.say);
  const mayCancel = viewer.role !== "reader" && !task.cancelRequested;
  return {
    id: task.id,
    state: lookState(task),
    title: taskTitle(task, viewer.say),
    href: taskHref(task.id),
    percent: task.progress,
    etaSeconds: task.etaSeconds,
    ...(task.step ? { step: viewer.say(task.step) } : {}),
    ...(mayCancel ? { cancel: `${taskHref(task.id)}/cancel` } : {}),
    ...(error ? { error } : {}),
    ...(task.endedAt !== null ? { read: `${taskHref(task.id)}/read` } : {}),
  };
}
