/** A range at a glance: one square for each address, or for as many as make some hundred squares. */
import type { Viewer } from "jimv";
import type { IpPoolView } from "./contract.ts";
import { distance, hexPlus } from "./ip.ts";
import type { AddressRow } from "./schema.ts";
import { wordsOf } from "./words-pages.ts";

/** Ranges up to this size are shown address by address. */
export const mostSingles = 1024;
/** Into so many squares larger ones are summed up. */
export const sums = 128;
const columns = 32;
/** In the picture's own units; it is as wide as its place. */
const step = 10;
const side = 8;

/** What a square shows: one address, or how full a stretch is, from 0 to 4. */
export type Square = "used" | "reserved" | "resting" | "free" | 0 | 1 | 2 | 3 | 4;

/** The squares of a small range. `rows` are those that are not free. */
export function singles(
  range: { first: string; gateway: string | null },
  size: number,
  rows: readonly Pick<AddressRow, "address" | "state">[],
): Square[] {
  const states = new Map<string, Square>(rows.map((row) => [row.address, row.state]));
  if (range.gateway) states.set(range.gateway, "reserved");
  return Array.from({ length: size }, (_, at) => states.get(hexPlus(range.first, BigInt(at))) ?? "free");
}

/** The ends of the stretches that a large range is summed up by, without gap. */
export function stretches(first: string, last: string): { first: string; last: string; size: number }[] {
  const size = distance(first, last) + 1n;
  const ends = Array.from({ length: sums + 1 }, (_, at) => (size * BigInt(at)) / BigInt(sums));
  return ends.slice(1).map((end, at) => {
    const begin = ends[at] as bigint;
    return { first: hexPlus(first, begin), last: hexPlus(first, end - 1n), size: Number(end - begin) };
  });
}

/** How full a stretch is: 0 is empty, 4 is full, and one address in a million is not nothing. */
export function fullness(taken: number, size: number): Square {
  if (taken === 0) return 0;
  if (taken >= size) return 4;
  return Math.min(3, 1 + Math.floor((3 * taken) / size)) as Square;
}

export function RangePicture({
  pool,
  squares,
  viewer,
}: {
  pool: IpPoolView;
  squares: readonly Square[];
  viewer: Viewer;
}) {
  const t = wordsOf(viewer.language);
  const { used, reserved, resting, free, size } = pool;
  const counts = { used, reserved, resting, free };
  return (
    <SquaresPicture
      squares={squares}
      size={size}
      counts={counts}
      label={t("addresses.page.pictureLabel", counts)}
      each={t("addresses.page.each")}
      many={(n) => t("addresses.page.many", { n })}
      viewer={viewer}
    />
  );
}

type State = Extract<Square, string>;

/** Squares with what they mean below, and how many of each there are. */
export function SquaresPicture(p: {
  squares: readonly Square[];
  /** How many addresses or ports they stand for. */
  size: number;
  counts: Partial<Record<State, number>>;
  label: string;
  /** What one square is: one of them, or about `n`. */
  each: string;
  many(n: number): string;
  viewer: Viewer;
}) {
  const { language } = p.viewer;
  const t = wordsOf(language);
  const rows = Math.ceil(p.squares.length / columns);
  const isSingle = p.size <= mostSingles;
  return (
    <figure class="range-picture">
      <svg viewBox={`0 0 ${columns * step} ${rows * step}`} role="img" aria-label={p.label}>
        {p.squares.map((square, at) => (
          <rect
            class={typeof square === "number" ? `full-${square}` : square}
            x={(at % columns) * step}
            y={Math.floor(at / columns) * step}
            width={side}
            height={side}
            rx="1.5"
          />
        ))}
      </svg>
      <figcaption>
        {(Object.entries(p.counts) as [State, number][]).map(([state, count]) => (
          <span>
            {isSingle ? <i class={`swatch ${state}`} /> : null}
            {t(`addresses.page.state.${state}`)} <b>{count.toLocaleString(language)}</b>
          </span>
        ))}
        <span class="dim">{isSingle ? p.each : p.many(Math.round(p.size / sums))}</span>
      </figcaption>
    </figure>
  );
}
