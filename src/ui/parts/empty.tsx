/** What stands where nothing is yet: what this is, one button, one link to the docs. */
import type { IconName } from "../icons.ts";
import { say } from "../words.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";
import type { Child, Language } from "./kit.ts";

export function EmptyState(p: {
  icon: IconName;
  title: string;
  text?: Child;
  action?: Child;
  doc?: { href: string; label: string };
}) {
  return (
    <div class="empty">
      <Icon name={p.icon} />
      <h2>{p.title}</h2>
      {p.text ? <p>{p.text}</p> : null}
      {p.action || p.doc ? (
        <div class="row">
          {p.action}
          {p.doc ? <a href={p.doc.href}>{p.doc.label}</a> : null}
        </div>
      ) : null}
    </div>
  );
}

/** A filter that fits no row. */
export function NothingMatches({ lang, clearHref }: { lang: Language; clearHref: string }) {
  return (
    <EmptyState
      icon="filter"
      title={say(lang, "table.nothing")}
      text={say(lang, "table.nothingHint")}
      action={<Button href={clearHref}>{say(lang, "action.clearFilter")}</Button>}
    />
  );
}
