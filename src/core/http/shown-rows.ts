/**
 * Which rows a page shows: it tells its stream, so that of a list with thousands of rows only the changes of those few
 * come that somebody sees. Rows are told by the ends of their ids; two rows with one end only cost a message that the
 * page then passes over. No imports: the browser makes marks, too.
 */

/** A page with more rows than this tells none, and hears of all. */
export const mostRowsTold = 500;

/** The end of a row's id: of a UUID these are 32 bits of chance. */
export const rowMark = (id: string): string => id.slice(-8);

/** The rows of one page, as its stream knows them. */
export class ShownRows {
  /** `marks`: null where the page did not tell, and thus hears of every row. */
  constructor(private readonly marks: Set<string> | null) {}

  /** @param told marks with dots between them, as the page sends them; null when it sent nothing */
  static told(told: string | null): ShownRows {
    return new ShownRows(told === null ? null : new Set(told.split(".", mostRowsTold)));
  }

  has(id: string): boolean {
    return this.marks?.has(rowMark(id)) ?? true;
  }

  /** The stream itself brings this row now. */
  add(id: string): void {
    this.marks?.add(rowMark(id));
  }
}
