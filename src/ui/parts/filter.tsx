/**
 * The bar above a list: a filter field that `/` focuses and that narrows the list while one types, and
 * segments with counts. It asks for the page again and takes only the list out of the answer, so the
 * server needs nothing special; without script it is a plain GET form.
 */
import { say } from "../words.ts";
import { Icon } from "./icon.tsx";
import type { Child, Language } from "./kit.ts";
import { Segments, type Tab } from "./tabs.tsx";

export interface FilterBarProps {
  lang: Language;
  /** The page's path. */
  action: string;
  /** What stands in the field now. */
  q: string;
  placeholder: string;
  /** Id of what changes: the table's. */
  target: string;
  /** Fields that stay as they are: sort, segment. */
  keep?: Record<string, string | undefined>;
  segments?: readonly (Tab & { key: string })[];
  segment?: string;
  /** Names the segments for screen readers, where they are not states. */
  segmentsLabel?: string;
  /** Segments of the page's own, which a live view replaces. */
  beside?: Child;
  /** At the right end. */
  children?: Child;
}

export function FilterBar(p: FilterBarProps) {
  return (
    <div class="filter">
      <search>
        <form
          method="get"
          action={p.action}
          hx-get={p.action}
          hx-trigger="input delay:200ms, submit"
          hx-target={`#${p.target}`}
          hx-select={`#${p.target}`}
          hx-swap="outerMorph"
          hx-replace-url="true"
          hx-sync="replace"
        >
          <label class="search-field">
            <Icon name="search" />
            <span class="sr">{say(p.lang, "filter.label")}</span>
            <input
              type="search"
              name="q"
              value={p.q}
              placeholder={p.placeholder}
              autocomplete="off"
              spellcheck={false}
              maxlength={200}
              id="filter-field"
            />
            <kbd>/</kbd>
          </label>
          {Object.entries(p.keep ?? {}).map(([name, value]) =>
            value === undefined ? null : <input type="hidden" name={name} value={value} />,
          )}
        </form>
      </search>
      {p.segments ? (
        <Segments
          items={p.segments}
          current={p.segment ?? ""}
          label={p.segmentsLabel ?? say(p.lang, "filter.segments")}
        />
      ) : null}
      {p.beside}
      {p.children ? <div class="aside">{p.children}</div> : null}
    </div>
  );
}
