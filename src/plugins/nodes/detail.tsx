/** One node: how full it is, how guests run there, its workers, storage and network. */
import type { Task, Viewer } from "jimv";
import {
  Button,
  bytes,
  type Child,
  Columns,
  type Definition,
  DefinitionList,
  duration,
  EmptyState,
  Figure,
  Figures,
  mebibytes,
  Notice,
  PageHead,
  Panel,
  Stack,
  StateMark,
  Table,
  Time,
} from "jimv/ui";
import { taskTable } from "../tasks/index.ts";
import { LampList } from "./lamps.tsx";
import { AcceptsSwitch, type NodeEntry, nodeHref } from "./table.tsx";
import { nodeMark, TroubleNotice } from "./trouble.tsx";
import { type NodeView, troubleOf, usedPercent } from "./view.ts";

export interface NodeDetail extends NodeEntry {
  tasks: readonly Task[];
  /** Offline nodes that are the same machine: it was renamed. */
  formerNames: readonly string[];
  /** Of other plugins. */
  panels: readonly Child[];
  /** Where maintenance begins with a dialog; null: it begins at once. */
  maintenanceDialog: string | null;
  /** Where its VNC ports are shown; null where nobody shows them. */
  vncPortsHref: string | null;
}

/** Id of the table of the node's tasks; its rows begin with it. */
export const nodeTasksId = "node-tasks";

/** The whole page below the frame; the live view replaces it by its id `node-body`. */
export function NodePage({ detail, viewer, now }: { detail: NodeDetail; viewer: Viewer; now: number }) {
  const { say, language } = viewer;
  const { node } = detail;
  const mayChange = viewer.role === "administrator";
  const setUp = mayChange ? (
    <Button
      kind={node.configured ? "default" : "primary"}
      icon="wrench"
      href={`${nodeHref(node.name)}/configure`}
    >
      {say(node.configured ? "nodes.setUpAgain" : "nodes.setUp")}
    </Button>
  ) : null;
  const isConfigTrouble = ["unconfigured", "configFailed"].includes(troubleOf(node) ?? "");
  return (
    <div id="node-body" class="stack">
      <PageHead
        title={node.name}
        mark={<StateMark kind="node" state={nodeMark(node)} lang={language} pill />}
        sub={node.facts?.cpuModel}
        actions={
          <>
            <AcceptsSwitch node={node} viewer={viewer} label={say("nodes.col.automatic")} />
            {isConfigTrouble ? null : setUp}
            {mayChange ? <NodeActions detail={detail} viewer={viewer} /> : null}
          </>
        }
      />
      <TroubleNotice node={node} viewer={viewer} now={now} actions={isConfigTrouble ? setUp : undefined} />
      {detail.refusal ? <Notice tone="bad">{say(detail.refusal.word, detail.refusal.args)}</Notice> : null}
      {node.maintenance ? <Notice tone="warn">{say("nodes.maintenance.on")}</Notice> : null}
      {detail.panels}
      {detail.formerNames.map((from) => (
        <Notice
          tone="info"
          actions={
            mayChange ? (
              <Button size="small" post={`${nodeHref(node.name)}/take-over`} vals={{ from }}>
                {say("nodes.takeOver.action", { from })}
              </Button>
            ) : undefined
          }
        >
          {say("nodes.takeOver.notice", { from })}
        </Notice>
      ))}
      {node.config.notes.map((note) => (
        <Notice tone="warn">{say(note.word, note.args)}</Notice>
      ))}
      <LoadFigures detail={detail} viewer={viewer} />
      <Columns>
        <Panel title={say("nodes.virtualization")}>
          <Virtualization detail={detail} viewer={viewer} />
        </Panel>
        <Panel title={say("nodes.workers")}>
          <LampList lamps={node.lamps} viewer={viewer} />
        </Panel>
      </Columns>
      <Columns>
        <Panel title={say("nodes.storage")}>
          <DefinitionList lang={language} items={storageItems(detail, viewer)} />
        </Panel>
        <Panel title={say("nodes.network")}>
          <DefinitionList lang={language} items={networkItems(node, viewer)} />
        </Panel>
      </Columns>
      <Panel title={say("nodes.recentTasks")} aside={<a href="/tasks">{say("nodes.allTasks")}</a>} flush>
        <Table
          lang={language}
          spec={{ ...taskTable(viewer, nodeTasksId, () => now), compact: true }}
          rows={detail.tasks}
          label={say("nodes.recentTasks")}
          empty={<EmptyState icon="task" title={say("tasks.empty")} text={say("tasks.emptyHint")} />}
        />
      </Panel>
    </div>
  );
}

/** What only an administrator does, and seldom. */
function NodeActions({ detail, viewer: { say } }: { detail: NodeDetail; viewer: Viewer }) {
  const { node, maintenanceDialog } = detail;
  const href = nodeHref(node.name);
  return (
    <>
      <Button dialogUrl={`${href}/address`}>{say("nodes.address.change")}</Button>
      {!node.maintenance && maintenanceDialog ? (
        <Button dialogUrl={maintenanceDialog}>{say("nodes.maintenance.begin")}</Button>
      ) : (
        <Button post={`${href}/maintenance`} vals={{ maintenance: node.maintenance ? "false" : "true" }}>
          {say(node.maintenance ? "nodes.maintenance.end" : "nodes.maintenance.begin")}
        </Button>
      )}
      {node.state === "offline" ? (
        <Button kind="danger" icon="delete" dialogUrl={`${href}/remove`}>
          {say("nodes.remove.action")}
        </Button>
      ) : null}
    </>
  );
}

