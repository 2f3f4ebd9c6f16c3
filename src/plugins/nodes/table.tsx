/** The table of nodes: troubled ones first, each with how full it is and how its workers do. */
import type { Viewer } from "jimv";
import { Meter, mebibytes, StateMark, Switch, type TableSpec, TwoLines } from "jimv/ui";
import { LampSummary } from "./lamps.tsx";
import type { NodeProgram } from "./service.ts";
import { nodeMark, toneOf, troubleText } from "./trouble.tsx";
import { type NodeView, troubleOf, usedPercent } from "./view.ts";

/** A node with what others know of it. */
export interface NodeEntry {
  node: NodeView;
  version: string;
  /** Why it, or another machine of its name, is refused. */
  refusal: NodeProgram["refusal"];
  guests: { running: number; total: number } | null;
}

export const nodeHref = (name: string): string => `/nodes/${encodeURIComponent(name)}`;

/** An id for HTML: node names may have dots. */
export const rowIdOf = (name: string): string => `node-${name.replaceAll(/[^A-Za-z0-9-]/g, "_")}`;

/** Troubled ones first, then by name. */
export function troubledFirst(nodes: readonly NodeView[]): NodeView[] {
  const rank = (node: NodeView): number => {
    const trouble = troubleOf(node);
    return trouble === null ? 2 : toneOf(trouble) === "bad" ? 0 : 1;
  };
  return [...nodes].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/** Fuller than this is worth a colour, percent. */
const full = { warn: 80, bad: 90 } as const;

export function Share({ percent, label }: { percent: number | null; label: string }) {
  if (percent === null) return <span class="dim">–</span>;
  const tone = percent >= full.bad ? "bad" : percent >= full.warn ? "warn" : undefined;
  return <Meter percent={percent} label={label} figure {...(tone ? { tone } : {})} />;
}

export function nodeTable(viewer: Viewer, now: () => number): TableSpec<NodeEntry> {
  const { say, language } = viewer;
  const size = ({ node, version }: NodeEntry): string =>
    node.facts
      ? say("nodes.size", {
          cpus: node.facts.cpus,
          memory: mebibytes(language, node.facts.memoryMiB),
          version,
        })
      : version;
  const shareOf = (name: "cpu" | "memory" | "storage") => (entry: NodeEntry) => (
    <Share
      percent={entry.node.state === "offline" ? null : usedPercent(entry.node)[name]}
      label={say(`nodes.col.${name}`)}
    />
  );
  return {
    id: "nodes",
    rowId: ({ node }) => rowIdOf(node.name),
    rowName: ({ node }) => node.name,
    rowHref: ({ node }) => nodeHref(node.name),
    columns: [
      {
        key: "name",
        label: () => say("label.node"),
        width: "fill",
        card: "title",
        cell: (entry) => {
          const trouble = troubleOf(entry.node);
          return (
            <TwoLines
              title={entry.node.name}
              href={nodeHref(entry.node.name)}
              sub={trouble ? troubleText(entry.node, trouble, viewer, now()) : size(entry)}
            />
          );
        },
      },
      {
        key: "state",
        label: () => say("label.state"),
        width: "m",
        card: "state",
        cell: ({ node }) => (
          <StateMark
            kind="node"
            state={nodeMark(node)}
            lang={language}
            {...(node.state === "silent" ? { word: say("nodes.state.silent") } : {})}
          />
        ),
      },
      {
        key: "guests",
        label: () => say("nodes.col.guests"),
        width: "s",
        align: "end",
        card: "hide",
        cell: ({ guests }) => (guests ? <span class="num">{guests.total}</span> : <span class="dim">–</span>),
      },
      { key: "cpu", label: () => say("nodes.col.cpu"), width: "m", card: "hide", cell: shareOf("cpu") },
      {
        key: "memory",
        label: () => say("nodes.col.memory"),
        width: "m",
        card: "hide",
        cell: shareOf("memory"),
      },
      {
        key: "storage",
        label: () => say("nodes.col.storage"),
        width: "m",
        card: "hide",
        cell: shareOf("storage"),
      },
      {
        key: "workers",
        label: () => say("nodes.col.workers"),
        width: "l",
        wideOnly: true,
        card: "hide",
        cell: ({ node }) =>
          node.state === "offline" ? (
            <span class="dim">–</span>
          ) : (
            <LampSummary lamps={node.lamps} viewer={viewer} />
          ),
      },
      {
        key: "automatic",
        label: () => say("nodes.col.automatic"),
        width: "s",
        card: "hide",
        cell: ({ node }) => <AcceptsSwitch node={node} viewer={viewer} />,
      },
    ],
  };
}

/** Turns automatic placement on and off at once. Without a label of its own where a column's head says it. */
export function AcceptsSwitch({
  node,
  viewer,
  label = "",
}: {
  node: NodeView;
  viewer: Viewer;
  label?: string;
}) {
  const name = viewer.say("nodes.acceptsLabel", { node: node.name });
  return (
    <Switch
      name="acceptsGuests"
      id={`accepts-${rowIdOf(node.name)}`}
      label={label}
      checked={node.acceptsGuests}
      disabled={viewer.role !== "administrator"}
      extra={{
        "aria-label": name,
        "hx-post": `${nodeHref(node.name)}/accepts`,
        "hx-trigger": "change",
        "hx-swap": "none",
      }}
    />
  );
}
