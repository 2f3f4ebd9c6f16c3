/** What addresses give to others: pools, booking, and a guest's values for whoever sets its network up. */
import { type ServiceKey, type Statement, serviceKey } from "jimv";
import type { Family } from "./ip.ts";
import type { CreateIpPool, ReserveAddresses } from "./requests.ts";
import type { HeldState } from "./schema.ts";

/** A pool as people see it; addresses as text. */
export interface IpPoolView {
  id: string;
  name: string;
  family: Family;
  first: string;
  last: string;
  prefix: number;
  netmask: string;
  gateway: string | null;
  dns: string[];
  bridge: string | null;
  /** Whether its guests may use their own addresses alone. */
  protect: boolean;
  isDefault: boolean;
  /** How many addresses the range has; a range may have more than a number holds exactly. */
  size: number;
  used: number;
  reserved: number;
  resting: number;
  free: number;
  createdAt: number;
}

export interface AddressView {
  address: string;
  poolId: string;
  /** `free` once its rest is over. */
  state: HeldState | "free";
  guestUuid: string | null;
  mac: string | null;
  remark: string | null;
  since: number;
  restsUntil: number | null;
}

/** Who gets an address. */
export interface Holder {
  guestUuid: string;
  mac: string;
}

/** Addresses that are given out when the statements are committed, one for each holder in its order. */
export interface Booking {
  pool: IpPoolView;
  addresses: string[];
  statements: Statement[];
}

/** What the boot jobs' variables {IP}, {NETMASK}, {PREFIX}, {GATEWAY}, {DNS1} and {DNS2} stand for; "" for what there is none of. */
export interface AddressValues {
  ip: string;
  netmask: string;
  prefix: string;
  gateway: string;
  dns1: string;
  dns2: string;
}

export interface AddressService {
  /** All pools by name. */
  list(): Promise<IpPoolView[]>;
  /** @throws AppError notFound */
  need(id: string): Promise<IpPoolView>;
  /** @throws AppError invalid at a field, conflict (name taken, ranges overlap) */
  create(request: CreateIpPool): Promise<IpPoolView>;
  /** Also grows and shrinks it. @throws AppError notFound, invalid, conflict (used or reserved addresses would be outside) */
  change(id: string, request: CreateIpPool): Promise<IpPoolView>;
  /** @throws AppError notFound, conflict while an address is used, or reserved and not said to go along */
  remove(id: string, options?: { withReserved?: boolean }): Promise<void>;

  /** Addresses that are not simply free, in order. */
  held(
    poolId: string,
    where: { state?: HeldState; limit: number; offset: number },
  ): Promise<{ items: AddressView[]; total: number }>;
  /** @throws AppError invalid (not in the pool), conflict (in use) */
  reserve(poolId: string, request: ReserveAddresses): Promise<void>;
  /** Reserves the next free one, for something that is no guest. @throws AppError conflict when there is none */
  reserveNext(poolId: string, remark: string | null): Promise<string>;
  /** Makes a reserved or resting one free. @throws AppError notFound, conflict while it is used */
  free(poolId: string, address: string): Promise<void>;

  /**
   * What gives the next free addresses of a pool to holders. Nothing is written before the caller commits it; where
   * the batch fails with `isOvertaken`, somebody else was first: plan again. @throws AppError notFound, conflict
   */
  plan(poolId: string, holders: readonly Holder[]): Promise<Booking>;
  /** What lets go of all addresses of a guest: they rest. */
  release(guestUuid: string): Promise<Statement[]>;
  /** The booked addresses of guests, IPv4 first. Guests without one are left out. */
  booked(guestUuids: readonly string[]): Promise<Map<string, string[]>>;
  /** A guest's values (of its IPv4 address where it has one), or null when it has no address from a pool. */
  values(guestUuid: string): Promise<AddressValues | null>;
}

/** By this key other plugins ask for addresses. */
export const addressService: ServiceKey<AddressService> = serviceKey("addresses");
