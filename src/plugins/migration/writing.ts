/**
 * How a guest writes to its memory, from what QEMU has measured before a migration.
 *
 * QEMU looks at a few pages chosen at random (512 of each GiB), waits, and counts those that have changed. Of a small
 * guest, or one that writes little, these are so few that the figure is mostly chance, and a bend between two
 * figures (a program that writes to the same memory again dirties it only once) can't be told from chance at all.
 * So no single curve is read off them. A guest that writes at random into a set of W bytes, most of which it has
 * reached after a time τ, has dirtied D(t) = W·(1 − e^(−t/τ)) different bytes after t. Of n pages that are looked at,
 * k are then found changed with the probability of a binomial distribution: n pages at D(t)/M each, in a guest of M
 * bytes. Every such guest is weighed by how well it explains what was counted (Bayes' rule, all magnitudes of W and τ
 * being as likely beforehand), and what is told is the weighted mean of their D(t). Where much was counted a few guests
 * outweigh all others, and where little was, the answer lies in the middle of what may be.
 */
import type { Dirtied } from "./estimate.ts";

const bytesPerMiB = 1024 ** 2;
/** `DIRTYRATE_DEFAULT_SAMPLE_PAGES` of QEMU: looked at of each GiB, so that each page stands for so many bytes. */
const bytesOfSample = 2 * bytesPerMiB;
/** From so many changed pages on, chance is an eighth of the figure at most. */
const surePages = 64;
/** QEMU tells whole MiB a second and cuts off the rest. */
const cutOffPerSecond = bytesPerMiB / 2;
/** Magnitudes of W that are tried: so many, up to all memory that is in use. */
const sets = { count: 24, smallest: bytesPerMiB } as const;
/** Magnitudes of τ, seconds. What is shorter looks the same to the measurements, and passes that short end a migration. */
const spans = { count: 48, shortest: 1, longest: 2_000 } as const;
/** So many times for which the mean is told, the first in seconds, each further one twice as long. */
const times = { count: 14, first: 0.5 } as const;

/**
 * Different bytes that a guest writes in times of different length, ascending, from what was measured.
 * @param memoryBytes all memory of the guest, of which QEMU looks at its sample
 * @param usedBytes what it uses of that at most; it writes to no more
 */
export function writingOf(
  measured: readonly Dirtied[],
  memoryBytes: number,
  usedBytes: number | null,
): Dirtied[] {
  if (measured.length === 0) return [];
  if (measured.every(({ bytes }) => bytes >= surePages * bytesOfSample)) return [...measured];
  const pages = memoryBytes / bytesOfSample;
  const counted = measured.map(({ seconds, bytes }) => ({
    seconds,
    pages: bytes > 0 ? (bytes + cutOffPerSecond * seconds) / bytesOfSample : 0,
  }));
  const largest = Math.max(sets.smallest, usedBytes ?? memoryBytes);
  const guests = magnitudes(sets.smallest, largest, sets.count).flatMap((set) =>
    magnitudes(spans.shortest, spans.longest, spans.count).map((span) => {
      const likelihood = counted.reduce((sum, one) => {
        const share = Math.min(almostAll, dirtied(set, span, one.seconds) / memoryBytes);
        return sum + one.pages * Math.log(share) + (pages - one.pages) * Math.log1p(-share);
      }, 0);
      return { set, span, likelihood };
    }),
  );
  const best = Math.max(...guests.map(({ likelihood }) => likelihood));
  const weighed = guests.map((guest) => ({ ...guest, weight: Math.exp(guest.likelihood - best) }));
  const all = weighed.reduce((sum, { weight }) => sum + weight, 0);
  return Array.from({ length: times.count }, (_, n) => times.first * 2 ** n).map((seconds) => ({
    seconds,
    bytes:
      weighed.reduce((sum, { set, span, weight }) => sum + weight * dirtied(set, span, seconds), 0) / all,
  }));
}

/** A page that surely changes would make one that did not impossible. */
const almostAll = 0.999;

const dirtied = (set: number, span: number, seconds: number): number => -Math.expm1(-seconds / span) * set;

/** So many numbers from the first to the last, each by the same factor larger. */
function magnitudes(first: number, last: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => first * (last / first) ** (n / (count - 1)));
}
