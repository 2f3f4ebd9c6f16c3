/**
 * Addresses as numbers. Both families share one line of 128 bits: an IPv4 address stands where RFC 4291 puts
 * IPv4-mapped ones (`::ffff:0:0/96`), so that 32 hexadecimal digits hold any address and sort as it does.
 */
export type Family = "ipv4" | "ipv6";

export interface Address {
  family: Family;
  value: bigint;
}

const mapped = 0xffffn << 32n;
const digits = 32;
export const widthOf = (family: Family): number => (family === "ipv4" ? 32 : 128);

function ipv4(text: string): bigint | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return null;
  let value = 0n;
  for (const part of match.slice(1)) {
    // A leading zero means octal to some programs and nothing to others.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith("0"))) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function groups(text: string): bigint[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  const last = parts.at(-1) ?? "";
  if (last.includes(".")) {
    const value = ipv4(last);
    if (value === null) return null;
    parts.splice(-1, 1, (value >> 16n).toString(16), (value & 0xffffn).toString(16));
  }
  return parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))
    ? parts.map((part) => BigInt(`0x${part}`))
    : null;
}

function ipv6(text: string): bigint | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = [groups(halves[0] ?? ""), groups(halves[1] ?? "")];
  if (!head || !tail) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  return [...head, ...Array<bigint>(missing).fill(0n), ...tail].reduce(
    (sum, group) => (sum << 16n) | group,
    0n,
  );
}

/** The address that a text says, or null when it is none. */
export function parseAddress(text: string): Address | null {
  const trimmed = text.trim();
  const four = ipv4(trimmed);
  if (four !== null) return { family: "ipv4", value: four };
  const six = trimmed.includes(":") ? ipv6(trimmed) : null;
  return six === null ? null : { family: "ipv6", value: six };
}

/** As it is stored. */
export function hexOf({ family, value }: Address): string {
  return (family === "ipv4" ? mapped | value : value).toString(16).padStart(digits, "0");
}

/** What was stored. */
export function addressOf(hex: string): Address {
  const value = BigInt(`0x${hex}`);
  return value >> 32n === 0xffffn
    ? { family: "ipv4", value: value & 0xffffffffn }
    : { family: "ipv6", value };
}

/** As people write it; IPv6 as RFC 5952 wants it: lower case, the first longest run of zeros as `::`. */
export function textOf({ family, value }: Address): string {
  if (family === "ipv4") return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const parts = Array.from({ length: 8 }, (_, at) => (value >> BigInt(112 - 16 * at)) & 0xffffn);
  let [best, length] = [-1, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && parts[to] === 0n) to++;
    if (to - from > length) [best, length] = [from, to - from];
  }
  const hex = (list: bigint[]): string => list.map((part) => part.toString(16)).join(":");
  return best < 0 ? hex(parts) : `${hex(parts.slice(0, best))}::${hex(parts.slice(best + length))}`;
}
export const textOfHex = (hex: string): string => textOf(addressOf(hex));

/** The stored form of the address that lies `by` further. */
export const hexPlus = (hex: string, by: bigint): string =>
  (BigInt(`0x${hex}`) + by).toString(16).padStart(digits, "0");
/** How far `to` lies behind `from`. */
export const distance = (from: string, to: string): bigint => BigInt(`0x${to}`) - BigInt(`0x${from}`);

/** The first and the last address of the network that an address lies in. */
export function networkOf({ family, value }: Address, prefix: number): { first: Address; last: Address } {
  const free = (1n << BigInt(widthOf(family) - prefix)) - 1n;
  return { first: { family, value: value & ~free }, last: { family, value: value | free } };
}

/** `255.255.255.0`; for IPv6 the same in its own writing. */
export function netmaskOf(family: Family, prefix: number): string {
  const width = BigInt(widthOf(family));
  const ones = (1n << width) - 1n;
  return textOf({ family, value: ones ^ (ones >> BigInt(prefix)) });
}

/** Whether a machine can have the address: not loopback, multicast, unspecified, or IPv4 in IPv6's clothes. */
export function isUsable({ family, value }: Address): boolean {
  if (family === "ipv6") return value > 1n && value >> 120n !== 0xffn && value >> 32n !== 0xffffn;
  const top = value >> 24n;
  return top !== 0n && top !== 127n && top < 224n;
}
