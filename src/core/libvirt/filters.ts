/** libvirt's network filters, and which of them an interface is under. Runs in call workers. */

import { type Context, cString, numberOf, pointerOf, using } from "./call.ts";
import { one, redefine, withDomain, xmlOf } from "./domain.ts";
import { HypervisorError } from "./hypervisor.ts";
import { filterXml, type InterfaceFilter, type NetworkFilter, patchFilter } from "./network-filter.ts";

const affectLive = 1; // VIR_DOMAIN_AFFECT_LIVE

/** Whether libvirt can filter at all; where its driver is not there, it knows no filters to count. */
export function hasDriver(context: Context): boolean {
  try {
    numberOf(context, "count the network filters", context.lib.virConnectNumOfNWFilters(context.conn));
    return true;
  } catch (error) {
    if (error instanceof HypervisorError && error.code === "unsupported") return false;
    throw error;
  }
}

/** Defines filters, or their new versions: guests that run are under these at once. */
export function defineFilters(context: Context, filters: readonly NetworkFilter[]): void {
  const { lib, conn } = context;
  for (const filter of filters) {
    const xml = cString(filterXml(filter));
    const made = pointerOf(
      context,
      `define the network filter ${filter.name}`,
      lib.virNWFilterDefineXML(conn, xml),
    );
    using(made, lib.virNWFilterFree, () => undefined);
  }
}

/**
 * Puts a domain's interface under a filter, or under none: now where it runs, and in its stored definition.
 * @throws HypervisorError notFound (no such domain, interface or filter)
 */
export function setFilter(context: Context, uuid: string, mac: string, filter: InterfaceFilter | null): void {
  const { lib } = context;
  const isOn = one(context, uuid)?.[2] !== 5;
  withDomain(context, uuid, (domain) => {
    const live = isOn ? patchFilter(xmlOf(context, domain, 0), mac, filter) : null;
    if (!live) return;
    const device = cString(live.interface);
    numberOf(
      context,
      "change an interface's network filter",
      lib.virDomainUpdateDeviceFlags(domain, device, affectLive),
    );
  });
  redefine(context, uuid, (before) => patchFilter(before, mac, filter)?.document ?? null);
}
