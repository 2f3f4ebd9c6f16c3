/** A clock that only moves when it is told to. Timers run in the order of their times, and everything that they set off has ended before the next. */
import { type Clock, sleepOn } from "../../src/core/clock.ts";
import type { Undo } from "../../src/core/undo.ts";

interface Timer {
  at: number;
  order: number;
  fn: () => void;
}

/** Lets all promises go on that can. One turn of the event loop runs all microtasks. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const lookMilliseconds = 100;

export class PretendedClock implements Clock {
  private time: number;
  private turned = 0;
  private order = 0;
  private readonly timers = new Set<Timer>();

  constructor(start = 1_700_000_000_000) {
    this.time = start;
  }

  now(): number {
    return this.time + this.turned;
  }

  /** Somebody puts the machine's clock forward (or back): timers don't notice, as the kernel's don't. */
  turn(ms: number): void {
    this.turned += ms;
  }

  after(ms: number, fn: () => void): Undo {
    const timer = { at: this.time + Math.max(0, Math.ceil(ms)), order: this.order++, fn };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  every(ms: number, fn: () => void): Undo {
    let cancel: Undo = () => {};
    const again = (): void => {
      cancel = this.after(ms, () => {
        again();
        fn();
      });
    };
    again();
    return () => cancel();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  private next(until: number): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.timers)
      if (
        timer.at <= until &&
        (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
      )
        first = timer;
    return first;
  }

  /** Moves time on by `ms`, running what falls due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settled();
    for (let timer = this.next(end); timer; timer = this.next(end)) {
      this.timers.delete(timer);
      this.time = Math.max(this.time, timer.at);
      timer.fn();
      await settled();
    }
    this.time = end;
  }

  /**
   * Moves on until `done` holds; false when it does not within `ms`. It is looked at every so often, and the seldomer
   * the longer it takes: hours until a deadline are not worth a look ten times a second.
   */
  async until(done: () => boolean | Promise<boolean>, ms: number): Promise<boolean> {
    const end = this.time + ms;
    const start = this.time;
    let lookAt = start;
    await settled();
    for (;;) {
      if (this.time >= lookAt) {
        if (await done()) return true;
        lookAt = this.time + Math.max(lookMilliseconds, (this.time - start) / 100);
      }
      const timer = this.next(end);
      if (!timer) {
        this.time = end;
        return done();
      }
      this.timers.delete(timer);
      this.time = Math.max(this.time, timer.at);
      timer.fn();
      await settled();
    }
  }
}
