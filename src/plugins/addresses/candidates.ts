/** Which address may take another's place, how an interface is set up with it, and what books it. */
import {
  AppError,
  and,
  type ControllerContext,
  eq,
  fieldError,
  insert,
  plus,
  type Statement,
  update,
} from "jimv";
import { guestInterfaces } from "../guests/index.ts";
import { Book } from "./book.ts";
import { type Address, addressOf, hexOf, networkOf, textOf, widthOf } from "./ip.ts";
import { addressAt } from "./ranges.ts";
import type { ReplaceAddress } from "./requests.ts";
import { type AddressRow, addresses, type IpPoolRow, ipPools } from "./schema.ts";
import type { Addresses } from "./service.ts";

/** An address that shall be a guest's, and what books it. */
export interface Candidate {
  hex: string;
  prefix: number;
  gateway: string | null;
  /** Whether it is tied to the guest. */
  protect: boolean;
  statements: Statement[];
}

export class Candidates {
  private readonly book: Book;

  constructor(
    private readonly ground: Pick<ControllerContext, "store" | "clock">,
    private readonly service: Addresses,
  ) {
    this.book = new Book(ground.store);
  }

  private async pool(id: string): Promise<IpPoolRow | null> {
    return id === "" ? null : this.ground.store.first(ipPools, { where: eq(ipPools.id, id) });
  }

  /** How the interface of a booked address is set up. */
  async setUpOf(
    row: AddressRow,
  ): Promise<{ prefix: number; gateway: string | null; dns: string[]; protect: boolean }> {
    const pool = await this.pool(row.poolId);
    if (pool) return pool;
    const { prefix, gateway, address, protect } = row;
    return {
      prefix: prefix ?? widthOf(addressOf(address).family),
      gateway,
      dns: await this.dnsNear(row),
      protect: protect ?? false,
    };
  }

  /** The servers of the pool in whose network an address lies that is in none. */
  private async dnsNear(row: AddressRow): Promise<string[]> {
    return (await this.networkAround(addressOf(row.address)))?.dns ?? [];
  }

  private async networkAround(address: Address): Promise<IpPoolRow | null> {
    const pools = await this.ground.store.select(ipPools, { where: eq(ipPools.family, address.family) });
    const inNetwork = pools.filter((pool) => {
      const { first, last } = networkOf(addressOf(pool.first), pool.prefix);
      return address.value >= first.value && address.value <= last.value;
    });
    const hex = hexOf(address);
    return inNetwork.find((pool) => pool.first <= hex && hex <= pool.last) ?? inNetwork[0] ?? null;
  }

  async nextFree(old: AddressRow, request: ReplaceAddress): Promise<Candidate> {
    const around = old.poolId === "" ? await this.networkAround(addressOf(old.address)) : null;
    const poolId = request.pool ?? around?.id ?? old.poolId;
    if (poolId === "") throw fieldError("pool", "addresses.poolNeeded");
    const pool = await this.pool(poolId);
    if (!pool) throw new AppError("notFound", "addresses.notFound");
    if (pool.family !== addressOf(old.address).family)
      throw fieldError("pool", "addresses.wrongFamily", { pool: pool.name });
    await this.demandBridge(pool, old, "pool");
    const holder = { guestUuid: old.guestUuid ?? "", mac: old.mac ?? "" };
    const { addresses: given, statements } = await this.service.plan(poolId, [holder]);
    const hex = hexOf(addressAt("address", given[0] ?? ""));
    return { hex, prefix: pool.prefix, gateway: pool.gateway, protect: pool.protect, statements };
  }

  /** A replacement leaves the guest's card where it is. */
  private async demandBridge(pool: IpPoolRow, old: AddressRow, field: string): Promise<void> {
    const card = await this.ground.store.first(guestInterfaces, {
      where: eq(guestInterfaces.mac, old.mac ?? ""),
    });
    if (pool.bridge !== null && card && card.bridge !== pool.bridge)
      throw fieldError(field, "addresses.otherBridge", { pool: pool.name, bridge: pool.bridge }, "conflict");
  }

  /** @throws AppError invalid or conflict at `address`, `prefix` or `gateway` */
  async typed(old: AddressRow, text: string, request: ReplaceAddress): Promise<Candidate> {
    const { store, clock } = this.ground;
    // Outside of all pools: none may be made around it meanwhile.
    const turn = await this.book.turn();
    const address = addressAt("address", text);
    const hex = hexOf(address);
    const args = { address: textOf(address) };
    const before = addressOf(old.address);
    if (address.family !== before.family)
      throw fieldError("address", "addresses.otherFamily", { first: textOf(before) });
    const around = await this.networkAround(address);
    const own = await this.setUpOf(old);
    const network = networkOf(before, own.prefix);
    const isNear = address.value >= network.first.value && address.value <= network.last.value;
    const prefix = around?.prefix ?? request.prefix ?? (isNear ? own.prefix : undefined);
    if (prefix === undefined) throw fieldError("prefix", "addresses.prefixNeeded", args);
    const given = request.gateway === undefined ? null : hexOf(addressAt("gateway", request.gateway));
    const gateway = around ? around.gateway : (given ?? (isNear ? own.gateway : null));
    refuseEnds(address, prefix);
    if (gateway === hex || (await store.count(ipPools, eq(ipPools.gateway, hex))) > 0)
      throw fieldError("address", "addresses.isGateway", args);
    if (around) await this.demandBridge(around, old, "address");
    const now = clock.now();
    const row = await store.first(addresses, { where: eq(addresses.address, hex) });
    if (row?.state === "used") throw fieldError("address", "addresses.inUse", args, "conflict");
    if (row?.state === "reserved") throw fieldError("address", "addresses.isReserved", args, "conflict");
    const isInside = around !== null && around.first <= hex && hex <= around.last;
    // Outside of the pools a guest stays as tied as it was: leaving them is no way around a pool's setting.
    const protect = isInside ? around.protect : own.protect;
    const set = {
      poolId: isInside ? around.id : "",
      state: "used" as const,
      guestUuid: old.guestUuid,
      mac: old.mac,
      remark: null,
      since: now,
      restsUntil: null,
      prefix: isInside ? null : prefix,
      gateway: isInside ? null : gateway,
      protect: isInside ? null : protect,
    };
    return {
      hex,
      prefix,
      gateway,
      protect,
      statements: [
        ...(isInside
          ? [
              update(
                ipPools,
                { version: plus(ipPools.version, 1) },
                and(eq(ipPools.id, around.id), eq(ipPools.version, around.version)),
                { expect: 1 },
              ),
            ]
          : [turn]),
        row
          ? update(addresses, set, and(eq(addresses.address, hex), eq(addresses.state, "resting")), {
              expect: 1,
            })
          : insert(addresses, { address: hex, ...set }),
      ],
    };
  }
}

/** @throws AppError invalid where the address is its network's own or its broadcast address */
function refuseEnds(address: Address, prefix: number): void {
  const width = widthOf(address.family);
  if (prefix > width) throw fieldError("prefix", "addresses.prefixLong", { most: width });
  if (width - prefix <= 1) return;
  const args = { address: textOf(address) };
  const { first, last } = networkOf(address, prefix);
  if (address.value === first.value) throw fieldError("address", "addresses.replaceNetwork", args);
  if (address.family === "ipv4" && address.value === last.value)
    throw fieldError("address", "addresses.replaceBroadcast", args);
}
