/** How guests come to their addresses: booked with the guest, told to it by the seed, given back at its end. */
import {
  type ControllerContext,
  type EventRow,
  eq,
  fieldError,
  type PostedForm,
  type Reason,
  remove,
  type Static,
  type TriedForm,
  Type,
  type Viewer,
} from "jimv";
import { FieldRow, FormSection, Select } from "jimv/ui";
import {
  addressBooks,
  creationParts,
  extraOf,
  type Guest,
  guestBooking,
  guestDeleted,
  guestUnmade,
  moveGuards,
} from "../guests/index.ts";
import type { NodeService, NodeView } from "../nodes/index.ts";
import type { Booking, IpPoolView } from "./contract.ts";
import { filterFor } from "./filters.ts";
import { ties } from "./schema.ts";
import { type Addresses, ipPoolEvent } from "./service.ts";
import type { Tying } from "./tying.ts";
import { wordsOf } from "./words-pages.ts";

const name = "addresses";
const fields = ["ipv4Pool", "ipv6Pool"] as const;
type Field = (typeof fields)[number];
const familyOf = { ipv4Pool: "ipv4", ipv6Pool: "ipv6" } as const;

const PoolId = Type.String({ minLength: 1, maxLength: 36 });
/** `extras.addresses` of a request for guests; DHCP where a family is left out. */
const Wanted = Type.Object({ ipv4Pool: Type.Optional(PoolId), ipv6Pool: Type.Optional(PoolId) });

interface Needs {
  context: ControllerContext;
  service: Addresses;
  tying: Pick<Tying, "filterOf">;
  nodes: Pick<NodeService, "get">;
}

/** Joins in when guests are made, shown and deleted. */
export function joinGuests({ context, service, tying, nodes }: Needs): void {
  const { hooks, slots } = context;
  context.onStop(
    slots.add(creationParts, {
      name,
      schema: Wanted,
      section: (viewer, tried) => section(service, viewer, tried),
      read,
    }),
  );
  context.onStop(slots.add(addressBooks, (uuids) => service.booked(uuids)));
  context.onStop(
    hooks.on(guestBooking, async ({ request, guests, statements, events }) => {
      const wanted = (extraOf(request, name) ?? {}) as Static<typeof Wanted>;
      const bookings: Booking[] = [];
      for (const field of fields) {
        const poolId = wanted[field];
        if (poolId === undefined) continue;
        await demandFamily(service, field, poolId);
        const holders = guests.map(({ uuid, mac }) => ({ guestUuid: uuid, mac }));
        bookings.push(await service.plan(poolId, holders));
      }
      const bridge = oneBridge(bookings);
      const isTied = bookings.some(({ pool }) => pool.protect);
      for (const [at, guest] of guests.entries()) {
        if (bookings.length === 0) return;
        guest.addressing = {
          addresses: bookings.map(({ pool, addresses }) => `${addresses[at]}/${pool.prefix}`),
          gateways: bookings.flatMap(({ pool }) => pool.gateway ?? []),
          dns: bookings.flatMap(({ pool }) => pool.dns),
        };
        guest.filter = filterFor(
          bookings.map(({ pool, addresses }) => ({ address: addresses[at] ?? "", protect: pool.protect })),
        );
        if (bridge === null && !isTied) continue;
        const node = await nodes.get(guest.nodeName);
        if (isTied && node) demandFilters(node);
        if (bridge === null) continue;
        // A node that has told of no bridge at all has perhaps just come back.
        if (node && node.bridges.length > 0 && !node.bridges.includes(bridge))
          throw fieldError("extras", "addresses.noBridge", { node: guest.nodeName, bridge }, "conflict");
        guest.network = { bridge };
      }
      statements.push(...bookings.flatMap((booking) => booking.statements));
      events.push(...bookings.map(({ pool }) => ipPoolEvent(pool.id)));
    }),
  );
  context.onStop(
    slots.add(moveGuards, async ({ uuid }, names) => {
      const found = new Map<string, Reason>();
      if ((await tying.filterOf(uuid)) === null) return found;
      for (const name of names) {
        const node = await nodes.get(name);
        const lack = node && lackOf(node);
        if (lack) found.set(name, lack);
      }
      return found;
    }),
  );
  const giveBack = async (end: {
    guest: Guest;
    statements: Parameters<typeof add>[0];
    events: EventRow[];
  }) => {
    const { uuid } = end.guest;
    end.events.push(...(await service.poolsOf(uuid)).map((id) => ipPoolEvent(id)));
    add(end.statements, [...(await service.release(uuid)), remove(ties, eq(ties.guestUuid, uuid))]);
  };
  context.onStop(hooks.on(guestUnmade, giveBack));
  context.onStop(hooks.on(guestDeleted, giveBack));
}

