/** Names of guests, and everything else that is made up when one is created: hostname, MAC, ports, passwords. */
import { AppError, fieldError } from "jimv";
import { remarkKeyLength } from "./schema.ts";

/** Names that libvirt would let through but JimV never shows (libguestfs' helpers). */
const hiddenPrefix = "guestfs-";
const nameCharacters = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const hostnameLabel = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
/** Of a name; also of a hostname's label, and of Linux's host name. */
export const longestName = 63;

/** What a search finds a remark by. */
export const remarkKeyOf = (remark: string): string =>
  [...remark.toLowerCase()].slice(0, remarkKeyLength).join("");

/** The key that makes names unique whatever their case. */
export const nameKeyOf = (name: string): string => name.toLowerCase();

/** The hostname that a guest of this name gets: in lower case, and `_`, which hostnames don't have, as `-`. */
export const hostnameOf = (name: string): string => name.toLowerCase().replaceAll("_", "-");

/** @throws AppError invalid at the field `name` */
export function checkName(name: string): void {
  if (name.length > longestName) throw fieldError("name", "guests.nameLong", { most: longestName });
  if (!nameCharacters.test(name)) throw fieldError("name", "guests.nameCharacters");
  if (
    !hostnameOf(name)
      .split(".")
      .every((label) => hostnameLabel.test(label))
  )
    throw fieldError("name", "guests.nameDots");
  if (name.toLowerCase().startsWith(hiddenPrefix))
    throw fieldError("name", "guests.nameHidden", { prefix: hiddenPrefix });
}

/** The names of a batch: the name itself for one, else `web-1` … or `web-001` … `web-100`, as wide as the last. */
export function namesOf(name: string, quantity: number): string[] {
  if (quantity === 1) return [name];
  const width = String(quantity).length;
  return Array.from({ length: quantity }, (_, index) => `${name}-${String(index + 1).padStart(width, "0")}`);
}

/** A locally administered address in the range that KVM's tools use. */
export function randomMac(random: (bytes: number) => Uint8Array): string {
  const tail = [...random(3)].map((byte) => byte.toString(16).padStart(2, "0"));
  return ["52", "54", "00", ...tail].join(":");
}

/** `vda`, `vdb`, … `vdz`, `vdaa`: the disk's place from 0. */
export function diskTarget(position: number): string {
  const letter = (value: number): string => String.fromCharCode(97 + value);
  if (position < 26) return `vd${letter(position)}`;
  return `vd${letter(Math.floor(position / 26) - 1)}${letter(position % 26)}`;
}

/**
 * `count` ports of the range that are not in `taken`: the lowest free ones, so that the range in use stays
 * compact and firewalls can be narrow. @throws AppError conflict when there are fewer
 */
export function freePorts(
  range: { first: number; last: number },
  taken: ReadonlySet<number>,
  count: number,
  node: string,
): number[] {
  const free: number[] = [];
  for (let port = range.first; port <= range.last && free.length < count; port++)
    if (!taken.has(port)) free.push(port);
  if (free.length < count)
    throw new AppError("conflict", "guests.noPort", { node, first: range.first, last: range.last });
  return free;
}
