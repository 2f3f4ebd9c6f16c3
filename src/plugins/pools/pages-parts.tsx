/** What the storage pools' pages share: the table, and one pool's page. */
import type { Viewer } from "jimv";
import {
  Button,
  bytes,
  DefinitionList,
  type MenuItem,
  Meter,
  Notice,
  PageHead,
  Panel,
  StateCell,
  StateMark,
  say,
  Table,
  type TableSpec,
  Time,
  TwoLines,
} from "jimv/ui";
import { localPoolId, type PoolKind } from "./schema.ts";
import { type PoolView, type PresenceView, usedOf } from "./view.ts";
import { wordsOf } from "./words-pages.ts";

export const hrefOf = (id: string): string => `/pools/${id}`;
export const rowId = (id: string): string => `pool-${id}`;
export const mayChange = (viewer: Viewer): boolean => viewer.role === "administrator";

const kindWords = {
  local: "pools.kind.local",
  shared: "pools.kind.shared",
  gluster: "pools.kind.gluster",
  ceph: "pools.kind.ceph",
} as const satisfies Record<PoolKind, string>;
export const kindText = (viewer: Viewer, kind: PoolKind): string => wordsOf(viewer.language)(kindWords[kind]);

const stateOfPool = (pool: PoolView) => pool.trouble ?? "healthy";
const stateOfPresence = (presence: PresenceView, warnPercent: number) => {
  if (presence.state !== "ready") return presence.state;
  if (!presence.healthy) return "unhealthy";
  return usedOf(presence) >= warnPercent ? "nearlyFull" : "healthy";
};

/** A pool this full is worth more than a warning. */
const badPercent = 97;

function Fullness(p: {
  capacityBytes: number | null;
  availableBytes: number | null;
  percent: number | null;
  warnPercent: number;
  viewer: Viewer;
}) {
  const lang = p.viewer.language;
  const t = wordsOf(lang);
  if (p.percent === null || !p.capacityBytes) return <span class="dim">{t("pools.page.noFigures")}</span>;
  const tone = p.percent >= badPercent ? "bad" : p.percent >= p.warnPercent ? "warn" : undefined;
  return (
    <>
      <Meter percent={p.percent} label={t("pools.page.full")} figure {...(tone ? { tone } : {})} />
      <small class="hint">
        {t("pools.page.free", {
          free: bytes(lang, p.availableBytes ?? 0),
          capacity: bytes(lang, p.capacityBytes),
        })}
      </small>
    </>
  );
}

function menuOf(pool: PoolView, viewer: Viewer): MenuItem[] {
  if (!mayChange(viewer)) return [];
  const t = wordsOf(viewer.language);
  const here = hrefOf(pool.id);
  const items: MenuItem[] = [
    { label: `${say(viewer.language, "action.edit")}…`, icon: "edit", dialogUrl: `${here}/edit` },
  ];
  if (pool.id !== localPoolId)
    items.push(
      { label: `${t("pools.page.addNode")}…`, icon: "plus", dialogUrl: `${here}/add` },
      {
        label: `${say(viewer.language, "action.delete")}…`,
        icon: "delete",
        dialogUrl: `${here}/delete`,
        danger: true,
        divided: true,
      },
    );
  return items;
}

export const sortableColumns = ["name", "kind", "usedPercent"] as const;

/** The table of pools, as the page and the live view draw it for one reader. */
export function poolTable(viewer: Viewer): TableSpec<PoolView> {
  const t = wordsOf(viewer.language);
  return {
    id: "pools",
    rowId: (pool) => rowId(pool.id),
    rowName: (pool) => pool.name,
    rowHref: (pool) => hrefOf(pool.id),
    columns: [
      {
        key: "name",
        label: (lang) => say(lang, "label.name"),
        width: "fill",
        sort: true,
        card: "title",
        cell: (pool) => (
          <TwoLines
            title={pool.name}
            href={hrefOf(pool.id)}
            sub={pool.path ?? pool.ceph?.cephPool ?? t("pools.page.localHint")}
          />
        ),
      },
      {
        key: "state",
        label: (lang) => say(lang, "label.state"),
        width: "m",
        card: "state",
        cell: (pool) => <StateCell kind="pool" state={stateOfPool(pool)} lang={viewer.language} />,
      },
      {
        key: "kind",
        label: () => t("pools.page.kind"),
        width: "s",
        sort: true,
        cell: (pool) => kindText(viewer, pool.kind),
      },
      {
        key: "usedPercent",
        label: () => t("pools.page.full"),
        width: "l",
        sort: true,
        cell: (pool) => <Fullness {...pool} percent={pool.usedPercent} viewer={viewer} />,
      },
      {
        key: "nodes",
        label: () => t("pools.page.nodes"),
        width: "m",
        cell: (pool) =>
          t("pools.page.onNodes", {
            healthy: pool.presences.filter((each) => each.healthy).length,
            count: pool.presences.length,
          }),
      },
    ],
    menu: (pool) => menuOf(pool, viewer),
  };
}

