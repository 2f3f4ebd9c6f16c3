/** The tables of guests, their network interfaces, and domains that are not ours. */
import {
  bigint,
  bool,
  type DomainState,
  index,
  integer,
  json,
  longText,
  type Row,
  table,
  text,
  time,
  unique,
} from "jimv";
import type { GuestState, Init, InitState, Observed, OsFamily } from "./states.ts";

/** Arguments of a word, kept as JSON. */
export type Args = Record<string, string | number>;

/** Characters of a remark that a search looks at: a row of MariaDB 5.5 has no room for more. */
export const remarkKeyLength = 96;

export const guests = table(
  "guests",
  {
    uuid: text(36).primaryKey(),
    name: text(63).notNull(),
    /** The name in lower case: names are unique whatever their case. */
    nameKey: text(63).notNull(),
    remark: longText().notNull(),
    /** The beginning of the remark in lower case, as searches look at it. */
    remarkKey: text(remarkKeyLength).notNull(),
    nodeName: text(64).notNull(),
    templateId: text(36),
    /** Kept for when the template is gone. */
    templateName: text(64).notNull(),
    icon: text(32),
    state: text<GuestState>(16).notNull(),
    wantedState: text<"running" | "off">(16).notNull(),
    /** Why it failed, while `state` is `failed`. Word keys are short: COMPACT rows have little room. */
    failedWord: text(48),
    failedArgs: json<Args>(),
    vcpus: integer().notNull(),
    memoryMiB: integer().notNull(),
    osFamily: text<OsFamily>(16).notNull(),
    isWindows: bool().notNull(),
    init: text<Init>(16).notNull(),
    /** Whose password it is. */
    userName: text(64).notNull(),
    /** Sealed with the master key; null when nobody sets a password (`init` none). */
    passwordSealed: longText(),
    initState: text<InitState>(16).notNull(),
    initWord: text(48),
    initArgs: json<Args>(),
    /** Null once the guest can't use it any more (a failed creation). */
    vncPort: integer(),
    vncListen: text(45).notNull(),
    vncPasswordSealed: text(128).notNull(),
    /** While it migrates: the node that it goes to, and its port there. */
    movesTo: text(64),
    movesToPort: integer(),
    hostname: text(63).notNull(),
    /** The NoCloud image that the guest boots with, if there is one. */
    seedPath: text(191),
    /** What its node last said of its domain; null before the first word. */
    observedState: text<Observed>(16),
    observedIncarnation: integer().notNull(),
    observedSequence: bigint().notNull(),
    observedAt: time(),
    /** Since when it runs. */
    startedAt: time(),
    createdAt: time().notNull(),
  },
  (t) => [
    unique("guests_name", t.nameKey),
    unique("guests_vnc", t.nodeName, t.vncPort),
    unique("guests_moves", t.movesTo, t.movesToPort),
    index("guests_node", t.nodeName, t.state),
    // Every page counts guests by state.
    index("guests_state", t.state),
    index("guests_template", t.templateId),
    index("guests_created", t.createdAt, t.nameKey),
    // A search reads this index alone, and not the rows.
    index("guests_search", t.nameKey, t.remarkKey),
  ],
);
export type Guest = Row<typeof guests>;

/** An address that a guest was seen with, and who said so: the host's DHCP server or ARP table, or the guest's agent. */
export interface ObservedAddress {
  address: string;
  prefix: number;
  source: "lease" | "agent" | "arp";
}

export const guestInterfaces = table(
  "guests_interfaces",
  {
    /** Lower case, with colons. */
    mac: text(17).primaryKey(),
    guestUuid: text(36).notNull(),
    position: integer().notNull(),
    /** One of both. */
    network: text(64),
    bridge: text(15),
    /** What its node saw on it; null before anything was. */
    addresses: json<ObservedAddress[]>(),
  },
  (t) => [index("guests_interfaces_guest", t.guestUuid)],
);
export type GuestInterface = Row<typeof guestInterfaces>;

/** What a guest's node told when somebody looked at the guest; kept so that the page has it when the node is away. */
export const guestDetails = table("guests_details", {
  guestUuid: text(36).primaryKey(),
  /** The stored definition, without secrets. */
  xml: longText().notNull(),
  xmlAt: time().notNull(),
  /** A small picture of the screen, PNG in base64; null when there is none. */
  screen: longText(),
  screenAt: time(),
  /** Whether the guest's agent may run commands in it (guest-exec); null when no agent answered. */
  agentMayRun: bool(),
});
export type GuestDetails = Row<typeof guestDetails>;

/** `foreign`: not made by JimV. `orphan`: made by this cluster, but no guest is known for it any more. */
export type ForeignKind = "foreign" | "orphan";

export const foreignDomains = table(
  "guests_foreign",
  {
    uuid: text(36).primaryKey(),
    nodeName: text(64).notNull(),
    /** Foreign text: any character, shortened. */
    name: text(191).notNull(),
    state: text<DomainState>(16).notNull(),
    kind: text<ForeignKind>(16).notNull(),
    vcpus: integer().notNull(),
    memoryMiB: integer().notNull(),
    seenAt: time().notNull(),
  },
  (t) => [index("guests_foreign_node", t.nodeName)],
);
export type ForeignDomain = Row<typeof foreignDomains>;

/** One row for each place that can be overbooked; see `bookings.ts`. */
export const bookings = table("guests_bookings", {
  /** `node:<name>` or `pool:<key>`. */
  place: text(160).primaryKey(),
  /** Counts up with each booking. */
  version: bigint().notNull(),
});
