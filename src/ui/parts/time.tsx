/** A point in time: "11 h ago", with the absolute time on hover and focus. One client timer keeps all fresh. */
import { absoluteTime, relativeTime } from "../format.ts";
import { say } from "../words.ts";
import type { Language } from "./kit.ts";

/** `at` in UTC milliseconds; null shows "never". `now` only for tests. */
export function Time({ lang, at, now = Date.now() }: { lang: Language; at: number | null; now?: number }) {
  if (at === null) return <span class="dim">{say(lang, "time.never")}</span>;
  return (
    <time datetime={new Date(at).toISOString()} title={absoluteTime(lang, at)} data-relative>
      {relativeTime(lang, at, now)}
    </time>
  );
}