function presenceTable(pool: PoolView, viewer: Viewer): TableSpec<PresenceView> {
  const t = wordsOf(viewer.language);
  const nodeHref = (name: string): string => `/nodes/${encodeURIComponent(name)}`;
  return {
    id: "presences",
    rowId: (each) => `presence-${each.nodeName.replaceAll(/[^A-Za-z0-9-]/g, "_")}`,
    rowName: (each) => each.nodeName,
    columns: [
      {
        key: "node",
        label: (lang) => say(lang, "label.node"),
        width: "fill",
        card: "title",
        cell: (each) => (
          <TwoLines
            title={each.nodeName}
            href={nodeHref(each.nodeName)}
            sub={each.path || each.libvirtName}
          />
        ),
      },
      {
        key: "state",
        label: (lang) => say(lang, "label.state"),
        width: "fill",
        card: "state",
        cell: (each) => (
          <StateCell
            kind="pool"
            state={stateOfPresence(each, pool.warnPercent)}
            lang={viewer.language}
            {...(each.problem ? { note: viewer.say(each.problem.word, each.problem.args) } : {})}
          />
        ),
      },
      {
        key: "full",
        label: () => t("pools.page.full"),
        width: "l",
        cell: (each) => (
          <Fullness
            {...each}
            percent={each.capacityBytes === 0 ? null : usedOf(each)}
            warnPercent={pool.warnPercent}
            viewer={viewer}
          />
        ),
      },
    ],
    menu: (each) =>
      mayChange(viewer) && pool.id !== localPoolId && (each.state === "ready" || each.state === "failed")
        ? [
            {
              label: `${t("pools.page.removeNode")}…`,
              icon: "delete",
              dialogUrl: `${hrefOf(pool.id)}/nodes/${encodeURIComponent(each.nodeName)}/delete`,
              danger: true,
            },
          ]
        : [],
  };
}

/** One pool's page; replaced whole by the live view. */
export function PoolPage({ pool, viewer }: { pool: PoolView; viewer: Viewer }) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const { ceph } = pool;
  return (
    <div id="pool-page" class="stack">
      <PageHead
        title={pool.name}
        mark={<StateMark kind="pool" state={stateOfPool(pool)} lang={lang} pill />}
        sub={kindText(viewer, pool.kind)}
        actions={menuOf(pool, viewer).map(({ label, danger, divided: _, ...rest }) => (
          <Button {...rest} kind={danger ? "danger" : "default"}>
            {label}
          </Button>
        ))}
      />
      <Panel>
        <DefinitionList
          lang={lang}
          items={[
            { label: t("pools.page.kind"), value: kindText(viewer, pool.kind) },
            ...(pool.path
              ? [{ label: t("pools.page.path"), value: pool.path, mono: true, copy: pool.path }]
              : []),
            ...(ceph
              ? [
                  { label: t("pools.page.monitors"), value: ceph.monitors.join(", "), mono: true },
                  { label: t("pools.page.cephPool"), value: ceph.cephPool, mono: true },
                  { label: t("pools.page.cephUser"), value: ceph.user, mono: true },
                ]
              : []),
            {
              label: t("pools.page.full"),
              value: <Fullness {...pool} percent={pool.usedPercent} viewer={viewer} />,
            },
            { label: t("pools.page.warnPercent"), value: `${pool.warnPercent} %` },
            ...(pool.kind === "shared"
              ? [
                  {
                    label: t("pools.page.trusted"),
                    value: say(lang, pool.trustedSharedMount ? "label.yes" : "label.no"),
                  },
                ]
              : []),
            ...(pool.createdAt > 0
              ? [{ label: say(lang, "label.created"), value: <Time lang={lang} at={pool.createdAt} /> }]
              : []),
          ]}
        />
      </Panel>
      <Panel title={t("pools.page.here")} flush>
        <Table
          lang={lang}
          spec={presenceTable(pool, viewer)}
          rows={pool.presences}
          label={t("pools.page.here")}
          empty={
            <Notice tone="info">
              {t(pool.id === localPoolId ? "pools.page.emptyText" : "pools.page.nowhere")}
            </Notice>
          }
        />
      </Panel>
    </div>
  );
}