const add = (to: Booking["statements"], more: Booking["statements"]): void => void to.push(...more);

/** @throws AppError notFound, invalid when the pool is of the other family */
async function demandFamily(service: Addresses, field: Field, poolId: string): Promise<void> {
  const pool = await service.need(poolId);
  if (pool.family !== familyOf[field])
    throw fieldError(`extras.${name}.${field}`, "addresses.wrongFamily", { pool: pool.name });
}

/** Why a node can't tie guests to their addresses, or null; one that has told nothing has perhaps just come back. */
const lackOf = ({ name, filterLacks }: Pick<NodeView, "name" | "filterLacks">): Reason | null => {
  const [lack] = filterLacks ?? [];
  return lack ? { of: name, word: `addresses.lacks.${lack}`, args: { node: name } } : null;
};

/** @throws AppError conflict where the node can't tie guests to their addresses */
function demandFilters(node: Pick<NodeView, "name" | "filterLacks">): void {
  const lack = lackOf(node);
  if (lack) throw fieldError("extras", lack.word, lack.args, "conflict");
}

/** The bridge that the pools of one interface say; null for the node's own network. @throws AppError conflict */
function oneBridge(bookings: readonly Booking[]): string | null {
  const [first, second] = bookings.map(({ pool }) => pool);
  if (first && second && first.bridge !== second.bridge)
    throw fieldError("extras", "addresses.twoBridges", { one: first.name, other: second.name }, "conflict");
  return first?.bridge ?? null;
}

const typed = (form: PostedForm, field: Field): string => {
  const value = form[field];
  return typeof value === "string" ? value : "";
};

function read(form: PostedForm): Static<typeof Wanted> | null {
  const said = fields.flatMap((field) => {
    const value = typed(form, field);
    return value === "" ? [] : [[field, value] as const];
  });
  return said.length === 0 ? null : Object.fromEntries(said);
}

/** A choice of pools for each family that has some. */
async function section(service: Addresses, viewer: Viewer, tried: TriedForm | null) {
  const t = wordsOf(viewer.language);
  const all = await service.list();
  if (all.length === 0) return null;
  const label = (pool: IpPoolView): string =>
    t("addresses.page.poolFree", { pool: pool.name, free: pool.free, first: pool.first, last: pool.last });
  return (
    <FormSection title={t("addresses.page.section")} hint={t("addresses.page.sectionHint")}>
      <FieldRow>
        {fields.map((field) => {
          const own = all.filter((pool) => pool.family === familyOf[field]);
          if (own.length === 0) return null;
          return (
            <Select
              name={field}
              label={t(`addresses.page.family.${familyOf[field]}`)}
              value={tried ? typed(tried.posted, field) : (own.find((pool) => pool.isDefault)?.id ?? "")}
              options={[
                { value: "", label: t("addresses.page.dhcp") },
                ...own.map((pool) => ({ value: pool.id, label: label(pool) })),
              ]}
            />
          );
        })}
      </FieldRow>
    </FormSection>
  );
}
