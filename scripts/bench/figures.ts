/** Statistics and markdown that every bench shares. */

/** What is told of a row of measurements. All in the unit of the measurements. */
export interface Summary {
  count: number;
  min: number;
  median: number;
  p99: number;
  max: number;
}

/** The value below which `share` of the values lie, by the nearest rank. @throws Error when there is none */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error("nothing was measured");
  return value;
}

/** The value in the middle, or between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  if (low === undefined || high === undefined) throw new Error("nothing was measured");
  return (low + high) / 2;
}

export function summary(values: readonly number[]): Summary {
  return {
    count: values.length,
    min: percentile(values, 0),
    median: median(values),
    p99: percentile(values, 0.99),
    max: percentile(values, 1),
  };
}

/** Ratios of runs that stood side by side, so that a machine that gets slower or faster cancels out. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.flatMap((value, i) => {
    const other = theirs[i];
    return other === undefined ? [] : [value / other];
  });
}

/** Three significant digits, without an exponent. */
export function digits(value: number): string {
  if (value === 0) return "0";
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
}

/** A table in markdown; the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(head),
    line(head.map((_, i) => (i === 0 ? "---" : "---:"))),
    ...rows.map((row) => line(row)),
  ].join("\n");
}

/** Rows of name, count, min, median, max. */
export function spreadTable(unit: string, rows: readonly (readonly [string, readonly number[]])[]): string {
  return table(
    ["", "runs", `min ${unit}`, `median ${unit}`, `max ${unit}`],
    rows.map(([name, values]) => {
      const { count, min, median: middle, max } = summary(values);
      return [name, String(count), digits(min), digits(middle), digits(max)];
    }),
  );
}

/** One line that says whether an aim was met. Never more than a line of text: a bench does not fail on figures. */
export function aim(what: string, value: number, most: number, unit = ""): string {
  const met = value <= most ? "met" : "**missed**";
  return `- ${what}: ${digits(value)}${unit}, aim at most ${digits(most)}${unit}: ${met}`;
}
