/** The table of templates, and how a template is drawn: letters on a tile, its system, its state. */
import type { Viewer } from "jimv";
import { type MenuItem, StateCell, type TableSpec, Tile, TwoLines } from "jimv/ui";
import type { Template, TemplateIcon } from "./schema.ts";

/** Two letters for each icon. */
const letters: Record<TemplateIcon, string> = {
  debian: "De",
  ubuntu: "Ub",
  centos: "Ce",
  rocky: "Ro",
  windows: "Wi",
  freebsd: "Fr",
  generic: "OS",
};

/** A template's picture. */
export function TemplateTile({ icon, large }: { icon: TemplateIcon; large?: boolean }) {
  return <Tile text={letters[icon]} {...(large ? { large } : {})} />;
}

export const templateHref = (id: string): string => `/templates/${id}`;

/** Why it was refused; null when it wasn't. */
export const refusedText = (template: Template, say: Viewer["say"]): string | null =>
  template.refusedWord === null ? null : say(template.refusedWord, template.refusedArgs ?? {});

export function templateMenu(template: Template, viewer: Viewer): MenuItem[] {
  if (viewer.role !== "administrator" || template.state === "checking") return [];
  const { say } = viewer;
  const here = templateHref(template.id);
  return [
    { label: say("action.edit"), icon: "edit", href: `${here}/edit` },
    { label: say("templates.checkAgain"), icon: "refresh", post: `${here}/check` },
    { label: say("action.delete"), icon: "delete", dialogUrl: `${here}/delete`, danger: true, divided: true },
  ];
}

export function templateTable(viewer: Viewer): TableSpec<Template> {
  const { say, language } = viewer;
  return {
    id: "templates",
    rowId: (template) => `template-${template.id}`,
    rowName: (template) => template.name,
    rowHref: (template) => templateHref(template.id),
    columns: [
      {
        key: "name",
        label: () => say("label.name"),
        width: "fill",
        card: "title",
        sort: true,
        cell: (template) => (
          <TwoLines
            title={template.name}
            href={templateHref(template.id)}
            sub={refusedText(template, say) ?? template.path}
            tile={<TemplateTile icon={template.icon} />}
          />
        ),
      },
      {
        key: "state",
        label: () => say("label.state"),
        width: "m",
        card: "state",
        cell: (template) => <StateCell kind="template" state={template.state} lang={language} />,
      },
      {
        key: "os",
        label: () => say("templates.col.os"),
        width: "s",
        cell: (template) => say(`templates.os.${template.osFamily}`),
      },
      {
        key: "init",
        label: () => say("templates.col.init"),
        width: "m",
        cell: (template) => say(`templates.init.${template.init}`),
      },
      {
        key: "size",
        label: () => say("templates.col.size"),
        width: "s",
        align: "end",
        cell: (template) => <span class="num">{template.defaultSizeGiB} GiB</span>,
      },
      {
        key: "node",
        label: () => say("templates.col.node"),
        width: "m",
        wideOnly: true,
        card: "hide",
        cell: (template) => template.nodeName,
      },
    ],
    menu: (template) => templateMenu(template, viewer),
  };
}
