/** Answers that many pages ask for: figures in the navigation, sums. */
import type { Clock } from "./clock.ts";

export interface Remembered<T> {
  /** The answer, at most as old as was said; those who ask at once share one question. */
  (): Promise<T>;
  /** Something has happened that changes the answer: who asks from now on gets a new one. */
  forget(): void;
}

/**
 * Keeps the answer of `ask` for `milliseconds`. A failure is not kept. Nor is it forgotten before it is `least` old: where
 * things change all the time every question would be asked anew otherwise.
 */
export function remembered<T>(
  clock: Pick<Clock, "now">,
  milliseconds: number,
  ask: () => Promise<T>,
  least = 0,
): Remembered<T> {
  let kept: { answer: Promise<T>; from: number; until: number } | null = null;
  const get = (): Promise<T> => {
    if (kept && clock.now() < kept.until) return kept.answer;
    const from = clock.now();
    const mine = { answer: ask(), from, until: from + milliseconds };
    kept = mine;
    mine.answer.catch(() => {
      if (kept === mine) kept = null;
    });
    return mine.answer;
  };
  return Object.assign(get, {
    forget: (): void => {
      if (kept) kept.until = Math.min(kept.until, kept.from + least);
    },
  });
}
