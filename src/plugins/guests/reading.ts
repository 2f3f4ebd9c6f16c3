/** Reading guests: the list, views of rows, one guest with all that belongs to it. Changes nothing. */
import {
  AppError,
  and,
  asc,
  type Column,
  desc,
  type Expression,
  eq,
  holds,
  inArray,
  or,
  pageOf,
  sortOf,
  type Task,
  windowOf,
} from "jimv";
import { disks } from "../disks/index.ts";
import { guestBadges } from "./contract.ts";
import { bookedAddresses } from "./joining.ts";
import { KnownGuests } from "./known.ts";
import type { Ground, GuestNeeds } from "./needs.ts";
import { needOrphan, twinsOf } from "./orphans.ts";
import type { GuestListQuery, guestSorts } from "./requests.ts";
import {
  type ForeignDomain,
  foreignDomains,
  type Guest,
  type GuestDetails,
  guestDetails,
  guestInterfaces,
  guests,
} from "./schema.ts";
import { type GuestState, guestGroups, hasVanished } from "./states.ts";
import { createGuest, initGuest, shutdownGuest, startGuest } from "./tasks.ts";
import { foundElsewhere, type GuestDetail, type GuestView, guestDetail, guestView } from "./views.ts";
import { type VncHolder, vncCounts, vncHolders } from "./vnc-ports.ts";

const columns: Record<(typeof guestSorts)[number], Column> = {
  name: guests.nameKey,
  state: guests.state,
  nodeName: guests.nodeName,
  vcpus: guests.vcpus,
  memoryMiB: guests.memoryMiB,
  createdAt: guests.createdAt,
};

const cancellableKinds = new Set(
  [createGuest, startGuest, shutdownGuest, initGuest]
    .filter((kind) => kind.cancellable)
    .map((kind) => kind.kind),
);

type Filters = Pick<GuestListQuery, "state" | "group" | "nodeName" | "templateId">;

/** With more finds than this a search reads the rows in their order until a page is full, which is soon then. */
const mostFinds = 400;

/** What a list's filters mean to the store. */
function filtersOf({ state, group, nodeName, templateId }: Filters): Expression {
  const parts: (Expression | undefined)[] = [
    state === undefined ? undefined : eq(guests.state, state),
    group === undefined ? undefined : inArray(guests.state, guestGroups[group]),
    nodeName === undefined ? undefined : eq(guests.nodeName, nodeName),
    templateId === undefined ? undefined : eq(guests.templateId, templateId),
  ];
  return and(...parts);
}

/** Whether a list asks for states alone. */
const isByState = ({ q, nodeName, templateId }: GuestListQuery): boolean =>
  !q?.trim() && nodeName === undefined && templateId === undefined;

/** What a whole query means to the store. */
const whereOf = (query: Filters & { q?: string | undefined }): Expression => {
  const text = query.q?.trim();
  return and(filtersOf(query), text ? searchOf(text) : undefined);
};

/** A part of the name or of the remark's beginning, in either case, or the whole uuid. */
function searchOf(text: string): Expression {
  const key = text.toLowerCase();
  const isUuid = key.length === uuidLength && key.includes("-");
  return or(
    holds(guests.nameKey, key),
    holds(guests.remarkKey, key),
    isUuid ? eq(guests.uuid, key) : undefined,
  );
}
const uuidLength = 36;

export class GuestReading {
  private readonly known: KnownGuests;

  constructor(
    protected readonly ground: Ground,
    protected readonly needs: GuestNeeds,
  ) {
    const { store, clock, web } = ground;
    this.known = new KnownGuests({ store, clock, onEvents: (listener) => web.onEvents(listener) });
  }

  async list(query: GuestListQuery) {
    const { store } = this.ground;
    const filters = filtersOf(query);
    const text = query.q?.trim();
    const where = text ? and(filters, await this.narrowed(text)) : filters;
    const { field, descending } = sortOf(query.sort, "name");
    const order = descending ? desc : asc;
    // Both in one direction, as an index has them.
    const orderBy = [columns[field], guests.nameKey].map((column) => order(column));
    // In the order's index alone: to order whole rows takes the database many times as long.
    const uuids = store.values(guests, guests.uuid, { where, orderBy, ...windowOf(query) });
    // To count takes longer than to find a page: what belongs to its rows is asked for meanwhile.
    const [views, total] = await Promise.all([
      uuids.then((found) => this.views(found)),
      isByState(query) ? this.countedBy(query) : store.count(guests, where),
    ]);
    return pageOf(views, total, query);
  }

  /** How many guests a list has that asks for states alone: whoever shows it asks for the counts, too. */
  private async countedBy({ state, group }: Filters): Promise<number> {
    const states: readonly GuestState[] = group === undefined ? [] : guestGroups[group];
    const isAsked = (each: GuestState): boolean =>
      (state === undefined || state === each) && (group === undefined || states.includes(each));
    const counts = await this.counts();
    return [...counts].reduce((sum, [each, count]) => sum + (isAsked(each) ? count : 0), 0);
  }

  /** Whether a guest is in the list that a query asks for, on whichever page. */
  async isListed(uuid: string, query: GuestListQuery): Promise<boolean> {
    return (await this.ground.store.count(guests, and(eq(guests.uuid, uuid), whereOf(query)))) > 0;
  }

  /** The guests of a whole list that are in one of the states, up to one more than `most`, and how many the list has. */
  async whole(query: GuestListQuery, states: readonly GuestState[], most: number) {
    const { store } = this.ground;
    const where = whereOf(query);
    const [found, total] = await Promise.all([
      store.select(guests, {
        where: and(where, inArray(guests.state, states)),
        orderBy: [asc(guests.nameKey)],
        limit: most + 1,
      }),
      store.count(guests, where),
    ]);
    return { guests: found.map(({ uuid, name }) => ({ uuid, name })), total };
  }

