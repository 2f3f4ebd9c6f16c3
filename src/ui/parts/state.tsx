/** States as a person sees them: mark, word and colour together, and with a bar while something runs. */
import { type KindAndState, lookOf } from "../states.ts";
import { say } from "../words.ts";
import { Mark } from "./icon.tsx";
import { cx, type Language } from "./kit.ts";
import { Progress } from "./progress.tsx";

export type StateMarkProps = KindAndState & {
  lang: Language;
  /** A word in place of the state's own: the step that runs now. */
  word?: string;
  /** Shown behind the word. */
  percent?: number | null;
  /** On a tinted ground: for titles. */
  pill?: boolean;
  /** Why, or since when: a second line. */
  note?: string;
};

/** Mark, word, colour. Flashes when the state changed while the page was open. */
export function StateMark(p: StateMarkProps) {
  const look = lookOf(p);
  return (
    <span class={cx("state", look.tone, p.pill && "pill", p.note && "noted")} data-flash={p.state}>
      <Mark name={look.mark} />
      <span>{p.word ?? say(p.lang, look.word)}</span>
      {p.percent === undefined || p.percent === null ? null : <b class="num">{Math.floor(p.percent)}%</b>}
      {p.note ? <small>{p.note}</small> : null}
    </span>
  );
}

export interface RunningTask {
  id: string;
  /** 0 to 100, or null when it can't be told. */
  percent: number | null;
  /** In the reader's language. */
  step?: string;
  etaSeconds?: number | null;
  spreadSeconds?: number | null;
}

/** A table's state cell: the state, and under it the bar of the task that changes it. */
export function StateCell(p: KindAndState & { lang: Language; task?: RunningTask | null; note?: string }) {
  const { lang, task, note, ...of } = p;
  return (
    <>
      <StateMark
        {...of}
        lang={lang}
        {...(task?.step ? { word: task.step } : {})}
        {...(task ? { percent: task.percent } : {})}
        {...(note && !task ? { note } : {})}
      />
      {task ? (
        <Progress
          lang={lang}
          small
          percent={task.percent}
          task={task.id}
          etaSeconds={task.etaSeconds ?? null}
          spreadSeconds={task.spreadSeconds ?? null}
          tone={lookOf(of).tone === "move" ? "move" : "accent"}
          {...(task.step ? { label: task.step } : {})}
        />
      ) : null}
    </>
  );
}
