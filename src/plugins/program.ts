/** What the program itself asks of built-in plugins: whether it is set up, and the tray of the frame. */
export { loadedPlugins } from "./settings/index.ts";
export { type SetupCode, setupCode, setupHost, setupService } from "./setup/index.ts";
export { tasksTray } from "./tasks/index.ts";
