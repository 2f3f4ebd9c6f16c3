/** What is known of a guest: its facts at the page's side, its disks, and what happened to it. */
import type { Task, Viewer } from "jimv";
import {
  Button,
  bytes,
  DefinitionList,
  EmptyState,
  mebibytes,
  Panel,
  Secret,
  StateMark,
  say,
  Table,
  type TableSpec,
  Time,
} from "jimv/ui";
import { lookState, taskErrorText, taskHref, taskTitle } from "../tasks/index.ts";
import type { GuestScene } from "./pages-guest-head.tsx";
import { bytesPerGiB, Differs, hrefOf, mayAct } from "./pages-parts.tsx";
import type { GuestDetail, GuestDiskView } from "./views.ts";
import { wordsOf } from "./words-pages.ts";

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
          ...guest.bookedAddresses.map((address) => ({
            label: t("guests.page.bookedAddress"),
            value: (
              <>
                {address}
                {guest.unusedAddresses.includes(address) ? <Differs how="unused" viewer={viewer} /> : null}
              </>
            ),
            mono: true,
            copy: address,
          })),
          ...guest.interfaces.flatMap(({ addresses }) =>
            addresses.map(({ address, prefix, source }) => ({
              label: t("guests.page.address"),
              value: (
                <>
                  <span title={t(`guests.page.addressBy.${source}`, { prefix })}>{address}</span>
                  {guest.unbookedAddresses.includes(address) ? (
                    <Differs how="unbooked" viewer={viewer} />
                  ) : null}
                </>
              ),
              mono: true,
              copy: address,
            })),
          ),
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
                {guest.initNote ? (
                  <p class="hint">{viewer.say(guest.initNote.word, guest.initNote.args)}</p>
                ) : null}
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
        label: () => t("guests.page.diskSize"),
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
