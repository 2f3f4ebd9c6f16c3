/** What others see of pools and addresses; made from rows here, in one place. */
import { Type } from "jimv";
import { sizeOf } from "./allocator.ts";
import type { AddressView, IpPoolView } from "./contract.ts";
import { netmaskOf, textOfHex } from "./ip.ts";
import type { AddressRow, HeldState, IpPoolRow } from "./schema.ts";

/** How many addresses of a pool are in each state; resting ones that are free again are not counted. */
export type Counts = Record<HeldState, number>;

export function poolView(pool: IpPoolRow, counts: Counts): IpPoolView {
  const { id, name, family, prefix, dns, bridge, protect, createdAt } = pool;
  const size = sizeOf(pool.first, pool.last);
  // The gateway is kept out of what is given out without a row of its own.
  const holdsGateway = pool.gateway !== null && pool.gateway >= pool.first && pool.gateway <= pool.last;
  const reserved = counts.reserved + (holdsGateway ? 1 : 0);
  return {
    id,
    name,
    family,
    first: textOfHex(pool.first),
    last: textOfHex(pool.last),
    prefix,
    netmask: netmaskOf(family, prefix),
    gateway: pool.gateway && textOfHex(pool.gateway),
    dns,
    bridge,
    protect,
    isDefault: pool.defaultOf !== null,
    size,
    used: counts.used,
    reserved,
    resting: counts.resting,
    free: Math.max(0, size - counts.used - reserved - counts.resting),
    createdAt,
  };
}

export function addressView(row: AddressRow, now: number): AddressView {
  const { poolId, state, guestUuid, mac, remark, since, restsUntil } = row;
  const isFree = state === "resting" && (restsUntil ?? 0) <= now;
  return {
    address: textOfHex(row.address),
    poolId,
    state: isFree ? "free" : state,
    guestUuid,
    mac,
    remark,
    since,
    restsUntil,
  };
}

const nullable = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const IpPoolBody = Type.Object({
  id: Type.String(),
  name: Type.String(),
  family: Type.String({ description: "`ipv4` or `ipv6`" }),
  first: Type.String(),
  last: Type.String(),
  prefix: Type.Integer(),
  netmask: Type.String(),
  gateway: nullable(Type.String()),
  dns: Type.Array(Type.String()),
  bridge: nullable(Type.String({ description: "null: the node's own network" })),
  protect: Type.Boolean({ description: "Whether its guests may use their own addresses alone" }),
  isDefault: Type.Boolean(),
  size: Type.Number({ description: "How many addresses the range has" }),
  used: Type.Integer(),
  reserved: Type.Integer({ description: "The gateway with them, where it lies in the range" }),
  resting: Type.Integer(),
  free: Type.Number(),
  createdAt: Type.Integer({ description: "UTC milliseconds" }),
});

export const AddressBody = Type.Object({
  address: Type.String(),
  poolId: Type.String(),
  state: Type.String({ description: "`used`, `reserved`, `resting`, or `free` once the rest is over" }),
  guestUuid: nullable(Type.String()),
  mac: nullable(Type.String()),
  remark: nullable(Type.String()),
  since: Type.Integer({ description: "UTC milliseconds" }),
  restsUntil: nullable(Type.Integer()),
});
