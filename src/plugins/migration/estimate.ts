/**
 * How long a live migration still takes.
 *
 * A migration sends the guest's memory in passes: the first sends all of it, each further one what the guest
 * has written (dirtied) during the pass before. It ends when what is left can be sent while the guest stands
 * still no longer than it may, the allowed downtime d.
 *
 * With B bytes sent a second, D bytes dirtied a second and R bytes left of this pass, the pass takes R/B, and
 * leaves D·R/B for the next. With q = D/B the time left is the geometric series
 *
 *     T = R/B · (1 + q + q² + …)      until R·qⁿ ≤ B·d
 *
 * B and D are exponential moving averages with a weight of 0.4 for the newest figure. What a pass has dirtied is
 * exactly what its successor begins with, so D is measured once a pass; before the first one has ended only a
 * measurement from before the migration can tell (libvirt ≥ 7.2).
 *
 * Two things make the plain series wrong on real guests, and are corrected here:
 *
 * - A program that writes to the same memory again and again dirties it only once a pass: D is smaller for long
 *   passes than for short ones. So D·t is read off W·(1 − e^(−t/τ)) through the two nearest of all measured pairs
 *   (t, bytes), of passes and of measurements beforehand: that is what writing at random into W bytes comes to, and
 *   nearly a straight line where nothing was written twice yet. A straight line between two pairs that lie far apart
 *   would tell too little.
 * - Memory that was never written is not sent. Where it is known how much of the guest's memory is in use, R of
 *   the first pass is what is missing of that, and B counts whole pages alone.
 *
 * When q comes near 1 the series has no useful sum: then there is no number, but `converging` is false, and
 * `remedy` says what will be done about it and when.
 */

/** One look at a running migration. Bytes are of guest memory unless they say otherwise. */
export interface MigrationSample {
  /** UTC milliseconds. */
  at: number;
  /** The disks are copied first, where they are copied at all; zeros otherwise. */
  diskTotalBytes: number;
  diskLeftBytes: number;
  /** The pass of memory, from 1; 0 before it begins. */
  pass: number;
  memoryTotalBytes: number;
  /** Left of this pass. */
  memoryLeftBytes: number;
  /** Sent as whole pages; what is all zero is not in here. */
  memorySentBytes: number;
  /** QEMU's own figure of the last pass; 0 while it has none. */
  dirtyBytesPerSecond: number;
  /** How much the guest's vCPUs are slowed down at present. */
  throttlePercent: number;
  /** What is left is sent after the guest has moved. */
  isPostcopy: boolean;
}

/** What is known and allowed from the start. */
export interface MigrationTerms {
  /** How long the guest may stand still at the end. */
  downtimeMilliseconds: number;
  /** How much of the guest's memory is in use; null where nobody knows. */
  usedBytes: number | null;
  /** Measured before the migration (see `writing.ts`): different bytes written in so many seconds, by ascending time. */
  dirtied: readonly Dirtied[];
  /** What may be done when it does not converge. */
  autoConverge: boolean;
  postcopy: boolean;
}

export interface Dirtied {
  seconds: number;
  bytes: number;
}

export type MigrationPhase = "prepare" | "disks" | "memory" | "postcopy";

/** What is done about a migration that does not converge: slow the guest down, move it first, or nothing. */
export type Remedy =
  | { kind: "throttle"; percent: number; inSeconds: number | null }
  | { kind: "postcopy"; inSeconds: number | null }
  | { kind: "none" };

export interface Estimate {
  phase: MigrationPhase;
  pass: number;
  /** 0 to 100, never less than before. */
  percent: number;
  /** Null while it can't be told: at the beginning, and when it does not converge. */
  secondsLeft: number | null;
  /** Moving averages; null before there is one. */
  sentPerSecond: number | null;
  dirtiedPerSecond: number | null;
  /** Of this phase. */
  bytesLeft: number;
  converging: boolean;
  remedy: Remedy | null;
  throttlePercent: number;
}

/** Weight of the newest figure in the moving averages. */
const newestWeight = 0.4;
/** A speed is taken over at least this long: QEMU meters out its bandwidth in tenths of a second. */
const speedWindowSeconds = 0.25;
/** A ratio of dirtying to sending from which on further passes are not worth counting. */
const hopelessRatio = 0.95;
/** Passes that are reckoned ahead; by then a series of a smaller ratio has all but ended. */
const passesAhead = 200;
/** Measured times that differ by no more than this count as one. */
const nearShare = 0.1;
/** Beyond this many time constants a set counts as written once over. */
const steepestShare = 30;
const halvings = 40;
/** QEMU's own steps of auto-converge: the first, each further one, and the last. */
const throttleSteps = { first: 20, further: 10, most: 99 } as const;
/** Progress is never told as done before it is. */
const mostPercent = 99;

