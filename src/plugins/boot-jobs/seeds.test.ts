/** What the jobs that come along write for guests of pools that have no gateway, one server, or none. */
import { expect, test } from "bun:test";
import { seeds } from "./seeds.ts";
import { filled } from "./variables.ts";

const full = {
  IP: "192.0.2.7",
  PREFIX: "24",
  NETMASK: "255.255.255.0",
  GATEWAY: "192.0.2.1",
  DNS1: "192.0.2.2",
  DNS2: "192.0.2.3",
  MAC: "52:54:00:12:34:56",
  HOSTNAME: "web-1",
};
const cases = [
  { missing: [] },
  { missing: ["DNS2"] },
  { missing: ["DNS1", "DNS2"] },
  { missing: ["GATEWAY"] },
  { missing: ["GATEWAY", "DNS1", "DNS2"] },
];

for (const { missing } of cases)
  test(`of what there is, and nothing else: without ${missing.join(", ") || "nothing"}`, () => {
    const values: Record<string, string> = { ...full };
    for (const name of missing) values[name] = "";
    for (const { name, rules } of seeds.filter((seed) => seed.name.startsWith("Network: "))) {
      const files = rules.flatMap((rule) => (rule.kind === "run" ? [] : [filled(rule.content, values)]));
      const text = files.join("\n--\n").replace("0Parameters=\n", "");
      expect([name, text]).toEqual([
        name,
        expect.not.stringMatching(
          /\{[?/]|=\n|=""|''[,)]|, *\]|,\n|;;|=;|via *[}"]|(gateway|nameserver|DNS) *\n/,
        ),
      ]);
      const has = (value: string) => text.includes(value);
      expect([name, has(full.IP), has(full.GATEWAY)]).toEqual([name, true, values.GATEWAY !== ""]);
      expect([name, has(full.DNS1), has(full.DNS2)]).toEqual([name, values.DNS1 !== "", values.DNS2 !== ""]);
      if (name.endsWith("netplan")) {
        const card = (Bun.YAML.parse(files[1] ?? "") as { network: { ethernets: Record<string, object> } })
          .network.ethernets["00jimv"];
        expect(Object.keys(card ?? {})).toEqual([
          "match",
          "dhcp4",
          "addresses",
          ...(values.GATEWAY ? ["routes"] : []),
          ...(values.DNS1 ? ["nameservers"] : []),
        ]);
      }
    }
  });
