/** What the guests' pages share: how a guest looks in a row, and how each action looks as a button. */
import { AppError, type ControllerContext, type Viewer } from "jimv";
import {
  type ButtonProps,
  bytes,
  IconButton,
  type IconName,
  type MenuItem,
  mebibytes,
  type RunningTask,
  StateCell,
  say,
  type TableSpec,
  Tag,
  Tile,
  Time,
  TwoLines,
  type UiWord,
} from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import type { PoolService } from "../pools/index.ts";
import type { TemplateService } from "../templates/index.ts";
import { type GuestDialog, type GuestService, guestDialogs, type PowerAction } from "./contract.ts";
import { type Action, killable } from "./states.ts";
import type { GuestView } from "./views.ts";
import { wordsOf } from "./words-pages.ts";

/** What the pages work with; no rule is in a page. */
export interface PageNeeds {
  context: ControllerContext;
  service: GuestService;
  nodes: Pick<NodeService, "list" | "get">;
  templates: Pick<TemplateService, "list" | "get">;
  pools: Pick<PoolService, "list">;
}

export const bytesPerGiB = 1024 ** 3;
export const mayAct = (viewer: Viewer): boolean => viewer.role !== "reader";
export const rowId = (uuid: string): string => `guest-${uuid}`;
export const hrefOf = (uuid: string): string => `/guests/${uuid}`;

interface ActionLook {
  word: UiWord;
  icon: IconName;
  /** Asks first: what it destroys can't be brought back. */
  asks?: true;
}

export const actionLooks = {
  start: { word: "action.start", icon: "start" },
  shutdown: { word: "action.shutdown", icon: "power" },
  reboot: { word: "action.reboot", icon: "reboot" },
  pause: { word: "action.pause", icon: "pause" },
  resume: { word: "action.resume", icon: "start" },
  "force-stop": { word: "action.forceStop", icon: "force", asks: true },
  "force-reboot": { word: "action.forceReboot", icon: "force", asks: true },
} as const satisfies Record<PowerAction, ActionLook>;
export const powerActions = Object.keys(actionLooks) as PowerAction[];

/** How the button of a power action does its work: at once, or after a question. */
export function actionButton(
  action: PowerAction,
  uuid: string,
): Pick<ButtonProps, "icon" | "post" | "dialogUrl"> {
  const look: ActionLook = actionLooks[action];
  const address = `${hrefOf(uuid)}/${action}`;
  return { icon: look.icon, ...(look.asks ? { dialogUrl: address } : { post: address }) };
}

/** What other plugins offer to do with a guest in its present state. */
export function dialogsFor(guest: GuestView, { context }: Pick<PageNeeds, "context">): GuestDialog[] {
  return context.slots
    .all(guestDialogs)
    .filter(({ action }) => (action === "any" ? isThere(guest) : guest.actions.includes(action)));
}

/** Not yet, or no longer, are guests that are being made or deleted, or whose creation failed. */
const isThere = ({ state }: GuestView): boolean =>
  state !== "creating" && state !== "deleting" && state !== "failed";

/** Deleting is offered for what runs, too: the dialog then says that it is forced off first. */
export const mayDelete = ({ actions, state }: GuestView): boolean =>
  actions.includes("delete") || killable.includes(state);

/** The actions that a selection of rows is offered. */
export function batchActions(guest: GuestView): string[] {
  const actions: readonly Action[] = guest.actions;
  return [
    ...actions,
    ...(isThere(guest) ? ["any"] : []),
    ...(mayDelete(guest) && !actions.includes("delete") ? ["delete"] : []),
  ];
}

/** The task that a row shows as a bar: the one that changes the guest, when it can tell how far it is. */
export function runningTask(guest: GuestView, viewer: Viewer): RunningTask | null {
  const task = guest.tasks.find((one) => one.kind !== "guests.init");
  if (task?.state !== "running") return null;
  if (task.kind !== "guests.create" && task.progress === 0) return null;
  return {
    id: task.id,
    percent: task.progress,
    etaSeconds: task.etaSeconds,
    ...(task.step ? { step: viewer.say(task.step) } : {}),
  };
}

/** The state with its bar, or with the reason why it failed. */
export function GuestState({ guest, viewer }: { guest: GuestView; viewer: Viewer }) {
  return (
    <StateCell
      kind="guest"
      state={guest.shown}
      lang={viewer.language}
      task={runningTask(guest, viewer)}
      {...(guest.error ? { note: viewer.say(guest.error.word, guest.error.args) } : {})}
    />
  );
}

/** Two letters of the template's icon or name. */
export function GuestTile({ guest, large }: { guest: GuestView; large?: boolean }) {
  return <Tile text={tileText(guest.icon, guest.templateName)} {...(large ? { large } : {})} />;
}

