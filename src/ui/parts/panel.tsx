/** Panels, page heads, columns and rails: the furniture that other parts stand on. */
import type { IconName } from "../icons.ts";
import { Icon } from "./icon.tsx";
import { type Child, cx } from "./kit.ts";

/** A page's head: title, a sentence beside it, and its buttons at the right. The page's only h1. */
export function PageHead(p: {
  title: string;
  sub?: Child;
  actions?: Child;
  mark?: Child;
  tile?: Child;
  id?: string;
}) {
  return (
    <div class={cx("head", !!p.tile && "tiled")} id={p.id}>
      {p.tile}
      <div class="head-text">
        <h1>
          {p.title} {p.mark}
        </h1>
        {p.sub ? <p class="sub">{p.sub}</p> : null}
      </div>
      {p.actions ? <div class="actions">{p.actions}</div> : null}
    </div>
  );
}

/** A white sheet with a head. `flush` lets rows reach its edges. */
export function Panel(p: {
  title?: string;
  count?: number;
  aside?: Child;
  flush?: boolean;
  id?: string;
  class?: string;
  children?: Child;
}) {
  return (
    <section class={cx("panel", p.flush && "flush", p.class)} id={p.id}>
      {p.title || p.aside ? (
        <div class="panel-head">
          {p.title ? <h2>{p.title}</h2> : null}
          {p.count === undefined ? null : <span class="count">{p.count}</span>}
          {p.aside ? <div class="aside">{p.aside}</div> : null}
        </div>
      ) : null}
      {p.children}
    </section>
  );
}

/** Main column with a 300 px rail at its right; below 1180 px the rail comes first or last. */
export function WithRail({
  children,
  rail,
  railFirst,
}: {
  children?: Child;
  rail: Child;
  railFirst?: boolean;
}) {
  return (
    <div class={cx("with-rail", railFirst && "rail-first")}>
      <div class="stack">{children}</div>
      <aside class="stack">{rail}</aside>
    </div>
  );
}

/** Things under each other with the page's gap. */
export function Stack({ children }: { children?: Child }) {
  return <div class="stack">{children}</div>;
}

/** Things beside each other, wrapping. */
export function Row({ children, end }: { children?: Child; end?: boolean }) {
  return <div class={cx("row", end && "end")}>{children}</div>;
}

/** Equal columns that become one on narrow pages. */
export function Columns({ children }: { children?: Child }) {
  return <div class="columns">{children}</div>;
}

/** A small label. */
export function Tag({ children, tone }: { children?: Child; tone?: "accent" | "warn" | "bad" | "ok" }) {
  return <span class={cx("tag", tone)}>{children}</span>;
}

/** One figure of a row of figures: label, value, bar, hint. */
export function Figure(p: {
  label: string;
  value: string;
  of?: string;
  percent?: number;
  hint?: string;
  tone?: "warn" | "bad";
}) {
  return (
    <div class="figure">
      <div class="label">{p.label}</div>
      <div class="value">
        <b>{p.value}</b> {p.of}
      </div>
      {p.percent === undefined ? null : (
        <Meter label={p.label} percent={p.percent} {...(p.tone ? { tone: p.tone } : {})} />
      )}
      {p.hint ? <div class="hint">{p.hint}</div> : null}
    </div>
  );
}

/** Figures side by side in one panel. */
export function Figures({ children }: { children?: Child }) {
  return <div class="panel figures">{children}</div>;
}

/** How full something is, 0 to 100. Not progress: it may fall. */
export function Meter(p: { percent: number; label: string; tone?: "warn" | "bad"; figure?: boolean }) {
  const percent = Math.round(Math.max(0, Math.min(100, p.percent)));
  return (
    <span class={cx("meter", p.tone)}>
      <progress class="bar" max="100" value={percent} aria-label={p.label} />
      {p.figure ? <span class="num">{percent}%</span> : null}
    </span>
  );
}

/** Words on the left with an icon before each: what happens if things go wrong. */
export function IconList({ items }: { items: readonly { icon: IconName; text: Child }[] }) {
  return (
    <ul class="icon-list">
      {items.map((item) => (
        <li>
          <Icon name={item.icon} />
          <span>{item.text}</span>
        </li>
      ))}
    </ul>
  );
}
