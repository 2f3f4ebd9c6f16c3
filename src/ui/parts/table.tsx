/**
 * Tables. A page describes its table once (`TableSpec`): the page renders it whole, live views render
 * single rows with the same description. Columns have fixed widths, so that live changes move nothing;
 * below 760 px each row is a card.
 */
import { integer } from "../format.ts";
import { say } from "../words.ts";
import { Button, IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { type Child, cx, type Language } from "./kit.ts";
import { type MenuItem, MoreMenu } from "./menu.tsx";
import { raw } from "./raw.ts";
import { RowMemo } from "./row-memo.ts";

export type ColumnWidth = "mark" | "xs" | "s" | "m" | "l" | "xl" | "fill";

export interface Column<Row> {
  key: string;
  /** Head text in the reader's language; empty heads still need one for screen readers: `hideLabel`. */
  label: (lang: Language) => string;
  hideLabel?: boolean;
  cell: (row: Row, lang: Language) => Child;
  width?: ColumnWidth;
  align?: "end";
  /** Can be sorted by. */
  sort?: boolean;
  /** Where the cell goes on a card; `meta` cells stand in one line with dots between. Default `meta`. */
  card?: "title" | "state" | "meta" | "hide";
  /** Leave out below 1180 px. */
  wideOnly?: boolean;
}

export interface TableSpec<Row> {
  /** The table's id; rows have ids of their own. */
  id: string;
  columns: readonly Column<Row>[];
  /** Unique in the page and fit for an HTML id: `guest-<uuid>`. Live views replace the row by it. */
  rowId: (row: Row) => string;
  /** What the row is called: in labels and dialogs. */
  rowName: (row: Row) => string;
  /** Where Enter leads. */
  rowHref?: (row: Row) => string;
  /** Makes rows selectable: the value to post, and which batch actions this row allows now. */
  select?: { value: (row: Row) => string; allows: (row: Row) => readonly string[] };
  /** Two or three buttons that appear on hover and focus. */
  quick?: (row: Row, lang: Language) => Child;
  /** The "…" menu. */
  menu?: (row: Row, lang: Language) => readonly MenuItem[];
  /**
   * Everything that the row's HTML is made of, the reader's language and rights included: a row of the same is not drawn
   * again (`RowMemo`). For lists that are looked at often and change little; their cells wait for nothing.
   */
  from?: (row: Row) => string;
  compact?: boolean;
}

export interface Sorting {
  key: string;
  descending: boolean;
  /** The address that sorts by a column. */
  href: (key: string, descending: boolean) => string;
}

export interface TableProps<Row> {
  lang: Language;
  spec: TableSpec<Row>;
  rows: readonly Row[];
  /** Names the table for screen readers. */
  label: string;
  sorting?: Sorting;
  /** The live view of these rows: the stream asks for it in place of the one of that name that it had. */
  view?: string;
  /** Shown while there are no rows: an `EmptyState`, or `NothingMatches` when a filter is on. */
  empty: Child;
  pager?: Child;
  /** The batch bar, where rows can be selected. */
  batch?: Child;
}

export function Table<Row>(p: TableProps<Row>) {
  const { spec, lang } = p;
  return (
    <div
      class={cx("table", spec.compact && "compact", spec.select && "picks")}
      id={spec.id}
      data-table
      data-view={p.view}
    >
      <table aria-label={p.label}>
        <colgroup>
          {spec.select ? <col class="w-mark" /> : null}
          {spec.columns.map((column) => (
            <col class={cx(`w-${column.width ?? "fill"}`, column.wideOnly && "wide-only")} />
          ))}
          {hasActions(spec) ? <col class={spec.quick ? "w-acts" : "w-act"} /> : null}
        </colgroup>
        <thead>
          <tr>
            {spec.select ? (
              <th class="pick">
                <input type="checkbox" aria-label={say(lang, "table.selectAll")} data-select-all />
              </th>
            ) : null}
            {spec.columns.map((column) => (
              <HeadCell column={column} lang={lang} {...(p.sorting ? { sorting: p.sorting } : {})} />
            ))}
            {hasActions(spec) ? (
              <th class="acts">
                <span class="sr">{say(lang, "label.actions")}</span>
              </th>
            ) : null}
          </tr>
        </thead>
        <tbody id={`${spec.id}-rows`} class="rows">
          {p.rows.map((row) => (
            <TableRow spec={spec} row={row} lang={lang} />
          ))}
        </tbody>
        <tbody class="table-empty">
          <tr>
            <td colspan={spec.columns.length + (spec.select ? 1 : 0) + (hasActions(spec) ? 1 : 0)}>
              {p.empty}
            </td>
          </tr>
        </tbody>
      </table>
      {p.pager ? <div class="table-foot">{p.pager}</div> : null}
      {p.batch}
    </div>
  );
}

const drawnRows = new RowMemo();

interface RowProps<Row> {
  spec: TableSpec<Row>;
  row: Row;
  lang: Language;
}

/** One row: what a live view sends with `replace(spec.rowId(row), <TableRow …/>)`. */
export function TableRow<Row>(p: RowProps<Row>) {
  const from = p.spec.from?.(p.row);
  if (from === undefined) return <DrawnRow {...p} />;
  return raw(drawnRows.of(`${p.spec.id} ${from}`, () => (<DrawnRow {...p} />).toString()));
}

function DrawnRow<Row>({ spec, row, lang }: RowProps<Row>) {
  const name = spec.rowName(row);
  const id = spec.rowId(row);
  const menu = spec.menu?.(row, lang);
  return (
    <tr id={id} data-href={spec.rowHref?.(row)} data-name={name} tabindex={-1}>
      {spec.select ? (
        <td class="pick">
          <input
            type="checkbox"
            name="id"
            value={spec.select.value(row)}
            id={`${id}-pick`}
            aria-label={say(lang, "table.select", { name })}
            data-allows={spec.select.allows(row).join(" ")}
          />
        </td>
      ) : null}
      {spec.columns.map((column) => (
        <td
          class={cx(
            `c-${column.card ?? "meta"}`,
            column.align === "end" && "end",
            column.wideOnly && "wide-only",
          )}
          data-col={column.key}
        >
          {column.cell(row, lang)}
        </td>
      ))}
      {hasActions(spec) ? (
        <td class="acts">
          <span class="quick">{spec.quick?.(row, lang)}</span>
          {menu && menu.length > 0 ? (
            <MoreMenu id={`${id}-menu`} label={say(lang, "table.rowMenu", { name })} items={menu} />
          ) : null}
        </td>
      ) : null}
    </tr>
  );
}

function hasActions<Row>(spec: TableSpec<Row>): boolean {
  return spec.quick !== undefined || spec.menu !== undefined;
}

function HeadCell<Row>({
  column,
  lang,
  sorting,
}: {
  column: Column<Row>;
  lang: Language;
  sorting?: Sorting;
}) {
  const classes = cx(column.align === "end" && "end", column.wideOnly && "wide-only");
  const label = column.hideLabel ? <span class="sr">{column.label(lang)}</span> : column.label(lang);
  if (!column.sort || !sorting) {
    return (
      <th scope="col" class={classes}>
        {label}
      </th>
    );
  }
  const active = sorting.key === column.key;
  const descending = active && sorting.descending;
  return (
    <th scope="col" class={classes} aria-sort={active ? (descending ? "descending" : "ascending") : "none"}>
      <a href={sorting.href(column.key, active && !descending)}>
        {label}
        {active ? <Icon name={descending ? "down" : "up"} /> : null}
      </a>
    </th>
  );
}

/** A cell with two lines at most: the name (a link, maybe) and something smaller under it. */
export function TwoLines({
  title,
  href,
  sub,
  tile,
  tags,
}: {
  title: string;
  href?: string;
  sub?: Child;
  tile?: Child;
  tags?: Child;
}) {
  return (
    <div class={cx("two", !!tile && "tiled")}>
      {tile}
      <div>
        <div class="first">
          {href ? <a href={href}>{title}</a> : <span>{title}</span>} {tags}
        </div>
        {sub ? <div class="second">{sub}</div> : null}
      </div>
    </div>
  );
}

export interface BatchAction {
  /** One of the names that rows allow. */
  action: string;
  label: string;
  icon: NonNullable<MenuItem["icon"]>;
  /** Posts `id=…` (repeated) of the selected rows that allow it. */
  post?: string;
  /** Gets a dialog for the same ids: for what destroys. */
  dialogUrl?: string;
  danger?: boolean;
  /** Also for the whole list: the server then gets `whole` (the list's live view) in place of ids, and asks first. */
  whole?: boolean;
  /** A line before it. */
  divided?: boolean;
}

/** The bar that floats over the list while rows are selected. Each button tells how many rows it fits. */
export function BatchBar({
  lang,
  actions,
  total,
}: {
  lang: Language;
  actions: readonly BatchAction[];
  /** Rows of the list on all its pages: with all of a page selected, these are offered, too. */
  total?: number;
}) {
  return (
    <div class="batch" role="toolbar" aria-label={say(lang, "table.batch")} hidden data-batch-bar>
      <IconButton icon="close" label={say(lang, "table.clear")} extra={{ "data-clear": "" }} />
      <span class="num" data-selected={say(lang, "table.selected", { n: "{n}" })} role="status" />
      {total === undefined ? null : (
        <span hidden>
          <Button kind="link" extra={{ "data-whole": total }}>
            {say(lang, "table.selectWhole", { n: integer(lang, total) })}
          </Button>
        </span>
      )}
      {actions.map((a) => (
        <Button
          kind={a.danger ? "danger" : "quiet"}
          icon={a.icon}
          class={a.divided ? "divided" : ""}
          {...(a.post ? { post: a.post } : {})}
          {...(a.dialogUrl ? { dialogUrl: a.dialogUrl } : {})}
          extra={{
            "data-batch": a.action,
            "data-also-whole": a.whole ? "" : undefined,
            "aria-label": a.label,
          }}
        >
          {a.label} <span class="num" data-fits />
        </Button>
      ))}
    </div>
  );
}

export interface PagerProps {
  lang: Language;
  page: number;
  pageSize: number;
  total: number;
  href: (page: number) => string;
  /** Where a live view replaces the range by a `PagerRange` of the same id. */
  rangeId?: string;
  /** At the right end: "2 newer rows · Show". */
  children?: Child;
}

/** Which rows these are, and the way to the others. */
export function Pager(p: PagerProps) {
  const last = Math.max(1, Math.ceil(p.total / p.pageSize));
  return (
    <>
      <PagerRange {...p} />
      {last > 1 ? (
        <nav class="pager" aria-label={say(p.lang, "table.pages")}>
          <PageLink
            icon="left"
            label={say(p.lang, "table.previous")}
            href={p.page > 1 ? p.href(p.page - 1) : null}
          />
          <span class="num">
            {p.page} / {last}
          </span>
          <PageLink
            icon="right"
            label={say(p.lang, "table.next")}
            href={p.page < last ? p.href(p.page + 1) : null}
          />
        </nav>
      ) : null}
      {p.children ? <span class="aside">{p.children}</span> : null}
    </>
  );
}

/** "1–50 of 128". */
export function PagerRange(p: Pick<PagerProps, "lang" | "page" | "pageSize" | "total" | "rangeId">) {
  const range = {
    from: integer(p.lang, (p.page - 1) * p.pageSize + 1),
    to: integer(p.lang, Math.min(p.page * p.pageSize, p.total)),
    total: integer(p.lang, p.total),
  };
  return (
    <span class="num" id={p.rangeId}>
      {p.total === 0 ? "" : say(p.lang, "table.range", range)}
    </span>
  );
}

function PageLink({ icon, label, href }: { icon: "left" | "right"; label: string; href: string | null }) {
  return href ? (
    <IconButton icon={icon} label={label} href={href} />
  ) : (
    <IconButton icon={icon} label={label} extra={{ "aria-disabled": "true" }} />
  );
}

/** "2 newer rows · Show": re-sorting waits for the reader. The link loads the page anew. */
export function NewerRows({
  lang,
  n,
  href,
  text,
}: {
  lang: Language;
  n: number;
  href: string;
  text: string;
}) {
  return (
    <span id="newer" data-n={n}>
      {text} <a href={href}>{say(lang, "table.show")}</a>
    </span>
  );
}
