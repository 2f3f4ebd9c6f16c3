/** Address pools, and every address that is not simply free. */
import { bigint, index, integer, json, type Row, table, text, time, unique } from "jimv";

/** Addresses are kept as 32 hexadecimal digits (`ip.ts`), so that text order is their order. */
const digits = 32;

export const ipPools = table(
  "addresses_pools",
  {
    id: text(36).primaryKey(),
    name: text(64).notNull(),
    /** The name in lower case: unique whatever its case. */
    nameKey: text(64).notNull(),
    family: text<"ipv4" | "ipv6">(4).notNull(),
    /** The range that may be given out, both ends with it. */
    first: text(digits).notNull(),
    last: text(digits).notNull(),
    /** Of the network that the range lies in, in bits. */
    prefix: integer().notNull(),
    gateway: text(digits),
    /** As people write them, in order. */
    dns: json<string[]>().notNull(),
    /** The bridge that guests of this pool are put on; null for the node's own network. */
    bridge: text(15),
    /** Its family where it is that family's default, else null: an index lets each family have one. */
    defaultOf: text<"ipv4" | "ipv6">(4),
    /** From here on nothing was ever given out, but for what has a row of its own. */
    next: text(digits).notNull(),
    /** Counts up with each change of the pool and each allocation from it: two at once don't both happen. */
    version: bigint().notNull(),
    createdAt: time().notNull(),
  },
  (t) => [unique("addresses_pools_name", t.nameKey), unique("addresses_pools_default", t.defaultOf)],
);
export type IpPoolRow = Row<typeof ipPools>;

/** `resting`: released; free once its rest is over. */
export type HeldState = "used" | "reserved" | "resting";

export const addresses = table(
  "addresses",
  {
    /** The key of the whole table: no address is ever given twice, whatever pools people make. */
    address: text(digits).primaryKey(),
    poolId: text(36).notNull(),
    state: text<HeldState>(16).notNull(),
    /** Who uses it, while it is used. */
    guestUuid: text(36),
    mac: text(17),
    /** What a reserved one is for. */
    remark: text(100),
    since: time().notNull(),
    /** Until when a released one rests. */
    restsUntil: time(),
  },
  (t) => [index("addresses_free", t.poolId, t.state, t.restsUntil), index("addresses_guest", t.guestUuid)],
);
export type AddressRow = Row<typeof addresses>;
