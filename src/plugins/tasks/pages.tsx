/** The pages of tasks: the list and one task. */
import {
  AppError,
  type ControllerContext,
  openTaskStates,
  type PageAnswer,
  type Task,
  type TaskState,
  type Viewer,
} from "jimv";
import {
  Button,
  DefinitionList,
  EmptyState,
  List,
  listAddress,
  listPageSize,
  Notice,
  PageHead,
  Panel,
  Progress,
  Row,
  remove,
  StateMark,
  Time,
  toasted,
  WithRail,
} from "jimv/ui";
import type { TaskService } from "./service.ts";
import { actorText, runningOf, targetHref, taskTable, tookText } from "./table.tsx";
import { lookState, taskErrorText, taskHref, taskTitle } from "./view.ts";

const segments = {
  all: undefined,
  open: [...openTaskStates],
  failed: ["failed"],
  leftovers: ["failed"],
} as const satisfies Record<string, readonly TaskState[] | undefined>;
type Segment = keyof typeof segments;
const taskSegments = Object.keys(segments) as [Segment, ...Segment[]];
/** What the address asks for. */
export const taskList = listAddress({ path: "/tasks", shows: taskSegments });
/** The live view of the list. */
export const listLive = "tasks";

export function startPages(context: ControllerContext, service: TaskService): void {
  const { web, tasks: desk, clock } = context;

  web.nav({
    group: "watch",
    order: 50,
    href: "/tasks",
    icon: "task",
    word: "nav.tasks",
    role: "reader",
    async count() {
      const open = await service.openCount();
      return open > 0 ? { text: String(open) } : null;
    },
    changedBy: ({ topic }) => topic === "task",
  });

  web.page({
    method: "GET",
    path: "/tasks",
    role: "reader",
    async handle({ url, viewer }) {
      const state = taskList.read(url);
      const found = await service.list({
        q: state.q,
        states: segments[state.show],
        leftovers: state.show === "leftovers" ? true : undefined,
        limit: listPageSize,
        offset: (state.page - 1) * listPageSize,
      });
      service.markRead(found.items.filter((task) => task.endedAt !== null).map((task) => task.id));
      return {
        title: viewer.say("tasks.title"),
        views: [taskList.view(listLive, state)],
        page: (
          <TaskList
            viewer={viewer}
            found={found}
            state={state}
            now={() => clock.now()}
            counts={await service.counts()}
          />
        ),
      };
    },
  });

  web.page({
    method: "GET",
    path: "/tasks/{id}",
    role: "reader",
    async handle({ params, viewer }) {
      const task = await service.get(params.id ?? "");
      if (!task) throw new AppError("notFound", "task.notFound");
      if (task.endedAt !== null) service.markRead([task.id]);
      return {
        title: taskTitle(task, viewer.say),
        crumbs: [{ href: "/tasks", label: viewer.say("tasks.title") }],
        views: [`task:${task.id}`],
        page: <TaskPage task={task} viewer={viewer} now={clock.now()} />,
      };
    },
  });

  web.page({
    method: "POST",
    path: "/tasks/{id}/cancel",
    role: "operator",
    async handle({ params, viewer, partial }): Promise<PageAnswer> {
      const task = await desk.cancel(params.id ?? "");
      if (!partial) return { redirect: taskHref(task.id) };
      const children = viewer.say("tasks.cancelled", { title: taskTitle(task, viewer.say) });
      return { fragment: await toasted({ lang: viewer.language, tone: "info", children }) };
    },
  });

  web.page({
    method: "POST",
    path: "/tasks/{id}/read",
    role: "reader",
    handle({ params, partial }) {
      const id = params.id ?? "";
      service.markRead([id]);
      return partial && /^[\w-]+$/.test(id) ? { fragment: remove(`tray-${id}`) } : { redirect: taskHref(id) };
    },
  });
}