export function tileText(icon: string | null, name: string): string {
  const text = icon && icon !== "generic" ? icon : name;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function menuOf(guest: GuestView, viewer: Viewer): MenuItem[] {
  if (!mayAct(viewer)) return [];
  const lang = viewer.language;
  const power = powerActions
    .filter((action) => guest.actions.includes(action))
    .map(
      (action): MenuItem => ({
        label: say(lang, actionLooks[action].word),
        ...actionButton(action, guest.uuid),
        ...(action === "force-stop" ? { divided: true } : {}),
      }),
    );
  if (mayDelete(guest))
    power.push({
      label: `${say(lang, "action.delete")}…`,
      icon: "delete",
      dialogUrl: `${hrefOf(guest.uuid)}/delete`,
      danger: true,
      divided: power.length > 0,
    });
  return power;
}

function quickOf(guest: GuestView, viewer: Viewer) {
  if (!mayAct(viewer)) return null;
  const lang = viewer.language;
  const [power] = (["start", "resume", "reboot"] as const).filter((action) => guest.actions.includes(action));
  return (
    <>
      {guest.actions.includes("console") ? (
        <IconButton
          icon="console"
          label={`${say(lang, "action.console")}: ${guest.name}`}
          href={`${hrefOf(guest.uuid)}/console`}
        />
      ) : null}
      {power ? (
        <IconButton
          {...actionButton(power, guest.uuid)}
          icon={actionLooks[power].icon}
          label={`${say(lang, actionLooks[power].word)}: ${guest.name}`}
        />
      ) : null}
    </>
  );
}

/** Which columns the list can be sorted by: the service's own names. */
export const sortableColumns = ["name", "state", "nodeName", "memoryMiB", "createdAt"] as const;

/** The table of guests, as the page and the live view draw it for one reader. */
export function guestTable(viewer: Viewer): TableSpec<GuestView> {
  const t = wordsOf(viewer.language);
  return {
    id: "guests",
    rowId: (guest) => rowId(guest.uuid),
    rowName: (guest) => guest.name,
    rowHref: (guest) => hrefOf(guest.uuid),
    from: (guest) => JSON.stringify([viewer.language, mayAct(viewer), guest]),
    ...(mayAct(viewer) ? { select: { value: (guest) => guest.uuid, allows: batchActions } } : {}),
    columns: [
      {
        key: "name",
        label: (lang) => say(lang, "label.name"),
        sort: true,
        card: "title",
        cell: (guest) => (
          <TwoLines
            title={guest.name}
            href={hrefOf(guest.uuid)}
            sub={guest.remark.split("\n")[0] ?? ""}
            tile={<GuestTile guest={guest} />}
            tags={
              <>
                {guest.initState === "failed" ? <Tag tone="warn">{t("guests.page.initFailed")}</Tag> : null}
                <GuestBadges guest={guest} viewer={viewer} />
              </>
            }
          />
        ),
      },
      {
        key: "state",
        label: (lang) => say(lang, "label.state"),
        width: "l",
        sort: true,
        card: "state",
        cell: (guest) => <GuestState guest={guest} viewer={viewer} />,
      },
      {
        key: "nodeName",
        label: (lang) => say(lang, "label.node"),
        width: "m",
        sort: true,
        cell: (guest) => guest.nodeName,
      },
      {
        key: "address",
        label: () => t("guests.page.address"),
        width: "m",
        cell: (guest) => {
          const [first, ...more] = addressesOf(guest);
          if (first === undefined) return <span class="dim">–</span>;
          return (
            <span class="mono" title={[first, ...more].join("\n")}>
              {first}
              {more.length > 0 ? <span class="dim"> +{more.length}</span> : null}
              {guest.unusedAddresses.length > 0 ? (
                <Differs how="unused" viewer={viewer} />
              ) : guest.unbookedAddresses.length > 0 ? (
                <Differs how="unbooked" viewer={viewer} />
              ) : null}
            </span>
          );
        },
      },
      {
        key: "memoryMiB",
        label: (lang) => say(lang, "label.size"),
        width: "m",
        sort: true,
        cell: (guest, lang) => (
          <TwoLines
            title={t("guests.page.size", { vcpus: guest.vcpus, memory: mebibytes(lang, guest.memoryMiB) })}
            sub={
              guest.diskSizeGiB === null
                ? null
                : t("guests.page.sizeDisk", {
                    size: bytes(lang, guest.diskSizeGiB * bytesPerGiB),
                  })
            }
          />
        ),
      },
      {
        key: "createdAt",
        label: (lang) => say(lang, "label.created"),
        width: "m",
        sort: true,
        wideOnly: true,
        card: "hide",
        cell: (guest, lang) => <Time lang={lang} at={guest.createdAt} />,
      },
    ],
    quick: (guest) => quickOf(guest, viewer),
    menu: (guest) => menuOf(guest, viewer),
  };
}

/** What other plugins have to say, each with the time until which it holds. */
export function GuestBadges({ guest, viewer }: { guest: GuestView; viewer: Viewer }) {
  return (
    <>
      {guest.badges.map(({ word, args, tone, until }) => (
        <Tag tone={tone}>
          {viewer.say(word, args)}
          {until === null ? null : (
            <>
              {" · "}
              <Time lang={viewer.language} at={until} />
            </>
          )}
        </Tag>
      ))}
    </>
  );
}

/** The refusal of an action, or null when it went well. Defects go on upwards. */
export async function refusalOf(act: () => Promise<unknown>): Promise<AppError | null> {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof AppError && error.status < 500) return error;
    throw error;
  }
}

/** Booked ones first, then what else the guest was seen with. */
const addressesOf = ({ bookedAddresses, addresses }: GuestView): string[] => [
  ...new Set([...bookedAddresses, ...addresses]),
];

/** The mark of an address: booked and not used, or used and not booked. */
export function Differs({ how, viewer }: { how: "unused" | "unbooked"; viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  return (
    <>
      {" "}
      <span title={t(`guests.page.${how}Hint`)}>
        <Tag tone="warn">{t(`guests.page.${how}`)}</Tag>
      </span>
    </>
  );
}
