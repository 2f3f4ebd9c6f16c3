/** The list of guests. */
import { check, type Viewer } from "jimv";
import {
  BatchBar,
  Button,
  EmptyState,
  html,
  List,
  listPageSize,
  NewerRows,
  PageHead,
  PagerRange,
  replace,
  Segments,
  say,
} from "jimv/ui";
import { guestDialogs, pathOf } from "./contract.ts";
import { foreignList } from "./pages-foreign.tsx";
import { type Asked, groups, guestList, newestFirst, type Show } from "./pages-list-address.ts";
import { guestTable, mayAct, type PageNeeds } from "./pages-parts.tsx";
import { GuestListQuery } from "./requests.ts";
import { type GuestGroup, type GuestState, guestGroups } from "./states.ts";
import { wordsOf } from "./words-pages.ts";

/** The live view of the list. */
export const listLive = "guests";

export async function listPage(state: Asked, viewer: Viewer, needs: PageNeeds) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const [counts, foreign, found] = await Promise.all([
    needs.service.counts(),
    needs.service.foreign(),
    state.show === "foreign" ? { items: [], total: 0 } : foundBy(state, needs),
  ]);
  const total = sumOf(counts);
  const segments = (
    <GuestSegments counts={counts} foreign={foreign.length} show={state.show} viewer={viewer} />
  );
  return (
    <>
      <PageHead
        title={say(lang, "nav.guests")}
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
      {state.show === "foreign" ? (
        foreignList(foreign, state, viewer, segments)
      ) : (
        <List
          lang={lang}
          address={guestList}
          state={state}
          spec={guestTable(viewer)}
          found={found}
          label={say(lang, "nav.guests")}
          placeholder={t("guests.page.filter")}
          beside={segments}
          empty={total === 0 ? await emptyList(viewer, needs) : null}
          hidesSome={total > 0}
          live={listLive}
          rangeId="guests-range"
          aside={<span id="newer" />}
          {...(mayAct(viewer) ? { batch: <Batch viewer={viewer} needs={needs} total={found.total} /> } : {})}
        />
      )}
    </>
  );
}

/** What the address asks the service for; null for what no guest can be. */
export function queryOf({ q, show, sort, page }: Asked): GuestListQuery | null {
  const query = check(GuestListQuery, {
    page,
    pageSize: listPageSize,
    sort,
    ...(q && { q }),
    ...(show in guestGroups && { group: show }),
  });
  return query.ok ? query.value : null;
}

/** The guests that the address asks for. */
async function foundBy(state: Asked, needs: PageNeeds) {
  const query = queryOf(state);
  return query ? needs.service.list(query) : { items: [], total: 0 };
}

/** Whether a guest belongs into the list that the address asks for. */
export async function isListed(uuid: string, state: Asked, needs: PageNeeds): Promise<boolean> {
  const query = state.show === "foreign" ? null : queryOf(state);
  return query !== null && needs.service.isListed(uuid, query);
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
  show: Show;
  viewer: Viewer;
}) {
  const lang = p.viewer.language;
  const hrefTo = (show: Show): string => (show === "all" ? "/guests" : `/guests?show=${show}`);
  const grouped = groups.map((group) => ({
    key: group as Show,
    label: groupLabels[group](lang),
    count: guestGroups[group].reduce((sum, state) => sum + (p.counts.get(state) ?? 0), 0),
  }));
  const items = [
    { key: "all" as const, label: say(lang, "label.all"), count: sumOf(p.counts) },
    ...grouped.filter(({ key, count }) => always.includes(key) || count > 0 || key === p.show),
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
export async function countPayloads(state: Asked, viewer: Viewer, needs: PageNeeds): Promise<string[]> {
  const lang = viewer.language;
  const [counts, { length: foreign }] = await Promise.all([needs.service.counts(), needs.service.foreign()]);
  const total = sumOf(counts);
  const text = wordsOf(lang)("guests.page.sub", { running: counts.get("running") ?? 0, total });
  const range = (
    <PagerRange lang={lang} page={1} pageSize={listPageSize} total={total} rangeId="guests-range" />
  );
  return [
    replace("guests-sub", await html(<span id="guests-sub">{text}</span>)),
    replace(
      "guests-segments",
      await html(<GuestSegments counts={counts} foreign={foreign} show={state.show} viewer={viewer} />),
    ),
    ...(guestList.isPlain(state) ? [replace("guests-range", await html(range))] : []),
  ];
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

function Batch({ viewer, needs, total }: { viewer: Viewer; needs: PageNeeds; total: number }) {
  const lang = viewer.language;
  return (
    <BatchBar
      lang={lang}
      total={total}
      actions={[
        {
          action: "start",
          label: say(lang, "action.start"),
          icon: "start",
          post: "/guests/batch/start",
          whole: true,
        },
        {
          action: "shutdown",
          label: say(lang, "action.shutdown"),
          icon: "power",
          post: "/guests/batch/shutdown",
          whole: true,
        },
        {
          action: "reboot",
          label: say(lang, "action.reboot"),
          icon: "reboot",
          post: "/guests/batch/reboot",
          whole: true,
        },
        ...needs.context.slots.all(guestDialogs).map((dialog) => ({
          action: dialog.action,
          label: `${dialog.label(viewer)}…`,
          icon: dialog.icon,
          dialogUrl: `/guests/batch/${pathOf(dialog)}`,
        })),
        {
          action: "force-stop",
          label: say(lang, "action.forceStop"),
          icon: "force",
          dialogUrl: "/guests/batch/force-stop",
          whole: true,
          divided: true,
        },
        {
          action: "delete",
          label: say(lang, "action.delete"),
          icon: "delete",
          dialogUrl: "/guests/batch/delete",
          whole: true,
          danger: true,
          divided: true,
        },
      ]}
    />
  );
}

/** "There are newer guests · Show", in the place that waits for it. */
export async function newerPayload(state: Asked, viewer: Viewer): Promise<string> {
  const { language } = viewer;
  const text = wordsOf(language)("guests.page.newer");
  return replace(
    "newer",
    await html(
      <NewerRows lang={language} n={1} href={guestList.href(state, { sort: newestFirst })} text={text} />,
    ),
  );
}