function TaskList(p: {
  viewer: Viewer;
  found: { items: Task[]; total: number };
  state: ReturnType<typeof taskList.read>;
  now: () => number;
  counts: ReadonlyMap<TaskState, number>;
}) {
  const { viewer, found, state } = p;
  const { say, language } = viewer;
  return (
    <>
      <PageHead title={say("tasks.title")} sub={say("tasks.sub")} />
      <List
        lang={language}
        address={taskList}
        state={state}
        live={listLive}
        spec={taskTable(viewer, "tasks", p.now)}
        found={found}
        label={say("tasks.title")}
        placeholder={say("tasks.filter")}
        segments={taskSegments.map((key) => ({ key, label: say(`tasks.segment.${key}`) }))}
        empty={<EmptyState icon="task" title={say("tasks.empty")} text={say("tasks.emptyHint")} />}
      />
    </>
  );
}

/** One task. Its id in the page is `task-<id>`; the live view replaces it whole. */
export function TaskPage({ task, viewer, now }: { task: Task; viewer: Viewer; now: number }) {
  const { say, language } = viewer;
  const error = taskErrorText(task, say);
  const running = runningOf(task, viewer);
  const target = targetHref(task);
  const took = tookText(task, viewer, now);
  const time = (at: number | null) => (at === null ? "–" : <Time lang={language} at={at} />);
  const mayCancel = task.endedAt === null && !task.cancelRequested && viewer.role !== "reader";
  return (
    <div id={`task-${task.id}`} class="stack">
      <PageHead
        title={taskTitle(task, say)}
        mark={<StateMark kind="task" state={lookState(task)} lang={language} pill />}
        actions={
          mayCancel ? (
            <Button kind="danger" icon="close" post={`${taskHref(task.id)}/cancel`}>
              {say("action.cancel")}
            </Button>
          ) : undefined
        }
      />
      <WithRail
        rail={
          <Panel title={say("tasks.facts")}>
            <DefinitionList
              lang={language}
              items={[
                {
                  label: say("tasks.def.target"),
                  value: target ? <a href={target}>{task.targetName}</a> : task.targetName,
                },
                {
                  label: say("tasks.def.node"),
                  value: <a href={`/nodes/${encodeURIComponent(task.nodeName)}`}>{task.nodeName}</a>,
                },
                { label: say("tasks.def.by"), value: actorText(task.actor, say) },
                { label: say("tasks.def.created"), value: time(task.createdAt) },
                { label: say("tasks.def.started"), value: time(task.startedAt) },
                task.endedAt === null
                  ? { label: say("tasks.def.deadline"), value: time(task.deadlineAt) }
                  : { label: say("tasks.def.ended"), value: time(task.endedAt) },
                ...(took ? [{ label: say("tasks.def.took"), value: took }] : []),
                { label: say("tasks.def.attempts"), value: String(task.attempts) },
                { label: say("tasks.def.kind"), value: task.kind, mono: true },
                { label: say("tasks.def.id"), value: task.id, mono: true, copy: task.id },
              ]}
            />
          </Panel>
        }
      >
        {error && task.state === "failed" ? (
          <Notice
            tone="bad"
            title={say("tasks.why")}
            actions={
              target ? (
                <Button size="small" href={target}>
                  {say("action.open")}
                </Button>
              ) : undefined
            }
          >
            {error}
          </Notice>
        ) : null}
        {error && task.state === "cancelled" ? <Notice tone="info">{error}</Notice> : null}
        {task.leftovers ? <Notice tone="warn">{say("tasks.leftovers")}</Notice> : null}
        <Panel title={say("tasks.progress")}>
          {running ? (
            <Progress
              lang={language}
              percent={running.percent ?? 0}
              task={task.id}
              step={running.step}
              etaSeconds={running.etaSeconds}
            />
          ) : (
            <Row>
              <StateMark kind="task" state={lookState(task)} lang={language} />
              {task.state === "succeeded" && took ? <span class="hint">{took}</span> : null}
            </Row>
          )}
        </Panel>
      </WithRail>
    </div>
  );
}
