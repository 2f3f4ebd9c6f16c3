/**
 * Processes that can die at any point. What a dead process awaits never comes, and nothing that it does is
 * heard any more: as after SIGKILL. The points at which it may die are numbered as they come by.
 */
import type { Undo } from "../../src/core/undo.ts";

/** Something that a process is about to do (`before`) or has just done (`after`). */
export interface Point {
  process: string;
  /** `define`, `journal`, `batch` … */
  what: string;
  phase: "before" | "after";
}

export const pointText = (point: Point): string => `${point.process} ${point.phase} ${point.what}`;

/** What befalls a process at a point: nothing (null), or an error that the call fails with. */
export type Fate = (point: Point) => Error | null;

class Killed extends Error {
  override readonly name = "Killed";
}

const never = <T>(): Promise<T> => new Promise<T>(() => {});

export class PretendedProcess {
  private living = true;
  private readonly deaths: Undo[] = [];

  constructor(
    readonly name: string,
    private readonly fate: Fate,
  ) {}

  get alive(): boolean {
    return this.living;
  }

  onDeath(fn: Undo): void {
    this.deaths.push(fn);
  }

  kill(): void {
    if (!this.living) return;
    this.living = false;
    for (const fn of this.deaths) fn();
  }

  /** Runs what the world calls the process for. Its death in the middle of it is nobody else's trouble. */
  enter(fn: () => void): void {
    if (!this.living) return;
    try {
      fn();
    } catch (error) {
      if (this.living) throw error;
    }
  }

  /** A point of synchronous work. Throws when the process is dead, so that it gets no further. */
  pass(what: string, phase: Point["phase"]): void {
    if (!this.living) throw new Killed("the process is dead");
    const error = this.fate({ process: this.name, what, phase });
    if (!this.living) throw new Killed("the process is dead");
    if (error) throw error;
  }

  /** Runs a call to the world outside, with a point before and one after it. A dead process never hears back. */
  async call<T>(what: string, fn: () => T | Promise<T>): Promise<T> {
    if (!this.living) return never();
    const before = this.fate({ process: this.name, what, phase: "before" });
    if (!this.living) return never();
    if (before) throw before;
    let outcome: { value: T } | { error: unknown };
    try {
      outcome = { value: await fn() };
    } catch (error) {
      outcome = { error };
    }
    if (!this.living) return never();
    const after = this.fate({ process: this.name, what, phase: "after" });
    if (!this.living) return never();
    if (after) throw after;
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }
}
