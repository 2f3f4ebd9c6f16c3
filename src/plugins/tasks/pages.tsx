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
  append,
  Button,
  DefinitionList,
  EmptyState,
  FilterBar,
  html,
  NothingMatches,
  Notice,
  PageHead,
  Pager,
  Panel,
  Progress,
  Row,
  remove,
  StateMark,
  Table,
  Time,
  Toast,
  WithRail,
} from "jimv/ui";
import type { TaskService } from "./service.ts";
import { actorText, runningOf, targetHref, taskTable, tookText } from "./table.tsx";
import { lookState, taskErrorText, taskHref, taskTitle } from "./view.ts";

const pageSize = 50;
const segments = {
  all: undefined,
  open: [...openTaskStates],
  failed: ["failed"],
  leftovers: ["failed"],
} as const satisfies Record<string, readonly TaskState[] | undefined>;
type Segment = keyof typeof segments;

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
      const counts = await service.counts();
      const open = (counts.get("queued") ?? 0) + (counts.get("running") ?? 0);
      return open > 0 ? { text: String(open) } : null;
    },
  });

  web.page({
    method: "GET",
    path: "/tasks",
    role: "reader",
    async handle({ url, viewer }) {
      const query = url.searchParams;
      const segment = (Object.keys(segments) as Segment[]).find((one) => one === query.get("show")) ?? "all";
      const q = (query.get("q") ?? "").slice(0, 200);
      const page = Math.max(1, Math.min(1_000_000, Number.parseInt(query.get("page") ?? "1", 10) || 1));
      const found = await service.list({
        q,
        states: segments[segment],
        leftovers: segment === "leftovers" ? true : undefined,
        limit: pageSize,
        offset: (page - 1) * pageSize,
      });
      service.markRead(found.items.filter((task) => task.endedAt !== null).map((task) => task.id));
      const isPlain = segment === "all" && q === "" && page === 1;
      return {
        title: viewer.say("tasks.title"),
        views: [isPlain ? "tasks:top" : "tasks"],
        page: (
          <TaskList
            viewer={viewer}
            found={found}
            state={{ segment, q, page }}
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
      const toast = await html(
        <Toast lang={viewer.language} tone="info">
          {viewer.say("tasks.cancelled", { title: taskTitle(task, viewer.say) })}
        </Toast>,
      );
      return { fragment: append("toasts", toast) };
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

interface ListState {
  segment: Segment;
  q: string;
  page: number;
}

function TaskList(p: {
  viewer: Viewer;
  found: { items: Task[]; total: number };
  state: ListState;
  now: () => number;
  counts: ReadonlyMap<TaskState, number>;
}) {
  const { viewer, found, state } = p;
  const { say, language } = viewer;
  const address = (change: Partial<ListState>): string => {
    const next = { ...state, page: 1, ...change };
    const query = new URLSearchParams();
    if (next.segment !== "all") query.set("show", next.segment);
    if (next.q !== "") query.set("q", next.q);
    if (next.page > 1) query.set("page", String(next.page));
    const text = query.toString();
    return text === "" ? "/tasks" : `/tasks?${text}`;
  };
  const isFiltered = state.segment !== "all" || state.q !== "";
  return (
    <>
      <PageHead title={say("tasks.title")} sub={say("tasks.sub")} />
      <FilterBar
        lang={language}
        action="/tasks"
        q={state.q}
        placeholder={say("tasks.filter")}
        target="tasks"
        keep={{ show: state.segment === "all" ? undefined : state.segment }}
        segment={state.segment}
        segments={(Object.keys(segments) as Segment[]).map((segment) => ({
          key: segment,
          href: address({ segment }),
          label: say(`tasks.segment.${segment}`),
        }))}
      />
      <Table
        lang={language}
        spec={taskTable(viewer, "tasks", p.now)}
        rows={found.items}
        label={say("tasks.title")}
        empty={
          isFiltered ? (
            <NothingMatches lang={language} clearHref="/tasks" />
          ) : (
            <EmptyState icon="task" title={say("tasks.empty")} text={say("tasks.emptyHint")} />
          )
        }
        pager={
          <Pager
            lang={language}
            page={state.page}
            pageSize={pageSize}
            total={found.total}
            href={(page) => address({ page })}
          />
        }
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
    <div id={`task-${task.id}`}>
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
