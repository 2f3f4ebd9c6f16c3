/**
 * What is asked of all guests at once, without a look at each: how many there are of each state, and in whose name or
 * remark a text is.
 */
import { Mirror, type MirrorSources } from "jimv";
import { guests } from "./schema.ts";
import type { GuestState } from "./states.ts";

/** All names and remarks as one text, which is searched many times as fast as one by one. */
interface Words {
  text: string;
  uuids: string[];
  /** Where each guest's words begin in the text, and where the last one's end. */
  starts: number[];
}

export class KnownGuests {
  private readonly mirror: Mirror<
    readonly [typeof guests.state, typeof guests.nameKey, typeof guests.remarkKey]
  >;
  private readonly tally = new Map<GuestState, number>();
  /** Null when somebody's name or remark is no longer what it says. */
  private words: Words | null = null;

  constructor(sources: MirrorSources) {
    this.mirror = new Mirror(
      sources,
      {
        table: guests,
        key: guests.uuid,
        columns: [guests.state, guests.nameKey, guests.remarkKey],
        topic: "guest",
      },
      (before, after) => {
        if (before) this.count(before[0], -1);
        if (after) this.count(after[0], 1);
        if (before?.[1] !== after?.[1] || before?.[2] !== after?.[2]) this.words = null;
      },
    );
  }

  /** Guests by state; states of none are left out. */
  async counts(): Promise<Map<GuestState, number>> {
    await this.mirror.rows();
    return new Map(this.tally);
  }

  /**
   * The uuids of those with the text in their name or remark, and of one with it as its uuid, in no order; null when
   * they are more than `most`. Somebody else may be among them: it narrows a search, and does not decide it.
   */
  async holding(text: string, most: number): Promise<string[] | null> {
    const rows = await this.mirror.rows();
    this.words ??= wordsOf(rows);
    const { text: all, uuids, starts } = this.words;
    const found = rows.has(text) ? [text] : [];
    for (let at = all.indexOf(text); at >= 0 && at < all.length; ) {
      if (found.length === most) return null;
      const whose = lastUpTo(starts, at);
      found.push(uuids[whose] as string);
      at = all.indexOf(text, starts[whose + 1] as number);
    }
    return found;
  }

  private count(state: GuestState, change: 1 | -1): void {
    const count = (this.tally.get(state) ?? 0) + change;
    if (count > 0) this.tally.set(state, count);
    else this.tally.delete(state);
  }
}

function wordsOf(rows: ReadonlyMap<string, readonly [GuestState, string, string]>): Words {
  const [uuids, starts, parts]: [string[], number[], string[]] = [[], [], []];
  let length = 0;
  for (const [uuid, [, name, remark]] of rows) {
    const part = `${name}\n${remark}\n`;
    uuids.push(uuid);
    starts.push(length);
    parts.push(part);
    length += part.length;
  }
  return { text: parts.join(""), uuids, starts: [...starts, length] };
}

/** The last place in ascending numbers that holds no more than `limit`, by halving. */
function lastUpTo(ascending: readonly number[], limit: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ascending[middle] as number) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
