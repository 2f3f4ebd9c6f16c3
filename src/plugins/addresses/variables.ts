/** What boot jobs may say of a guest's booked address: {IP}, {PREFIX} and the like. */
import { type BootVariable, bootVariables } from "../boot-jobs/index.ts";
import type { Addressing } from "../guests/index.ts";
import type { AddressService, AddressValues } from "./contract.ts";
import { netmaskOf, parseAddress } from "./ip.ts";

export { bootVariables };

const names = {
  IP: "ip",
  PREFIX: "prefix",
  NETMASK: "netmask",
  GATEWAY: "gateway",
  DNS1: "dns1",
  DNS2: "dns2",
} as const satisfies Record<string, keyof AddressValues>;

/** Values of a guest that is just being booked: of its first address, which is the IPv4 one where it has both. */
export function valuesOf({ addresses, gateways, dns }: Addressing): AddressValues | null {
  const [ip = "", prefix = ""] = addresses[0]?.split("/") ?? [];
  const parsed = parseAddress(ip);
  if (!parsed) return null;
  const ofFamily = (texts: readonly string[]): string[] =>
    texts.filter((each) => parseAddress(each)?.family === parsed.family);
  const [dns1 = "", dns2 = ""] = ofFamily(dns);
  const [gateway = ""] = ofFamily(gateways);
  return { ip, prefix, netmask: netmaskOf(parsed.family, Number(prefix)), gateway, dns1, dns2 };
}

/** One variable for each; a guest without a booked address has none of them. */
export function addressVariables(service: Pick<AddressService, "values">): BootVariable[] {
  return Object.entries(names).map(([name, key]) => ({
    name,
    label: `addresses.value.${key}`,
    async value({ uuid }, made) {
      const addressing = made?.addressing ?? null;
      const values = made ? addressing && valuesOf(addressing) : await service.values(uuid);
      return values?.[key] ?? null;
    },
  }));
}
