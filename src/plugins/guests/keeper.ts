/** What becomes of guests and their disks when their node is removed for good. */
import { type ControllerContext, type EventRow, eq, inArray, remove, type Statement, update } from "jimv";
import { type Disk, disks } from "../disks/index.ts";
import type { NameCarrier, NodeKeeper } from "../nodes/index.ts";
import { guestDeleted } from "./contract.ts";
import { diskEvent, guestEvent } from "./creation.ts";
import { foreignEvent } from "./observation.ts";
import { foreignDomains, guestDetails, guestInterfaces, guests } from "./schema.ts";

const guestKey = (uuid: string): string => `guest:${uuid}`;
const diskKey = (uuid: string): string => `disk:${uuid}`;

const part = ({ name, sizeGiB }: Disk) => ({ name, sizeGiB });

/** A node of a new name or membership counts its lives anew: what it says must not look older than what is known. */
const anew = { observedIncarnation: 0, observedSequence: 0 } as const;

/** Guests, and what was seen of others, of a node that has another name now. */
export const carryGuests: NameCarrier = (from, to) => [
  // Until now the new name's domains were nobody's.
  remove(foreignDomains, eq(foreignDomains.nodeName, to)),
  update(guests, { nodeName: to, ...anew }, eq(guests.nodeName, from)),
  update(foreignDomains, { nodeName: to }, eq(foreignDomains.nodeName, from)),
];

export function guestKeeper(context: Pick<ControllerContext, "store" | "hooks">): NodeKeeper {
  const { store, hooks } = context;
  return {
    async list(node) {
      const own = await store.select(guests, { where: eq(guests.nodeName, node) });
      const all = await store.select(disks, { where: eq(disks.nodeName, node) });
      return [
        ...own.map((guest) => ({
          key: guestKey(guest.uuid),
          kind: "guest" as const,
          name: guest.name,
          parts: all.filter((disk) => disk.guestUuid === guest.uuid).map(part),
        })),
        ...all
          .filter((disk) => disk.guestUuid === null)
          .map((disk) => ({
            key: diskKey(disk.uuid),
            kind: "disk" as const,
            name: disk.name,
            parts: [part(disk)],
          })),
      ];
    },
    async nodes() {
      const [ofGuests, ofDisks] = await Promise.all([
        store.distinct(guests, guests.nodeName),
        store.distinct(disks, disks.nodeName),
      ]);
      return [...new Set([...ofGuests, ...ofDisks])];
    },
    async settle(node, fates) {
      const named = (kind: string, fate: string): string[] =>
        [...fates]
          .filter(([key, chosen]) => key.startsWith(`${kind}:`) && chosen === fate)
          .map(([key]) => key.slice(kind.length + 1));
      const [gone, kept] = [named("guest", "forget"), named("guest", "keep")];
      const lostDisks = named("disk", "forget");
      const along = { statements: [] as Statement[], events: [] as EventRow[] };
      const leaving =
        gone.length === 0 ? [] : await store.select(guests, { where: inArray(guests.uuid, gone) });
      for (const guest of leaving) await hooks.run(guestDeleted, { guest, ...along });
      const forgotten: Statement[] =
        gone.length === 0
          ? []
          : [
              remove(disks, inArray(disks.guestUuid, gone)),
              remove(guestInterfaces, inArray(guestInterfaces.guestUuid, gone)),
              remove(guestDetails, inArray(guestDetails.guestUuid, gone)),
              remove(guests, inArray(guests.uuid, gone)),
              remove(foreignDomains, inArray(foreignDomains.uuid, gone)),
            ];
      // What else was seen there is not seen any more, and nobody could ever say that it is gone.
      const seen = await store.select(foreignDomains, { where: eq(foreignDomains.nodeName, node) });
      return {
        statements: [
          ...along.statements,
          ...forgotten,
          ...(seen.length === 0 ? [] : [remove(foreignDomains, eq(foreignDomains.nodeName, node))]),
          ...(lostDisks.length === 0 ? [] : [remove(disks, inArray(disks.uuid, lostDisks))]),
          ...(kept.length === 0 ? [] : [update(guests, anew, inArray(guests.uuid, kept))]),
        ],
        events: [
          ...gone.map((uuid) => guestEvent(uuid, { deleted: true })),
          ...kept.map((uuid) => guestEvent(uuid)),
          ...lostDisks.map((uuid) => diskEvent(uuid)),
          ...seen.map(({ uuid }) => foreignEvent(uuid)),
          ...along.events,
        ],
      };
    },
  };
}
