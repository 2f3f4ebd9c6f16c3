/** Addresses of a domain as its host knows them: from its own DHCP server (libvirt's dnsmasq), or its ARP table. Runs in call workers. */
import { type Pointer, read } from "bun:ffi";
import { borrowString, type Context, failure, out, outPointer, using } from "./call.ts";
import { withDomain } from "./domain.ts";
import type { GuestAddress } from "./hypervisor.ts";

/** VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE and _ARP (libvirt 4.2). */
const sources = { lease: 0, arp: 2 } as const;
export type AddressSource = keyof typeof sources;
/** sizeof(virDomainIPAddress): int type @0; char *addr @8; unsigned int prefix @16 */
const addressBytes = 24;

/** Only what is leased now, or whom the host has spoken with; a domain that does not run has none. */
export function hostAddresses(context: Context, uuid: string, source: AddressSource): GuestAddress[] {
  const { lib } = context;
  return withDomain(context, uuid, (domain) => {
    const array = out(8);
    const found: GuestAddress[] = [];
    const count = lib.virDomainInterfaceAddresses(domain, array, sources[source], 0);
    if (count < 0) {
      const error = failure(lib, "read the addresses of the domain", context.conn);
      // libvirt takes an ARP table without entries for one that it can't read ("wrong nlmsg len").
      if (source === "arp" && error.code === "internal") return found;
      throw error;
    }
    const interfaces = outPointer(array);
    if (!interfaces) return found;
    using(interfaces, lib.free, () => {
      for (let i = 0; i < count; i++)
        using(read.ptr(interfaces, i * 8) as Pointer, lib.virDomainInterfaceFree, (one) => {
          found.push(...addressesOf(one));
        });
    });
    return found;
  });
}

/** virDomainInterface: char *name @0; char *hwaddr @8; unsigned int naddrs @16; virDomainIPAddress *addrs @24 */
function addressesOf(one: Pointer): GuestAddress[] {
  const hardware = read.ptr(one, 8) as Pointer;
  if (!hardware) return [];
  const mac = borrowString(hardware).toLowerCase();
  const list = read.ptr(one, 24) as Pointer;
  return Array.from({ length: read.u32(one, 16) }, (_, at) => ({
    mac,
    address: borrowString(read.ptr(list, at * addressBytes + 8) as Pointer),
    prefix: read.u32(list, at * addressBytes + 16),
  }));
}
