/** The list of guests, and of domains on the nodes that are not JimV's. */
import { check, type Viewer } from "jimv";
import {
  BatchBar,
  Button,
  EmptyState,
  FilterBar,
  html,
  type Look,
  lookOf,
  Mark,
  mebibytes,
  NewerRows,
  NothingMatches,
  PageHead,
  Pager,
  PagerRange,
  replace,
  Segments,
  StateMark,
  say,
  Table,
  type TableSpec,
  TwoLines,
} from "jimv/ui";
import { guestTable, mayAct, type PageNeeds, sortableColumns } from "./pages-parts.tsx";
import { GuestListQuery } from "./requests.ts";
import type { ForeignDomain } from "./schema.ts";
import { type GuestGroup, type GuestState, guestGroups } from "./states.ts";
import { wordsOf } from "./words-pages.ts";

const pageSize = 50;
const newestFirst = "-createdAt";

/** What the address asks for. */
export interface ListState {
  q: string;
  show: GuestGroup | "all" | "foreign";
  sort: string;
  page: number;
}

/** Reads the address. What makes no sense there counts as not said: an old bookmark still shows a list. */
export function listState(url: URL): ListState {
  const { searchParams } = url;
  const show = searchParams.get("show") ?? "all";
  const sort = searchParams.get("sort") ?? newestFirst;
  const page = Number(searchParams.get("page") ?? 1);
  return {
    q: (searchParams.get("q") ?? "").slice(0, 200),
    show: show === "foreign" || show in guestGroups ? (show as ListState["show"]) : "all",
    sort: (sortableColumns as readonly string[]).includes(sort.replace("-", "")) ? sort : newestFirst,
    page: Number.isInteger(page) && page >= 1 && page <= 1_000_000 ? page : 1,
  };
}

/** The address of the list with some of it changed. */
export function listHref(state: ListState, change: Partial<ListState> = {}): string {
  const next = { ...state, page: 1, ...change };
  const query = new URLSearchParams();
  if (next.q) query.set("q", next.q);
  if (next.show !== "all") query.set("show", next.show);
  if (next.sort !== newestFirst) query.set("sort", next.sort);
  if (next.page > 1) query.set("page", String(next.page));
  return query.size > 0 ? `/guests?${query}` : "/guests";
}

/** The page's live view: which segment is open, and whether new guests go on top or wait behind "Show". */
export const listView = (state: ListState): string => {
  const top = state.q === "" && state.show === "all" && state.sort === newestFirst && state.page === 1;
  return `guests:${top ? "top" : state.show}`;
};

/** What `listView` said, from the key of the live view. */
export const shownBy = (key: string | null): { show: ListState["show"]; top: boolean } => ({
  show: key !== null && (key === "foreign" || key in guestGroups) ? (key as ListState["show"]) : "all",
  top: key === "top",
});

export async function listPage(state: ListState, viewer: Viewer, needs: PageNeeds) {
  const t = wordsOf(viewer.language);
  const counts = await needs.service.counts();
  const foreign = await needs.service.foreign();
  const total = sumOf(counts);
  const body =
    state.show === "foreign"
      ? foreignTable(foreign, state, viewer)
      : await guestsTable(state, viewer, needs, total);
  return (
    <>
      <PageHead
        title={say(viewer.language, "nav.guests")}
        sub={
          <span id="guests-sub">{t("guests.page.sub", { running: counts.get("running") ?? 0, total })}</span>
        }
        actions={
          mayAct(viewer) ? (
            <Button kind="primary" icon="plus" href="/guests/new" extra={{ "data-create": "" }}>
              {t("guests.page.create")}
            </Button>
          ) : null
        }
      />
      <FilterBar
        lang={viewer.language}
        action="/guests"
        q={state.q}
        target="guests"
        placeholder={t("guests.page.filter")}
        keep={{
          show: state.show === "all" ? undefined : state.show,
          sort: state.sort === newestFirst ? undefined : state.sort,
        }}
        beside={<GuestSegments counts={counts} foreign={foreign.length} show={state.show} viewer={viewer} />}
      />
      {body}
    </>
  );
}

const sumOf = (counts: ReadonlyMap<GuestState, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0);