/** A moving average, null until it has heard of something. */
function averaged(before: number | null, now: number): number {
  return before === null ? now : newestWeight * now + (1 - newestWeight) * before;
}

export class MigrationEstimator {
  private first: MigrationSample | null = null;
  /** Where the speed was last taken. */
  private mark: MigrationSample | null = null;
  private markLeft = 0;
  private last: MigrationSample | null = null;
  private passBeganAt: number | null = null;
  private sent: number | null = null;
  private dirtied: number | null;
  private readonly known: Dirtied[];
  private percent = 0;

  constructor(private readonly terms: MigrationTerms) {
    this.known = terms.dirtied.filter(({ seconds }) => seconds > 0).map((each) => ({ ...each }));
    const plain = this.known.find(({ seconds }) => seconds >= 1) ?? this.known.at(-1);
    this.dirtied = plain ? plain.bytes / plain.seconds : null;
  }

  /** Takes a new sample in. Samples come in the order of time; one that tells nothing new does no harm. */
  update(sample: MigrationSample): Estimate {
    this.first ??= sample;
    this.notePass(sample);
    this.noteSpeed(sample);
    this.last = sample;
    return this.estimate(sample);
  }

  /** A pass that begins tells what the one before has dirtied. */
  private notePass(sample: MigrationSample): void {
    const before = this.last;
    if (sample.pass < 1 || (before && before.pass === sample.pass)) return;
    const began = this.passBeganAt;
    this.passBeganAt = sample.at;
    if (!before || before.pass < 1 || began === null) return;
    // The pass began somewhere between two looks: what was sent since the last and was not left then is new.
    const since = sample.memorySentBytes - before.memorySentBytes - this.leftOf(before);
    const missedPasses = sample.pass - before.pass > 1;
    const already = missedPasses || before.isPostcopy ? 0 : Math.max(0, since);
    if (this.sent) this.passBeganAt = Math.max(before.at, sample.at - (1000 * already) / this.sent);
    const seconds = (this.passBeganAt - began) / 1000;
    if (seconds <= 0) return;
    const own = sample.dirtyBytesPerSecond * seconds;
    const bytes = missedPasses && own > 0 ? own : sample.memoryLeftBytes + already;
    this.dirtied = averaged(this.dirtied, bytes / seconds);
    if (!missedPasses) this.learn({ seconds, bytes });
  }

  /** Keeps the pairs ascending: those that the newest contradicts go, one of about its time is averaged with it. */
  private learn(newest: Dirtied): void {
    const isNear = (seconds: number) => Math.abs(seconds - newest.seconds) <= nearShare * newest.seconds;
    const near = this.known.find(({ seconds }) => isNear(seconds));
    const bytes = averaged(near?.bytes ?? null, newest.bytes);
    const kept = this.known.filter(
      (each) =>
        !isNear(each.seconds) && (each.seconds < newest.seconds ? each.bytes <= bytes : each.bytes >= bytes),
    );
    this.known.splice(0, this.known.length, ...kept, { seconds: newest.seconds, bytes });
    this.known.sort((one, other) => one.seconds - other.seconds);
  }

  private noteSpeed(sample: MigrationSample): void {
    const { mark } = this;
    const left = this.leftOf(sample);
    const isNewStretch =
      !mark || mark.pass !== sample.pass || phaseOf(mark) !== phaseOf(sample) || left > this.markLeft;
    if (mark && !isNewStretch) {
      const seconds = (sample.at - mark.at) / 1000;
      if (seconds < speedWindowSeconds) return;
      const speed = (this.markLeft - left) / seconds;
      // Nothing at all: QEMU looks for the next page to send, or the road stands still for a moment.
      if (speed > 0 || this.sent !== null) this.sent = averaged(this.sent, speed);
    }
    this.mark = sample;
    this.markLeft = left;
  }

  /** Bytes left of the present phase's present pass. */
  private leftOf(sample: MigrationSample): number {
    const phase = phaseOf(sample);
    if (phase === "prepare") return 0;
    if (phase === "disks") return sample.diskLeftBytes;
    const { usedBytes } = this.terms;
    if (sample.pass > 1 || usedBytes === null || phase === "postcopy") return sample.memoryLeftBytes;
    // The guest may use more by now than it did: then what is left of the pass is the whole truth.
    return Math.max(0, Math.min(sample.memoryLeftBytes, usedBytes - sample.memorySentBytes));
  }

