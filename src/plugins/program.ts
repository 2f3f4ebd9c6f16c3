/** What the program itself asks of built-in plugins: whether it is set up, the tray of the frame, the audit. */
export { auditService } from "./audit/index.ts";
export {
  type ClusterDoor,
  clusterDoor,
  fingerprintIn,
  JoinAnswer,
  type JoinRequest,
  makeJoinToken,
} from "./nodes/index.ts";
export { loadedPlugins } from "./settings/index.ts";
export { type SetupCode, setupCode, setupHost, setupService } from "./setup/index.ts";
export { tasksTray } from "./tasks/index.ts";
