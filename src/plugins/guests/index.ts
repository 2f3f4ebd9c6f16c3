/** Guests: virtual machines from their creation to their end. */
export * from "./contract.ts";
export * from "./requests.ts";
export { type ForeignDomain, foreignDomains, type Guest, guestInterfaces, guests } from "./schema.ts";
export * from "./states.ts";
export * from "./tasks.ts";
export * from "./views.ts";
