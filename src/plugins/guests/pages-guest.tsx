/** One guest: head with its actions, tabs, what is under way, its facts at the side, and what happened. */
import { and, desc, eq, type Task, tasks, type Viewer } from "jimv";
import {
  Button,
  bytes,
  type Child,
  DefinitionList,
  EmptyState,
  IconButton,
  Menu,
  mebibytes,
  Notice,
  PageHead,
  Panel,
  Progress,
  Row,
  Secret,
  StateMark,
  say,
  type Tab,
  Table,
  type TableSpec,
  Tabs,
  Time,
  WithRail,
} from "jimv/ui";
import type { NodeView } from "../nodes/index.ts";
import { lookState, taskErrorText, taskHref, taskTitle } from "../tasks/index.ts";
import {
  actionButton,
  actionLooks,
  bytesPerGiB,
  GuestTile,
  hrefOf,
  mayAct,
  mayDelete,
  type PageNeeds,
  powerActions,
  runningTask,
} from "./pages-parts.tsx";
import type { GuestDetail, GuestDiskView, GuestTask } from "./views.ts";
import { wordsOf } from "./words-pages.ts";

export const guestTabs = ["overview", "disks", "tasks"] as const;
export type GuestTab = (typeof guestTabs)[number];

/** Everything that the page shows. */
export interface GuestScene {
  guest: GuestDetail;
  node: NodeView | null;
  /** Newest first. */
  happened: Task[];
}

const happenedShown = 6;
const tasksShown = 100;

/** @throws AppError notFound */
export async function guestScene(uuid: string, tab: GuestTab, needs: PageNeeds): Promise<GuestScene> {
  const guest = await needs.service.get(uuid);
  const [node, happened] = await Promise.all([
    needs.nodes.get(guest.nodeName),
    needs.context.store.select(tasks, {
      where: and(eq(tasks.targetType, "guest"), eq(tasks.targetKey, uuid)),
      orderBy: [desc(tasks.createdAt)],
      limit: tab === "tasks" ? tasksShown : happenedShown,
    }),
  ]);
  return { guest, node, happened };
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
  ];
  return (
    <div id="guest-page" class="stack">
      <GuestHead scene={scene} viewer={viewer} />
      <Tabs tabs={tabs} current={tabs.find((one) => one.key === tab)?.href ?? href} label={guest.name} />
      {tab === "overview" ? (
        <WithRail rail={<GuestFacts scene={scene} viewer={viewer} />}>
          <GuestNow scene={scene} viewer={viewer} />
          <GuestDisks guest={guest} viewer={viewer} />
          <GuestHappened scene={scene} viewer={viewer} />
        </WithRail>
      ) : tab === "disks" ? (
        <GuestDisks guest={guest} viewer={viewer} />
      ) : (
        <GuestHappened scene={scene} viewer={viewer} all />
      )}
    </div>
  );
}

/** Name, state, and what can be done now. Replaced whole by the live view. */
export function GuestHead({ scene: { guest }, viewer }: { scene: GuestScene; viewer: Viewer }) {
  const lang = viewer.language;
  return (
    <PageHead
      id="guest-head"
      title={guest.name}
      tile={<GuestTile guest={guest} large />}
      mark={<StateMark kind="guest" state={guest.shown} lang={lang} pill />}
      sub={
        <>
          {guest.remark ? <span>{guest.remark}</span> : null}
          <span>{guest.templateName}</span>
          <a href={`/nodes/${encodeURIComponent(guest.nodeName)}`}>{guest.nodeName}</a>
        </>
      }
      actions={mayAct(viewer) ? headActions(guest, viewer) : null}
    />
  );
}

function headActions(guest: GuestDetail, viewer: Viewer): Child {
  const lang = viewer.language;
  const allowed = powerActions.filter((action) => guest.actions.includes(action));
  const hasConsole = guest.actions.includes("console");
  const shown = allowed.filter((action) => ["start", "resume", "reboot", "shutdown"].includes(action));
  const rest = allowed.filter((action) => !shown.includes(action));
  const items = [
    ...rest.map((action) => ({
      label: say(lang, actionLooks[action].word),
      ...actionButton(action, guest.uuid),
    })),
    {
      label: `${say(lang, "action.edit")}…`,
      icon: "edit" as const,
      dialogUrl: `${hrefOf(guest.uuid)}/edit`,
      divided: rest.length > 0,
    },
    ...(mayDelete(guest)
      ? [
          {
            label: `${say(lang, "action.delete")}…`,
            icon: "delete" as const,
            dialogUrl: `${hrefOf(guest.uuid)}/delete`,
            danger: true,
            divided: true,
          },
        ]
      : []),
  ];
  return (
    <>
      {hasConsole ? (
        <Button kind="primary" icon="console" href={`${hrefOf(guest.uuid)}/console`}>
          {say(lang, "action.console")}
        </Button>
      ) : null}
      {shown.map((action, at) => (
        <Button {...actionButton(action, guest.uuid)} kind={!hasConsole && at === 0 ? "primary" : "default"}>
          {say(lang, actionLooks[action].word)}
        </Button>
      ))}
      <IconButton icon="more" kind="default" label={say(lang, "action.more")} menu="guest-menu" />
      <Menu id="guest-menu" label={say(lang, "table.rowMenu", { name: guest.name })} items={items} />
    </>
  );
}

