/** Network filters as libvirt reads them, and the reference to one in a definition that is already there. */
import { expect, test } from "bun:test";
import { filterXml, type InterfaceFilter, isSameFilter, patchFilter } from "./network-filter.ts";
import { all, at, readXml, text } from "./xml.ts";

const mac = "52:54:00:00:00:01";
const domain = `<domain><name>a &amp; b</name><devices>
  <interface type='bridge'><mac address='52:54:00:00:00:02'/></interface>
  <interface type='network'><mac address='${mac}'/><target dev='vnet3'/></interface></devices></domain>`;
const one: InterfaceFilter = { name: "own", parameters: [{ name: "IP", value: "192.0.2.7" }] };
const two: InterfaceFilter = {
  name: "own",
  parameters: [
    { name: "IP", value: "192.0.2.8" },
    { name: "IP", value: "192.0.2.7" },
  ],
};

test("a rule says action, direction, priority, and what it matches", () => {
  const xml = readXml(
    filterXml({
      name: 'o"wn',
      uuid: "6b1f1e0a-6f0b-4c57-9a55-0d6b2f3a7c01",
      rules: [
        {
          action: "drop",
          direction: "out",
          priority: 10,
          match: { protocol: "mac", fields: { srcmacaddr: "$MAC" }, not: true },
        },
        { action: "drop", direction: "out", priority: 20, match: null },
      ],
    }),
  );
  expect(text(xml, "filter", at("name"))).toBe('o"wn');
  const [first, second] = all(xml, "filter", "rule");
  expect([text(first, at("action")), text(first, at("direction")), text(first, at("priority"))]).toEqual([
    "drop",
    "out",
    "10",
  ]);
  expect([text(first, "mac", at("match")), text(first, "mac", at("srcmacaddr"))]).toEqual(["no", "$MAC"]);
  expect(all(second, "mac")).toEqual([]);
});

test("only the interface of that address changes, and nothing where it is so already", () => {
  const tied = patchFilter(domain, mac, one);
  const cards = all(readXml(tied?.document ?? ""), "domain", "devices", "interface");
  expect(cards.map((card) => text(card, "filterref", at("filter")))).toEqual([null, "own"]);
  expect(text(readXml(tied?.document ?? ""), "domain", "name")).toBe("a & b");
  expect(text(readXml(tied?.interface ?? ""), "interface", "target", at("dev"))).toBe("vnet3");
  expect(patchFilter(tied?.document ?? "", mac, one)).toBeNull();
  const both = patchFilter(tied?.document ?? "", mac, two)?.document ?? "";
  expect(all(readXml(both), "domain", "devices", "interface", "filterref")).toHaveLength(1);
  expect(all(readXml(both), "domain", "devices", "interface", "filterref", "parameter")).toHaveLength(2);
  expect(patchFilter(both, mac, null)?.document).not.toContain("filterref");
  expect(patchFilter(domain, mac, null)).toBeNull();
  expect(() => patchFilter(domain, "52:54:00:00:00:09", one)).toThrow("no network interface");
});

test("values in another order are the same filter", () => {
  expect(isSameFilter(two, { ...two, parameters: two.parameters.toReversed() })).toBe(true);
  expect(isSameFilter(one, two)).toBe(false);
  expect(isSameFilter(one, null)).toBe(false);
  expect(isSameFilter(null, null)).toBe(true);
});
