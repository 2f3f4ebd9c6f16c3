/** What the address pools' pages share: the tables, and one pool's page. */
import type { Viewer } from "jimv";
import {
  Button,
  DefinitionList,
  EmptyState,
  listPageSize,
  type MenuItem,
  Meter,
  Notice,
  PageHead,
  Pager,
  Panel,
  say,
  Table,
  type TableSpec,
  Tag,
  Time,
  TwoLines,
} from "jimv/ui";
import type { AddressView, IpPoolView } from "./contract.ts";
import { RangePicture, type Square } from "./picture.tsx";
import type { Tie } from "./schema.ts";
import { wordsOf } from "./words-pages.ts";

export const hrefOf = (id: string): string => `/ip-pools/${id}`;
export const rowId = (id: string): string => `ip-pool-${id}`;
export const mayChange = (viewer: Viewer): boolean => viewer.role === "administrator";

const warnPercent = 90;
/** How much of a pool can't be given out now, in percent. */
const takenOf = (pool: IpPoolView): number => Math.round((100 * (pool.size - pool.free)) / pool.size);

function Taken({ pool, viewer }: { pool: IpPoolView; viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  const percent = takenOf(pool);
  const tone = pool.free === 0 ? "bad" : percent >= warnPercent ? "warn" : undefined;
  return (
    <>
      <Meter percent={percent} label={t("addresses.page.taken")} figure {...(tone ? { tone } : {})} />
      <small class="hint">{t("addresses.page.freeOf", { free: pool.free, size: pool.size })}</small>
    </>
  );
}

function menuOf(pool: IpPoolView, viewer: Viewer): MenuItem[] {
  if (!mayChange(viewer)) return [];
  const t = wordsOf(viewer.language);
  const here = hrefOf(pool.id);
  return [
    { label: `${say(viewer.language, "action.edit")}…`, icon: "edit", dialogUrl: `${here}/edit` },
    { label: `${t("addresses.page.reserve")}…`, icon: "lock", dialogUrl: `${here}/reserve` },
    {
      label: `${say(viewer.language, "action.delete")}…`,
      icon: "delete",
      dialogUrl: `${here}/delete`,
      danger: true,
      divided: true,
    },
  ];
}

export const sortableColumns = ["name", "first", "used"] as const;

/** The table of pools, as the page and the live view draw it for one reader. */
export function poolTable(viewer: Viewer): TableSpec<IpPoolView> {
  const t = wordsOf(viewer.language);
  return {
    id: "ip-pools",
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
            sub={pool.bridge ?? t("addresses.page.ownNetwork")}
          />
        ),
      },
      {
        key: "default",
        label: () => t("addresses.page.default"),
        hideLabel: true,
        width: "s",
        card: "state",
        cell: (pool) => (pool.isDefault ? <Tag tone="accent">{t("addresses.page.default")}</Tag> : null),
      },
      {
        key: "first",
        label: () => t("addresses.page.range"),
        width: "xl",
        sort: true,
        cell: (pool) => <TwoLines title={`${pool.first} –`} sub={`${pool.last} /${pool.prefix}`} />,
      },
      {
        key: "used",
        label: () => t("addresses.page.taken"),
        width: "l",
        sort: true,
        cell: (pool) => <Taken pool={pool} viewer={viewer} />,
      },
    ],
    menu: (pool) => menuOf(pool, viewer),
  };
}

const tones = { used: "accent", reserved: "warn", resting: undefined, free: "ok" } as const;

/** A held address and the name of the guest that has it. */
export interface HeldRow extends AddressView {
  guestName: string | null;
  /** Its guest runs, and does not use it. */
  isUnused: boolean;
}

function heldTable(viewer: Viewer): TableSpec<HeldRow> {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return {
    id: "held-addresses",
    compact: true,
    rowId: (row) => `address-${row.address.replaceAll(/[.:]/g, "-")}`,
    rowName: (row) => row.address,
    columns: [
      {
        key: "address",
        label: () => t("addresses.page.address"),
        width: "l",
        card: "title",
        cell: (row) => <span class="mono">{row.address}</span>,
      },
      {
        key: "state",
        label: () => say(lang, "label.state"),
        width: "m",
        card: "state",
        cell: ({ state, isUnused }) => {
          const tone = tones[state];
          return (
            <>
              <Tag {...(tone ? { tone } : {})}>{t(`addresses.page.state.${state}`)}</Tag>
              {isUnused ? (
                <span title={t("addresses.page.unusedHint")}>
                  {" "}
                  <Tag tone="warn">{t("addresses.page.unused")}</Tag>
                </span>
              ) : null}
            </>
          );
        },
      },
      {
        key: "holder",
        label: () => t("addresses.page.holder"),
        width: "fill",
        cell: (row) =>
          row.guestUuid ? (
            <TwoLines
              title={row.guestName ?? row.guestUuid}
              href={`/guests/${row.guestUuid}`}
              {...(row.mac ? { sub: row.mac } : {})}
            />
          ) : row.restsUntil !== null ? (
            <>
              {t("addresses.page.until")} <Time lang={lang} at={row.restsUntil} />
            </>
          ) : (
            (row.remark ?? <span class="dim">{t("addresses.page.unnamed")}</span>)
          ),
      },
      {
        key: "since",
        label: () => t("addresses.page.since"),
        width: "m",
        cell: (row) => <Time lang={lang} at={row.since} />,
      },
    ],
    menu: (row) =>
      mayChange(viewer) && row.state !== "used"
        ? [
            {
              label: `${t("addresses.page.free")}…`,
              icon: "undo",
              dialogUrl: `${hrefOf(row.poolId)}/addresses/${encodeURIComponent(row.address)}/free`,
            },
          ]
        : [],
  };
}

