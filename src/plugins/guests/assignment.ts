/** Chooses the nodes of a batch of guests among those there are, and books their room. */
import { AppError, fieldError, type Reason, type Statement } from "jimv";
import { type PoolView, roomKey } from "../pools/index.ts";
import type { Whereabouts } from "../templates/index.ts";
import { type Bookings, nodePlace, poolPlace } from "./bookings.ts";
import { type Capacity, type ReadyNode, readiness, refused } from "./capacity.ts";
import type { GuestNeeds, PlaceableNode } from "./needs.ts";
import { type Candidate, type Need, place, refusal } from "./placement.ts";

/** What is asked of the nodes. */
export interface Wanted {
  /** Chosen by hand; automatic when left out. */
  nodeName?: string | undefined;
  pool: PoolView;
  /** Where the template is, and whether its image has to be in the guest's own pool. */
  where: Whereabouts;
  inPool: boolean;
  need: Need;
  count: number;
}

export interface Assigned {
  /** A node for each guest, in order. */
  nodes: ReadyNode[];
  /** To be committed with the guests: nobody else has booked these places meanwhile. */
  claim: Statement[];
}

export class Assignment {
  constructor(
    private readonly needs: Pick<GuestNeeds, "nodes" | "templates">,
    private readonly bookings: Bookings,
    private readonly capacity: Capacity,
  ) {}

  /** @throws AppError conflict: what is wrong with the node that was chosen, or with each node */
  async assign(wanted: Wanted): Promise<Assigned> {
    const names = new Set((await this.asked(wanted.nodeName)).map(({ name }) => name));
    // Versions first: whatever is booked, or sized anew, after this is noticed when the batch is committed.
    const { pool } = wanted;
    const keyOf = (node: string): string => roomKey(pool, node);
    const versions = await this.bookings.read([
      ...new Set([...names].flatMap((name) => [nodePlace(name), poolPlace(keyOf(name))])),
    ]);
    const asked = (await this.asked(wanted.nodeName)).filter(({ name }) => names.has(name));
    const looked = asked.map((node) => this.look(node, wanted));
    const ready = looked.flatMap((each) => ("ready" in each ? [each.ready] : []));
    const [seats, rooms] = await Promise.all([
      this.capacity.seats(ready, { poolOf: keyOf }),
      this.capacity.rooms(
        pool,
        ready.map((node) => node.name),
      ),
    ]);
    for (const each of looked) {
      const room = "ready" in each ? rooms.get(keyOf(each.ready.name)) : undefined;
      if (room && "ready" in each) room.onceBytes = Math.max(room.onceBytes, each.copyBytes);
    }
    const candidates = looked.flatMap((each): Candidate[] => {
      if ("refusal" in each) return [each];
      const seat = seats.get(each.ready.name);
      return seat ? [{ seat }] : [];
    });
    const placed = place(candidates, rooms, wanted.need, wanted.count);
    if (!placed.ok) {
      const [only, ...more] = candidates;
      if (!only || more.length > 0) throw nowhere(placed, wanted.count);
      // One node: what the whole batch lacks, at its field.
      const reason =
        "refusal" in only
          ? only.refusal
          : refusal(only.seat, rooms.get(only.seat.pool), wanted.need, wanted.count);
      throw refused(reason ?? (placed.reasons[0] as Reason));
    }
    const byName = new Map(ready.map((node) => [node.name, node]));
    const nodes = placed.nodes.flatMap((name) => byName.get(name) ?? []);
    const places = placed.nodes.flatMap((name) => [
      nodePlace(name),
      poolPlace(seats.get(name)?.pool ?? name),
    ]);
    return { nodes, claim: this.bookings.claim(versions, places) };
  }

  /** Whether a node may be asked at all. What is chosen by hand need not take automatic guests. */
  private look(
    node: PlaceableNode,
    { nodeName, pool, where, inPool }: Wanted,
  ): { ready: ReadyNode; copyBytes: number } | { refusal: Reason } {
    const no = (word: string, args: Record<string, string | number>) => ({
      refusal: { of: node.name, word, args },
    });
    if (nodeName === undefined && !node.acceptsGuests) return no("guests.nodeClosed", { node: node.name });
    const found = readiness(node);
    if ("refusal" in found) return found;
    const presence = pool.presences.find((each) => each.nodeName === node.name);
    if (!presence) return no("pools.notOnNode", { pool: pool.name, node: node.name });
    if (!presence.healthy && presence.problem) return no(presence.problem.word, presence.problem.args);
    const reach = this.needs.templates.supply.reach(where, node.name, pool, inPool);
    if ("refusal" in reach) return reach;
    return { ...found, copyBytes: "copyBytes" in reach ? reach.copyBytes : 0 };
  }

  private async asked(nodeName: string | undefined): Promise<PlaceableNode[]> {
    if (nodeName === undefined) {
      const all = await this.needs.nodes.list();
      if (all.length === 0) throw new AppError("conflict", "guests.noNodes", {});
      return all;
    }
    const node = await this.needs.nodes.get(nodeName);
    if (!node) throw fieldError("nodeName", "guests.nodeUnknown", { node: nodeName });
    return [node];
  }
}

function nowhere({ placed, reasons }: { placed: number; reasons: Reason[] }, count: number): AppError {
  return placed === 0 && count === 1
    ? new AppError("conflict", "guests.noNode", {}, { reasons })
    : new AppError("conflict", "guests.fewPlaces", { placed, count }, { reasons });
}
