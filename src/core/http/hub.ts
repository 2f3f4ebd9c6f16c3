/**
 * The one reader of the event log for all streams of this controller. Events of our own batches come straight
 * from the store; a gap in the numbers (another controller's events) or a wake-up makes it read the log.
 */
import { errorText } from "../errors.ts";
import type { Store } from "../store/index.ts";
import type { Undo } from "../undo.ts";
import type { LiveEvent } from "./contract.ts";
import type { WebLog } from "./problem.ts";

export type EventStore = Pick<Store, "onEvents" | "eventsAfter" | "lastEventSeq" | "oldestEventSeq">;

const readAtOnce = 500;
/** A client that is further behind fetches its page again: cheaper than replaying the day. */
const replayLimit = 2_000;

/** What a client that knows everything up to some number has missed; "reload" when that can't be told. */
export type Missed = readonly LiveEvent[] | "reload";

export class EventHub {
  private readonly listeners = new Set<(events: readonly LiveEvent[]) => void>();
  /** Everything up to this number was handed to the listeners. */
  private position = 0;
  private started: Promise<void> | null = null;
  private reading = false;
  private again = false;
  private readonly forget: Undo;

  constructor(
    private readonly store: EventStore,
    private readonly log: WebLog,
  ) {
    this.forget = store.onEvents((events) => this.take(events));
  }

  /** The number of the newest event that listeners have seen. */
  async cursor(): Promise<number> {
    await this.start();
    return this.position;
  }

  /** Calls the listener with events as they come, in the order of their numbers, each once. */
  listen(listener: (events: readonly LiveEvent[]) => void): Undo {
    this.listeners.add(listener);
    // Where the store is away just now, the next wake-up begins.
    this.start().catch(() => {});
    return () => this.listeners.delete(listener);
  }

  /** Says that another controller wrote events. */
  wake(): void {
    void this.readLog();
  }

  /** The events after `seq` and up to `until`, oldest first. */
  async missed(seq: number, until: number): Promise<Missed> {
    if (seq === until) return [];
    // A number from the future: the store was put back from a backup.
    if (seq > until || until - seq > replayLimit) return "reload";
    const events: LiveEvent[] = [];
    for (let at = seq; at < until; ) {
      const some = await this.store.eventsAfter(at, readAtOnce);
      const wanted = some.filter((event) => event.seq <= until);
      // Numbers have no gaps, so the first one missing means that it was pruned.
      if (wanted[0]?.seq !== at + 1) return "reload";
      events.push(...wanted);
      at = wanted.at(-1)?.seq ?? until;
    }
    return events;
  }

  stop(): void {
    this.forget();
    this.listeners.clear();
  }

  private start(): Promise<void> {
    this.started ??= this.store.lastEventSeq().then(
      (seq) => {
        this.position = Math.max(this.position, seq);
      },
      (error) => {
        this.started = null;
        throw error;
      },
    );
    return this.started;
  }

  private take(events: readonly LiveEvent[]): void {
    if (this.started === null) return;
    const first = events[0];
    if (first?.seq === this.position + 1 && !this.reading) this.hand(events);
    else void this.readLog();
  }

  private hand(events: readonly LiveEvent[]): void {
    this.position = events.at(-1)?.seq ?? this.position;
    for (const listener of this.listeners)
      try {
        listener(events);
      } catch (error) {
        this.log.error("an event stream's listener failed", { error: errorText(error) });
      }
  }

  private async readLog(): Promise<void> {
    this.again = true;
    if (this.reading) return;
    this.reading = true;
    try {
      await this.start();
      while (this.again) {
        this.again = false;
        const events = (await this.store.eventsAfter(this.position, readAtOnce)).filter(
          (event) => event.seq > this.position,
        );
        if (events.length === readAtOnce) this.again = true;
        if (events.length > 0) this.hand(events);
      }
    } catch (error) {
      // The next event or wake-up reads on from the same position: nothing is lost by this.
      this.log.error("reading the event log failed; the next event reads it again", {
        error: errorText(error),
      });
    } finally {
      this.reading = false;
    }
  }
}
