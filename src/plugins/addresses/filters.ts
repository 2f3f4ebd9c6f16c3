/**
 * What a guest that is tied to its addresses may send. A node holds these few filters, whoever its guests are; which
 * addresses are a guest's own stands at its interface, as the filters' parameters. What comes in is not looked at.
 */
import type { FilterRule, InterfaceFilter, NetworkFilter } from "jimv";
import { type Family, parseAddress } from "./ip.ts";

type Step = Pick<FilterRule, "action" | "match">;
type Protocol = NonNullable<FilterRule["match"]>["protocol"];

const match = (protocol: Protocol, fields: Readonly<Record<string, string>> = {}): FilterRule["match"] => ({
  protocol,
  fields,
});
const accept = (...what: Parameters<typeof match>): Step => ({ action: "accept", match: match(...what) });
const drop = (...what: Parameters<typeof match>): Step => ({ action: "drop", match: match(...what) });
const from = (protocol: string, port: number, more: Readonly<Record<string, string>> = {}) => ({
  protocol,
  srcportstart: String(port),
  ...more,
});

/** Under no MAC address but its own, in no frame and no ARP message. */
const ownMac: Step[] = [
  { action: "drop", match: { ...match("mac", { srcmacaddr: "$MAC" }), not: true } as FilterRule["match"] },
  {
    action: "drop",
    match: { ...match("arp", { arpsrcmacaddr: "$MAC" }), not: true } as FilterRule["match"],
  },
];

/** No guest hands out addresses or routes to its neighbours: DHCP and DHCPv6 servers, router advertisements. */
const serves: Record<Family, Step[]> = {
  ipv4: [drop("ip", from("udp", 67))],
  ipv6: [drop("ipv6", { protocol: "icmpv6", type: "134" }), drop("ipv6", from("udp", 547))],
};

/** Its own addresses alone, and what a machine says before it has one. */
const own: Record<Family, Step[]> = {
  ipv4: [
    accept("arp", { arpsrcipaddr: "$IP" }),
    // Asking whether somebody has an address (RFC 5227) claims none.
    accept("arp", { arpsrcipaddr: "0.0.0.0" }),
    drop("arp"),
    accept("ip", { srcipaddr: "$IP" }),
    accept("ip", from("udp", 68, { srcipaddr: "0.0.0.0", dstportstart: "67" })),
    drop("ip"),
  ],
  ipv6: [
    accept("ipv6", { srcipaddr: "$IPV6" }),
    // Neighbour discovery speaks by link-local addresses, which a guest makes up by itself.
    accept("ipv6", { srcipaddr: "fe80::", srcipmask: "10" }),
    accept("ipv6", { srcipaddr: "::", protocol: "icmpv6" }),
    drop("ipv6"),
  ],
};
const everything: Record<Family, Step[]> = { ipv4: [accept("arp"), accept("ip")], ipv6: [accept("ipv6")] };

/** QEMU tells switches by RARP where a guest has moved to. Frames within frames (VLANs) would hide what is in them. */
const others: Step[] = [accept("mac", { protocolid: "rarp" }), { action: "drop", match: null }];

const step = 10;
const rulesFor = (...tied: readonly Family[]): FilterRule[] =>
  [
    ...ownMac,
    ...serves.ipv4,
    ...serves.ipv6,
    ...(["ipv4", "ipv6"] as const).flatMap((family) => (tied.includes(family) ? own : everything)[family]),
    ...others,
  ].map((rule, at) => ({ ...rule, direction: "out", priority: (at + 1) * step }));

const names = { ipv4: "jimv-own-ipv4", ipv6: "jimv-own-ipv6", both: "jimv-own-addresses" } as const;

/** All that a node has to hold. */
export const filters: readonly NetworkFilter[] = [
  { name: names.ipv4, uuid: "6b1f1e0a-6f0b-4c57-9a55-0d6b2f3a7c01", rules: rulesFor("ipv4") },
  { name: names.ipv6, uuid: "6b1f1e0a-6f0b-4c57-9a55-0d6b2f3a7c02", rules: rulesFor("ipv6") },
  { name: names.both, uuid: "6b1f1e0a-6f0b-4c57-9a55-0d6b2f3a7c03", rules: rulesFor("ipv4", "ipv6") },
];

/** An address of a guest, as people write it, and whether its pool ties guests to theirs. */
export interface OwnAddress {
  address: string;
  protect: boolean;
}

/**
 * What ties an interface to its addresses, or null for nothing. A family in which one address is tied is tied as a
 * whole: of what is booked in it all may be used, also while one address replaces another.
 */
export function filterFor(addresses: readonly OwnAddress[]): InterfaceFilter | null {
  const of = (family: Family): string[] => {
    const own = addresses.filter(({ address }) => parseAddress(address)?.family === family);
    return own.some(({ protect }) => protect) ? own.map(({ address }) => address).sort() : [];
  };
  const [ipv4, ipv6] = [of("ipv4"), of("ipv6")];
  if (ipv4.length === 0 && ipv6.length === 0) return null;
  return {
    name: ipv6.length === 0 ? names.ipv4 : ipv4.length === 0 ? names.ipv6 : names.both,
    parameters: [
      ...ipv4.map((value) => ({ name: "IP", value })),
      ...ipv6.map((value) => ({ name: "IPV6", value })),
    ],
  };
}
