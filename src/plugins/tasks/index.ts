/** Tasks for people and programs: list, detail, cancel, and the tray in the header. Core keeps the table. */
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
