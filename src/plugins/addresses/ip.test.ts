import { expect, test } from "bun:test";
import {
  addressOf,
  distance,
  hexOf,
  hexPlus,
  isUsable,
  netmaskOf,
  networkOf,
  parseAddress,
  textOf,
} from "./ip.ts";

const at = (text: string) => {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address;
};

test("addresses are read, and written as people should write them", () => {
  for (const [said, written] of [
    ["192.0.2.7", "192.0.2.7"],
    [" 255.255.255.255 ", "255.255.255.255"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::", "::"],
    ["1::", "1::"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
  ])
    expect(textOf(at(said ?? ""))).toBe(written ?? "");
  for (const wrong of [
    "",
    "1.2.3",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4.5",
    "::1::",
    "1:2:3:4:5:6:7",
    "g::",
    "1.2.3.4:",
    "12345::",
  ])
    expect([wrong, parseAddress(wrong)]).toEqual([wrong, null]);
});

test("the stored form sorts as addresses do, and comes back", () => {
  const texts = ["9.255.255.255", "10.0.0.0", "192.0.2.1", "fd00::9", "fd00::10", "fd00:1::"];
  const stored = texts.map((text) => hexOf(at(text)));
  expect([...stored].reverse().sort()).toEqual(stored);
  expect(stored.map((hex) => textOf(addressOf(hex)))).toEqual(texts);
  expect(textOf(addressOf(hexPlus(hexOf(at("192.0.2.255")), 1n)))).toBe("192.0.3.0");
  expect(distance(hexOf(at("fd00::")), hexOf(at("fd00::1:0")))).toBe(65536n);
});

test("networks and netmasks", () => {
  const { first, last } = networkOf(at("192.0.2.77"), 26);
  expect([textOf(first), textOf(last)]).toEqual(["192.0.2.64", "192.0.2.127"]);
  expect(netmaskOf("ipv4", 26)).toBe("255.255.255.192");
  expect(netmaskOf("ipv4", 32)).toBe("255.255.255.255");
  expect(netmaskOf("ipv6", 64)).toBe("ffff:ffff:ffff:ffff::");
  expect(["10.0.0.1", "fd00::1"].every((text) => isUsable(at(text)))).toBe(true);
  expect(
    ["0.0.0.1", "127.0.0.1", "224.0.0.1", "::1", "ff02::1", "::ffff:1.2.3.4"].some((text) =>
      isUsable(at(text)),
    ),
  ).toBe(false);
});
