/** An icon or a state mark out of the page's sprite. Decoration unless it has a label. */
import { raw } from "hono/html";
import type { IconName } from "../icons.ts";
import type { Mark as MarkName } from "../states.ts";
import { cx } from "./kit.ts";

interface IconProps {
  name: IconName;
  /** Said by screen readers; leave out where a text stands beside it. */
  label?: string;
  class?: string;
}

/** A line icon, as large as its text wants (16 px by default). */
export function Icon({ name, label, class: extra }: IconProps) {
  const classes = cx("i", extra);
  if (!label) return decoration(`i-${name}`, classes);
  return (
    <svg class={classes} role="img" aria-label={label}>
      <use href={`#i-${name}`} />
    </svg>
  );
}

/** A state mark. Its word must stand beside it. */
export function Mark({ name }: { name: MarkName }) {
  return decoration(`m-${name}`, cx("mark", name === "arc" && "spin"));
}

/** There are a few dozen, and a page of a list shows hundreds: each is drawn once. */
const drawn = new Map<string, ReturnType<typeof raw>>();

function decoration(symbol: string, classes: string | undefined) {
  const key = `${symbol} ${classes}`;
  let text = drawn.get(key);
  if (!text) {
    const svg = (
      <svg class={classes} aria-hidden="true">
        <use href={`#${symbol}`} />
      </svg>
    );
    text = raw(svg.toString());
    drawn.set(key, text);
  }
  return text;
}

/** A template's or guest's picture: two letters on a tile ("Debian 12" gives De). */
export function Tile({ text, large }: { text: string; large?: boolean }) {
  return (
    <span class={cx("tile", large && "large")} aria-hidden="true">
      {Array.from(text).slice(0, 2).join("")}
    </span>
  );
}
