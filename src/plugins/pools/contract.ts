/** What the storage pools give to others: the service, and a place where others say what uses a pool. */
import { type Actor, type ServiceKey, serviceKey } from "jimv";
import type { AddNode, ChangePool, CreatePool } from "./requests.ts";
import type { PoolView, PresenceView } from "./view.ts";

/** How a disk's pool stands on the node that the disk is to move to. */
export interface Standing {
  /** The pool is on that node, and healthy. */
  present: boolean;
  /** Both nodes see the same storage: the disk need not be copied. */
  shared: boolean;
  /** libvirt can't tell that it is the same storage, but somebody vouches for it. */
  trusted: boolean;
  /** The pool's folder there; null where it is not present. */
  path: string | null;
  /** Why it is not present; its text says what to do. */
  problem: { word: string; args: Record<string, string | number> } | null;
}

export interface PoolService {
  /** All pools by name, with their nodes. */
  list(): Promise<PoolView[]>;
  get(id: string): Promise<PoolView | null>;
  /** @throws AppError notFound */
  need(id: string): Promise<PoolView>;
  /** The pools that a node has, healthy or not. */
  onNode(nodeName: string): Promise<{ pool: PoolView; presence: PresenceView }[]>;
  /** Whether a disk of the pool can go from a node to another, and whether it must be copied for that. */
  standing(poolId: string, from: string, to: string): Promise<Standing>;

  /** @throws AppError invalid at a field, conflict (name taken, node away) */
  create(request: CreatePool, actor: Actor): Promise<{ pool: PoolView; tasks: { id: string }[] }>;
  /** @throws AppError notFound, conflict */
  change(id: string, change: ChangePool): Promise<PoolView>;
  /** Forgets a pool that no node has any more. @throws AppError notFound, conflict while a node has it */
  remove(id: string): Promise<void>;
  /** @throws AppError notFound, conflict, invalid at a field */
  addNode(id: string, request: AddNode, actor: Actor): Promise<{ task: { id: string } }>;
  /** The files stay. @throws AppError notFound, conflict while something uses the pool there */
  removeNode(id: string, nodeName: string, actor: Actor): Promise<{ task: { id: string } }>;
}

/** By this key other plugins ask for storage pools. */
export const poolService: ServiceKey<PoolService> = serviceKey("pools");

/** Who has things in pools adds an entry: names of what a pool holds for a node, or for all where it is null. */
export type PoolUsers = (poolId: string, nodeName: string | null) => Promise<readonly string[]>;
export const poolUsers: ServiceKey<PoolUsers> = serviceKey("pools.users");
