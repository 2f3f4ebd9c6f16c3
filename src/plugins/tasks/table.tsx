/** The table of tasks, for the list and for other plugins' pages (a node's, the dashboard's). */
import type { Task, Viewer } from "jimv";
import { duration, StateCell, type TableSpec, Time, TwoLines } from "jimv/ui";
import { lookState, taskErrorText, taskHref, taskTitle } from "./view.ts";

/** Pages of what tasks are about. */
const targetPages: Readonly<Record<string, string>> = {
  guest: "/guests/",
  disk: "/disks/",
  template: "/templates/",
  node: "/nodes/",
};

/** Where the thing that a task is about has its page; null where it has none. */
export function targetHref(task: Pick<Task, "targetType" | "targetKey">): string | null {
  const page = targetPages[task.targetType];
  return page ? page + encodeURIComponent(task.targetKey) : null;
}

/** "anna", "token backup", "JimV (nodes)". */
export function actorText(actor: string, say: Viewer["say"]): string {
  const at = actor.indexOf(":");
  const kind = actor.slice(0, at);
  return kind === "user" || kind === "token" || kind === "system"
    ? say(`tasks.by.${kind}`, { name: actor.slice(at + 1) })
    : actor;
}

/** How long it took, or has been running, in words; null before it began. */
export function tookText(task: Task, viewer: Viewer, now: number): string | null {
  if (task.startedAt === null) return null;
  return duration(viewer.language, ((task.endedAt ?? now) - task.startedAt) / 1000);
}

/** The bar under a state while the task is open. */
export function runningOf(task: Task, viewer: Viewer) {
  if (task.endedAt !== null) return null;
  return {
    id: task.id,
    percent: task.state === "queued" ? null : task.progress,
    etaSeconds: task.etaSeconds,
    step: task.cancelRequested
      ? viewer.say("tasks.cancelRequested")
      : viewer.say(task.step ?? "task.step.started"),
  };
}

export function taskTable(viewer: Viewer, id: string, now: () => number): TableSpec<Task> {
  const { say, language } = viewer;
  return {
    id,
    rowId: (task) => `${id}-${task.id}`,
    rowName: (task) => taskTitle(task, say),
    rowHref: (task) => taskHref(task.id),
    columns: [
      {
        key: "task",
        label: () => say("tasks.col.task"),
        width: "fill",
        card: "title",
        cell: (task) => {
          const error = taskErrorText(task, say);
          return (
            <TwoLines
              title={taskTitle(task, say)}
              href={taskHref(task.id)}
              sub={
                error && task.state !== "cancelled" ? error : task.targetType === "node" ? "" : task.nodeName
              }
            />
          );
        },
      },
      {
        key: "state",
        label: () => say("tasks.col.state"),
        width: "xl",
        card: "state",
        cell: (task) => (
          <StateCell kind="task" state={lookState(task)} lang={language} task={runningOf(task, viewer)} />
        ),
      },
      {
        key: "by",
        label: () => say("tasks.col.by"),
        width: "m",
        wideOnly: true,
        cell: (task) => actorText(task.actor, say),
      },
      {
        key: "took",
        label: () => say("tasks.col.took"),
        width: "s",
        align: "end",
        card: "hide",
        cell: (task) => tookText(task, viewer, now()) ?? "–",
      },
      {
        key: "when",
        label: () => say("tasks.col.when"),
        width: "m",
        align: "end",
        cell: (task) => <Time lang={language} at={task.endedAt ?? task.createdAt} />,
      },
    ],
    menu: (task) =>
      task.endedAt === null && !task.cancelRequested && viewer.role !== "reader"
        ? [{ label: say("action.cancel"), icon: "close", post: `${taskHref(task.id)}/cancel`, danger: true }]
        : [],
  };
}
