/** What of the guests' pages changes by itself: rows and counts of the list, and the parts of a guest's page. */
import { AppError, isMade, type LiveContext, type LiveEvent, type Viewer } from "jimv";
import { html, prepend, remove, replace, TableRow } from "jimv/ui";
import { detailsTopic } from "./details.ts";
import { foreignRowId } from "./pages-foreign.tsx";
import { GuestGone, GuestMore, type GuestTab, guestScene, tabOf } from "./pages-guest.tsx";
import { GuestDisks, GuestFacts, GuestHappened } from "./pages-guest-facts.tsx";
import { GuestHead, GuestNow } from "./pages-guest-head.tsx";
import { GuestScreenshot, GuestXml } from "./pages-guest-look.tsx";
import { countPayloads, isListed, listLive, newerPayload } from "./pages-list.tsx";
import { guestList, newestFirst } from "./pages-list-address.ts";
import { guestTable, type PageNeeds, rowId } from "./pages-parts.tsx";

/** What events tell of a guest; see `guestEvent`. */
interface GuestNews {
  state?: string;
}

/** The guest that an event is about, and whether counts may have changed. */
function subjectOf(event: LiveEvent): { uuid: string; counts: boolean; made: boolean } | null {
  const data = (event.data ?? {}) as GuestNews & { targetType?: string; targetKey?: string };
  if (event.topic === detailsTopic) return { uuid: event.key, counts: false, made: false };
  if (event.topic === "guest") return { uuid: event.key, counts: true, made: isMade(event) };
  if (event.topic === "task" && data.targetType === "guest" && data.targetKey)
    return { uuid: data.targetKey, counts: false, made: false };
  return null;
}

export function guestLive(needs: PageNeeds): void {
  const { web } = needs.context;
  web.live({
    name: listLive,
    topics: ["guest", "task", "foreign"],
    role: "reader",
    render: (event, context) => listPayloads([event], context, needs),
    renderAll: (events, context) => listPayloads(events, context, needs),
    async sums(events, { viewer, key }) {
      const counts = events.some((event) => event.topic === "foreign" || subjectOf(event)?.counts);
      return counts || events.length === 0 ? countPayloads(guestList.ofView(key), viewer, needs) : [];
    },
  });
  web.live({
    name: "guest",
    topics: ["guest", "task", "disk", detailsTopic],
    role: "reader",
    async render(event, { viewer, key }) {
      const [uuid = "", asked] = (key ?? "").split(".");
      const tab = tabOf(asked, needs);
      // A disk's event does not say whose it is; disks change seldom.
      const about = event.topic === "disk" ? uuid : subjectOf(event)?.uuid;
      if (about !== uuid) return [];
      return guestPayloads(uuid, tab, viewer, needs, event.topic === detailsTopic);
    },
  });
}

/** The rows of all new or shown guests that the events are about, each once. */
async function listPayloads(
  events: readonly LiveEvent[],
  { viewer, key, shown: rows }: LiveContext,
  needs: PageNeeds,
): Promise<string[]> {
  const shown = guestList.ofView(key);
  const subjects = new Map<string, { made: boolean }>();
  for (const event of events) {
    const subject = subjectOf(event);
    if (!subject) continue;
    const made = subject.made || (subjects.get(subject.uuid)?.made ?? false);
    if (made || rows.has(rowId(subject.uuid))) subjects.set(subject.uuid, { made });
  }
  const found = await needs.service.views([...subjects.keys()]);
  const guests = new Map(found.map((guest) => [guest.uuid, guest]));
  const spec = guestTable(viewer);
  const payloads = await gonePayloads(events, needs);
  for (const [uuid, { made }] of subjects) {
    const guest = guests.get(uuid);
    const id = rowId(uuid);
    if (!guest) {
      payloads.push(remove(id));
      continue;
    }
    const row = await html(<TableRow spec={spec} row={guest} lang={viewer.language} />);
    // Where it is there already, it is replaced. Into a list that it belongs into it comes on top where the newest are
    // on top; elsewhere nothing jumps.
    const comes = made && (await isListed(uuid, shown, needs));
    if (comes && shown.page === 1 && shown.sort === newestFirst) {
      rows.add(id);
      payloads.push(prepend("guests-rows", row));
    } else payloads.push(replace(id, row), ...(comes ? [await newerPayload(shown, viewer)] : []));
  }
  return payloads;
}

/** Takes away the rows of domains without a guest that are gone. */
async function gonePayloads(events: readonly LiveEvent[], needs: PageNeeds): Promise<string[]> {
  const told = events.filter(({ topic }) => topic === "foreign").map(({ key }) => key);
  if (told.length === 0) return [];
  const there = new Set((await needs.service.foreign()).map(({ uuid }) => uuid));
  return told.filter((uuid) => !there.has(uuid)).map((uuid) => remove(foreignRowId(uuid)));
}

async function guestPayloads(
  uuid: string,
  tab: GuestTab,
  viewer: Viewer,
  needs: PageNeeds,
  onlyDetails: boolean,
): Promise<string[]> {
  const scene = await guestScene(uuid, tab, viewer, needs).catch((error: unknown) => {
    if (error instanceof AppError && error.kind === "notFound") return null;
    throw error;
  });
  if (!scene) return [replace("guest-page", await html(<GuestGone viewer={viewer} />))];
  const look = [
    ["guest-screen", <GuestScreenshot scene={scene} viewer={viewer} />],
    ...(tab === "xml" ? [["guest-xml", <GuestXml scene={scene} viewer={viewer} />] as const] : []),
  ] as const;
  const rest = [
    ["guest-head", <GuestHead scene={scene} viewer={viewer} />],
    ["guest-now", <GuestNow scene={scene} viewer={viewer} />],
    ["guest-facts", <GuestFacts scene={scene} viewer={viewer} />],
    ["guest-disks", <GuestDisks guest={scene.guest} viewer={viewer} />],
    ...(scene.inTab === null ? [] : [["guest-more", <GuestMore scene={scene} />] as const]),
    ["guest-tasks", <GuestHappened scene={scene} viewer={viewer} all={tab === "tasks"} />],
  ] as const;
  const parts = onlyDetails ? look : [...rest, ...look];
  return Promise.all(parts.map(async ([id, part]) => replace(id, await html(part))));
}
