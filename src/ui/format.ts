/** Numbers as people read them: durations, sizes, shares. Sizes are binary (GiB) as in all of JimV. */
import { type Language, numberText } from "../core/words.ts";
import { say } from "./words.ts";

/**
 * A length of time in its largest fitting unit, two parts below an hour: "14 s", "1:40", "3 h", "41 d".
 * Negative and unreal numbers count as 0.
 */
export function duration(lang: Language, seconds: number): string {
  const s = Number.isFinite(seconds) ? Math.max(0, Math.round(seconds)) : 0;
  if (s < 60) return say(lang, "unit.s", { n: s });
  if (s < 600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  if (s < 3600) return say(lang, "unit.min", { n: Math.round(s / 60) });
  if (s < 86400) return say(lang, "unit.h", { n: Math.floor(s / 3600) });
  return say(lang, "unit.d", { n: Math.floor(s / 86400) });
}

const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A number of bytes with three digits at most: "512 MiB", "2.1 GiB". */
export function bytes(lang: Language, n: number): string {
  let value = Math.max(0, n);
  let step = 0;
  while (value >= 1000 && step < binaryUnits.length - 1) {
    value /= 1024;
    step++;
  }
  const digits = value >= 100 || step === 0 ? 0 : value >= 10 ? 1 : 2;
  return `${numberText(lang, value, digits)} ${binaryUnits[step]}`;
}

/** Memory or disk given in MiB: whole GiB where it is whole. */
export function mebibytes(lang: Language, mib: number): string {
  return mib < 1024 ? `${mib} MiB` : bytes(lang, mib * 1024 * 1024);
}

/** A whole number with the language's grouping. */
export function integer(lang: Language, n: number): string {
  return numberText(lang, n);
}

/** A point in time, written out in the reader's language: for titles and tooltips. Always with the zone. */
export function absoluteTime(lang: Language, at: number): string {
  return `${momentFormat(lang, true).format(at)} UTC`;
}

/** The time of day alone, of what began today. With the zone, too. */
export function timeOfDay(lang: Language, at: number): string {
  return `${momentFormat(lang, false).format(at)} UTC`;
}

/** Making one takes longer than rendering a row that needs it; there are two for each language. */
const momentFormats = new Map<string, Intl.DateTimeFormat>();

function momentFormat(lang: Language, withDate: boolean): Intl.DateTimeFormat {
  const kind = `${lang} ${withDate}`;
  const known = momentFormats.get(kind);
  if (known) return known;
  const made = new Intl.DateTimeFormat(lang, {
    ...(withDate ? { dateStyle: "medium" } : {}),
    timeStyle: "medium",
    timeZone: "UTC",
  });
  momentFormats.set(kind, made);
  return made;
}

export { relativeTime } from "./relative.ts";