/** What is under way, and what needs somebody. */
export function GuestNow({ scene: { guest, node }, viewer }: { scene: GuestScene; viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  const act = mayAct(viewer);
  return (
    <div id="guest-now" class="stack">
      {guest.error ? (
        <Notice
          tone="bad"
          title={t("guests.page.failed")}
          actions={
            act ? (
              <Button size="small" kind="danger" icon="delete" dialogUrl={`${hrefOf(guest.uuid)}/delete`}>
                {say(viewer.language, "action.delete")}
              </Button>
            ) : null
          }
        >
          {viewer.say(guest.error.word, guest.error.args)}{" "}
          {t("guests.page.failedClean", { node: guest.nodeName })}
        </Notice>
      ) : null}
      {guest.tasks
        .filter((task) => task.kind !== "guests.init")
        .map((task) => (
          <TaskPanel guest={guest} task={task} viewer={viewer} />
        ))}
      {guest.initState === "pending" && guest.state === "running" ? (
        <Notice tone="info" title={t("guests.page.initPending")}>
          {t("guests.page.initPendingText")}
        </Notice>
      ) : null}
      {guest.initState === "failed" && guest.initError ? (
        <Notice
          tone="warn"
          title={t("guests.page.initFailed")}
          actions={
            act && guest.state === "running" ? (
              <Button size="small" icon="refresh" post={`${hrefOf(guest.uuid)}/init`}>
                {t("guests.page.initRetry")}
              </Button>
            ) : null
          }
        >
          {t("guests.page.initFailedText", {
            reason: viewer.say(guest.initError.word, guest.initError.args),
          })}
        </Notice>
      ) : null}
      {node?.facts?.acceleration.virtType === "qemu" && guest.state !== "failed" ? (
        <Notice
          tone="warn"
          title={t("guests.page.emulated")}
          actions={
            <Button size="small" href={`/nodes/${encodeURIComponent(node.name)}`}>
              {t("guests.page.why")}
            </Button>
          }
        >
          {t("guests.page.emulatedText", { node: node.name })}
        </Notice>
      ) : null}
    </div>
  );
}

/** A task with its bar; one that has not begun says what it waits for. */
function TaskPanel({ guest, task, viewer }: { guest: GuestDetail; task: GuestTask; viewer: Viewer }) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const bar = runningTask({ ...guest, tasks: [task] }, viewer);
  const step =
    task.state === "queued"
      ? t("guests.page.queuedBehind", { node: guest.nodeName })
      : viewer.say(task.step ?? "task.step.started");
  return (
    <Panel
      title={viewer.say(`task.${task.kind}`, { name: guest.name })}
      aside={
        mayAct(viewer) && task.cancellable ? (
          <Button size="small" icon="close" post={`${taskHref(task.id)}/cancel`}>
            {say(lang, "action.cancel")}
          </Button>
        ) : null
      }
    >
      <Progress
        lang={lang}
        task={task.id}
        percent={bar ? bar.percent : null}
        step={step}
        etaSeconds={bar?.etaSeconds ?? null}
      />
    </Panel>
  );
}

export function GuestFacts({ scene: { guest }, viewer }: { scene: GuestScene; viewer: Viewer }) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const [nic] = guest.interfaces;
  const totalGiB = guest.disks.reduce((sum, disk) => sum + disk.sizeGiB, 0);
  return (
    <Panel id="guest-facts">
      <DefinitionList
        lang={lang}
        items={[
          {
            label: say(lang, "label.size"),
            value: (
              <>
                {guest.vcpus} {say(lang, "unit.vcpu")} · {mebibytes(lang, guest.memoryMiB)}{" "}
                {mayAct(viewer) && guest.actions.includes("edit") ? (
                  <Button kind="link" dialogUrl={`${hrefOf(guest.uuid)}/edit`}>
                    {t("guests.page.change")}
                  </Button>
                ) : null}
              </>
            ),
          },
          { label: t("guests.page.system"), value: guest.templateName },
          { label: t("guests.page.hostname"), value: guest.hostname, copy: guest.hostname },
          ...(nic ? [{ label: t("guests.page.mac"), value: nic.mac, mono: true, copy: nic.mac }] : []),
          ...(nic ? [{ label: t("guests.page.network"), value: nic.network ?? nic.bridge ?? "" }] : []),
          ...(guest.hasPassword ? [{ label: t("guests.page.user"), value: guest.userName }] : []),
          {
            label: say(lang, "label.password"),
            value:
              guest.hasPassword && mayAct(viewer) ? (
                <Secret
                  lang={lang}
                  url={`${hrefOf(guest.uuid)}/password`}
                  label={say(lang, "label.password")}
                />
              ) : (
                t("guests.page.noPassword")
              ),
          },
          {
            label: t("guests.page.init"),
            value: (
              <>
                {t(`guests.page.init.${guest.init}`)}
                {guest.initState === "none" ? null : ` · ${t(`guests.page.initState.${guest.initState}`)}`}
              </>
            ),
          },
          {
            label: say(lang, "label.node"),
            value: <a href={`/nodes/${encodeURIComponent(guest.nodeName)}`}>{guest.nodeName}</a>,
          },
          ...(guest.disks.length > 0
            ? [{ label: say(lang, "label.disks"), value: bytes(lang, totalGiB * bytesPerGiB) }]
            : []),
          ...(guest.vncPort === null ? [] : [{ label: t("guests.page.vnc"), value: guest.vncPort }]),
          ...(guest.startedAt === null
            ? []
            : [{ label: t("guests.page.upSince"), value: <Time lang={lang} at={guest.startedAt} /> }]),
          { label: say(lang, "label.created"), value: <Time lang={lang} at={guest.createdAt} /> },
          {
            label: "ID",
            value: `${guest.uuid.slice(0, 8)}…${guest.uuid.slice(-4)}`,
            mono: true,
            copy: guest.uuid,
          },
        ]}
      />
    </Panel>
  );
}

