/** Answers that many pages ask for: figures in the navigation, sums. */
import type { Clock } from "./clock.ts";

export interface Remembered<T> {
  /** The answer, at most as old as was said; those who ask at once share one question. */
  (): Promise<T>;
  /** Something has happened that changes the answer: who asks from now on gets a new one. */
  forget(): void;
}

/** How long an answer is kept, in milliseconds. */
export interface Keeping {
  /** So long it is as good as new. */
  fresh: number;
  /** Until it is so old whoever asks still gets it at once, and a new one is asked for aside. */
  most: number;
  /** It is not forgotten before: where things change all the time every question would be asked anew otherwise. */
  least: number;
}

interface Kept<T> {
  answer: Promise<T>;
  from: number;
  fresh: number;
  most: number;
}

/** Keeps the answer of `ask`. A failure is not kept. `aside` begins a question that nobody waits for. */
export function remembered<T>(
  clock: Pick<Clock, "now">,
  keeping: Keeping,
  ask: () => Promise<T>,
  aside: (ask: () => Promise<T>) => Promise<T> = (ask) => ask(),
): Remembered<T> {
  let kept: Kept<T> | null = null;
  let next: Kept<T> | null = null;
  const begin = (answer: () => Promise<T>): Kept<T> => {
    const from = clock.now();
    return { answer: answer(), from, fresh: from + keeping.fresh, most: from + keeping.most };
  };
  /** Asks aside; what is kept stays until the answer is there. */
  const renew = (): void => {
    if (next) return;
    const mine = begin(() => aside(ask));
    next = mine;
    const settled = (isGood: boolean): void => {
      if (next !== mine) return;
      next = null;
      if (isGood) kept = mine;
    };
    mine.answer.then(
      () => settled(true),
      () => settled(false),
    );
  };
  const get = (): Promise<T> => {
    const now = clock.now();
    if (kept && now < kept.fresh) return kept.answer;
    if (kept && now < kept.most) {
      renew();
      return kept.answer;
    }
    const mine = begin(ask);
    kept = mine;
    next = null;
    mine.answer.catch(() => {
      if (kept === mine) kept = null;
    });
    return mine.answer;
  };
  return Object.assign(get, {
    forget: (): void => {
      for (const each of [kept, next])
        if (each) each.fresh = each.most = Math.min(each.most, each.from + keeping.least);
    },
  });
}
