/** Counting failed sign-ins, so that guessing a password takes years. In memory: a restart forgives. */
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import { timing } from "../timing.ts";

const perNameAndAddress = 5;
const perAddress = 50;
const remembered = 20_000;

interface Count {
  tries: number;
  until: number;
}

export class Attempts {
  private readonly counts = new Map<string, Count>();
  constructor(private readonly clock: Pick<Clock, "now">) {}

  /**
   * Counts a try before it is made, so that many at once are counted, too.
   * @throws AppError tooMany, with the seconds to wait
   */
  begin(address: string, name: string): void {
    const place = network(address);
    this.count(`${place} ${name}`, perNameAndAddress);
    this.count(`${place}`, perAddress);
  }

  /** The password was right. */
  succeed(address: string, name: string): void {
    const place = network(address);
    this.counts.delete(`${place} ${name}`);
    const all = this.counts.get(place);
    if (all) all.tries--;
  }

  private count(key: string, limit: number): void {
    const now = this.clock.now();
    let count = this.counts.get(key);
    if (!count || count.until <= now) {
      if (this.counts.size >= remembered) this.forget(now);
      count = { tries: 0, until: now + timing.signInWindowMilliseconds };
      this.counts.set(key, count);
    }
    if (count.tries >= limit)
      throw new AppError("tooMany", "access.tooMany", { seconds: Math.ceil((count.until - now) / 1000) });
    count.tries++;
  }

  /** Makes room: what ran out goes, then the oldest half. */
  private forget(now: number): void {
    for (const [key, count] of this.counts) if (count.until <= now) this.counts.delete(key);
    let surplus = this.counts.size - remembered / 2;
    for (const key of this.counts.keys()) if (surplus-- > 0) this.counts.delete(key);
  }
}

/** One person has a whole /64 of IPv6 addresses. */
const network = (address: string): string =>
  address.includes(":") ? address.split(":").slice(0, 4).join(":") : address;
