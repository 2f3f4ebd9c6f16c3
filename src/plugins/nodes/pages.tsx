/** The pages of nodes: the list, one node, and setting one up. */
import { AppError, type ControllerContext, fieldError, type PageAnswer, parseForm, type Viewer } from "jimv";
import {
  Button,
  type Child,
  EmptyState,
  List,
  listAddress,
  listPageSize,
  mebibytes,
  PageHead,
  toasted,
} from "jimv/ui";
import { taskService } from "../tasks/index.ts";
import { ConfigForm, ConfigureForm, ConfigurePage } from "./configure.tsx";
import type { Departure } from "./departure.ts";
import { NodePage } from "./detail.tsx";
import { clusterDoor } from "./joining.ts";
import { RoadNotices } from "./joining-pages.tsx";
import { AwaitedNotices } from "./leaving-pages.tsx";
import type { MaintenanceDialog, NodePanel, VncPortsPage } from "./panels.ts";
import { type NodeService, NodeSettings } from "./service.ts";
import { type NodeEntry, nodeHref, nodeTable, troubledFirst } from "./table.tsx";
import { type NodeView, troubleOf } from "./view.ts";

/** Guests of these nodes from whoever counts them; null where nobody does. */
export type CountGuests = (
  names: readonly string[],
) => Promise<ReadonlyMap<string, { running: number; total: number }> | null>;

const tasksShown = 8;
/** The live view of the list. */
export const listLive = "nodes";

/** What pages and live views need to draw nodes. */
export interface NodePages {
  entries(nodes: readonly NodeView[]): Promise<NodeEntry[]>;
  detail(node: NodeView, viewer: Viewer): Promise<Parameters<typeof NodePage>[0]["detail"]>;
  /** The live views that a node's page holds. */
  views(node: NodeView): string[];
}

/** What others tell or show of nodes. */
interface Others {
  count: CountGuests;
  formerNames(node: string): Promise<string[]>;
  panels(): readonly NodePanel[];
  maintenanceDialog(): MaintenanceDialog | null;
  vncPortsPage(): VncPortsPage | null;
}

export function nodePages(context: ControllerContext, service: NodeService, others: Others): NodePages {
  const entries = async (nodes: readonly NodeView[]): Promise<NodeEntry[]> => {
    if (nodes.length === 0) return [];
    const names = nodes.map(({ name }) => name);
    const [programs, guests] = await Promise.all([service.programs(names), others.count(names)]);
    return nodes.map((node) => ({
      node,
      version: programs.get(node.name)?.version ?? "",
      refusal: programs.get(node.name)?.refusal ?? null,
      guests: guests ? (guests.get(node.name) ?? { running: 0, total: 0 }) : null,
    }));
  };
  return {
    entries,
    views: (node) => [`node:${node.name}`, ...others.panels().map(({ view }) => `${view}:${node.name}`)],
    async detail(node, viewer) {
      const [entry] = await entries([node]);
      const tasks = await context.use(taskService).list({ nodeName: node.name, limit: tasksShown });
      return {
        node,
        version: entry?.version ?? "",
        refusal: entry?.refusal ?? null,
        guests: entry?.guests ?? null,
        tasks: tasks.items,
        formerNames: await others.formerNames(node.name),
        panels: await Promise.all(others.panels().map((panel) => panel.render(node, viewer))),
        vncPortsHref: others.vncPortsPage()?.(node.name) ?? null,
        maintenanceDialog: others.maintenanceDialog()?.(node.name) ?? null,
      };
    },
  };
}

