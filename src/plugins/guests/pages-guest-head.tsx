/** The head of a guest's page with what can be done, and under it what is under way or needs somebody. */
import type { Task, Viewer } from "jimv";
import {
  Button,
  type Child,
  IconButton,
  Menu,
  Notice,
  PageHead,
  Panel,
  Progress,
  StateMark,
  say,
  type Tab,
} from "jimv/ui";
import type { NodeView } from "../nodes/index.ts";
import { taskHref } from "../tasks/index.ts";
import { type GuestDialog, pathOf } from "./contract.ts";
import {
  actionButton,
  actionLooks,
  GuestBadges,
  GuestTile,
  hrefOf,
  mayAct,
  mayDelete,
  powerActions,
  runningTask,
} from "./pages-parts.tsx";
import type { GuestDetails } from "./schema.ts";
import { type GuestDetail, type GuestTask, isGone } from "./views.ts";
import { wordsOf } from "./words-pages.ts";

/** Everything that the page shows. */
export interface GuestScene {
  guest: GuestDetail;
  node: NodeView | null;
  /** Definition and screen as its node last told them. */
  details: GuestDetails | null;
  /** Newest first. */
  happened: Task[];
  /** Of tasks that other plugins show in their own way, by the task's id. */
  panels: ReadonlyMap<string, Child>;
  /** What other plugins offer to do now. */
  dialogs: readonly GuestDialog[];
  /** Tabs of other plugins, and what is in the open one. */
  tabs: readonly (Tab & { key: string })[];
  inTab: Child;
}

/** Name, state, and what can be done now. Replaced whole by the live view. */
export function GuestHead({ scene: { guest, dialogs }, viewer }: { scene: GuestScene; viewer: Viewer }) {
  const lang = viewer.language;
  return (
    <PageHead
      id="guest-head"
      title={guest.name}
      tile={<GuestTile guest={guest} large />}
      mark={<StateMark kind="guest" state={guest.shown} lang={lang} pill />}
      sub={
        <>
          <GuestBadges guest={guest} viewer={viewer} />
          {guest.remark ? <span>{guest.remark}</span> : null}
          <span>{guest.templateName}</span>
          <a href={`/nodes/${encodeURIComponent(guest.nodeName)}`}>{guest.nodeName}</a>
        </>
      }
      actions={mayAct(viewer) ? headActions(guest, dialogs, viewer) : null}
    />
  );
}

function headActions(guest: GuestDetail, dialogs: readonly GuestDialog[], viewer: Viewer): Child {
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
    ...dialogs.map((dialog, at) => ({
      label: `${dialog.label(viewer)}…`,
      icon: dialog.icon,
      dialogUrl: `${hrefOf(guest.uuid)}/${pathOf(dialog)}`,
      divided: at === 0 && rest.length > 0,
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
export function GuestNow({ scene, viewer }: { scene: GuestScene; viewer: Viewer }) {
  const { guest, node, panels, dialogs } = scene;
  const t = wordsOf(viewer.language);
  const act = mayAct(viewer);
  // Only one that another node has can still be migrated.
  const rescue = dialogs.find(({ action }) => action === "migrate");
  return (
    <div id="guest-now" class="stack">
      {guest.error ? (
        <Notice
          tone="bad"
          title={t(isGone(guest) ? "guests.page.vanished" : "guests.page.failed")}
          actions={
            !act ? null : rescue ? (
              <Button size="small" icon={rescue.icon} dialogUrl={`${hrefOf(guest.uuid)}/${pathOf(rescue)}`}>
                {`${rescue.label(viewer)}…`}
              </Button>
            ) : (
              <Button size="small" kind="danger" icon="delete" dialogUrl={`${hrefOf(guest.uuid)}/delete`}>
                {say(viewer.language, "action.delete")}
              </Button>
            )
          }
        >
          {viewer.say(guest.error.word, guest.error.args)}{" "}
          {isGone(guest) ? null : t("guests.page.failedClean", { node: guest.nodeName })}
        </Notice>
      ) : null}
      {guest.tasks
        .filter((task) => task.kind !== "guests.init")
        .map((task) => panels.get(task.id) ?? <TaskPanel guest={guest} task={task} viewer={viewer} />)}
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
