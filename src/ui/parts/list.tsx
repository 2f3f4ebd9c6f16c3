/**
 * A list page's middle: filter bar, segments, table and pager, all around one address. A plugin says once what
 * its list can be asked for (`listAddress`); reading the address, links that change a part of it, and what is
 * kept while one types in the filter follow from that.
 */

import { NothingMatches } from "./empty.tsx";
import { FilterBar } from "./filter.tsx";
import type { Child, Language } from "./kit.ts";
import { Pager, Table, type TableSpec } from "./table.tsx";

/** Rows on a page of a list. */
export const listPageSize = 50;
const longestQuery = 200;
const lastPage = 1_000_000;

/** What an address asks a list for. `sort` is a column's key, with `-` for descending. */
export interface ListState<Show extends string = string, Sort extends string = string> {
  q: string;
  show: Show;
  sort: Sort | `-${Sort}`;
  page: number;
}

export interface ListAddress<Show extends string, Sort extends string> {
  path: string;
  /** What makes no sense in the address counts as not said: an old bookmark still shows a list. */
  read(url: URL): ListState<Show, Sort>;
  /** The address with some of it changed; from its first page, unless a page is asked for. */
  href(state: ListState<Show, Sort>, change?: Partial<ListState<Show, Sort>>): string;
  /** Nothing was asked for: the whole list from its top, in its own order. */
  isPlain(state: ListState<Show, Sort>): boolean;
  /**
   * The live view `name` of exactly this list, for the page's `views` and for `List`: what is asked for is its key.
   * When the list is narrowed in the page, the stream follows, so that only rows that belong there come.
   */
  view(name: string, state: ListState<Show, Sort>): string;
  /** What the key of such a live view asks for. */
  ofView(key: string | null): ListState<Show, Sort>;
  /** The fields that stay while somebody types in the filter. */
  keep(state: ListState<Show, Sort>): { show: string | undefined; sort: string | undefined };
}

/** Describes a list's address: its segments and the columns it can be sorted by, each with what holds unasked. */
export function listAddress<const Show extends string, const Sort extends string = never>(list: {
  path: string;
  /** The first one is shown unasked. */
  shows: readonly [Show, ...Show[]];
  sorts?: readonly Sort[];
  /** The order unasked; lists that can't be sorted have none. */
  sort?: NoInfer<Sort | `-${Sort}`>;
}): ListAddress<Show, Sort> {
  type State = ListState<Show, Sort>;
  const [firstShow] = list.shows;
  const firstSort = (list.sort ?? "") as State["sort"];
  const orders = (list.sorts ?? []).flatMap((key): State["sort"][] => [key, `-${key}`]);
  const keep = ({ show, sort }: State) => ({
    show: show === firstShow ? undefined : show,
    sort: sort === firstSort ? undefined : sort,
  });
  const queryOf = (state: State): URLSearchParams => {
    const query = new URLSearchParams();
    if (state.q) query.set("q", state.q);
    for (const [name, value] of Object.entries(keep(state))) if (value) query.set(name, value);
    if (state.page > 1) query.set("page", String(state.page));
    return query;
  };
  const address: ListAddress<Show, Sort> = {
    path: list.path,
    keep,
    view: (name, state) => `${name}:${queryOf(state)}`,
    ofView: (key) => address.read(new URL(`?${key ?? ""}`, "http://localhost")),
    read({ searchParams }) {
      const page = Number(searchParams.get("page") ?? 1);
      return {
        q: (searchParams.get("q") ?? "").slice(0, longestQuery),
        show: list.shows.find((one) => one === searchParams.get("show")) ?? firstShow,
        sort: orders.find((one) => one === searchParams.get("sort")) ?? firstSort,
        page: Number.isInteger(page) && page >= 1 && page <= lastPage ? page : 1,
      };
    },
    href(state, change = {}) {
      const query = queryOf({ ...state, page: 1, ...change });
      return query.size > 0 ? `${list.path}?${query}` : list.path;
    },
    isPlain: ({ q, show, sort, page }) => q === "" && show === firstShow && sort === firstSort && page === 1,
  };
  return address;
}

export interface ListProps<Row, Show extends string, Sort extends string> {
  lang: Language;
  address: ListAddress<Show, Sort>;
  state: ListState<Show, Sort>;
  spec: TableSpec<Row>;
  /** The rows of this page, and how many there are on all. Lists that show all rows at once give no total. */
  found: { items: readonly Row[]; total?: number };
  /** Names the table for screen readers. */
  label: string;
  placeholder: string;
  segments?: readonly { key: Show; label: string; count?: number }[];
  /** Names the segments for screen readers, where they are no states. */
  segmentsLabel?: string;
  /** Segments of the page's own, which a live view replaces. */
  beside?: Child;
  /** What stands there while there is nothing at all, whatever one filters by. */
  empty: Child;
  /** There are rows that the filter hides; by default, whenever something was asked for. */
  hidesSome?: boolean;
  batch?: Child;
  /** The name of the live view that keeps this list fresh; see `ListAddress.view`. */
  live?: string;
  /** Where a live view replaces the pager's range by a `PagerRange` of the same id. */
  rangeId?: string;
  /** At the pager's right end. */
  aside?: Child;
}

export function List<Row, Show extends string, Sort extends string>(p: ListProps<Row, Show, Sort>) {
  const { lang, address, state, found } = p;
  const { path } = address;
  const keep = address.keep(state);
  const hidesSome = p.hidesSome ?? (state.q !== "" || keep.show !== undefined);
  const sorted = state.sort === "" ? null : state.sort;
  return (
    <>
      <FilterBar
        lang={lang}
        action={path}
        q={state.q}
        target={p.spec.id}
        placeholder={p.placeholder}
        keep={keep}
        segment={state.show}
        {...(p.segmentsLabel ? { segmentsLabel: p.segmentsLabel } : {})}
        {...(p.segments
          ? { segments: p.segments.map((one) => ({ ...one, href: address.href(state, { show: one.key }) })) }
          : {})}
        beside={p.beside}
      />
      <Table
        lang={lang}
        spec={p.spec}
        rows={found.items}
        label={p.label}
        {...(p.live ? { view: address.view(p.live, state) } : {})}
        {...(sorted === null
          ? {}
          : {
              sorting: {
                key: sorted.replace("-", ""),
                descending: sorted.startsWith("-"),
                href: (key, descending) =>
                  address.href(state, { sort: `${descending ? "-" : ""}${key}` as typeof sorted }),
              },
            })}
        empty={hidesSome ? <NothingMatches lang={lang} clearHref={path} /> : p.empty}
        pager={
          found.total === undefined ? null : (
            <Pager
              lang={lang}
              page={state.page}
              pageSize={listPageSize}
              total={found.total}
              href={(page) => address.href(state, { page })}
              {...(p.rangeId ? { rangeId: p.rangeId } : {})}
            >
              {p.aside}
            </Pager>
          )
        }
        {...(p.batch ? { batch: p.batch } : {})}
      />
    </>
  );
}