  /** A search as the guests that it finds, where they are few: it then takes the store no look at all of them. */
  private async narrowed(text: string): Promise<Expression> {
    const found = await this.known.holding(text.toLowerCase(), mostFinds);
    if (!found) return searchOf(text);
    // What was found as it was known is what the store says it is now.
    return and(inArray(guests.uuid, found), searchOf(text));
  }

  /** In the order of the uuids; those that no guest has (any more) are left out. */
  async views(uuids: readonly string[]): Promise<GuestView[]> {
    const { store } = this.ground;
    const rows = store.select(guests, { where: inArray(guests.uuid, uuids) });
    const views = new Map((await this.viewsOf(uuids, rows)).map((view) => [view.uuid, view]));
    return uuids.flatMap((uuid) => views.get(uuid) ?? []);
  }

  async get(uuid: string): Promise<GuestDetail> {
    const guest = await this.row(uuid);
    const { store } = this.ground;
    const [[view], hers, interfaces] = await Promise.all([
      this.viewsOf([uuid], [guest]),
      store.select(disks, { where: eq(disks.guestUuid, uuid) }),
      store.select(guestInterfaces, { where: eq(guestInterfaces.guestUuid, uuid) }),
    ]);
    if (!view) throw notFound(uuid);
    return guestDetail(view, guest, hers, interfaces);
  }

  /** What its node told of the guest when somebody looked; null before anybody did. */
  details(uuid: string): Promise<GuestDetails | null> {
    return this.ground.store.first(guestDetails, { where: eq(guestDetails.guestUuid, uuid) });
  }

  /** Guests by state. */
  counts(): Promise<Map<GuestState, number>> {
    return this.known.counts();
  }

  /** Guests of these nodes: how many run, and how many there are. */
  async countsByNode(names: readonly string[]): Promise<Map<string, { running: number; total: number }>> {
    const { store } = this.ground;
    const there = inArray(guests.nodeName, names);
    const [total, running] = await Promise.all([
      store.countBy(guests, guests.nodeName, there),
      store.countBy(guests, guests.nodeName, and(there, eq(guests.state, "running"))),
    ]);
    return new Map(
      [...total].map(([node, count]) => [node, { running: running.get(node) ?? 0, total: count }]),
    );
  }

  vncHolders(node: string): Promise<VncHolder[]> {
    return vncHolders(this.ground.store, node);
  }

  vncCounts(): Promise<Map<string, number>> {
    return vncCounts(this.ground.store);
  }

  foreign(nodeName?: string): Promise<ForeignDomain[]> {
    return this.ground.store.select(foreignDomains, {
      where: nodeName === undefined ? "all" : eq(foreignDomains.nodeName, nodeName),
      orderBy: [asc(foreignDomains.nodeName), asc(foreignDomains.name)],
    });
  }

  orphan(uuid: string): Promise<ForeignDomain> {
    return needOrphan(this.ground, uuid);
  }

  /** @throws AppError notFound */
  async row(uuid: string): Promise<Guest> {
    const guest = await this.ground.store.first(guests, { where: eq(guests.uuid, uuid) });
    if (!guest) throw notFound(uuid);
    return guest;
  }

  /** What belongs to rows is asked for by their uuids, while the rows themselves are under way. */
  private async viewsOf(
    uuids: readonly string[],
    found: readonly Guest[] | Promise<readonly Guest[]>,
  ): Promise<GuestView[]> {
    if (uuids.length === 0) return [];
    const [rows, booked, open, systemDisks, interfaces, [there, twins], badges] = await Promise.all([
      found,
      bookedAddresses(uuids, this.ground),
      this.ground.tasks.openFor("guest", [...uuids]),
      this.ground.store.select(disks, {
        where: and(inArray(disks.guestUuid, uuids), eq(disks.role, "system")),
      }),
      this.ground.store.select(guestInterfaces, { where: inArray(guestInterfaces.guestUuid, uuids) }),
      Promise.resolve(found).then((guests) => this.aroundOf(guests)),
      Promise.all(this.ground.slots.all(guestBadges).map((badgesOf) => badgesOf(uuids))),
    ]);
    const tasksOf = Map.groupBy(open, (task: Task) => task.targetKey);
    const interfacesOf = Map.groupBy(interfaces, (one) => one.guestUuid);
    const diskOf = new Map(systemDisks.map((disk) => [disk.guestUuid, disk]));
    return rows.map((guest) => {
      const view = guestView(guest, {
        tasks: tasksOf.get(guest.uuid) ?? [],
        nodeOffline: !there.has(guest.nodeName),
        systemDisk: diskOf.get(guest.uuid) ?? null,
        interfaces: interfacesOf.get(guest.uuid) ?? [],
        booked: booked.get(guest.uuid) ?? [],
        cancellable: (kind) => cancellableKinds.has(kind),
        badges: badges.flatMap((each) => each.get(guest.uuid) ?? []),
      });
      const other = twins.get(guest.uuid);
      return other === undefined ? view : foundElsewhere(view, other);
    });
  }

  /** Which of their nodes are heard of, and the twins of those that have vanished. */
  private aroundOf(rows: readonly Guest[]) {
    return Promise.all([
      // Neither one that is offline nor one that was removed says anything of what was kept for its return.
      this.needs.nodes.heardOf([...new Set(rows.map((guest) => guest.nodeName))]),
      twinsOf(this.ground, rows.filter(hasVanished)),
    ]);
  }
}

const notFound = (uuid: string): AppError => new AppError("notFound", "guests.notFound", { uuid });
