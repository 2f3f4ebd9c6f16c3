import { expect, test } from "bun:test";
import { hexOf, parseAddress } from "./ip.ts";
import { fullness, singles, stretches } from "./picture.tsx";

const hex = (text: string): string => {
  const address = parseAddress(text);
  return address ? hexOf(address) : "";
};

test("a small range shows each address", () => {
  const range = { first: hex("192.0.2.10"), gateway: hex("192.0.2.11") };
  const rows = [{ address: hex("192.0.2.12"), state: "used" as const }];
  expect(singles(range, 4, rows)).toEqual(["free", "reserved", "used", "free"]);
});

test("a large one is summed up without gap, up to the last address", () => {
  const all = stretches(hex("10.0.0.1"), hex("10.15.255.254"));
  expect(all.reduce((sum, each) => sum + each.size, 0)).toBe(2 ** 20 - 2);
  expect([all[0]?.first, all.at(-1)?.last]).toEqual([hex("10.0.0.1"), hex("10.15.255.254")]);
});

test("one of a million is not nothing, and all but one not everything", () => {
  expect([0, 1, 400_000, 700_000, 999_999, 1e6].map((taken) => fullness(taken, 1e6))).toEqual([
    0, 1, 2, 3, 3, 4,
  ]);
});
