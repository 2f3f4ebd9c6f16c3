/**
 * Address pools: which addresses guests may be given, who has which, and which rest. JimV's own book of addresses;
 * what a guest really uses is what its node sees.
 */
import { definePlugin } from "jimv";
import { guestService } from "../guests/index.ts";
import { nodeService } from "../nodes/index.ts";
import { addressService } from "./contract.ts";
import { joinGuests } from "./joining.tsx";
import { addressesMigrations } from "./migrations.ts";
import { addressPages } from "./pages.tsx";
import { AddressSettings } from "./requests.ts";
import { startRoutes } from "./routes.ts";
import { addresses, ipPools } from "./schema.ts";
import { Addresses } from "./service.ts";
import { addressVariables, bootVariables } from "./variables.ts";
import { addressesWords } from "./words.ts";

export * from "./contract.ts";

export const addressesPlugin = definePlugin({
  name: "addresses",
  requires: ["nodes", "guests"],
  words: addressesWords,
  tables: [ipPools, addresses],
  migrations: addressesMigrations,
  settings: AddressSettings,
  controller(context) {
    const service = new Addresses(context);
    context.provide(addressService, service);
    joinGuests({ context, service, nodes: context.use(nodeService) });
    for (const variable of addressVariables(service))
      context.onStop(context.slots.add(bootVariables, variable));
    startRoutes(context, service);
    addressPages({ context, service, guests: context.use(guestService) });
  },
});
