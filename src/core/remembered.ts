/** Answers that many pages ask for: figures in the navigation, sums. */
import type { Clock } from "./clock.ts";

export interface Remembered<T> {
  /** The answer, at most as old as was said; those who ask at once share one question. */
  (): Promise<T>;
  /** Something has happened that changes the answer: who asks from now on gets a new one. */
  forget(): void;
}

/** Keeps the answer of `ask` for `milliseconds`. A failure is not kept. */
export function remembered<T>(
  clock: Pick<Clock, "now">,
  milliseconds: number,
  ask: () => Promise<T>,
): Remembered<T> {
  let kept: { answer: Promise<T>; until: number } | null = null;
  const get = (): Promise<T> => {
    if (kept && clock.now() < kept.until) return kept.answer;
    const mine = { answer: ask(), until: clock.now() + milliseconds };
    kept = mine;
    mine.answer.catch(() => {
      if (kept === mine) kept = null;
    });
    return mine.answer;
  };
  return Object.assign(get, {
    forget: (): void => {
      kept = null;
    },
  });
}
