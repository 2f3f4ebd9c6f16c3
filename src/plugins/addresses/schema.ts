/** Address pools, and every address that is not simply free. */
import { and, bigint, bool, eq, index, integer, json, type Row, table, text, time, unique } from "jimv";

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
    /** Whether its guests may use their own addresses alone. */
    protect: bool().notNull(),
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

/** One row, see `Book`. */
export const book = table("addresses_book", {
  id: text(8).primaryKey(),
  version: bigint().notNull(),
});

/** `resting`: released; free once its rest is over. */
export type HeldState = "used" | "reserved" | "resting";

export const addresses = table(
  "addresses",
  {
    /** The key of the whole table: no address is ever given twice, whatever pools people make. */
    address: text(digits).primaryKey(),
    /** Empty for one that was typed in and lies in no pool: it is recorded, and dropped when it is released. */
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
    /** How the interface is set up and whether it is tied, where no pool says it. */
    prefix: integer(),
    gateway: text(digits),
    protect: bool(),
  },
  (t) => [index("addresses_free", t.poolId, t.state, t.restsUntil), index("addresses_guest", t.guestUuid)],
);
export type AddressRow = Row<typeof addresses>;

/** A guest whose interface is not tied yet to what it holds now. The row goes when its node has done it. */
export const ties = table("addresses_ties", {
  guestUuid: text(36).primaryKey(),
  since: time().notNull(),
  /** When its task was last begun; null: never, or something changed since. */
  triedAt: time(),
  /** Why that failed. */
  failedWord: text(64),
  failedArgs: json<Record<string, string | number>>(),
});
export type Tie = Row<typeof ties>;

/**
 * `planned`: booked. `applied`: the guest was told, at its boot or through its agent. Ends: `verified` (the new address
 * answered, the old one was released), `rolledBack` (the guest has its old one, the new one was released), `failed`
 * (nothing was changed in the guest, the new one was released).
 */
export type ReplacementState = "planned" | "applied" | "verified" | "rolledBack" | "failed";

export const replacements = table(
  "addresses_replacements",
  {
    id: text(36).primaryKey(),
    guestUuid: text(36).notNull(),
    /** The guest while it is under way: one at a time. */
    openFor: text(36),
    mac: text(17).notNull(),
    oldAddress: text(digits).notNull(),
    newAddress: text(digits).notNull(),
    /** `live`: through the guest agent, now. `boot`: at the next start. */
    way: text<"live" | "boot">(8).notNull(),
    state: text<ReplacementState>(16).notNull(),
    /** Counts up with each boot that takes it along, and with its end: each telling needs another instance-id. */
    telling: integer().notNull(),
    /** The guest's own files don't say yet what is booked: they are told before its next boot. */
    owed: bool().notNull(),
    /** The system boot job that tells a guest without cloud-init. */
    jobId: text(36),
    taskId: text(36),
    failedWord: text(64),
    failedArgs: json<Record<string, string | number>>(),
    actor: text(128).notNull(),
    createdAt: time().notNull(),
    changedAt: time().notNull(),
  },
  (t) => [
    unique("addresses_replacements_open", t.openFor),
    index("addresses_replacements_guest", t.guestUuid, t.createdAt),
  ],
);
export type Replacement = Row<typeof replacements>;

/**
 * Given up after the guest may have been told: it may have the new address, which stays booked to it and is nobody
 * else's until the guest was told anew.
 */
export const stillHeld = and(eq(replacements.state, "rolledBack"), eq(replacements.owed, true));
/** As `stillHeld`, of a row. */
export const isStillHeld = ({ state, owed }: Pick<Replacement, "state" | "owed">): boolean =>
  state === "rolledBack" && owed;
