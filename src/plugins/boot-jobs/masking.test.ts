import { expect, test } from "bun:test";
import { masked } from "./masking.ts";

test("secrets are masked wherever they stand, also one that the output begins in the middle of", () => {
  expect(masked("was hunter2, is hunter2!", ["hunter2", ""])).toBe("was ••••, is ••••!");
  expect(masked("unter2\nhunter2\n", ["hunter2"])).toBe("••••\n••••\n");
  expect(masked("er2 and on", ["hunter2"])).toBe("•••• and on");
  expect(masked("secret7 rest", ["top-secret7", "ret7"])).toBe("•••• rest");
  expect(masked("r2d2", ["hunter2"])).toBe("r2d2");
  expect(masked("nothing here", ["hunter2"])).toBe("nothing here");
});
