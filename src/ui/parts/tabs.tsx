/** Tabs are links: each is a page of its own, and the back button works. */
import type { Child } from "./kit.ts";

export interface Tab {
  href: string;
  label: string;
  count?: number;
}

export function Tabs({ tabs, current, label }: { tabs: readonly Tab[]; current: string; label: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a href={tab.href} aria-current={tab.href === current ? "page" : undefined}>
          {tab.label} {tab.count === undefined ? null : <span class="count">{tab.count}</span>}
        </a>
      ))}
    </nav>
  );
}

/** A few exclusive choices in one box, as links (time ranges, list segments). */
export function Segments({
  items,
  current,
  label,
  children,
}: {
  items: readonly (Tab & { key: string })[];
  current: string;
  label: string;
  children?: Child;
}) {
  return (
    <nav class="segments" aria-label={label}>
      {items.map((item) => (
        <a href={item.href} aria-current={item.key === current ? "true" : undefined}>
          {item.label} {item.count === undefined ? null : <span class="num">{item.count}</span>}
        </a>
      ))}
      {children}
    </nav>
  );
}
