/** What nodes tell of guests beside their states, written down: addresses, definition, a picture of the screen. */
import { type Envelope, eq, type ReportEffects, type Statement, Type, update, upsert, Value } from "jimv";
import { guestEvent } from "./creation.ts";
import type { Ground } from "./needs.ts";
import { guestDetails, guestInterfaces, guests } from "./schema.ts";

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
  constructor(private readonly ground: Ground) {}

  /** A `guests.addresses` report. */
  async addresses(envelope: Envelope): Promise<ReportEffects> {
    if (!Value.Check(AddressesReport, envelope.body)) return this.unreadable(envelope);
    const { uuid, interfaces } = envelope.body;
    if (!(await this.isOf(uuid, envelope.node))) return { statements: [] };
    const rows = await this.ground.store.select(guestInterfaces, {
      where: eq(guestInterfaces.guestUuid, uuid),
    });
    const seen = new Map(interfaces.map(({ mac, addresses }) => [mac, addresses]));
    const statements = rows.flatMap((row): Statement[] => {
      const addresses = seen.get(row.mac) ?? [];
      const same = JSON.stringify(row.addresses ?? []) === JSON.stringify(addresses);
      return same ? [] : [update(guestInterfaces, { addresses }, eq(guestInterfaces.mac, row.mac))];
    });
    return statements.length === 0 ? { statements } : { statements, events: [guestEvent(uuid)] };
  }

  /** A `guests.details` report. */
  async details(envelope: Envelope): Promise<ReportEffects> {
    if (!Value.Check(DetailsReport, envelope.body)) return this.unreadable(envelope);
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
    const guest = await this.ground.store.first(guests, { where: eq(guests.uuid, uuid) });
    return guest?.nodeName === node;
  }

  private unreadable(envelope: Envelope): ReportEffects {
    this.ground.log.warn("a report can't be read", { node: envelope.node, kind: envelope.kind });
    return { statements: [] };
  }
}
