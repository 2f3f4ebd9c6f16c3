/** One guest's page: its tabs, and what of it stands where. */
import { and, desc, eq, tasks, type Viewer } from "jimv";
import { Button, type Child, Notice, Row, say, type Tab, Tabs, WithRail } from "jimv/ui";
import { guestPanels, guestTabs } from "./contract.ts";
import { GuestDisks, GuestFacts, GuestHappened } from "./pages-guest-facts.tsx";
import { GuestHead, GuestNow, type GuestScene } from "./pages-guest-head.tsx";
import { GuestScreenshot, GuestXml } from "./pages-guest-look.tsx";
import { dialogsFor, hrefOf, type PageNeeds } from "./pages-parts.tsx";
import { wordsOf } from "./words-pages.ts";

const ownTabs = ["overview", "disks", "tasks", "xml"] as const;
/** One of the guests' own, or the key of another plugin's. */
export type GuestTab = string;

/** The tab that an address asks for; the overview where there is none of that name. */
export function tabOf(asked: string | null | undefined, { context }: Pick<PageNeeds, "context">): GuestTab {
  const keys = [...ownTabs, ...context.slots.all(guestTabs).map(({ key }) => key)];
  return keys.find((key) => key === asked) ?? "overview";
}

const happenedShown = 6;
const tasksShown = 100;

/** @throws AppError notFound */
export async function guestScene(
  uuid: string,
  tab: GuestTab,
  viewer: Viewer,
  needs: PageNeeds,
): Promise<GuestScene> {
  const guest = await needs.service.get(uuid);
  const [node, details, happened] = await Promise.all([
    needs.nodes.get(guest.nodeName),
    needs.service.details(uuid),
    needs.context.store.select(tasks, {
      where: and(eq(tasks.targetType, "guest"), eq(tasks.targetKey, uuid)),
      orderBy: [desc(tasks.createdAt)],
      limit: tab === "tasks" ? tasksShown : happenedShown,
    }),
  ]);
  const { slots } = needs.context;
  const panels = new Map<string, Child>();
  for (const task of guest.tasks) {
    const panel = slots.all(guestPanels).find(({ kind }) => kind === task.kind);
    if (panel) panels.set(task.id, await panel.render(guest, task, viewer));
  }
  const more = slots.all(guestTabs);
  const tabs = more.map((entry) => ({
    key: entry.key,
    href: `${hrefOf(uuid)}?tab=${entry.key}`,
    label: entry.label(viewer),
  }));
  const inTab = (await more.find(({ key }) => key === tab)?.render(guest, viewer)) ?? null;
  return { guest, node, details, happened, panels, dialogs: dialogsFor(guest, needs), tabs, inTab };
}

export function guestPage(scene: GuestScene, tab: GuestTab, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  const { guest } = scene;
  const href = hrefOf(guest.uuid);
  const tabs: (Tab & { key: GuestTab })[] = [
    { key: "overview", href, label: t("guests.page.overview") },
    {
      key: "disks",
      href: `${href}?tab=disks`,
      label: say(viewer.language, "label.disks"),
      count: guest.disks.length,
    },
    { key: "tasks", href: `${href}?tab=tasks`, label: say(viewer.language, "nav.tasks") },
    { key: "xml", href: `${href}?tab=xml`, label: "XML" },
    ...scene.tabs,
  ];
  return (
    <div id="guest-page" class="stack">
      <GuestHead scene={scene} viewer={viewer} />
      <Tabs tabs={tabs} current={tabs.find((one) => one.key === tab)?.href ?? href} label={guest.name} />
      {tab === "overview" ? (
        <WithRail
          rail={
            <>
              <GuestScreenshot scene={scene} viewer={viewer} />
              <GuestFacts scene={scene} viewer={viewer} />
            </>
          }
        >
          <GuestNow scene={scene} viewer={viewer} />
          <GuestDisks guest={guest} viewer={viewer} />
          <GuestHappened scene={scene} viewer={viewer} />
        </WithRail>
      ) : tab === "disks" ? (
        <GuestDisks guest={guest} viewer={viewer} />
      ) : tab === "xml" ? (
        <GuestXml scene={scene} viewer={viewer} />
      ) : tab !== "tasks" ? (
        <GuestMore scene={scene} />
      ) : (
        <GuestHappened scene={scene} viewer={viewer} all />
      )}
    </div>
  );
}

/** What another plugin shows in its tab. */
export const GuestMore = ({ scene }: { scene: GuestScene }) => (
  <div id="guest-more" class="stack">
    {scene.inTab}
  </div>
);

/** What takes the page's place once the guest is gone. */
export function GuestGone({ viewer }: { viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  return (
    <div id="guest-page" class="stack">
      <Notice tone="info">{t("guests.page.gone")}</Notice>
      <Row>
        <Button href="/guests">{t("guests.page.backToList")}</Button>
      </Row>
    </div>
  );
}
