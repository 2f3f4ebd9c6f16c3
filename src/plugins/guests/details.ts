/** What nodes tell of guests beside their states, written down: addresses, definition, a picture of the screen. */
import {
  type Envelope,
  fits,
  Gathered,
  inArray,
  type ReportEffects,
  type Statement,
  Type,
  updateEach,
  upsert,
} from "jimv";
import { guestEvent } from "./creation.ts";
import type { Ground } from "./needs.ts";
import { type GuestInterface, guestDetails, guestInterfaces, guests } from "./schema.ts";

const Uuid = Type.String({ maxLength: 36 });

export const AddressesReport = Type.Object({
  uuid: Uuid,
  interfaces: Type.Array(
    Type.Object({
      mac: Type.String({ maxLength: 17 }),
      addresses: Type.Array(
        Type.Object({
          address: Type.String({ maxLength: 45 }),
          prefix: Type.Integer({ minimum: 0, maximum: 128 }),
          source: Type.Union([Type.Literal("lease"), Type.Literal("agent"), Type.Literal("arp")]),
        }),
        { maxItems: 16 },
      ),
    }),
    { maxItems: 16 },
  ),
});

export const DetailsReport = Type.Object({
  uuid: Uuid,
  xml: Type.String({ maxLength: 1024 * 1024 }),
  screen: Type.Union([Type.String({ maxLength: 1024 * 1024 }), Type.Null()]),
  /** Nodes of before this was known do not tell. */
  agentMayRun: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
});

/** Tells the open page of a guest that there is news for its definition or screen. */
export const detailsTopic = "guest.details";

export class Details {
  private readonly nodes: Gathered<string, string>;
  private readonly cards: Gathered<string, GuestInterface[]>;

  constructor(private readonly ground: Ground) {
    const { store } = ground;
    this.nodes = new Gathered(async (uuids) => {
      const found = await store.select(guests, { where: inArray(guests.uuid, uuids) });
      return new Map(found.map((guest) => [guest.uuid, guest.nodeName]));
    });
    this.cards = new Gathered(async (uuids) =>
      Map.groupBy(
        await store.select(guestInterfaces, { where: inArray(guestInterfaces.guestUuid, uuids) }),
        (card) => card.guestUuid,
      ),
    );
  }

  /** A `guests.addresses` report. */
  async addresses(envelope: Envelope): Promise<ReportEffects> {
    if (!fits(AddressesReport, envelope.body)) return this.unreadable(envelope);
    const { uuid, interfaces } = envelope.body;
    const [isHere, rows = []] = await Promise.all([this.isOf(uuid, envelope.node), this.cards.of(uuid)]);
    if (!isHere) return { statements: [] };
    const seen = new Map(interfaces.map(({ mac, addresses }) => [mac, addresses]));
    const statements = rows.flatMap((row): Statement[] => {
      const addresses = seen.get(row.mac) ?? [];
      const same = JSON.stringify(row.addresses ?? []) === JSON.stringify(addresses);
      return same
        ? []
        : [updateEach(guestInterfaces, guestInterfaces.mac, [{ key: row.mac, set: { addresses } }])];
    });
    return statements.length === 0 ? { statements } : { statements, events: [guestEvent(uuid)] };
  }

  /** A `guests.details` report. */
  async details(envelope: Envelope): Promise<ReportEffects> {
    if (!fits(DetailsReport, envelope.body)) return this.unreadable(envelope);
    const { uuid, xml, screen, agentMayRun = null } = envelope.body;
    if (!(await this.isOf(uuid, envelope.node))) return { statements: [] };
    const at = envelope.at;
    const row = {
      guestUuid: uuid,
      xml,
      xmlAt: at,
      screen,
      screenAt: screen === null ? null : at,
      agentMayRun,
    };
    return {
      statements: [upsert(guestDetails, row, ["guestUuid"])],
      events: [{ topic: detailsTopic, key: uuid }],
    };
  }

  /** Late words of a node that the guest has left are no news. */
  private async isOf(uuid: string, node: string): Promise<boolean> {
    return (await this.nodes.of(uuid)) === node;
  }

  private unreadable(envelope: Envelope): ReportEffects {
    this.ground.log.warn("a report can't be read", { node: envelope.node, kind: envelope.kind });
    return { statements: [] };
  }
}
