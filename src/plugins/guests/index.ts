/**
 * Guests: virtual machines from their creation to their end. The controller decides what may be asked of one
 * when, nodes do it and tell what became of it.
 */
import { and, definePlugin, eq, inArray } from "jimv";
import { diskAttachment, disks } from "../disks/index.ts";
import { guestCounters, nameCarriers, nodeKeepers, nodeService, vncRangeGuards } from "../nodes/index.ts";
import { poolService } from "../pools/index.ts";
import { templateService, templateUsers } from "../templates/index.ts";
import { Attachment } from "./attachment.ts";
import { GuestSettings } from "./capacity.ts";
import { guestLook, guestMoves, guestService } from "./contract.ts";
import { Details } from "./details.ts";
import { registerInit } from "./init-operation.ts";
import { carryGuests, guestKeeper } from "./keeper.ts";
import { Looking } from "./looking.ts";
import { guestsMigrations } from "./migrations.ts";
import { Moves } from "./moves.ts";
import { Observation } from "./observation.ts";
import { Observer } from "./observer.ts";
import { registerOperations } from "./operations.ts";
import { guestPages } from "./pages.tsx";
import { registerPower } from "./power-operations.ts";
import { startRoutes } from "./routes.ts";
import { bookings, foreignDomains, guestDetails, guestInterfaces, guests } from "./schema.ts";
import { Guests } from "./service.ts";
import { registerSettlements } from "./settlements.ts";
import { guardVncRange } from "./vnc-ports.ts";
import { guestsWords } from "./words.ts";

export { GuestSettings } from "./capacity.ts";
export * from "./contract.ts";
export {
  type Addressing,
  addressBooks,
  creationParts,
  extraOf,
  guestBooking,
  guestUnmade,
} from "./joining.ts";
export type { PlaceableNode } from "./needs.ts";
export { CreateGuest, DeleteGuest } from "./requests.ts";
export {
  type ForeignDomain,
  foreignDomains,
  type Guest,
  type GuestInterface,
  guestInterfaces,
  guests,
} from "./schema.ts";
export { type RenewalFacts, renewalImage } from "./seed.ts";
export { type Action, allowed, allows, type GuestState, guestActions, guestStates } from "./states.ts";
export { createGuest, InterfaceFilterBody, initGuest } from "./tasks.ts";
export type { GuestDetail, GuestScreen, GuestView } from "./views.ts";
export type { VncHolder } from "./vnc-ports.ts";

export const guestsPlugin = definePlugin({
  name: "guests",
  requires: ["nodes", "pools", "templates", "tasks", "disks"],
  words: guestsWords,
  tables: [guests, guestInterfaces, guestDetails, foreignDomains, bookings],
  migrations: guestsMigrations,
  settings: GuestSettings,
  controller(context) {
    const nodes = context.use(nodeService);
    const templates = context.use(templateService);
    const pools = context.use(poolService);
    const needs = { nodes, templates, pools };
    const service = new Guests(context, needs);
    const observation = new Observation(context);
    context.provide(guestMoves, new Moves(context, service));
    context.provide(guestService, service);
    context.provide(diskAttachment, new Attachment(context, service, pools));
    registerSettlements(context, needs);
    context.onReport("guests.changed", (envelope) => observation.changed(envelope), { toldAgain: true });
    const details = new Details(context);
    context.onReport("guests.addresses", (envelope) => details.addresses(envelope), { toldAgain: true });
    context.onReport("guests.details", (envelope) => details.details(envelope), { toldAgain: true });
    context.onReport("guests.list", (envelope) => observation.listed(envelope), { toldAgain: true });
    context.slots.add(nodeKeepers, guestKeeper(context));
    context.slots.add(nameCarriers, carryGuests);
    context.slots.add(vncRangeGuards, (node, range) => guardVncRange(context, node, range));
    context.slots.add(guestCounters, (names) => service.countsByNode(names));
    context.slots.add(templateUsers, async (templateId) => {
      const linked = await context.store.select(disks, { where: eq(disks.linkedTemplateId, templateId) });
      const creating = await context.store.select(guests, {
        where: and(eq(guests.templateId, templateId), inArray(guests.state, ["creating"])),
      });
      return [...new Set([...linked.map((disk) => disk.name), ...creating.map((guest) => guest.name)])];
    });
    startRoutes(context, service);
    guestPages({ context, service, nodes, templates, pools });
  },
  node(context) {
    const observer = new Observer(context);
    registerOperations(context, observer);
    registerPower(context, observer);
    registerInit(context);
    context.onStop(context.hooks.on(guestLook, async ({ uuid }) => void (await observer.look(uuid))));
    new Looking(context, observer).start();
    observer.start();
  },
});
