/** An icon or a state mark out of the page's sprite. Decoration unless it has a label. */
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
  return (
    <svg
      class={cx("i", extra)}
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : "true"}
    >
      <use href={`#i-${name}`} />
    </svg>
  );
}

/** A state mark. Its word must stand beside it. */
export function Mark({ name }: { name: MarkName }) {
  return (
    <svg class={cx("mark", name === "arc" && "spin")} aria-hidden="true">
      <use href={`#m-${name}`} />
    </svg>
  );
}

/** A template's or guest's picture: two letters on a tile ("Debian 12" gives De). */
export function Tile({ text, large }: { text: string; large?: boolean }) {
  return (
    <span class={cx("tile", large && "large")} aria-hidden="true">
      {Array.from(text).slice(0, 2).join("")}
    </span>
  );
}