/** Everything that one pool's page shows. */
export interface PoolScene {
  pool: IpPoolView;
  squares: readonly Square[];
  /** Those on this page of the list, and how many there are on all. */
  held: readonly HeldRow[];
  total: number;
  page: number;
  /** Guests whose protection is not what the pool says yet. */
  waiting: readonly Tie[];
}

function TiesNotice({ waiting, viewer }: Pick<PoolScene, "waiting"> & { viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  const failed = waiting.filter(({ failedWord }) => failedWord !== null);
  const [first] = failed;
  if (!first?.failedWord)
    return (
      <Notice tone="info" title={t("addresses.page.tiesWaiting", { count: waiting.length })}>
        {t("addresses.page.tiesWaitingText")}
      </Notice>
    );
  const reason = viewer.say(first.failedWord, first.failedArgs ?? {});
  return (
    <Notice tone="warn" title={t("addresses.page.tiesFailed", { count: failed.length, reason })}>
      {t("addresses.page.tiesFailedText")}
    </Notice>
  );
}

/** One pool's page; replaced whole by the live view. */
export function PoolPage({
  scene: { pool, squares, held, total, page, waiting },
  viewer,
}: {
  scene: PoolScene;
  viewer: Viewer;
}) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return (
    <div id="ip-pool-page" class="stack">
      <PageHead
        title={pool.name}
        mark={pool.isDefault ? <Tag tone="accent">{t("addresses.page.default")}</Tag> : null}
        sub={`${pool.first} – ${pool.last}`}
        actions={menuOf(pool, viewer).map(({ label, danger, divided: _, ...rest }) => (
          <Button {...rest} kind={danger ? "danger" : "default"}>
            {label}
          </Button>
        ))}
      />
      {waiting.length > 0 ? <TiesNotice waiting={waiting} viewer={viewer} /> : null}
      <Panel title={t("addresses.page.picture")}>
        <RangePicture pool={pool} squares={squares} viewer={viewer} />
      </Panel>
      <Panel>
        <DefinitionList
          lang={lang}
          items={[
            { label: t("addresses.page.family"), value: t(`addresses.page.family.${pool.family}`) },
            { label: t("addresses.page.range"), value: `${pool.first} – ${pool.last}`, mono: true },
            { label: t("addresses.page.prefix"), value: `/${pool.prefix}`, mono: true },
            ...(pool.family === "ipv4"
              ? [{ label: t("addresses.page.netmask"), value: pool.netmask, mono: true }]
              : []),
            { label: t("addresses.page.gateway"), value: pool.gateway ?? "–", mono: true },
            { label: t("addresses.page.dns"), value: pool.dns.join(", ") || "–", mono: true },
            { label: t("addresses.page.bridge"), value: pool.bridge ?? t("addresses.page.ownNetwork") },
            {
              label: t("addresses.page.protect"),
              value: t(pool.protect ? "addresses.page.protectOn" : "addresses.page.protectOff"),
            },
            { label: say(lang, "label.created"), value: <Time lang={lang} at={pool.createdAt} /> },
          ]}
        />
      </Panel>
      <Panel title={t("addresses.page.held")} count={total} flush>
        <Table
          lang={lang}
          spec={heldTable(viewer)}
          rows={held}
          label={t("addresses.page.held")}
          pager={
            <Pager
              lang={lang}
              page={page}
              pageSize={listPageSize}
              total={total}
              href={(at) => (at > 1 ? `${hrefOf(pool.id)}?page=${at}` : hrefOf(pool.id))}
            />
          }
          empty={<EmptyState icon="network" title={t("addresses.page.allFree")} />}
        />
      </Panel>
    </div>
  );
}
