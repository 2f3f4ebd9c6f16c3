/** The first page: trouble first, then how full everything is, then what is being done. */
import { definePlugin } from "jimv";
import { nodeService } from "../nodes/index.ts";
import { templateService } from "../templates/index.ts";
import { dashboardNeeds } from "./contract.ts";
import { startPages } from "./pages.tsx";
import { DashboardService } from "./service.ts";
import { dashboardWords } from "./words.ts";

export { dashboardNeeds, type Need, type Needs } from "./contract.ts";

export const dashboardPlugin = definePlugin({
  name: "dashboard",
  requires: ["nodes", "templates", "tasks", "guests"],
  words: dashboardWords,
  controller(context) {
    const templates = context.use(templateService);
    const service = new DashboardService(context, context.use(nodeService), templates, () =>
      context.slots.all(dashboardNeeds),
    );
    startPages(context, service, templates);
  },
});
