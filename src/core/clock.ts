/** Time as a part of the world, so that scenario tests can pretend it. Milliseconds everywhere. */
import type { Undo } from "./undo.ts";

export interface Clock {
  /** UTC milliseconds. */
  now(): number;
  /** Calls `fn` once after `ms`. */
  after(ms: number, fn: () => void): Undo;
  /** Calls `fn` every `ms`, the first time after `ms`. */
  every(ms: number, fn: () => void): Undo;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * UTC milliseconds that never jump: the time at the process's start and what has passed since. For how long something
 * takes; somebody may set the machine's clock meanwhile.
 */
export const steadyNow = (): number => performance.timeOrigin + performance.now();

/** The machine's own clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  every(ms, fn) {
    const timer = setInterval(fn, ms);
    return () => clearInterval(timer);
  },
  sleep: (ms, signal) => sleepOn(realClock, ms, signal),
};

/** `Clock.sleep` in terms of `Clock.after`. */
export function sleepOn(clock: Pick<Clock, "after">, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    const abort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}
