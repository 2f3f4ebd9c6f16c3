/** Tasks for people and programs: list, detail, cancel, and the tray in the header. Core keeps the table. */
import { definePlugin, type ServiceKey, serviceKey, type Viewer } from "jimv";
import type { TrayTask } from "jimv/ui";
import { startLive } from "./live.tsx";
import { startPages } from "./pages.tsx";
import { startRoutes } from "./routes.ts";
import { TaskService } from "./service.ts";
import { trayTask } from "./view.ts";
import { tasksWords } from "./words.ts";

export type { TaskService } from "./service.ts";
export { actorText, runningOf, targetHref, taskTable, tookText } from "./table.tsx";
export {
  lookState,
  TaskAnswer,
  TaskBody,
  taskAnswer,
  taskBody,
  taskErrorText,
  taskHref,
  taskTitle,
} from "./view.ts";

/** By this key other plugins find tasks. */
export const taskService: ServiceKey<TaskService> = serviceKey("tasks");
/** What the frame's tray shows when a page is loaded, see `ShellOptions`; the program asks for it. */
export const tasksTray: ServiceKey<(viewer: Viewer) => Promise<() => readonly TrayTask[]>> =
  serviceKey("tasks.tray");

export const tasksPlugin = definePlugin({
  name: "tasks",
  words: tasksWords,
  controller(context) {
    const service = new TaskService(context);
    context.provide(taskService, service);
    context.provide(tasksTray, async (viewer) => {
      const shown = await service.tray(viewer);
      return () => shown().map((task) => trayTask(task, viewer));
    });
    startRoutes(context, service);
    startPages(context, service);
    startLive(context, service);
  },
});
