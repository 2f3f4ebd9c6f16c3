/** The parts of the dashboard, each with an id of its own so that it is replaced by itself. */
import type { Task, Viewer } from "jimv";
import {
  Button,
  bytes,
  EmptyState,
  Figure,
  Figures,
  PageHead,
  Panel,
  Progress,
  ReadinessRow,
  StateMark,
  Table,
} from "jimv/ui";
import type { GuestState } from "../guests/index.ts";
import { runningOf, taskHref, taskTable, taskTitle } from "../tasks/index.ts";
import type { Need } from "./contract.ts";
import type { Capacity } from "./service.ts";

const id = (text: string): string => text.replaceAll(/[^A-Za-z0-9-]/g, "_");

export function Head({ viewer, capacity }: { viewer: Viewer; capacity: Capacity }) {
  const { say } = viewer;
  const { healthy, all } = capacity.nodes;
  return (
    <PageHead
      id="dashboard-head"
      title={say("dashboard.title")}
      sub={say("dashboard.sub", { healthy, all })}
      actions={
        viewer.role === "reader" ? undefined : (
          <Button kind="primary" icon="plus" href="/guests/new" extra={{ "data-create": "" }}>
            {say("dashboard.createGuest")}
          </Button>
        )
      }
    />
  );
}

/** Guests, nodes, CPU, memory, storage. */
export function Tiles({ viewer, capacity }: { viewer: Viewer; capacity: Capacity }) {
  const { say, language } = viewer;
  const { guests, nodes, cpu, memory, storage } = capacity;
  const of = (...states: GuestState[]): number =>
    states.reduce((sum, state) => sum + (guests.get(state) ?? 0), 0);
  const total = [...guests.values()].reduce((sum, n) => sum + n, 0);
  const running = of("running");
  const share = (part: number, whole: number): number | null => (whole > 0 ? (100 * part) / whole : null);
  const tone = (percent: number | null) => {
    if (percent === null) return {};
    return {
      percent,
      ...(percent >= 90 ? { tone: "bad" as const } : percent >= 80 ? { tone: "warn" as const } : {}),
    };
  };
  const text = (percent: number | null): string => (percent === null ? "–" : `${Math.round(percent)}%`);
  const memoryShare = share(memory.usedBytes, memory.allBytes);
  const storageShare = share(storage.usedBytes, storage.allBytes);
  return (
    <div id="dashboard-tiles">
      <Figures>
        <Figure
          label={say("dashboard.guests")}
          value={String(total)}
          of={say("dashboard.guestsRunning", { n: running })}
          percent={total > 0 ? (100 * running) / total : 0}
          hint={say("dashboard.guestsRest", {
            off: of("off"),
            paused: of("paused"),
            working: of("creating", "starting", "stopping", "migrating", "deleting"),
            trouble: of("crashed", "failed"),
          })}
        />
        <Figure
          label={say("dashboard.nodes")}
          value={String(nodes.live)}
          of={say("dashboard.nodesLive", { all: nodes.all })}
          percent={share(nodes.live, nodes.all) ?? 0}
          hint={say("dashboard.nodesHint", { healthy: nodes.healthy })}
        />
        <Figure
          label={say("dashboard.cpu")}
          value={text(cpu.percent)}
          of={say("dashboard.threads", { n: cpu.threads })}
          {...tone(cpu.percent)}
          hint={say("dashboard.vcpus", { n: cpu.given })}
        />
        <Figure
          label={say("dashboard.memory")}
          value={text(memoryShare)}
          of={say("dashboard.of", { all: bytes(language, memory.allBytes) })}
          {...tone(memoryShare)}
          hint={say("dashboard.memoryGiven", { given: bytes(language, memory.givenBytes) })}
        />
        <Figure
          label={say("dashboard.storage")}
          value={text(storageShare)}
          of={storage.allBytes > 0 ? say("dashboard.of", { all: bytes(language, storage.allBytes) }) : ""}
          {...tone(storageShare)}
          hint={say("dashboard.free", { free: bytes(language, storage.freeBytes) })}
        />
      </Figures>
    </div>
  );
}

/** What waits for a person, worst first. */
export function NeedsPanel({ viewer, needs }: { viewer: Viewer; needs: readonly Need[] }) {
  const { say, language } = viewer;
  return (
    <Panel id="dashboard-needs" title={say("dashboard.needs")} count={needs.length} flush>
      {needs.length === 0 ? (
        <EmptyState icon="check" title={say("dashboard.nothing")} text={say("dashboard.nothingHint")} />
      ) : (
        <ul class="checks">
          {needs.map((need) => (
            <ReadinessRow
              lang={language}
              item={{
                id: id(need.id),
                state: need.tone,
                title: need.title,
                detail: need.detail,
                found: (
                  <Button size="small" href={need.action.href}>
                    {need.action.label}
                  </Button>
                ),
              }}
            />
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function RunningPanel({
  viewer,
  running,
}: {
  viewer: Viewer;
  running: { items: Task[]; total: number };
}) {
  const { say } = viewer;
  return (
    <Panel
      id="dashboard-running"
      title={say("dashboard.running")}
      count={running.total}
      aside={<a href="/tasks">{say("dashboard.allTasks")}</a>}
    >
      {running.items.length === 0 ? (
        <p class="hint">{say("dashboard.noneRunning")}</p>
      ) : (
        <div class="stack">
          {running.items.map((task) => (
            <RunningTask task={task} viewer={viewer} />
          ))}
        </div>
      )}
    </Panel>
  );
}

/** One running task; its id in the page is `running-<task id>`. */
export function RunningTask({ task, viewer }: { task: Task; viewer: Viewer }) {
  const running = runningOf(task, viewer);
  return (
    <div id={`running-${task.id}`}>
      <a href={taskHref(task.id)}>{taskTitle(task, viewer.say)}</a>
      {running ? (
        <Progress
          lang={viewer.language}
          percent={running.percent ?? 0}
          task={task.id}
          step={running.step}
          etaSeconds={running.etaSeconds}
        />
      ) : (
        <StateMark kind="task" state={task.state} lang={viewer.language} />
      )}
    </div>
  );
}

export function RecentTasks({ viewer, tasks, now }: { viewer: Viewer; tasks: readonly Task[]; now: number }) {
  const { say } = viewer;
  return (
    <Panel id="dashboard-recent" title={say("dashboard.recent")} flush>
      <Table
        lang={viewer.language}
        spec={{ ...taskTable(viewer, "recent", () => now), compact: true }}
        rows={tasks}
        label={say("dashboard.recent")}
        empty={<EmptyState icon="task" title={say("tasks.empty")} text={say("tasks.emptyHint")} />}
      />
    </Panel>
  );
}