export function startPages(
  context: ControllerContext,
  service: NodeService,
  pages: NodePages,
  departure: Departure,
): void {
  const { web, clock, settings } = context;
  const now = (): number => clock.now();

  web.nav({
    group: "infrastructure",
    order: 30,
    href: "/nodes",
    icon: "node",
    word: "nav.nodes",
    role: "reader",
    async count() {
      const { all, offline, troubled } = await service.summary();
      if (offline > 0) return { text: `${all - offline}/${all}`, alarm: "bad" };
      return troubled ? { text: String(all), alarm: "warn" } : { text: String(all) };
    },
    // Those without data tell of load and the like.
    changedBy: ({ topic, data }) => topic === "node" && data !== null,
  });

  web.search(async (query) => {
    const found = (await service.list()).filter((node) =>
      node.name.toLowerCase().includes(query.toLowerCase()),
    );
    return found.slice(0, 5).map((node) => ({
      href: nodeHref(node.name),
      icon: "node",
      label: node.name,
      hint: node.facts?.cpuModel ?? "",
    }));
  });

  web.page({
    method: "GET",
    path: "/nodes",
    role: "reader",
    async handle({ url, viewer }) {
      const [all, awaited] = await Promise.all([service.list(), departure.awaited()]);
      return {
        title: viewer.say("nodes.title"),
        views: [nodeList.view(listLive, nodeList.read(url))],
        page: (
          <NodeList
            notices={
              <>
                <RoadNotices viewer={viewer} door={context.find(clusterDoor)} />
                <AwaitedNotices viewer={viewer} names={awaited} />
              </>
            }
            viewer={viewer}
            all={all}
            found={await foundBy(nodeList.read(url), all, pages)}
            state={nodeList.read(url)}
            now={now}
          />
        ),
      };
    },
  });

  web.page({
    method: "GET",
    path: "/nodes/{name}",
    role: "reader",
    async handle({ params, viewer }) {
      const node = await service.need(params.name ?? "");
      return {
        title: node.name,
        crumbs: [{ href: "/nodes", label: viewer.say("nodes.title") }],
        views: pages.views(node),
        page: <NodePage detail={await pages.detail(node, viewer)} viewer={viewer} now={now()} />,
      };
    },
  });

  web.page({
    method: "POST",
    path: "/nodes/{name}/accepts",
    role: "administrator",
    async handle({ params, form, viewer, partial }): Promise<PageAnswer> {
      const acceptsGuests = form.acceptsGuests === "true";
      const node = await service.change(params.name ?? "", { acceptsGuests });
      if (!partial) return { redirect: nodeHref(node.name) };
      const children = viewer.say(acceptsGuests ? "nodes.accepts.on" : "nodes.accepts.off", {
        node: node.name,
      });
      return { fragment: await toasted({ lang: viewer.language, tone: "ok", children }) };
    },
  });

  web.page({
    method: "GET",
    path: "/nodes/{name}/configure",
    role: "administrator",
    async handle({ params, viewer }) {
      const node = await service.need(params.name ?? "");
      const offered = await settings.read("nodes", NodeSettings);
      const values = {
        storagePath: node.storage?.path ?? "/var/lib/jimv/disks",
        bridge: node.network && "bridge" in node.network ? node.network.bridge : "",
        vncPortFirst: node.vnc?.first ?? offered.vncPortFirst,
        vncPortLast: node.vnc?.last ?? offered.vncPortLast,
      };
      return whole(
        node,
        viewer,
        <ConfigurePage node={node} values={values} errors={[]} viewer={viewer} />,
        200,
      );
    },
  });

  web.page({
    method: "POST",
    path: "/nodes/{name}/configure",
    role: "administrator",
    async handle({ params, form, viewer, partial }): Promise<PageAnswer> {
      const node = await service.need(params.name ?? "");
      const refuse = (errors: AppError["fields"]): PageAnswer => {
        const values = Object.fromEntries(
          Object.entries(form).map(([name, value]) => [name, typeof value === "string" ? value : undefined]),
        );
        const inside = { node, values, errors, viewer };
        return partial
          ? { fragment: <ConfigureForm {...inside} />, status: 422 }
          : whole(node, viewer, <ConfigurePage {...inside} />, 422);
      };
      const parsed = parseForm(ConfigForm, form);
      if (!parsed.ok) return refuse(parsed.errors);
      const { node: _, bridge = "", ...config } = parsed.value;
      try {
        await service.configure(
          node.name,
          { ...config, bridge: bridge === "" ? null : bridge },
          viewer.actor,
        );
      } catch (error) {
        if (error instanceof AppError && error.fields.length > 0) return refuse(error.fields);
        throw error;
      }
      return { redirect: nodeHref(node.name) };
    },
  });

  web.form({
    name: "nodes-configure",
    schema: ConfigForm,
    role: "administrator",
    async check({ node: name, storagePath, bridge, vncPortFirst, vncPortLast }) {
      const node = name === undefined ? null : await service.get(name);
      if (bridge && node && !node.bridges.includes(bridge))
        return fieldError("bridge", "nodes.noBridge", { bridge });
      if (storagePath === undefined || vncPortFirst === undefined || vncPortLast === undefined) return null;
      return service.refusalOf({ storagePath, bridge: null, vncPortFirst, vncPortLast });
    },
  });
}

