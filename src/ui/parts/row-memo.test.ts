import { expect, test } from "bun:test";
import { RowMemo } from "./row-memo.ts";

function lab() {
  let now = 1_000_000;
  let drawn = 0;
  const memo = new RowMemo(() => now);
  return {
    row: (from: string) => memo.of(from, () => `${from} ${++drawn}`),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test("a row of the same is drawn once, one of something else by itself", () => {
  const { row } = lab();
  expect([row("off"), row("off"), row("runs"), row("off")]).toEqual(["off 1", "off 1", "runs 2", "off 1"]);
});

test("what it says of times grows no older than a minute", () => {
  const { row, pass } = lab();
  row("off");
  pass(59_000);
  expect(row("off")).toBe("off 1");
  pass(1_000);
  expect(row("off")).toBe("off 2");
  // The machine's clock was put back.
  pass(-3_600_000);
  expect(row("off")).toBe("off 3");
});

test("of more rows than are kept, those go first that nobody asked for longest", () => {
  const { row } = lab();
  for (let n = 0; n < 1_000; n++) row(`row-${n}`);
  expect(row("row-0")).toBe("row-0 1");
  row("one more");
  expect(row("row-0")).toBe("row-0 1");
  expect(row("row-1")).toBe("row-1 1002");
});
