/** What of templates changes by itself: rows of the list, and one template's page. */
import { type ControllerContext, isMade } from "jimv";
import { html, reload, remove, replace, TableRow } from "jimv/ui";
import { TemplatePage } from "./detail.tsx";
import type { TemplateService } from "./service.ts";
import { templateTable } from "./table.tsx";

export function startLive({ web }: ControllerContext, service: TemplateService): void {
  web.live({
    name: "templates",
    topics: ["template"],
    role: "reader",
    async render(event, { viewer }) {
      // Where a new one stands, and whether it belongs there at all, the page itself knows.
      if (isMade(event)) return [reload()];
      const { key: id } = event;
      const template = await service.get(id);
      if (!template) return [remove(`template-${id}`)];
      const spec = templateTable(viewer);
      return [
        replace(
          spec.rowId(template),
          await html(<TableRow spec={spec} row={template} lang={viewer.language} />),
        ),
      ];
    },
  });

  web.live({
    name: "template",
    topics: ["template"],
    role: "reader",
    async render({ key: id }, { viewer, key }) {
      const template = id === key ? await service.get(id) : null;
      if (!template) return [];
      const page = <TemplatePage template={template} users={await service.usersOf(id)} viewer={viewer} />;
      return [replace("template-body", await html(page))];
    },
  });
}
