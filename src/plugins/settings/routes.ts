/** The API of settings. */
import { type ControllerContext, Type } from "jimv";
import type { Section, SettingsService } from "./service.ts";

const open = { additionalProperties: true };
const SectionBody = Type.Object({
  plugin: Type.String(),
  values: Type.Object({}, { ...open, description: "By name; what was never set has its default" }),
  schema: Type.Object({}, { ...open, description: "JSON Schema of the values" }),
});
const SectionPath = Type.Object({ plugin: Type.String({ maxLength: 64 }) });

const sectionBody = ({ name, values, schema }: Section) => ({ plugin: name, values, schema });

export function startRoutes({ web }: ControllerContext, service: SettingsService): void {
  const tag = "Settings";
  web.api({
    method: "GET",
    path: "/settings",
    summary: "The settings of all plugins",
    tag,
    role: "administrator",
    answer: { status: 200, schema: Type.Object({ items: Type.Array(SectionBody) }) },
    handle: async () => ({ body: { items: (await service.list()).map(sectionBody) } }),
  });
  web.api({
    method: "GET",
    path: "/settings/{plugin}",
    summary: "One plugin's settings",
    tag,
    role: "administrator",
    params: SectionPath,
    answer: { status: 200, schema: SectionBody },
    handle: async ({ params }) => ({ body: sectionBody(await service.need(params.plugin)) }),
  });
  web.api({
    method: "PATCH",
    path: "/settings/{plugin}",
    summary: "Change some of a plugin's settings",
    tag,
    role: "administrator",
    params: SectionPath,
    body: Type.Object({}, open),
    answer: { status: 200, schema: SectionBody },
    async handle({ params, body, viewer }) {
      const by = `${viewer.actor.kind}:${viewer.actor.name}`;
      return { body: sectionBody(await service.change(params.plugin, body, by)) };
    },
  });
}
