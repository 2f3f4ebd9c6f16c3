/** IPv4 subnets as pairs of numbers, and the choice of one that nothing uses yet. Pure. */

/** Network address and mask as unsigned 32-bit numbers. */
export interface Subnet {
  address: number;
  mask: number;
}

/** `192.168.1.7` as a number; null when it is no IPv4 address. */
export function addressNumber(address: string): number | null {
  const parts = address.split(".");
  if (parts.length !== 4) return null;
  let number = 0;
  for (const part of parts) {
    const value = Number(part);
    if (!/^\d{1,3}$/.test(part) || value > 255) return null;
    number = number * 256 + value;
  }
  return number;
}

export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** The mask of a prefix length. */
export function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}

/** Subnet of an address with a netmask or prefix; null when it is no IPv4. */
export function subnetOf(address: string, maskOrPrefix: string): Subnet | null {
  const number = addressNumber(address);
  const mask = maskOrPrefix.includes(".") ? addressNumber(maskOrPrefix) : maskOf(Number(maskOrPrefix));
  if (number === null || mask === null) return null;
  return { address: (number & mask) >>> 0, mask };
}

/** `192.168.123.0/24` */
export function cidrText(subnet: Subnet): string {
  let prefix = 0;
  while (prefix < 32 && (subnet.mask << prefix) >>> 31 === 1) prefix++;
  return `${addressText(subnet.address)}/${prefix}`;
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  const mask = (a.mask & b.mask) >>> 0;
  return ((a.address ^ b.address) & mask) >>> 0 === 0;
}

/** The main routing table's destinations, from /proc/net/route. The default route is not one. */
export function routesOf(procNetRoute: string): Subnet[] {
  return procNetRoute
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .filter((fields) => fields.length > 7)
    .map((fields) => ({ address: swapped(fields[1] ?? "0"), mask: swapped(fields[7] ?? "0") }))
    .filter((route) => route.mask !== 0);
}

/** The kernel prints addresses as hexadecimal numbers in the machine's own (little-endian) byte order. */
function swapped(hex: string): number {
  return Buffer.from(hex.padStart(8, "0"), "hex").readUInt32LE(0);
}

/** /24 networks to try, in order: near libvirt's own default first, then less usual corners of 172.16/12 and 10/8. */
function* candidates(): Generator<Subnet> {
  const mask = maskOf(24);
  for (let third = 123; third < 255; third++)
    yield { address: ((192 << 24) | (168 << 16) | (third << 8)) >>> 0, mask };
  for (let third = 1; third < 255; third++)
    yield { address: ((172 << 24) | (29 << 16) | (third << 8)) >>> 0, mask };
  for (let third = 1; third < 255; third++)
    yield { address: ((10 << 24) | (213 << 16) | (third << 8)) >>> 0, mask };
}

/** Free /24 subnets, the best first. */
export function freeSubnets(taken: readonly Subnet[]): Subnet[] {
  return [...candidates()].filter((candidate) => !taken.some((other) => overlaps(candidate, other)));
}
