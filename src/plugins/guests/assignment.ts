/** Chooses the nodes of a batch of guests among those there are, and books their room. */
import { AppError, fieldError, type Reason, type Statement } from "jimv";
import { type Bookings, nodePlace, poolPlace } from "./bookings.ts";
import { type Capacity, type ReadyNode, readiness, refused } from "./capacity.ts";
import type { GuestNeeds, PlaceableNode, UsableTemplate } from "./needs.ts";
import { type Candidate, type Need, place, refusal } from "./placement.ts";

/** What is asked of the nodes. */
export interface Wanted {
  /** Chosen by hand; automatic when left out. */
  nodeName?: string | undefined;
  template: UsableTemplate;
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
    private readonly needs: Pick<GuestNeeds, "nodes">,
    private readonly bookings: Bookings,
    private readonly capacity: Capacity,
  ) {}

  /** @throws AppError conflict: what is wrong with the node that was chosen, or with each node */
  async assign(wanted: Wanted): Promise<Assigned> {
    const asked = await this.asked(wanted.nodeName);
    // Versions first: whatever is booked after this is noticed when the batch is committed.
    const versions = await this.bookings.read(
      asked.flatMap(({ name }) => [nodePlace(name), poolPlace(name)]),
    );
    const looked = asked.map((node) => look(node, wanted));
    const ready = looked.flatMap((each) => ("ready" in each ? [each.ready] : []));
    const [seats, rooms] = await Promise.all([this.capacity.seats(ready), this.capacity.rooms(ready)]);
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

/** Whether a node may be asked at all. What is chosen by hand need not take automatic guests. */
function look(
  node: PlaceableNode,
  { nodeName, template }: Wanted,
): { ready: ReadyNode } | { refusal: Reason } {
  if (template.nodeName !== null && template.nodeName !== node.name) {
    const args = { template: template.name, node: template.nodeName, asked: node.name };
    return { refusal: { of: node.name, word: "guests.templateElsewhere", args } };
  }
  if (nodeName === undefined && !node.acceptsGuests)
    return { refusal: { of: node.name, word: "guests.nodeClosed", args: { node: node.name } } };
  return readiness(node);
}

function nowhere({ placed, reasons }: { placed: number; reasons: Reason[] }, count: number): AppError {
  return placed === 0 && count === 1
    ? new AppError("conflict", "guests.noNode", {}, { reasons })
    : new AppError("conflict", "guests.fewPlaces", { placed, count }, { reasons });
}