export function GuestDisks({ guest, viewer }: { guest: GuestDetail; viewer: Viewer }) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const spec: TableSpec<GuestDiskView> = {
    id: "guest-disks-table",
    compact: true,
    rowId: (disk) => `guest-disk-${disk.uuid}`,
    rowName: (disk) => disk.name,
    columns: [
      {
        key: "name",
        label: () => say(lang, "label.name"),
        card: "title",
        cell: (disk) => <a href={`/disks/${disk.uuid}`}>{disk.name}</a>,
      },
      {
        key: "role",
        label: () => say(lang, "label.disk"),
        width: "m",
        cell: (disk) => t(disk.role === "system" ? "guests.page.diskSystem" : "guests.page.diskData"),
      },
      { key: "target", label: () => t("guests.page.target"), width: "s", cell: (disk) => disk.target ?? "–" },
      {
        key: "size",
        label: () => say(lang, "label.size"),
        width: "s",
        align: "end",
        cell: (disk) => bytes(lang, disk.sizeGiB * bytesPerGiB),
      },
      {
        key: "state",
        label: () => say(lang, "label.state"),
        width: "m",
        card: "state",
        cell: (disk) => <StateMark kind="disk" state={disk.state} lang={lang} />,
      },
    ],
  };
  return (
    <Panel id="guest-disks" title={say(lang, "label.disks")} count={guest.disks.length} flush>
      <Table
        lang={lang}
        spec={spec}
        rows={guest.disks}
        label={say(lang, "label.disks")}
        empty={<EmptyState icon="disk" title={t("guests.page.noDisks")} />}
      />
    </Panel>
  );
}

export function GuestHappened(p: { scene: GuestScene; viewer: Viewer; all?: boolean }) {
  const { viewer, scene } = p;
  const lang = viewer.language;
  const t = wordsOf(lang);
  const spec: TableSpec<Task> = {
    id: "guest-tasks-table",
    compact: true,
    rowId: (task) => `guest-task-${task.id}`,
    rowName: (task) => taskTitle(task, viewer.say),
    rowHref: (task) => taskHref(task.id),
    columns: [
      {
        key: "task",
        label: () => t("guests.page.task"),
        card: "title",
        cell: (task) => {
          const error = taskErrorText(task, viewer.say);
          return (
            <div class="two">
              <div>
                <div class="first">
                  <a href={taskHref(task.id)}>{taskTitle(task, viewer.say)}</a>
                </div>
                {error ? <div class="second">{error}</div> : null}
              </div>
            </div>
          );
        },
      },
      {
        key: "state",
        label: () => say(lang, "label.state"),
        width: "m",
        card: "state",
        cell: (task) => <StateMark kind="task" state={lookState(task)} lang={lang} />,
      },
      {
        key: "by",
        label: () => t("guests.page.by"),
        width: "m",
        cell: (task) => task.actor.replace(/^user:/, "").replace(":", " · "),
      },
      {
        key: "when",
        label: () => t("guests.page.when"),
        width: "m",
        cell: (task) => <Time lang={lang} at={task.createdAt} />,
      },
    ],
  };
  return (
    <Panel
      id="guest-tasks"
      title={t("guests.page.happened")}
      flush
      aside={
        p.all ? null : <a href={`${hrefOf(scene.guest.uuid)}?tab=tasks`}>{t("guests.page.wholeList")}</a>
      }
    >
      <Table
        lang={lang}
        spec={spec}
        rows={scene.happened}
        label={t("guests.page.happened")}
        empty={<EmptyState icon="task" title={t("guests.page.nothingHappened")} />}
      />
    </Panel>
  );
}

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