function whole(
  node: NodeView,
  viewer: Viewer,
  page: ReturnType<typeof ConfigurePage>,
  status: number,
): PageAnswer {
  return {
    title: viewer.say("nodes.config.title", { node: node.name }),
    crumbs: [
      { href: "/nodes", label: viewer.say("nodes.title") },
      { href: nodeHref(node.name), label: node.name },
    ],
    page,
    status,
  };
}

/** The list's head, replaced as nodes come and go. */
export function NodesHead({ viewer, all }: { viewer: Viewer; all: readonly NodeView[] }) {
  const live = all.filter((node) => node.state === "live");
  const cpus = live.reduce((sum, node) => sum + (node.facts?.cpus ?? 0), 0);
  const memory = live.reduce((sum, node) => sum + (node.facts?.memoryMiB ?? 0), 0);
  return (
    <PageHead
      id="nodes-head"
      title={viewer.say("nodes.title")}
      actions={
        viewer.role === "administrator" ? (
          <Button icon="plus" href="/nodes/join">
            {viewer.say("nodes.join.title")}
          </Button>
        ) : null
      }
      sub={viewer.say("nodes.sub", {
        live: live.length,
        all: all.length,
        cpus,
        memory: mebibytes(viewer.language, memory),
      })}
    />
  );
}

/** What the address asks for: all nodes, or those in trouble. */
const nodeList = listAddress({ path: "/nodes", shows: ["all", "trouble"] });

/** The nodes that the address asks for: one page of them. */
async function foundBy(
  { q, show, page }: ReturnType<typeof nodeList.read>,
  all: readonly NodeView[],
  pages: NodePages,
): Promise<{ items: NodeEntry[]; total: number }> {
  const asked = troubledFirst(all)
    .filter((node) => node.name.toLowerCase().includes(q.toLowerCase()))
    .filter((node) => show === "all" || troubleOf(node) !== null);
  const first = (page - 1) * listPageSize;
  return { items: await pages.entries(asked.slice(first, first + listPageSize)), total: asked.length };
}

function NodeList(p: {
  viewer: Viewer;
  all: readonly NodeView[];
  found: { items: readonly NodeEntry[]; total: number };
  state: ReturnType<typeof nodeList.read>;
  notices: Child;
  now: () => number;
}) {
  const { viewer, all, state } = p;
  const { say, language } = viewer;
  const troubled = all.filter((node) => troubleOf(node) !== null).length;
  return (
    <>
      <NodesHead viewer={viewer} all={all} />
      {p.notices}
      <List
        lang={language}
        address={nodeList}
        state={state}
        spec={nodeTable(viewer, p.now)}
        found={p.found}
        live={listLive}
        label={say("nodes.title")}
        placeholder={say("nodes.filter")}
        segments={[
          { key: "all", label: say("nodes.segment.all"), count: all.length },
          { key: "trouble", label: say("nodes.segment.trouble"), count: troubled },
        ]}
        hidesSome={all.length > 0}
        empty={<EmptyState icon="node" title={say("nodes.empty")} text={say("nodes.emptyHint")} />}
      />
      <p class="hint">{say("nodes.footnote")}</p>
    </>
  );
}
