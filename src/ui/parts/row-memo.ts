/**
 * Rows as they were drawn last. Most rows of a list are drawn again and again from the same: for each look at the
 * page, and for each open page that a change is sent to.
 */

/** Rows kept at once, those used last: some thousand bytes each. */
const mostRows = 1_000;
/** A row says how long ago something was; the browser puts that right by itself. */
const freshMilliseconds = 60_000;

export class RowMemo {
  private readonly rows = new Map<string, { html: string; at: number }>();

  constructor(private readonly now: () => number = Date.now) {}

  /** The HTML of a row that is made of nothing but `from`: kept from the last time, else what `draw` makes. */
  of(from: string, draw: () => string): string {
    const known = this.rows.get(from);
    const now = this.now();
    const isFresh = known !== undefined && Math.abs(now - known.at) < freshMilliseconds;
    const row = isFresh ? known : { html: draw(), at: now };
    // Put anew at the end: what was not used for longest goes first.
    this.rows.delete(from);
    this.rows.set(from, row);
    if (this.rows.size > mostRows) this.rows.delete(this.rows.keys().next().value ?? from);
    return row.html;
  }
}
