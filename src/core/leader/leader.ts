/**
 * Which controller leads: the one that holds the lease. It renews the lease well before the end and stops
 * leading by itself, on its own clock, before anybody else may begin. That alone would trust clocks; what
 * makes it safe is the lease's epoch, which the store checks inside each of the leader's batches.
 *
 * A standalone program (SQLite) has nobody to share with: it leads at once, for as long as it runs. A second
 * program on the same file gets the next epoch, and the first one's batches are refused from then on.
 */
import type { Clock } from "../clock.ts";
import { leaderLease, type Store } from "../store/index.ts";
import { timing } from "../timing.ts";
import type { Undo } from "../undo.ts";

export interface LeaderOptions {
  store: Pick<Store, "dialect" | "leases">;
  clock: Clock;
  /** Who we are: unique to this start of the program, at most 191 characters. */
  holder: string;
  /** Told when the database can't be asked; the next try comes by itself. */
  onError?: (error: unknown) => void;
}

type Listener = (epoch: number | null) => void;

export class Leader {
  private readonly listeners = new Set<Listener>();
  /** The epoch that listeners know of. */
  private current: number | null = null;
  /** The epoch that the database gave us last. */
  private given: number | null = null;
  /** UTC milliseconds on our clock from which we no longer lead unless we renewed. */
  private until = 0;
  private cancelTurn: Undo = () => {};
  private cancelEnd: Undo = () => {};
  private turn: Promise<void> = Promise.resolve();
  private stopped = true;

  constructor(private readonly options: LeaderOptions) {}

  /** The epoch we lead with, or null while somebody else leads. Goes into `store.batch({ epoch })`. */
  epoch(): number | null {
    // Asked by the clock, too: the timer may be late on a machine that was asleep.
    return this.options.clock.now() < this.until ? this.current : null;
  }

  /** Calls the listener at each change, and at once with the present state. */
  onChange(listener: Listener): Undo {
    const own: Listener = (epoch) => listener(epoch);
    this.listeners.add(own);
    own(this.epoch());
    return () => this.listeners.delete(own);
  }

  /** Begins to ask for the lease; resolves after the first answer, whatever it was. */
  async start(): Promise<void> {
    this.stopped = false;
    await this.takeTurn();
  }

  /** Stops leading and gives the lease back, so that the next one need not wait for its end. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTurn();
    await this.turn;
    this.become(null, 0);
    if (this.given === null) return;
    try {
      await this.options.store.leases.release(leaderLease, this.options.holder, this.given);
    } catch (error) {
      // It then runs out by itself.
      this.options.onError?.(error);
    }
  }

  private takeTurn(): Promise<void> {
    this.turn = this.ask().then((next) => {
      if (this.stopped || next === null) return;
      this.cancelTurn = this.options.clock.after(next, () => void this.takeTurn());
    });
    return this.turn;
  }

  /** Renews the lease or tries to take it. Resolves with the pause until the next turn, null for never. */
  private async ask(): Promise<number | null> {
    const { store, clock, holder, onError } = this.options;
    const alone = store.dialect === "sqlite";
    // Counted from before the question: the lease can only have begun later.
    const until = clock.now() + timing.leaseMilliseconds - timing.leaseMarginMilliseconds;
    try {
      const held = this.epoch();
      if (held !== null && (await store.leases.renew(leaderLease, holder, held, timing.leaseMilliseconds)))
        this.become(held, until);
      else {
        const epoch = await store.leases.acquire(leaderLease, holder, timing.leaseMilliseconds, alone);
        this.given = epoch;
        this.become(epoch, alone ? Number.POSITIVE_INFINITY : until);
      }
      return alone ? null : timing.leaseRenewMilliseconds;
    } catch (error) {
      onError?.(error);
      return timing.leaseRetryMilliseconds;
    }
  }

  private become(epoch: number | null, until: number): void {
    const { clock } = this.options;
    const late = epoch !== null && clock.now() >= until;
    const next = late || this.stopped ? null : epoch;
    this.cancelEnd();
    this.cancelEnd = () => {};
    this.until = next === null ? 0 : until;
    if (next !== null && Number.isFinite(until))
      this.cancelEnd = clock.after(until - clock.now(), () => this.become(null, 0));
    if (next === this.current) return;
    // From one epoch to another without a pause: somebody else led in between.
    if (this.current !== null && next !== null) this.tell(null);
    this.tell(next);
  }

  private tell(epoch: number | null): void {
    this.current = epoch;
    for (const listener of this.listeners) listener(epoch);
  }
}
