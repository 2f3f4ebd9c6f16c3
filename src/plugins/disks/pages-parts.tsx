/** What the disks' pages share: the table, one disk's page, and what stands in its head. */
import type { ControllerContext, Viewer } from "jimv";
import {
  Button,
  bytes,
  Columns,
  DefinitionList,
  type MenuItem,
  Notice,
  PageHead,
  Panel,
  Row,
  StateCell,
  StateMark,
  say,
  type TableSpec,
  Tag,
  Time,
} from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import type { PoolService } from "../pools/index.ts";
import type { DiskAttachment, DiskService, DiskView } from "./contract.ts";
import { wordsOf } from "./words-pages.ts";

/** What the pages work with; no rule is in a page. */
export interface DiskPageNeeds {
  context: ControllerContext;
  service: DiskService;
  nodes: Pick<NodeService, "list">;
  pools: Pick<PoolService, "list">;
  /** Null where no plugin knows guests. */
  attachment(): DiskAttachment | null;
}

const bytesPerGiB = 1024 ** 3;
export const mayAct = (viewer: Viewer): boolean => viewer.role !== "reader";
export const rowId = (uuid: string): string => `disk-${uuid}`;
export const hrefOf = (uuid: string): string => `/disks/${uuid}`;
export const sizeText = (viewer: Viewer, sizeGiB: number): string =>
  bytes(viewer.language, sizeGiB * bytesPerGiB);

function DiskState({ disk, viewer }: { disk: DiskView; viewer: Viewer }) {
  const { task } = disk;
  return (
    <StateCell
      kind="disk"
      state={disk.state}
      lang={viewer.language}
      task={task && task.progress > 0 ? { id: task.id, percent: task.progress } : null}
      {...(disk.error ? { note: viewer.say(disk.error.word, disk.error.args) } : {})}
    />
  );
}

function GuestOf({ disk, viewer }: { disk: DiskView; viewer: Viewer }) {
  return disk.guestUuid === null ? (
    <span class="dim">{wordsOf(viewer.language)("disks.page.free")}</span>
  ) : (
    <a href={`/guests/${disk.guestUuid}`}>{disk.guestName ?? disk.guestUuid}</a>
  );
}

function menuOf(disk: DiskView, viewer: Viewer): MenuItem[] {
  if (!mayAct(viewer)) return [];
  const t = wordsOf(viewer.language);
  const can = (action: DiskView["actions"][number]): boolean => disk.actions.includes(action);
  const items: MenuItem[] = [];
  if (can("attach"))
    items.push({
      label: `${t("disks.page.attach")}…`,
      icon: "plug",
      dialogUrl: `${hrefOf(disk.uuid)}/attach`,
    });
  if (can("detach"))
    items.push({ label: t("disks.page.detach"), icon: "unplug", post: `${hrefOf(disk.uuid)}/detach` });
  if (can("rename"))
    items.push({
      label: `${t("disks.page.rename")}…`,
      icon: "edit",
      dialogUrl: `${hrefOf(disk.uuid)}/rename`,
    });
  if (can("delete"))
    items.push({
      label: `${say(viewer.language, "action.delete")}…`,
      icon: "delete",
      dialogUrl: `${hrefOf(disk.uuid)}/delete`,
      danger: true,
      divided: items.length > 0,
    });
  return items;
}

export const sortableColumns = ["name", "state", "sizeGiB", "nodeName", "createdAt"] as const;

/** The table of disks, as the page and the live view draw it for one reader. */
export function diskTable(viewer: Viewer): TableSpec<DiskView> {
  const t = wordsOf(viewer.language);
  return {
    id: "disks",
    rowId: (disk) => rowId(disk.uuid),
    rowName: (disk) => disk.name,
    rowHref: (disk) => hrefOf(disk.uuid),
    columns: [
      {
        key: "name",
        label: (lang) => say(lang, "label.name"),
        sort: true,
        card: "title",
        cell: (disk) => (
          <>
            <a href={hrefOf(disk.uuid)}>{disk.name}</a>{" "}
            {disk.role === "system" ? <Tag>{t("disks.page.system")}</Tag> : null}
          </>
        ),
      },
      {
        key: "state",
        label: (lang) => say(lang, "label.state"),
        width: "l",
        sort: true,
        card: "state",
        cell: (disk) => <DiskState disk={disk} viewer={viewer} />,
      },
      {
        key: "sizeGiB",
        label: (_lang) => t("disks.page.size"),
        width: "s",
        sort: true,
        cell: (disk) => sizeText(viewer, disk.sizeGiB),
      },
      {
        key: "guest",
        label: () => t("disks.page.guest"),
        width: "l",
        cell: (disk) => <GuestOf disk={disk} viewer={viewer} />,
      },
      {
        key: "nodeName",
        label: (lang) => say(lang, "label.node"),
        width: "m",
        sort: true,
        cell: (disk) => disk.nodeName,
      },
      {
        key: "createdAt",
        label: (lang) => say(lang, "label.created"),
        width: "m",
        sort: true,
        wideOnly: true,
        card: "hide",
        cell: (disk, lang) => <Time lang={lang} at={disk.createdAt} />,
      },
    ],
    menu: (disk) => menuOf(disk, viewer),
  };
}

/** One disk's page; replaced whole by the live view. */
export function DiskPage({ disk, viewer }: { disk: DiskView; viewer: Viewer }) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return (
    <div id="disk-page" class="stack">
      <PageHead
        title={disk.name}
        mark={<StateMark kind="disk" state={disk.state} lang={lang} pill />}
        sub={t(disk.role === "system" ? "disks.page.systemHint" : "disks.page.data")}
        actions={menuOf(disk, viewer).map(({ label, danger, divided: _, ...rest }) => (
          <Button {...rest} kind={danger ? "danger" : "default"}>
            {label}
          </Button>
        ))}
      />
      {disk.error ? (
        <Notice tone="bad" title={t("disks.page.failed")}>
          {viewer.say(disk.error.word, disk.error.args)}
        </Notice>
      ) : null}
      <Columns>
        <Panel>
          <DefinitionList
            lang={lang}
            items={[
              { label: t("disks.page.size"), value: sizeText(viewer, disk.sizeGiB) },
              {
                label: t("disks.page.role"),
                value: t(disk.role === "system" ? "disks.page.system" : "disks.page.data"),
              },
              { label: t("disks.page.guest"), value: <GuestOf disk={disk} viewer={viewer} /> },
              ...(disk.target ? [{ label: t("disks.page.target"), value: disk.target, mono: true }] : []),
              { label: say(lang, "label.created"), value: <Time lang={lang} at={disk.createdAt} /> },
            ]}
          />
        </Panel>
        <Panel>
          <DefinitionList
            lang={lang}
            items={[
              {
                label: say(lang, "label.node"),
                value: <a href={`/nodes/${encodeURIComponent(disk.nodeName)}`}>{disk.nodeName}</a>,
              },
              { label: t("disks.page.format"), value: disk.format },
              { label: t("disks.page.file"), value: disk.path, mono: true, copy: disk.path },
              ...(disk.linkedTemplateId
                ? [{ label: t("disks.page.linked"), value: say(lang, "label.yes") }]
                : []),
            ]}
          />
        </Panel>
      </Columns>
    </div>
  );
}

/** What takes the page's place once the disk is gone. */
export function DiskGone({ viewer }: { viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  return (
    <div id="disk-page" class="stack">
      <Notice tone="info">{t("disks.page.gone")}</Notice>
      <Row>
        <Button href="/disks">{t("disks.page.back")}</Button>
      </Row>
    </div>
  );
}
