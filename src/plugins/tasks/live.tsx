/** What of tasks changes by itself: rows of the list, one task's page, the tray in the header. */
import { type ControllerContext, isMade, type Viewer } from "jimv";
import { append, html, prepend, replace, TableRow, TrayItem, trayChange } from "jimv/ui";
import { listLive, TaskPage, taskList } from "./pages.tsx";
import type { TaskService } from "./service.ts";
import { taskTable } from "./table.tsx";
import { trayTask } from "./view.ts";

export function startLive(context: ControllerContext, service: TaskService): void {
  const { web, clock } = context;
  const now = (): number => clock.now();

  web.live({
    name: listLive,
    topics: ["task"],
    role: "reader",
    async render(event, { viewer, key, shown }) {
      const task = await service.get(event.key);
      if (!task) return [];
      const spec = taskTable(viewer, "tasks", now);
      // New ones come on top of the plain list; elsewhere only rows that are there change.
      const isNew = isMade(event) && taskList.isPlain(taskList.ofView(key));
      if (isNew) shown.add(spec.rowId(task));
      else if (!shown.has(spec.rowId(task))) return [];
      const row = await html(<TableRow spec={spec} row={task} lang={viewer.language} />);
      return [isNew ? prepend("tasks-rows", row) : replace(spec.rowId(task), row)];
    },
  });

  web.live({
    name: "task",
    topics: ["task"],
    role: "reader",
    async render({ key: id }, { viewer, key }) {
      if (id !== key) return [];
      const task = await service.get(id);
      return task
        ? [replace(`task-${id}`, await html(<TaskPage task={task} viewer={viewer} now={now()} />))]
        : [];
    },
  });

  web.live({
    name: "task-tray",
    topics: ["task"],
    role: "reader",
    async render({ key: id }, { viewer }) {
      const task = await service.get(id);
      return task ? trayPayload(task, viewer) : [];
    },
  });
}

/** A failure is put into the tray also when it was over too fast to have been there. */
async function trayPayload(task: Parameters<typeof trayTask>[0], viewer: Viewer): Promise<string[]> {
  const shown = trayTask(task, viewer);
  if (task.state !== "failed") return trayChange(viewer.language, shown);
  return [append("tray-tasks", await html(<TrayItem lang={viewer.language} task={shown} />))];
}