const groupLabels = {
  running: (lang: Viewer["language"]) => say(lang, "state.guest.running"),
  working: (lang: Viewer["language"]) => wordsOf(lang)("guests.page.working"),
  paused: (lang: Viewer["language"]) => say(lang, "state.guest.paused"),
  off: (lang: Viewer["language"]) => say(lang, "state.guest.off"),
  trouble: (lang: Viewer["language"]) => wordsOf(lang)("guests.page.trouble"),
} as const satisfies Record<GuestGroup, (lang: Viewer["language"]) => string>;

/** Shown even when they are empty, so that nothing jumps when they fill. */
const always: readonly string[] = ["running", "working", "off", "trouble"];

/** The segments with their counts; replaced whole by the live view. */
function GuestSegments(p: {
  counts: ReadonlyMap<GuestState, number>;
  foreign: number;
  show: ListState["show"];
  viewer: Viewer;
}) {
  const lang = p.viewer.language;
  const hrefTo = (show: ListState["show"]): string => (show === "all" ? "/guests" : `/guests?show=${show}`);
  const groups = (Object.keys(guestGroups) as GuestGroup[]).map((group) => ({
    key: group as ListState["show"],
    label: groupLabels[group](lang),
    count: guestGroups[group].reduce((sum, state) => sum + (p.counts.get(state) ?? 0), 0),
  }));
  const items = [
    { key: "all" as const, label: say(lang, "label.all"), count: sumOf(p.counts) },
    ...groups.filter(({ key, count }) => always.includes(key) || count > 0 || key === p.show),
    ...(p.foreign > 0 || p.show === "foreign"
      ? [{ key: "foreign" as const, label: wordsOf(lang)("guests.page.foreign"), count: p.foreign }]
      : []),
  ];
  return (
    <div id="guests-segments" data-show={p.show}>
      <Segments
        items={items.map((item) => ({ ...item, href: hrefTo(item.key) }))}
        current={p.show}
        label={say(lang, "filter.segments")}
      />
    </div>
  );
}

/** Payloads that bring the counts of an open list up to date. */
export async function countPayloads(
  { show, top }: ReturnType<typeof shownBy>,
  viewer: Viewer,
  needs: PageNeeds,
): Promise<string[]> {
  const lang = viewer.language;
  const counts = await needs.service.counts();
  const foreign = (await needs.service.foreign()).length;
  const total = sumOf(counts);
  const text = wordsOf(lang)("guests.page.sub", { running: counts.get("running") ?? 0, total });
  const range = <PagerRange lang={lang} page={1} pageSize={pageSize} total={total} rangeId="guests-range" />;
  return [
    replace("guests-sub", await html(<span id="guests-sub">{text}</span>)),
    replace(
      "guests-segments",
      await html(<GuestSegments counts={counts} foreign={foreign} show={show} viewer={viewer} />),
    ),
    ...(top ? [replace("guests-range", await html(range))] : []),
  ];
}

async function guestsTable(state: ListState, viewer: Viewer, needs: PageNeeds, total: number) {
  const lang = viewer.language;
  const group = state.show === "all" || state.show === "foreign" ? undefined : state.show;
  const query = check(GuestListQuery, {
    page: state.page,
    pageSize,
    sort: state.sort,
    ...(state.q && { q: state.q }),
    ...(group && { group }),
  });
  const found = query.ok ? await needs.service.list(query.value) : { items: [], page: 1, pageSize, total: 0 };
  const searching = state.q !== "" || group !== undefined;
  return (
    <Table
      lang={lang}
      spec={guestTable(viewer)}
      rows={found.items}
      label={say(lang, "nav.guests")}
      sorting={{
        key: state.sort.replace("-", ""),
        descending: state.sort.startsWith("-"),
        href: (key, descending) => listHref(state, { sort: `${descending ? "-" : ""}${key}` }),
      }}
      empty={
        searching && total > 0 ? (
          <NothingMatches lang={lang} clearHref="/guests" />
        ) : (
          await emptyList(viewer, needs)
        )
      }
      pager={
        <Pager
          lang={lang}
          page={state.page}
          pageSize={pageSize}
          total={found.total}
          rangeId="guests-range"
          href={(page) => listHref(state, { page })}
        >
          <span id="newer" />
        </Pager>
      }
      {...(mayAct(viewer) ? { batch: <Batch viewer={viewer} /> } : {})}
    />
  );
}

