/** What of nodes changes by itself: rows and head of the list, and one node's page. */
import { type ControllerContext, isMade, type LiveContext, type LiveEvent } from "jimv";
import { html, reload, replace, TableRow } from "jimv/ui";
import { taskTable } from "../tasks/index.ts";
import { NodePage, nodeTasksId } from "./detail.tsx";
import { listLive, type NodePages, NodesHead } from "./pages.tsx";
import type { NodeService } from "./service.ts";
import { nodeTable, rowIdOf } from "./table.tsx";

const isRemoved = ({ data }: LiveEvent): boolean =>
  typeof data === "object" && data !== null && "removed" in data && data.removed === true;

export function startLive(context: ControllerContext, service: NodeService, pages: NodePages): void {
  const { web, clock } = context;
  const now = (): number => clock.now();

  /** The shown rows of the nodes that the events are about. */
  const listPayloads = async (
    events: readonly LiveEvent[],
    { viewer, shown }: LiveContext,
  ): Promise<string[]> => {
    // Where a new one stands, and who stands behind one that is gone, the page itself knows.
    if (events.some((event) => isMade(event) || isRemoved(event))) return [reload()];
    const about = new Set(events.map(({ key }) => key).filter((name) => shown.has(rowIdOf(name))));
    const entries = about.size > 0 ? await pages.entries(await service.named([...about])) : [];
    const spec = nodeTable(viewer, now);
    const rows = entries.map(async (entry) =>
      replace(
        rowIdOf(entry.node.name),
        await html(<TableRow spec={spec} row={entry} lang={viewer.language} />),
      ),
    );
    return Promise.all(rows);
  };

  web.live({
    name: listLive,
    topics: ["node"],
    role: "reader",
    render: (event, context) => listPayloads([event], context),
    renderAll: listPayloads,
    async sums(_, { viewer }) {
      return [replace("nodes-head", await html(<NodesHead viewer={viewer} all={await service.list()} />))];
    },
  });

  web.live({
    name: "node",
    topics: ["node", "task"],
    role: "reader",
    async render(event, { viewer, key: name }) {
      if (event.topic === "node" && event.key !== name) return [];
      const node = name === null ? null : await service.get(name);
      if (!node) return [];
      // Of the tasks only those of this node matter.
      const task = event.topic === "task" ? await context.tasks.get(event.key) : null;
      if (event.topic === "task" && task?.nodeName !== name) return [];
      if (task?.state === "running") {
        const spec = taskTable(viewer, nodeTasksId, now);
        return [
          replace(spec.rowId(task), await html(<TableRow spec={spec} row={task} lang={viewer.language} />)),
        ];
      }
      const page = <NodePage detail={await pages.detail(node, viewer)} viewer={viewer} now={now()} />;
      return [replace("node-body", await html(page))];
    },
  });
}
