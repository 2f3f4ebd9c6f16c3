/** Who has which VNC port of a node, and what keeps its range from shrinking below them. */
import {
  AppError,
  and,
  asc,
  type ControllerContext,
  eq,
  isNotNull,
  or,
  type Statement,
  type Store,
} from "jimv";
import { Bookings, nodePlace } from "./bookings.ts";
import { guests } from "./schema.ts";

/** A port that a guest of ours holds on a node. */
export interface VncHolder {
  port: number;
  guestUuid: string;
  guestName: string;
  /** It is on its way to this node, and has another port where it still is. */
  isComing: boolean;
}

/** Those of one node, by port. */
export async function vncHolders(store: Store, node: string): Promise<VncHolder[]> {
  const rows = await store.select(guests, {
    where: or(and(eq(guests.nodeName, node), isNotNull(guests.vncPort)), eq(guests.movesTo, node)),
    orderBy: asc(guests.vncPort),
  });
  return rows
    .flatMap((guest): VncHolder[] => {
      const isComing = guest.nodeName !== node;
      const port = isComing ? guest.movesToPort : guest.vncPort;
      return port === null ? [] : [{ port, guestUuid: guest.uuid, guestName: guest.name, isComing }];
    })
    .sort((a, b) => a.port - b.port);
}

/** How many ports guests hold on each node. */
export async function vncCounts(store: Store): Promise<Map<string, number>> {
  const [here, coming] = await Promise.all([
    store.countBy(guests, guests.nodeName, isNotNull(guests.vncPort)),
    store.countBy(guests, guests.movesTo, isNotNull(guests.movesToPort)),
  ]);
  for (const [node, count] of coming) here.set(node, (here.get(node) ?? 0) + count);
  return here;
}

/** As many ports a refusal names. */
const named = 5;

/** @throws AppError conflict when a guest's port would be outside of the range */
export async function guardVncRange(
  { store }: Pick<ControllerContext, "store">,
  node: string,
  { first, last }: { first: number; last: number },
): Promise<Statement[]> {
  const bookings = new Bookings(store);
  const places = [nodePlace(node)];
  // Read first: whoever books a port after this makes the batch fail.
  const versions = await bookings.read(places);
  const outside = (await vncHolders(store, node)).filter(({ port }) => port < first || port > last);
  if (outside.length > 0) {
    const some = outside.slice(0, named).map(({ port, guestName }) => `${port} (${guestName})`);
    const ports = `${some.join(", ")}${outside.length > named ? " …" : ""}`;
    throw new AppError("conflict", "guests.portsOutside", { node, count: outside.length, ports });
  }
  return bookings.claim(versions, places);
}