async function emptyList(viewer: Viewer, needs: PageNeeds) {
  const t = wordsOf(viewer.language);
  const { total } = await needs.templates.list({ state: "ready", limit: 1 });
  const [label, href] =
    total > 0
      ? ([t("guests.page.create"), "/guests/new"] as const)
      : ([t("guests.page.registerTemplate"), "/templates"] as const);
  return (
    <EmptyState
      icon="guest"
      title={t("guests.page.emptyTitle")}
      text={total > 0 ? t("guests.page.emptyText") : t("guests.page.noTemplates")}
      action={mayAct(viewer) ? <Button href={href}>{label}</Button> : null}
    />
  );
}

function Batch({ viewer }: { viewer: Viewer }) {
  const lang = viewer.language;
  return (
    <BatchBar
      lang={lang}
      actions={[
        { action: "start", label: say(lang, "action.start"), icon: "start", post: "/guests/batch/start" },
        {
          action: "shutdown",
          label: say(lang, "action.shutdown"),
          icon: "power",
          post: "/guests/batch/shutdown",
        },
        { action: "reboot", label: say(lang, "action.reboot"), icon: "reboot", post: "/guests/batch/reboot" },
        {
          action: "force-stop",
          label: say(lang, "action.forceStop"),
          icon: "force",
          dialogUrl: "/guests/batch/force-stop",
          divided: true,
        },
        {
          action: "delete",
          label: say(lang, "action.delete"),
          icon: "delete",
          dialogUrl: "/guests/batch/delete",
          danger: true,
          divided: true,
        },
      ]}
    />
  );
}

/** "There are newer guests · Show", in the place that waits for it. */
export async function newerPayload(viewer: Viewer): Promise<string> {
  const { language } = viewer;
  const text = wordsOf(language)("guests.page.newer");
  return replace("newer", await html(<NewerRows lang={language} n={1} href="/guests" text={text} />));
}

/** What libvirt says of a foreign domain, in the looks of guests. */
function domainMark(state: ForeignDomain["state"]): Look["mark"] {
  return lookOf({ kind: "guest", state }).mark;
}

function foreignTable(domains: readonly ForeignDomain[], { q }: ListState, viewer: Viewer) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const wanted = domains.filter((domain) => domain.name.toLowerCase().includes(q.toLowerCase()));
  const spec: TableSpec<ForeignDomain> = {
    id: "guests",
    rowId: (domain) => `foreign-${domain.uuid}`,
    rowName: (domain) => domain.name,
    columns: [
      {
        key: "name",
        label: () => say(lang, "label.name"),
        card: "title",
        cell: (domain) => (
          <TwoLines
            title={domain.name}
            sub={
              domain.kind === "orphan"
                ? t("guests.page.orphanHint", { name: domain.uuid })
                : t("guests.page.foreignHint")
            }
          />
        ),
      },
      {
        key: "kind",
        label: () => say(lang, "label.state"),
        width: "l",
        card: "state",
        cell: (domain) =>
          domain.kind === "orphan" ? (
            <StateMark kind="guest" state="unknown" lang={lang} word={t("guests.page.orphan")} />
          ) : (
            <StateMark kind="guest" state="foreign" lang={lang} />
          ),
      },
      {
        key: "state",
        label: () => "libvirt",
        width: "m",
        cell: (domain) => (
          <span class="state quiet">
            <Mark name={domainMark(domain.state)} /> {say(lang, `state.guest.${domain.state}`)}
          </span>
        ),
      },
      { key: "node", label: () => say(lang, "label.node"), width: "m", cell: (domain) => domain.nodeName },
      {
        key: "size",
        label: () => say(lang, "label.size"),
        width: "m",
        cell: (domain) =>
          t("guests.page.size", { vcpus: domain.vcpus, memory: mebibytes(lang, domain.memoryMiB) }),
      },
    ],
  };
  return (
    <Table
      lang={lang}
      spec={spec}
      rows={wanted}
      label={t("guests.page.foreign")}
      empty={
        q ? (
          <NothingMatches lang={lang} clearHref="/guests?show=foreign" />
        ) : (
          <EmptyState icon="lock" title={t("guests.page.noForeign")} />
        )
      }
    />
  );
}
