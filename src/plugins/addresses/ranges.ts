/** What a range of addresses may be: the checks that need more than one field of a request. */
import { AppError, fieldError } from "jimv";
import {
  type Address,
  type Family,
  hexOf,
  isUsable,
  networkOf,
  parseAddress,
  textOf,
  widthOf,
} from "./ip.ts";
import type { CreateIpPool } from "./requests.ts";

/** A range as it is stored. */
export interface Range {
  family: Family;
  first: string;
  last: string;
  prefix: number;
  gateway: string | null;
  dns: string[];
}

/** The address that a field says. @throws AppError invalid at the field */
export function addressAt(field: string, text: string): Address {
  const address = parseAddress(text);
  if (!address) throw fieldError(field, "addresses.notAddress");
  if (!isUsable(address)) throw fieldError(field, "addresses.notUsable", { address: text });
  return address;
}

/** @throws AppError invalid at the field that is wrong */
export function rangeOf(request: CreateIpPool): Range {
  const first = addressAt("first", request.first);
  const last = addressAt("last", request.last);
  const { family } = first;
  if (last.family !== family) throw fieldError("last", "addresses.otherFamily", { first: textOf(first) });
  if (last.value < first.value) throw fieldError("last", "addresses.backwards", { first: textOf(first) });
  const width = widthOf(family);
  if (request.prefix > width) throw fieldError("prefix", "addresses.prefixLong", { most: width });
  const network = networkOf(first, request.prefix);
  const args = { network: `${textOf(network.first)}/${request.prefix}` };
  if (last.value > network.last.value) throw fieldError("last", "addresses.outsideNetwork", args);
  // Networks of one or two addresses have neither (RFC 3021, RFC 6164); IPv6 has no broadcast.
  if (width - request.prefix > 1) {
    if (first.value === network.first.value)
      throw fieldError("first", "addresses.isNetwork", { address: textOf(first) });
    if (family === "ipv4" && last.value === network.last.value)
      throw fieldError("last", "addresses.isBroadcast", { address: textOf(last) });
  }
  const gateway = request.gateway === undefined ? null : addressAt("gateway", request.gateway);
  // The gateway of an IPv6 network is often its link-local address.
  const isLinkLocal = gateway?.family === "ipv6" && gateway.value >> 118n === 0x3fan;
  if (gateway && !isLinkLocal) {
    const isInside =
      gateway.family === family &&
      gateway.value >= network.first.value &&
      gateway.value <= network.last.value;
    if (!isInside) throw fieldError("gateway", "addresses.outsideNetwork", args);
  }
  if (gateway && gateway.family !== family)
    throw fieldError("gateway", "addresses.otherFamily", { first: textOf(first) });
  const dns = (["dns1", "dns2"] as const).flatMap((field) => {
    const text = request[field];
    return text === undefined ? [] : [textOf(addressAt(field, text))];
  });
  return {
    family,
    first: hexOf(first),
    last: hexOf(last),
    prefix: request.prefix,
    gateway: gateway && hexOf(gateway),
    dns,
  };
}

/** The stored forms of both ends of what shall be reserved. @throws AppError invalid */
export function endsOf(request: { first: string; last?: string | undefined }): {
  first: string;
  last: string;
} {
  const first = hexOf(addressAt("first", request.first));
  const last = request.last === undefined ? first : hexOf(addressAt("last", request.last));
  if (last < first) throw fieldError("last", "addresses.backwards", { first: request.first });
  return { first, last };
}

/** The stored form of an address of a path. @throws AppError notFound */
export function hexInPath(text: string): string {
  const address = parseAddress(text);
  if (!address) throw new AppError("notFound", "addresses.noSuchAddress", { address: text });
  return hexOf(address);
}
