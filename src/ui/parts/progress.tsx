/**
 * Progress: bar, percent, step, time left. The client refuses to move a bar backwards within one task
 * (`task`); the server never sends such a thing on purpose.
 */
import { duration } from "../format.ts";
import { say } from "../words.ts";
import { cx, type Language } from "./kit.ts";

export interface ProgressProps {
  lang: Language;
  /** 0 to 100; null when it cannot be told: the bar then moves without a figure. */
  percent: number | null;
  /** What is being done, in the reader's language. */
  step?: string;
  /** Seconds left, where known. */
  etaSeconds?: number | null;
  /** Half the width of the estimate, seconds. */
  spreadSeconds?: number | null;
  /** The task's id: within one task the bar never goes back. */
  task?: string;
  tone?: "accent" | "move";
  /** Without words of its own: bar and time only, for table cells. */
  small?: boolean;
  /** What the bar is for, said by screen readers. */
  label?: string;
}

export function Progress(p: ProgressProps) {
  const percent = p.percent === null ? null : Math.max(0, Math.min(100, Math.floor(p.percent)));
  return (
    <span
      class={cx("progress", p.small && "small", p.tone === "move" && "move")}
      data-task={p.task}
      data-at={percent ?? undefined}
    >
      <progress
        class="bar"
        max="100"
        value={percent ?? undefined}
        aria-label={p.label ?? p.step ?? say(p.lang, "label.progress")}
      />
      {!p.small && p.step ? <span class="step">{p.step}</span> : null}
      {!p.small && percent !== null ? <b class="num">{percent}%</b> : null}
      <span class="left num">{timeLeft(p)}</span>
    </span>
  );
}

/** "14 s left", "53 s ± 6 s left", or that it is not known. */
export function timeLeft(p: Pick<ProgressProps, "lang" | "etaSeconds" | "spreadSeconds">): string {
  if (p.etaSeconds === null || p.etaSeconds === undefined) return say(p.lang, "progress.unknown");
  const time = duration(p.lang, p.etaSeconds);
  if (!p.spreadSeconds) return say(p.lang, "progress.left", { time });
  return say(p.lang, "progress.leftSpread", { time, spread: duration(p.lang, p.spreadSeconds) });
}
