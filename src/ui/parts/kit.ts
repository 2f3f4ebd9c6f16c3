/** Small helpers that components share. */
import type { Child } from "hono/jsx";
import type { Language } from "../../core/words.ts";

export type { Child, Language };

/** Joins class names, leaving out what is empty. */
export function cx(...names: (string | false | null | undefined)[]): string | undefined {
  return names.filter(Boolean).join(" ") || undefined;
}

/** Attributes that pass through untouched: `hx-*`, `data-*`, `aria-*`. */
export type Extra = Record<
  `hx-${string}` | `data-${string}` | `aria-${string}`,
  string | number | boolean | undefined
>;
