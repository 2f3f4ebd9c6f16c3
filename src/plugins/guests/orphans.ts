/** Orphans: domains that this cluster made and no guest stands for any more. They can be removed, and nothing else. */
import {
  type Actor,
  AppError,
  and,
  eq,
  inArray,
  StoreExpectationError,
  StoreUniqueError,
  update,
} from "jimv";
import type { Begun } from "./contract.ts";
import type { Ground, GuestNeeds } from "./needs.ts";
import { type ForeignDomain, foreignDomains, type Guest, guests } from "./schema.ts";
import { deleteGuest } from "./tasks.ts";

/** The other node that has a domain of this guest, or may have one; null where none has. */
export async function twinOf(ground: Pick<Ground, "store">, guest: Placed): Promise<string | null> {
  return (await twinsOf(ground, [guest])).get(guest.uuid) ?? null;
}

/** As `twinOf`, of those of several guests that have such a domain. */
export async function twinsOf(
  { store }: Pick<Ground, "store">,
  placed: readonly Placed[],
): Promise<Map<string, string>> {
  if (placed.length === 0) return new Map();
  const nodeOf = new Map(placed.map(({ uuid, nodeName }) => [uuid, nodeName]));
  const seen = and(inArray(foreignDomains.uuid, [...nodeOf.keys()]), eq(foreignDomains.kind, "orphan"));
  const twins = await store.select(foreignDomains, { where: seen });
  return new Map(
    twins.filter((twin) => twin.nodeName !== nodeOf.get(twin.uuid)).map((twin) => [twin.uuid, twin.nodeName]),
  );
}

type Placed = Pick<Guest, "uuid" | "nodeName">;

/** The orphan that a person means. @throws AppError notFound; conflict for what is foreign or has a guest (again) */
export async function needOrphan({ store }: Ground, uuid: string): Promise<ForeignDomain> {
  const domain = await store.first(foreignDomains, { where: eq(foreignDomains.uuid, uuid) });
  if (!domain) throw new AppError("notFound", "guests.noOrphan", { uuid });
  if (domain.kind !== "orphan") throw new AppError("conflict", "guests.notOurs", { uuid });
  const holder = await store.first(guests, { where: eq(guests.uuid, uuid) });
  if (holder) throw new AppError("conflict", "guests.orphanHeld", { name: holder.name });
  return domain;
}

/**
 * Forces an orphan off and removes its definition; files that it used stay. The node looks once more whose domain it
 * is, and the uuid's key keeps off every other task.
 */
export async function removeOrphan(
  ground: Ground,
  { nodes }: GuestNeeds,
  uuid: string,
  actor: Actor,
): Promise<Begun> {
  const { nodeName, name } = await needOrphan(ground, uuid);
  const node = await nodes.get(nodeName);
  if (node?.state !== "live") throw new AppError("conflict", "guests.nodeAway", { node: nodeName });
  const task = await ground.tasks.prepare(deleteGuest, {
    node: nodeName,
    target: { type: "guest", key: uuid, name },
    exclusive: uuid,
    payload: { uuid, files: [], disks: [], kept: [], force: true },
    actor,
  });
  const same = and(
    eq(foreignDomains.uuid, uuid),
    eq(foreignDomains.kind, "orphan"),
    eq(foreignDomains.nodeName, nodeName),
  );
  try {
    const seen = update(foreignDomains, { seenAt: ground.clock.now() }, same, { expect: 1 });
    await ground.commit([seen, ...task.statements], [...task.events]);
  } catch (error) {
    if (error instanceof StoreUniqueError) throw new AppError("conflict", "guests.busy", { name });
    if (error instanceof StoreExpectationError) throw new AppError("conflict", "guests.changing", {});
    throw error;
  }
  ground.tasks.kick();
  return { task: { id: task.id } };
}
