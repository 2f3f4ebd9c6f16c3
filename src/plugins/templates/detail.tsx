/** One template: what the image is, how guests start from it, and what was found wrong with it. */
import type { Viewer } from "jimv";
import {
  Button,
  bytes,
  Columns,
  DangerDialog,
  DefinitionList,
  Notice,
  PageHead,
  Panel,
  StateMark,
  Time,
} from "jimv/ui";
import type { Template } from "./schema.ts";
import { refusedText, TemplateTile, templateHref } from "./table.tsx";

/** The whole page below the frame; the live view replaces it by its id `template-body`. */
export function TemplatePage(p: { template: Template; users: readonly string[]; viewer: Viewer }) {
  const { template, users, viewer } = p;
  const { say, language } = viewer;
  const here = templateHref(template.id);
  const refused = refusedText(template, say);
  const isAdministrator = viewer.role === "administrator";
  const mayChange = isAdministrator && template.state !== "checking";
  const size = (value: number | null): string => (value === null ? "–" : bytes(language, value));
  const checkAgain = (
    <Button icon="refresh" post={`${here}/check`}>
      {say("templates.checkAgain")}
    </Button>
  );
  return (
    <div id="template-body" class="stack">
      <PageHead
        title={template.name}
        tile={<TemplateTile icon={template.icon} large />}
        mark={<StateMark kind="template" state={template.state} lang={language} pill />}
        sub={say(`templates.os.${template.osFamily}`)}
        actions={
          <>
            {mayChange ? (
              <>
                <Button kind="danger" icon="delete" dialogUrl={`${here}/delete`}>
                  {say("action.delete")}
                </Button>
                <Button icon="edit" href={`${here}/edit`}>
                  {say("action.edit")}
                </Button>
                {refused ? null : checkAgain}
              </>
            ) : null}
            {template.state === "ready" && viewer.role !== "reader" ? (
              <Button kind="primary" icon="plus" href={`/guests/new?template=${template.id}`}>
                {say("templates.createGuest")}
              </Button>
            ) : null}
          </>
        }
      />
      {refused ? (
        <Notice tone="bad" title={say("templates.refusedTitle")} actions={mayChange ? checkAgain : undefined}>
          {refused}
        </Notice>
      ) : null}
      {template.othersRead ? (
        <Notice tone="info">{say("templates.othersRead", { path: template.path })}</Notice>
      ) : null}
      <Columns>
        <Panel title={say("templates.image")}>
          <DefinitionList
            lang={language}
            items={[
              { label: say("templates.def.path"), value: template.path, mono: true, copy: template.path },
              {
                label: say("label.node"),
                value: <a href={`/nodes/${encodeURIComponent(template.nodeName)}`}>{template.nodeName}</a>,
              },
              { label: say("templates.def.format"), value: template.format ?? "–" },
              { label: say("templates.def.virtual"), value: size(template.virtualSizeBytes) },
              { label: say("templates.def.actual"), value: size(template.actualSizeBytes) },
              {
                label: say("templates.def.checked"),
                value: <Time lang={language} at={template.checkedAt} />,
              },
            ]}
          />
        </Panel>
        <Panel title={say("templates.firstBoot")}>
          <DefinitionList
            lang={language}
            items={[
              { label: say("templates.col.init"), value: say(`templates.init.${template.init}`) },
              { label: say("templates.def.user"), value: template.init === "none" ? "–" : template.userName },
              { label: say("templates.def.default"), value: `${template.defaultSizeGiB} GiB` },
              {
                label: say("templates.def.clock"),
                value: say(template.isWindows ? "templates.clock.local" : "templates.clock.utc"),
              },
              {
                label: say("templates.def.users"),
                value: users.length === 0 ? say("label.none") : users.join(", "),
              },
              {
                label: say("templates.def.created"),
                value: <Time lang={language} at={template.createdAt} />,
              },
            ]}
          />
        </Panel>
      </Columns>
    </div>
  );
}

/** Names what goes and what stays. */
export function DeleteDialog({ template, viewer }: { template: Template; viewer: Viewer }) {
  const { say, language } = viewer;
  return (
    <DangerDialog
      lang={language}
      id="delete-template"
      open
      title={say("templates.delete.title", { name: template.name })}
      post={`${templateHref(template.id)}/delete`}
      victims={[say("templates.delete.victim", { name: template.name })]}
      survivors={[say("templates.delete.file", { path: template.path }), say("templates.delete.guests")]}
      confirm={say("templates.delete.confirm")}
    />
  );
}