  private estimate(sample: MigrationSample): Estimate {
    const phase = phaseOf(sample);
    const bytesLeft = this.leftOf(sample);
    const speed = this.sent;
    const answer = { secondsLeft: null as number | null, converging: true };
    if (speed !== null && speed > 0 && phase !== "prepare") {
      if (phase === "postcopy") answer.secondsLeft = bytesLeft / speed;
      else {
        const disks = phase === "disks" ? bytesLeft / speed : 0;
        const memory = phase === "disks" ? (this.terms.usedBytes ?? sample.memoryTotalBytes) : bytesLeft;
        const since = this.passBeganAt === null ? 0 : (sample.at - this.passBeganAt) / 1000;
        const passes = this.passes(memory, speed, sample, since);
        answer.converging = passes !== null;
        answer.secondsLeft = passes === null ? null : disks + passes;
      }
    }
    return {
      phase,
      pass: sample.pass,
      percent: this.advance(sample.at, answer.secondsLeft),
      secondsLeft: answer.secondsLeft,
      sentPerSecond: speed,
      dirtiedPerSecond: this.dirtied,
      bytesLeft,
      converging: answer.converging,
      remedy: answer.converging ? null : this.remedy(sample, bytesLeft, speed),
      throttlePercent: sample.throttlePercent,
    };
  }

  /**
   * Seconds until `left` bytes of this pass (which has run for `since` seconds) and all further passes are sent
   * at `speed`; null when they would not come to an end.
   */
  private passes(left: number, speed: number, sample: MigrationSample, since: number): number | null {
    const most = Math.max(sample.memoryTotalBytes, left);
    const enough = (speed * this.terms.downtimeMilliseconds) / 1000;
    let total = left / speed;
    let seconds = since + total;
    let before = left;
    for (let pass = 0; pass < passesAhead; pass++) {
      const next = Math.min(most, this.dirtiedIn(seconds));
      if (next <= enough) return total + next / speed;
      // The present pass has only part of its bytes left, so that its ratio is no pass's ratio.
      if (pass > 0 && next > before * hopelessRatio) return null;
      before = next;
      seconds = next / speed;
      total += seconds;
    }
    return null;
  }

  /** Different bytes that the guest writes in so many seconds: D·t, with D as it is for a time as long as t. */
  private dirtiedIn(seconds: number): number {
    const { known } = this;
    const after = known.findIndex((each) => each.seconds >= seconds);
    // The pairs around that time; beyond the last and below the first the two nearest.
    const second = Math.max(1, after < 0 ? known.length - 1 : after);
    const [before, next] = [known[second - 1], known[second]];
    if (!before) return (this.dirtied ?? 0) * seconds;
    if (!next) return (before.bytes / before.seconds) * seconds;
    const isBetween = seconds >= before.seconds && seconds <= next.seconds;
    if (isBetween && next.bytes / before.bytes > next.seconds / before.seconds) {
      // It wrote more as time went on, which no set that fills up does.
      const share = (seconds - before.seconds) / (next.seconds - before.seconds);
      return before.bytes + share * (next.bytes - before.bytes);
    }
    return saturating(before, next, seconds);
  }

  private remedy(sample: MigrationSample, bytesLeft: number, speed: number | null): Remedy {
    const inSeconds = speed ? bytesLeft / speed : null;
    const { throttlePercent } = sample;
    if (this.terms.postcopy) return { kind: "postcopy", inSeconds };
    if (this.terms.autoConverge && throttlePercent < throttleSteps.most) {
      const next = throttlePercent === 0 ? throttleSteps.first : throttlePercent + throttleSteps.further;
      return { kind: "throttle", percent: Math.min(next, throttleSteps.most), inSeconds };
    }
    return { kind: "none" };
  }

  /** The share of the whole time that is over, never less than before. */
  private advance(at: number, secondsLeft: number | null): number {
    if (secondsLeft === null || !this.first) return this.percent;
    const over = (at - this.first.at) / 1000;
    const share = over + secondsLeft > 0 ? (100 * over) / (over + secondsLeft) : 0;
    this.percent = Math.max(this.percent, Math.min(mostPercent, share));
    return this.percent;
  }
}

function phaseOf(sample: MigrationSample): MigrationPhase {
  if (sample.isPostcopy) return "postcopy";
  if (sample.pass > 0) return "memory";
  return sample.diskTotalBytes > 0 ? "disks" : "prepare";
}

/**
 * W·(1 − e^(−a·t)) through two pairs, at another time. `a` is found by halving: the ratio of the two pairs falls
 * from that of their times (a = 0, a straight line) to 1 (all was written at once).
 */
function saturating(first: Dirtied, second: Dirtied, seconds: number): number {
  const ratio = first.bytes > 0 ? second.bytes / first.bytes : Number.POSITIVE_INFINITY;
  if (ratio >= second.seconds / first.seconds) return (second.bytes / second.seconds) * seconds;
  const part = (a: number, t: number): number => -Math.expm1(-a * t);
  let low = 0;
  let high = steepestShare / first.seconds;
  for (let round = 0; round < halvings; round++) {
    const a = (low + high) / 2;
    if (part(a, second.seconds) / part(a, first.seconds) > ratio) low = a;
    else high = a;
  }
  return (second.bytes * part(high, seconds)) / part(high, second.seconds);
}
