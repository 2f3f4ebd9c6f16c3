/** What the code that carries out a task on a node gets in hand. */

export interface UndoCall {
  /** The name under which the plugin registered it (`context.undo`). */
  name: string;
  args: Record<string, string>;
}

export interface Operation {
  readonly taskId: string;
  /**
   * True when it may have been carried out before, whole or in part, without the controller's knowing. What an
   * earlier attempt left in the journal is taken back by then; what it finished is not.
   */
  readonly isRepeated: boolean;
  /** Aborted when the task is cancelled or out of time. */
  readonly signal: AbortSignal;
  /**
   * One step: says its word, writes `undo` into the journal, then runs `fn`. When a later step or this one
   * fails, or the process dies, the undo runs; so it must cope with a step that did nothing, half or all.
   */
  step<T>(word: string, undo: UndoCall | null, fn: () => Promise<T>): Promise<T>;
  /**
   * What follows mostly waits: from here on the task counts as a patient one, and the place that it held among those of
   * its weight is another's. It does not go back.
   */
  becomePatient(): void;
  /** Percent of the whole task (0–100), never backwards; time left in seconds where it can be told. */
  progress(percent: number, etaSeconds?: number | null): void;
  /** For a step that counts: maps `done` of `total` onto the stretch `from`–`to` percent and reckons the time left. */
  meter(from: number, to: number): (done: number, total: number) => void;
}

/** Weight of the newest speed in the moving average that makes the time left. */
const speedWeight = 0.4;
/** A speed is taken over at least this long, so that a burst of two reports does not count as a speed. */
const speedWindowMilliseconds = 200;

/** Reckons the time left from bytes done, by an exponential moving average of the speed. */
export class SpeedMeter {
  private speed: number | null = null;
  private last: { at: number; done: number } | null = null;

  /** Seconds left, or null while it can't tell. */
  update(now: number, done: number, total: number): number | null {
    if (!this.last) {
      this.last = { at: now, done };
      return null;
    }
    const passed = now - this.last.at;
    if (passed >= speedWindowMilliseconds) {
      const speed = Math.max(0, done - this.last.done) / passed;
      this.speed = this.speed === null ? speed : speedWeight * speed + (1 - speedWeight) * this.speed;
      this.last = { at: now, done };
    }
    if (!this.speed) return null;
    return Math.max(0, Math.ceil((total - done) / this.speed / 1000));
  }
}
