/** Relative times, the same in the page's first HTML and in the browser's timer. No imports: it runs in both. */

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", Number.POSITIVE_INFINITY],
];

/** Making one takes longer than a row of a table; there is one for each language. */
const formats = new Map<string, Intl.RelativeTimeFormat>();

function formatOf(lang: string): Intl.RelativeTimeFormat {
  const known = formats.get(lang);
  if (known) return known;
  const made = new Intl.RelativeTimeFormat(lang, { style: "narrow", numeric: "auto" });
  formats.set(lang, made);
  return made;
}

/** How long ago (or until) `at` is, seen from `now`, both in UTC milliseconds: "11h ago", "2 天前". */
export function relativeTime(lang: string, at: number, now: number): string {
  const format = formatOf(lang);
  let value = (at - now) / 1000;
  if (Math.abs(value) < 5) return format.format(0, "second");
  for (const [unit, size] of steps) {
    if (Math.abs(value) < size) return format.format(Math.trunc(value), unit);
    value /= size;
  }
  return "";
}
