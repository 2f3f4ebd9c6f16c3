/**
 * The task tray: what runs now, with its progress and a way to cancel. One that succeeded stays ten
 * seconds, one that failed until it was read. The `tray` live view keeps it fresh with `trayChange`.
 */
import { append, html, remove, replace } from "../live.ts";
import type { StateOf } from "../states.ts";
import { counted, say } from "../words.ts";
import { IconButton } from "./button.tsx";
import { Mark } from "./icon.tsx";
import { type Child, cx, type Language } from "./kit.ts";
import { Progress } from "./progress.tsx";
import { StateMark } from "./state.tsx";

export interface TrayTask {
  id: string;
  state: StateOf<"task">;
  /** "Create web-21", in the reader's language. */
  title: string;
  href: string;
  percent: number | null;
  step?: string;
  etaSeconds?: number | null;
  spreadSeconds?: number | null;
  /** Posting there cancels it; leave out where it can't be. */
  cancel?: string;
  /** Why it failed, with what to do. */
  error?: string;
  /** Posting there says that its end was read, and takes it out; without it only this page forgets it. */
  read?: string;
}

/** The button in the header and its list. `tasks` are those open now (and failed ones not yet read). */
export function TaskTray({
  lang,
  tasks,
  allHref,
}: {
  lang: Language;
  tasks: readonly TrayTask[];
  allHref: string;
}) {
  const open = tasks.filter((task) => task.state === "queued" || task.state === "running").length;
  return (
    <>
      <button
        type="button"
        class={cx("tray-button", open > 0 && "busy")}
        popovertarget="tray"
        id="tray-button"
        aria-label={say(lang, "frame.tray")}
      >
        <Mark name="arc" />
        <span
          class="txt"
          data-one={counted(lang, "frame.tasks", 1)}
          data-other={say(lang, "frame.tasks_other", { n: "{n}" })}
          id="tray-count"
        >
          {counted(lang, "frame.tasks", open)}
        </span>
      </button>
      <section class="menu tray" id="tray" popover="auto" aria-label={say(lang, "frame.tray")}>
        <ul id="tray-tasks" hx-morph-skip-children>
          {tasks.map((task) => (
            <TrayItem lang={lang} task={task} />
          ))}
        </ul>
        <p class="hint tray-empty">{say(lang, "frame.trayEmpty")}</p>
        <a class="tray-all" href={allHref}>
          {say(lang, "frame.allTasks")}
        </a>
      </section>
    </>
  );
}

/** One task of the tray; its id in the page is `tray-<task id>`. */
export function TrayItem({ lang, task }: { lang: Language; task: TrayTask }) {
  const open = task.state === "queued" || task.state === "running";
  return (
    <li id={`tray-${task.id}`} data-state={task.state}>
      <a href={task.href}>{task.title}</a>
      {open && task.cancel ? (
        <IconButton
          icon="close"
          size="small"
          label={`${say(lang, "action.cancel")}: ${task.title}`}
          post={task.cancel}
        />
      ) : null}
      {!open ? (
        <IconButton
          icon="check"
          size="small"
          label={say(lang, "action.dismiss")}
          {...(task.read ? { post: task.read } : { extra: { "data-dismiss": "" } })}
        />
      ) : null}
      {open ? (
        <Progress
          lang={lang}
          percent={task.state === "queued" ? 0 : task.percent}
          task={task.id}
          step={task.step ?? say(lang, `state.task.${task.state === "queued" ? "queued" : "running"}`)}
          etaSeconds={task.etaSeconds ?? null}
          spreadSeconds={task.spreadSeconds ?? null}
        />
      ) : (
        <TrayEnd lang={lang} task={task}>
          {task.error}
        </TrayEnd>
      )}
    </li>
  );
}

function TrayEnd({ lang, task, children }: { lang: Language; task: TrayTask; children?: Child }) {
  return (
    <p class="hint">
      <StateMark kind="task" state={task.state} lang={lang} /> {children}
    </p>
  );
}

/** The payloads for a change of a task: puts it into the tray, or replaces it there. */
export async function trayChange(lang: Language, task: TrayTask): Promise<string[]> {
  const item = await html(<TrayItem lang={lang} task={task} />);
  const open = task.state === "queued" || task.state === "running";
  return [open ? append("tray-tasks", item) : replace(`tray-${task.id}`, item)];
}

/** Takes a task out of the tray. */
export function trayRemove(taskId: string): string {
  return remove(`tray-${taskId}`);
}
