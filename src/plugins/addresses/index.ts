/**
 * Address pools: which addresses guests may be given, who has which, and which rest. JimV's own book of addresses;
 * what a guest really uses is what its node sees.
 */
import { definePlugin, timing } from "jimv";
import { guestBeforeBoot, guestService } from "../guests/index.ts";
import { nodeService, vncPortsPages } from "../nodes/index.ts";
import { addressService } from "./contract.ts";
import { joinGuests } from "./joining.tsx";
import { joinReplacing } from "./joining-replacing.ts";
import { addressesMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { addressPages } from "./pages.tsx";
import { portPages, rangeHref } from "./pages-ports.tsx";
import { replacePages } from "./pages-replace.tsx";
import { VncPorts } from "./ports.ts";
import { replaceRoutes } from "./replace-routes.ts";
import { tieGuest } from "./replace-tasks.ts";
import { Replacing } from "./replacing.ts";
import { AddressSettings } from "./requests.ts";
import { startRoutes } from "./routes.ts";
import { addresses, book, ipPools, replacements, ties } from "./schema.ts";
import { Addresses } from "./service.ts";
import { Tying } from "./tying.ts";
import { addressVariables, bootVariables } from "./variables.ts";
import { addressesWords } from "./words.ts";

export * from "./contract.ts";

export const addressesPlugin = definePlugin({
  name: "addresses",
  requires: ["nodes", "guests"],
  words: addressesWords,
  tables: [ipPools, addresses, book, replacements, ties],
  migrations: addressesMigrations,
  settings: AddressSettings,
  controller(context) {
    const service = new Addresses(context);
    context.provide(addressService, service);
    const nodes = context.use(nodeService);
    const tying = new Tying(context);
    joinGuests({ context, service, tying, nodes });
    for (const variable of addressVariables(service))
      context.onStop(context.slots.add(bootVariables, variable));
    const guests = context.use(guestService);
    const ports = new VncPorts(nodes, guests);
    startRoutes(context, service, ports);
    context.settle(tieGuest, {
      succeeded: (_task, payload) => tying.tied(payload),
      failed: (_task, payload, error) => tying.failed(payload, error),
    });
    context.whenLeading(() => context.every("addresses.tie", timing.tieTurnMilliseconds, () => tying.work()));
    context.onStop(context.hooks.on(guestBeforeBoot, ({ guest, luggage }) => tying.pack(guest, luggage)));
    addressPages({ context, service, tying, guests });
    portPages(context, ports);
    context.onStop(context.slots.add(vncPortsPages, rangeHref));
    const replacing = new Replacing(context, service);
    joinReplacing(context, replacing);
    replaceRoutes(context, replacing);
    replacePages(context, service, replacing);
  },
  node: (context) => startNode(context),
});