function LoadFigures({ detail, viewer }: { detail: NodeDetail; viewer: Viewer }) {
  const { say, language } = viewer;
  const { node, guests } = detail;
  const { load, storage, facts } = node;
  const used = usedPercent(node);
  const known = (percent: number | null) =>
    percent === null ? {} : { percent, ...(percent >= 90 ? { tone: "bad" as const } : {}) };
  const text = (percent: number | null): string => (percent === null ? "–" : `${percent}%`);
  return (
    <Figures>
      <Figure
        label={say("nodes.col.cpu")}
        value={text(used.cpu)}
        of={facts ? say("nodes.threads", { n: facts.cpus }) : ""}
        {...known(used.cpu)}
        hint={load ? say("nodes.load1", { load: load.load1.toFixed(2) }) : ""}
      />
      <Figure
        label={say("nodes.col.memory")}
        value={text(used.memory)}
        of={load ? say("nodes.of", { all: mebibytes(language, load.memoryMiB) }) : ""}
        {...known(used.memory)}
        hint={load ? say("nodes.free", { free: mebibytes(language, load.availableMemoryMiB) }) : ""}
      />
      <Figure
        label={say("nodes.col.storage")}
        value={text(used.storage)}
        of={storage ? say("nodes.of", { all: bytes(language, storage.capacityBytes) }) : ""}
        {...known(used.storage)}
        hint={storage ? say("nodes.free", { free: bytes(language, storage.availableBytes) }) : ""}
      />
      <Figure
        label={say("nodes.col.guests")}
        value={guests ? String(guests.total) : "–"}
        hint={guests ? say("nodes.guests", { running: guests.running, total: guests.total }) : ""}
      />
      <Figure
        label="JimV"
        value={detail.version || "–"}
        hint={load ? say("nodes.up", { time: duration(language, load.uptimeSeconds) }) : ""}
      />
    </Figures>
  );
}

function Virtualization({ detail, viewer }: { detail: NodeDetail; viewer: Viewer }) {
  const { say, language } = viewer;
  const { facts, hypervisor } = detail.node;
  if (!facts) return <p class="hint">{say("nodes.virt.unknown")}</p>;
  const { acceleration } = facts;
  return (
    <Stack>
      <p>
        <b>{say(`nodes.virt.${acceleration.virtType}`)}</b>{" "}
        <span class="hint">{say(`nodes.virt.${acceleration.virtType}Hint`)}</span>
      </p>
      {acceleration.missing.length > 0 ? (
        <Notice tone="warn">
          {acceleration.missing.map((thing) => (
            <p>{say(`nodes.missing.${thing}`)}</p>
          ))}
        </Notice>
      ) : null}
      <DefinitionList
        lang={language}
        items={[
          { label: say("nodes.def.libvirt"), value: facts.libvirtVersion },
          {
            label: say("nodes.def.connected"),
            value: hypervisor?.connected ? (
              <Time lang={language} at={hypervisor.since} />
            ) : (
              (hypervisor?.reason ?? say("label.no"))
            ),
          },
          { label: say("nodes.def.qemu"), value: facts.qemuVersion },
          { label: say("nodes.def.cpu"), value: facts.cpuModel },
          { label: say("nodes.def.machine"), value: `${acceleration.arch}, ${acceleration.machine}` },
          { label: say("nodes.def.emulator"), value: acceleration.emulator, mono: true },
        ]}
      />
    </Stack>
  );
}

function storageItems({ node, vncPortsHref }: NodeDetail, { say, language }: Viewer): Definition[] {
  const { storage, vnc } = node;
  const vncRange = vnc ? `${vnc.first}–${vnc.last}` : "";
  return [
    {
      label: say("nodes.def.folder"),
      value: storage?.path ?? "–",
      mono: true,
      ...(storage ? { copy: storage.path } : {}),
    },
    { label: say("nodes.def.pool"), value: storage?.poolName ?? "–" },
    {
      label: say("nodes.storage"),
      value: storage
        ? `${say("nodes.free", { free: bytes(language, storage.availableBytes) })} ${say("nodes.of", { all: bytes(language, storage.capacityBytes) })}`
        : "–",
    },
    {
      label: say("nodes.def.vnc"),
      value: !vnc ? "–" : vncPortsHref ? <a href={vncPortsHref}>{vncRange}</a> : vncRange,
    },
  ];
}

function networkItems(node: NodeView, { say }: Viewer): Definition[] {
  const { network } = node;
  const chosen = !network
    ? "–"
    : "bridge" in network
      ? say("nodes.def.bridge", { bridge: network.bridge })
      : say("nodes.def.nat", { network: network.network });
  return [
    { label: say("nodes.def.network"), value: chosen },
    {
      label: say("nodes.networks"),
      value:
        node.networks.length === 0
          ? say("nodes.noneOf")
          : node.networks
              .map(({ name, cidr, active }) =>
                [name, cidr, active ? null : say("nodes.networkOff")]
                  .filter((part) => part !== null)
                  .join(" · "),
              )
              .join(", "),
    },
    {
      label: say("nodes.bridges"),
      value: node.bridges.length === 0 ? say("nodes.noneOf") : node.bridges.join(", "),
    },
    ...(node.filterLacks
      ? [
          {
            label: say("nodes.filters"),
            value: say(`nodes.filters.${node.filterLacks[0] ?? "ready"}`),
          },
        ]
      : []),
    { label: say("nodes.def.address"), value: node.managementAddress ?? say("nodes.def.addressNone") },
  ];
}
