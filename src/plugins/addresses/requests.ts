/** What may be said of address pools and addresses: one schema for the API, the pages' forms and their checks. */
import { listQuery, patternWord, type Static, Type } from "jimv";

const Name = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
  [patternWord]: "addresses.nameForm",
});
/** The longest way to write an IPv6 address. */
const Ip = (description?: string) =>
  Type.String({
    minLength: 2,
    maxLength: 45,
    pattern: "^[0-9A-Fa-f:.]+$",
    [patternWord]: "addresses.notAddress",
    ...(description ? { description } : {}),
  });
const Bridge = Type.String({
  minLength: 1,
  maxLength: 15,
  pattern: "^[A-Za-z0-9._-]+$",
  [patternWord]: "addresses.bridgeForm",
  description:
    "A bridge of the nodes, for a VLAN the one that carries it; the node's own network when left out",
});
const Remark = Type.String({ maxLength: 100, pattern: "^[^\\u0000-\\u001f\\u007f]*$" });

export const CreateIpPool = Type.Object({
  name: Name,
  first: Ip("The first address that may be given out"),
  last: Ip("The last one"),
  prefix: Type.Integer({
    minimum: 1,
    maximum: 128,
    description: "Of the network, in bits; 24 is 255.255.255.0",
  }),
  gateway: Type.Optional(Ip()),
  dns1: Type.Optional(Ip()),
  dns2: Type.Optional(Ip()),
  bridge: Type.Optional(Bridge),
  protect: Type.Boolean({
    default: true,
    description:
      "Spoofing protection: its guests may use their own addresses alone, through libvirt's network filters",
  }),
  isDefault: Type.Boolean({
    default: false,
    description: "What the form for new guests proposes, one for each family",
  }),
});
export type CreateIpPool = Static<typeof CreateIpPool>;

export const DeleteIpPool = Type.Object({
  withReserved: Type.Optional(
    Type.Boolean({
      description: "Reserved addresses, with what they are for, go along; else they are in the way",
    }),
  ),
});

export const ReserveAddresses = Type.Object({
  first: Ip("The first address to reserve"),
  last: Type.Optional(Ip("The last one; one alone when left out")),
  remark: Type.Optional(Remark),
});
export type ReserveAddresses = Static<typeof ReserveAddresses>;

export const TakeNext = Type.Object({ remark: Type.Optional(Remark) });
export type TakeNext = Static<typeof TakeNext>;

export const ReplaceAddress = Type.Object({
  old: Type.Optional(Ip("Which of the guest's booked addresses goes; its first when left out")),
  address: Type.Optional(Ip("The new address; the next free one of the pool when left out")),
  pool: Type.Optional(
    Type.String({
      maxLength: 36,
      description: "Whose next free address is taken; the old address's pool when left out",
    }),
  ),
  prefix: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 128,
      description: "Of a typed address that lies in no pool's network",
    }),
  ),
  gateway: Type.Optional(Ip("Of a typed address that lies in no pool's network")),
  when: Type.Union([Type.Literal("now"), Type.Literal("boot")], {
    description: "`now`: live, through the guest agent. `boot`: when JimV starts the guest the next time",
  }),
  style: Type.Optional(
    Type.String({
      maxLength: 32,
      description:
        "How a guest without cloud-init sets its network up, as the boot jobs `Network: <style>` are called",
    }),
  ),
});
export type ReplaceAddress = Static<typeof ReplaceAddress>;

export const ipPoolSorts = ["name", "first", "used"] as const;
export const IpPoolListQuery = listQuery({ sort: ipPoolSorts, filters: {} });
export const AddressListQuery = listQuery({
  sort: ["address"] as const,
  filters: {
    state: Type.Union([Type.Literal("used"), Type.Literal("reserved"), Type.Literal("resting")]),
  },
});

/** The settings of addresses. */
export const AddressSettings = Type.Object({
  restMinutes: Type.Integer({
    minimum: 0,
    maximum: 7 * 24 * 60,
    default: 20,
    description:
      "How many minutes a released address rests before it is given out again, so that ARP caches forget it",
  }),
});
