/**
 * Templates: golden images that guests are made from, registered by their full path on a node. The node
 * looks at each image before it may be used.
 */
import { definePlugin, eq, type ServiceKey, serviceKey, update } from "jimv";
import { nameCarriers, nodeService } from "../nodes/index.ts";
import { startLive } from "./live.tsx";
import { templatesMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { startPages } from "./pages.tsx";
import { startRoutes } from "./routes.ts";
import { templates } from "./schema.ts";
import { TemplateService, type TemplateUsers } from "./service.ts";
import { checkTemplate } from "./tasks.ts";
import { templatesWords } from "./words.ts";

export { type InitMode, initModes, type OsFamily, osFamilies, type Template, templates } from "./schema.ts";
export type { TemplateService, TemplateUsers } from "./service.ts";

export { TemplateTile, templateHref } from "./table.tsx";

/** By this key other plugins ask for templates. */
export const templateService: ServiceKey<TemplateService> = serviceKey("templates");
/** Who has things that depend on templates adds an entry: it keeps them from being deleted. */
export const templateUsers: ServiceKey<TemplateUsers> = serviceKey("templates.users");

export const templatesPlugin = definePlugin({
  name: "templates",
  requires: ["nodes"],
  words: templatesWords,
  tables: [templates],
  migrations: templatesMigrations,
  controller(context) {
    const nodes = context.use(nodeService);
    const service = new TemplateService(context, nodes, () => context.slots.all(templateUsers));
    context.provide(templateService, service);
    context.slots.add(nameCarriers, (from, to) => [
      update(templates, { nodeName: to }, eq(templates.nodeName, from)),
    ]);
    context.settle(checkTemplate, {
      succeeded: async (task, _payload, result) =>
        service.checked(task, result, await service.get(task.targetKey)),
      failed: (task, _payload, error) => service.refused(task, error),
    });
    startRoutes(context, service);
    startPages(context, service, nodes);
    startLive(context, service);
  },
  node: startNode,
});
