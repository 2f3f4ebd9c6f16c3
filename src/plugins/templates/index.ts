/**
 * Templates: golden images that guests are made from, registered by their full path on a node. The node
 * looks at each image before it may be used.
 */
import { and, definePlugin, eq, inArray, type ServiceKey, serviceKey, Type, update } from "jimv";
import { nameCarriers, nodeService } from "../nodes/index.ts";
import { poolService, poolUsers } from "../pools/index.ts";
import { startLive } from "./live.tsx";
import { templatesMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { startPages } from "./pages.tsx";
import { startRoutes } from "./routes.ts";
import { templateCopies, templates } from "./schema.ts";
import { TemplateService, type TemplateUsers } from "./service.ts";
import { TemplateSupply } from "./supply.ts";
import { checkTemplate, copyTemplate, dropCopy } from "./tasks.ts";
import { templatesWords } from "./words.ts";

export {
  type InitMode,
  initModes,
  type OsFamily,
  osFamilies,
  type Template,
  templateCopies,
  templates,
} from "./schema.ts";
export { isOutrun, type TemplateService, type TemplateUsers } from "./service.ts";

export type { Reach, Supplied, Whereabouts } from "./supply.ts";
export { TemplateTile, templateHref } from "./table.tsx";

/** By this key other plugins ask for templates. */
export const templateService: ServiceKey<TemplateService> = serviceKey("templates");
/** Who has things that depend on templates adds an entry: it keeps them from being deleted. */
export const templateUsers: ServiceKey<TemplateUsers> = serviceKey("templates.users");

export const TemplateSettings = Type.Object({
  peerUri: Type.String({
    default: "qemu+tls://{address}/system",
    maxLength: 200,
    pattern: "^qemu\\+(tls|tcp)://\\{address\\}(:\\d+)?/system(\\?.*)?$",
    description: "How a node reaches another's libvirtd to fetch templates",
  }),
});

export const templatesPlugin = definePlugin({
  name: "templates",
  requires: ["nodes", "pools", "tasks"],
  words: templatesWords,
  tables: [templates, templateCopies],
  settings: TemplateSettings,
  migrations: templatesMigrations,
  controller(context) {
    const nodes = context.use(nodeService);
    const peerUri = async () => (await context.settings.read("templates", TemplateSettings)).peerUri;
    const supply = new TemplateSupply(context, nodes, context.use(poolService), peerUri);
    const service = new TemplateService(context, nodes, () => context.slots.all(templateUsers), supply);
    context.provide(templateService, service);
    context.slots.add(nameCarriers, (from, to) => [
      update(templates, { nodeName: to }, eq(templates.nodeName, from)),
      update(templateCopies, { nodeName: to }, eq(templateCopies.nodeName, from)),
    ]);
    context.settle(checkTemplate, {
      succeeded: async (task, _payload, result) =>
        service.checked(task, result, await service.get(task.targetKey)),
      failed: (task, _payload, error) => service.refused(task, error),
    });
    context.settle(copyTemplate, {
      succeeded: (task) => supply.copied(task),
      failed: (task, _payload, error) => supply.notCopied(task, error),
    });
    context.settle(dropCopy, {
      succeeded: () => ({ statements: [] }),
      failed: () => ({ statements: [] }),
    });
    context.slots.add(poolUsers, async (poolId, nodeName) => {
      const here = and(
        eq(templateCopies.poolId, poolId),
        nodeName === null ? undefined : eq(templateCopies.nodeName, nodeName),
      );
      const copies = await context.store.select(templateCopies, { where: here });
      const ids = copies.map((copy) => copy.templateId);
      const named = await context.store.select(templates, { where: inArray(templates.id, ids) });
      return named.map((template) => template.name);
    });
    startRoutes(context, service);
    startPages(context, service, nodes);
    startLive(context, service);
  },
  node: startNode,
});
