/** What is said of address pools, and of guests' addresses. */
import {
  AppError,
  and,
  asc,
  type ControllerContext,
  type Expression,
  eq,
  gt,
  gte,
  inArray,
  isNotNull,
  lte,
  or,
} from "jimv";
import type { AddressValues, AddressView, IpPoolView } from "./contract.ts";
import { addressOf, netmaskOf, textOfHex, widthOf } from "./ip.ts";
import {
  type AddressRow,
  addresses,
  type HeldState,
  type IpPoolRow,
  ipPools,
  type Replacement,
  replacements,
  stillHeld,
} from "./schema.ts";
import { addressView, type Counts, poolView } from "./view.ts";

export type Ground = Pick<ControllerContext, "store" | "clock" | "commit" | "settings">;

export class AddressReading {
  constructor(protected readonly ground: Ground) {}

  async list(): Promise<IpPoolView[]> {
    const rows = await this.ground.store.select(ipPools, { orderBy: asc(ipPools.nameKey) });
    return Promise.all(rows.map((row) => this.view(row)));
  }

  async need(id: string): Promise<IpPoolView> {
    return this.view(await this.row(id));
  }

  protected async row(id: string): Promise<IpPoolRow> {
    const row = await this.ground.store.first(ipPools, { where: eq(ipPools.id, id) });
    if (!row) throw new AppError("notFound", "addresses.notFound");
    return row;
  }

  protected async view(row: IpPoolRow): Promise<IpPoolView> {
    const { store, clock } = this.ground;
    const count = (state: HeldState) =>
      store.count(
        addresses,
        and(
          eq(addresses.poolId, row.id),
          eq(addresses.state, state),
          state === "resting" ? gt(addresses.restsUntil, clock.now()) : undefined,
        ),
      );
    const [used, reserved, resting] = await Promise.all([count("used"), count("reserved"), count("resting")]);
    const counts: Counts = { used, reserved, resting };
    return poolView(row, counts);
  }

  /** The guests that have addresses of a pool. */
  async usersOf(poolId: string): Promise<string[]> {
    const rows = await this.ground.store.select(addresses, {
      where: and(eq(addresses.poolId, poolId), eq(addresses.state, "used")),
    });
    return [...new Set(rows.flatMap(({ guestUuid }) => guestUuid ?? []))];
  }

  async held(
    poolId: string,
    { state, limit, offset }: { state?: HeldState; limit: number; offset: number },
  ): Promise<{ items: AddressView[]; total: number }> {
    const { store, clock } = this.ground;
    const now = clock.now();
    const where = this.taken(
      eq(addresses.poolId, poolId),
      state === undefined ? undefined : eq(addresses.state, state),
    );
    const [rows, total] = await Promise.all([
      store.select(addresses, { where, orderBy: asc(addresses.address), limit, offset }),
      store.count(addresses, where),
    ]);
    return { items: rows.map((row) => addressView(row, now)), total };
  }

  private taken(...parts: (Expression | undefined)[]) {
    return and(
      ...parts,
      or(inArray(addresses.state, ["used", "reserved"]), gt(addresses.restsUntil, this.ground.clock.now())),
    );
  }

  /** How many addresses of a part of the line are not free; for the picture. */
  takenIn(first: string, last: string): Promise<number> {
    const where = this.taken(gte(addresses.address, first), lte(addresses.address, last));
    return this.ground.store.count(addresses, where);
  }

  /** The rows of a pool's addresses that are not free. */
  takenRows(poolId: string): Promise<AddressRow[]> {
    return this.ground.store.select(addresses, { where: this.taken(eq(addresses.poolId, poolId)) });
  }

  /** The stored range of a pool, and its gateway. @throws AppError notFound */
  rangeOf(id: string): Promise<Pick<IpPoolRow, "first" | "last" | "gateway">> {
    return this.row(id);
  }

  private of(guestUuids: readonly string[]): Promise<AddressRow[]> {
    return this.ground.store.select(addresses, {
      where: inArray(addresses.guestUuid, guestUuids),
      orderBy: asc(addresses.address),
    });
  }

  async booked(guestUuids: readonly string[]): Promise<Map<string, string[]>> {
    const notHers = new Set((await this.replacing(guestUuids)).map((row) => row.newAddress));
    const rows = (await this.of(guestUuids)).filter((row) => !notHers.has(row.address));
    // IPv4 stands before all global IPv6 on the line of addresses.
    return new Map(
      [...Map.groupBy(rows, (row) => row.guestUuid ?? "")].map(([uuid, own]) => [
        uuid,
        own.map((row) => textOfHex(row.address)),
      ]),
    );
  }

  /** Replacements whose new address is held, and not yet, or no longer, the guest's. */
  private replacing(guestUuids: readonly string[]): Promise<Replacement[]> {
    return this.ground.store.select(replacements, {
      where: and(inArray(replacements.guestUuid, guestUuids), or(isNotNull(replacements.openFor), stillHeld)),
    });
  }

  /** The pools of a guest's addresses. */
  async poolsOf(guestUuid: string): Promise<string[]> {
    const rows = await this.of([guestUuid]);
    return [...new Set(rows.map((row) => row.poolId))].filter((id) => id !== "");
  }

  async values(guestUuid: string): Promise<AddressValues | null> {
    // What a boot sets up is the address that comes, where one does at a boot.
    const hidden = (await this.replacing([guestUuid])).map((each) =>
      each.openFor !== null && each.way === "boot" ? each.oldAddress : each.newAddress,
    );
    const row = (await this.of([guestUuid])).find(({ address }) => !hidden.includes(address));
    if (!row) return null;
    const { family } = addressOf(row.address);
    const pool = row.poolId === "" ? null : await this.row(row.poolId);
    const { gateway } = pool ?? row;
    const prefix = pool?.prefix ?? row.prefix ?? widthOf(family);
    return {
      ip: textOfHex(row.address),
      netmask: netmaskOf(family, prefix),
      prefix: String(prefix),
      gateway: gateway ? textOfHex(gateway) : "",
      dns1: pool?.dns[0] ?? "",
      dns2: pool?.dns[1] ?? "",
    };
  }
}
