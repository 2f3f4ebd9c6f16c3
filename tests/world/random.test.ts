/** Random lives by seed. JIMV_LONG=1 lives thousands; JIMV_SEED=n lives one, and prints its story. */
import { expect, test } from "bun:test";
import { randomLife } from "./random.ts";

const long = process.env.JIMV_LONG === "1";
const first = Number(process.env.JIMV_SEED ?? 1);
const count = process.env.JIMV_SEED === undefined ? (long ? 3_000 : 150) : 1;
const mostMilliseconds = 3_600_000;
/** Failures told of at once. */
const mostTold = 3;

test(
  `${count} random lives from seed ${first} end well`,
  async () => {
    const failed: string[] = [];
    for (let seed = first; seed < first + count && failed.length < mostTold; seed++) {
      const { wrong, story, log } = await randomLife(seed);
      if (count === 1) console.log([...story, ...log].join("\n"));
      if (wrong.length > 0)
        failed.push([`seed ${seed}`, ...wrong, ...story.map((line) => `    ${line}`)].join("\n"));
    }
    expect(failed.join("\n\n")).toBe("");
  },
  mostMilliseconds,
);
