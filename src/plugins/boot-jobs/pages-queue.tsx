/** What is queued: the dialog that asks for it, the guests' badges and tab, and the page of all that is pending. */
import {
  AppError,
  actedOn,
  type ControllerContext,
  inArray,
  type PageCall,
  sentenceOf,
  submitForm,
  type TriedForm,
  Type,
  type Viewer,
} from "jimv";
import {
  BatchBar,
  Button,
  Checkbox,
  Code,
  Dialog,
  EmptyState,
  Form,
  html,
  listAddress,
  listPageSize,
  Notice,
  PageHead,
  Pager,
  Panel,
  prepend,
  Row,
  remove,
  replace,
  Table,
  TableRow,
  type TableSpec,
  Tag,
  Time,
  TwoLines,
  toasted,
} from "jimv/ui";
import { type GuestBadge, guestBadges, guestDialogs, guests, guestTabs } from "../guests/index.ts";
import { mayChange } from "./pages-parts.tsx";
import type { Queue } from "./queue.ts";
import { queuedError } from "./routes.ts";
import type { BootJob, QueuedJob } from "./schema.ts";
import type { Jobs } from "./service.ts";

const formId = "queue-jobs";
const tabKey = "boot-jobs";
const queueList = listAddress({ path: "/boot-jobs/queue", shows: ["all"] });
/** Which jobs were checked; their guests come as `id`. */
const QueueForm = Type.Object({ jobs: Type.Array(Type.String({ maxLength: 36 }), { minItems: 1 }) });

/** A queued job with its guest's name. */
type Listed = QueuedJob & { guestName: string };

const many = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;
const rowId = (id: string): string => `queued-${id}`;
const stateTones = { pending: "accent", done: "ok", failed: "bad" } as const;

export function queuePages(context: ControllerContext, jobs: Jobs, queue: Queue): void {
  const { web, slots, store } = context;

  slots.add(guestDialogs, {
    action: "any",
    path: tabKey,
    icon: "wrench",
    label: (viewer) => viewer.say("boot-jobs.page.title"),
  });
  slots.add(guestBadges, async (uuids) => {
    const rows = (await queue.ofGuests(uuids)).filter(({ state }) => state !== "done");
    const byGuest = Map.groupBy(rows, (row) => row.guestUuid);
    return new Map([...byGuest].map(([uuid, hers]) => [uuid, badgesOf(hers)]));
  });
  slots.add(guestTabs, {
    key: tabKey,
    label: (viewer) => viewer.say("boot-jobs.page.title"),
    async render({ uuid }, viewer) {
      const rows = await queue.ofGuests([uuid]);
      if (rows.length === 0)
        return (
          <EmptyState
            icon="wrench"
            title={viewer.say("boot-jobs.queue.noneHere")}
            text={viewer.say("boot-jobs.queue.emptyText")}
          />
        );
      return rows.map((row) => <Ended row={row} viewer={viewer} />);
    },
  });

  const listed = async (rows: readonly QueuedJob[]): Promise<Listed[]> => {
    const uuids = [...new Set(rows.map(({ guestUuid }) => guestUuid))];
    const found = await store.select(guests, { where: inArray(guests.uuid, uuids) });
    const names = new Map(found.map(({ uuid, name }) => [uuid, name]));
    return rows.map((row) => ({ ...row, guestName: names.get(row.guestUuid) ?? row.guestUuid }));
  };
  const pendingOn = async (page: number) => {
    const at = (n: number) =>
      queue.list({ state: "pending", offset: (n - 1) * listPageSize, limit: listPageSize });
    const asked = await at(page);
    // What stood on the last page may have been carried out.
    const last = Math.max(1, Math.ceil(asked.total / listPageSize));
    return page > last ? { ...(await at(last)), page: last } : { ...asked, page };
  };
  const dialog = async (uuids: readonly string[], { partial, viewer }: PageCall) => {
    const shown = queueDialog(uuids, await jobs.list(), viewer);
    return partial
      ? { fragment: shown }
      : { page: <Row>{shown}</Row>, title: viewer.say("boot-jobs.page.title") };
  };
  web.page({
    method: "GET",
    path: "/guests/{uuid}/boot-jobs",
    role: "operator",
    handle: (call) => dialog([call.params.uuid ?? ""], call),
  });
  web.page({
    method: "GET",
    path: "/guests/batch/boot-jobs",
    role: "operator",
    handle: (call) => dialog(call.url.searchParams.getAll("id"), call),
  });
  web.page({
    method: "POST",
    path: "/guests/boot-jobs",
    role: "operator",
    handle(call) {
      const uuids = many(call.form.id);
      return submitForm(call, QueueForm, {
        again: async (tried) => queueForm(uuids, await jobs.list(), call.viewer, tried),
        async act(value) {
          const ids = await queue.queue(uuids, value.jobs, call.viewer.actor);
          if (!call.partial) return { redirect: "/boot-jobs/queue" };
          const { say, language } = call.viewer;
          const children = say("boot-jobs.queue.queued", { count: ids.length });
          return { fragment: await toasted({ lang: language, tone: "ok", children }) };
        },
      });
    },
  });
  web.page({
    method: "GET",
    path: "/boot-jobs/queue",
    role: "reader",
    async handle({ viewer, url }) {
      const state = queueList.read(url);
      const shown = await pendingOn(state.page);
      return {
        title: viewer.say("boot-jobs.queue.title"),
        crumbs: [{ href: "/boot-jobs", label: viewer.say("boot-jobs.page.title") }],
        views: [queueList.view("boot-queue", { ...state, page: shown.page })],
        page: <QueuePage {...shown} rows={await listed(shown.items)} viewer={viewer} />,
      };
    },
  });
  web.page({
    method: "POST",
    path: "/boot-jobs/queue/take-back",
    role: "operator",
    async handle(call) {
      await queue.takeBack(many(call.form.id));
      return actedOn(call, "/boot-jobs/queue");
    },
  });
  web.page({
    method: "POST",
    path: "/boot-jobs/queue/{id}/dismiss",
    role: "operator",
    async handle(call) {
      const { guestUuid } = await queue.need(call.params.id ?? "");
      await queue.dismiss(call.params.id ?? "");
      return actedOn(call, `/guests/${guestUuid}?tab=${tabKey}`);
    },
  });
  web.live({
    name: "boot-queue",
    topics: ["bootQueue"],
    role: "reader",
    async render(event, { viewer, key }) {
      const row = await queue.need(event.key).catch((error: unknown) => {
        if (error instanceof AppError) return null;
        throw error;
      });
      if (row?.state !== "pending") return [remove(rowId(event.key))];
      const [shown] = await listed([row]);
      if (!shown) return [];
      const drawn = await html(<TableRow spec={queueTable(viewer)} row={shown} lang={viewer.language} />);
      // The newest stand on the first page.
      const isFirst = queueList.ofView(key ?? "").page === 1;
      return [...(isFirst ? [prepend("boot-queue-rows", drawn)] : []), replace(rowId(row.id), drawn)];
    },
  });
}

/** One for what waits, with the earliest time at which some of it is taken back; one for what failed. */
function badgesOf(rows: readonly QueuedJob[]): GuestBadge[] {
  const pending = rows.filter(({ state }) => state === "pending");
  const failed = rows.length - pending.length;
  const ends = pending.flatMap(({ expiresAt }) => expiresAt ?? []);
  return [
    ...(pending.length > 0
      ? [
          {
            word: "boot-jobs.queue.badge",
            args: { count: pending.length },
            tone: "accent" as const,
            until: ends.length > 0 ? Math.min(...ends) : null,
          },
        ]
      : []),
    ...(failed > 0
      ? [{ word: "boot-jobs.queue.badgeFailed", args: { count: failed }, tone: "bad" as const, until: null }]
      : []),
  ];
}

function queueDialog(uuids: readonly string[], offered: readonly BootJob[], viewer: Viewer) {
  const { say: t, language } = viewer;
  return (
    <Dialog
      lang={language}
      id="queue-dialog"
      open
      title={t("boot-jobs.queue.ask", { count: uuids.length })}
      actions={
        offered.length > 0 ? (
          <Button kind="primary" type="submit" formId={formId}>
            {t("boot-jobs.queue.add")}
          </Button>
        ) : (
          <Button kind="primary" href="/boot-jobs/new">
            {t("boot-jobs.page.new")}
          </Button>
        )
      }
    >
      {queueForm(uuids, offered, viewer, null)}
    </Dialog>
  );
}

function queueForm(
  uuids: readonly string[],
  offered: readonly BootJob[],
  viewer: Viewer,
  tried: TriedForm | null,
) {
  const { say: t } = viewer;
  const chosen = many(tried?.posted.jobs as string | string[] | undefined);
  const nothing = tried && tried.errors.length > 0;
  return (
    <Form id={formId} action="/guests/boot-jobs" csrf={viewer.csrf} extra={{ "data-closes": "queue-dialog" }}>
      {tried?.problem ? <Notice tone="bad">{sentenceOf(tried.problem, viewer.say)}</Notice> : null}
      {nothing ? <Notice tone="bad">{t("boot-jobs.queue.chooseOne")}</Notice> : null}
      {uuids.map((uuid) => (
        <input type="hidden" name="id" value={uuid} />
      ))}
      <p>{t("boot-jobs.queue.hint")}</p>
      {offered.length === 0 ? <p class="dim">{t("boot-jobs.page.empty")}</p> : null}
      {offered.map(({ id, name, remark }) => (
        <Checkbox
          id={`queue-${id}`}
          name="jobs"
          value={id}
          label={name}
          hint={remark}
          checked={chosen.includes(id)}
        />
      ))}
    </Form>
  );
}

/** A job of one guest: waiting, or how it went, with its log. */
function Ended({ row, viewer }: { row: QueuedJob; viewer: Viewer }) {
  const { say: t, language } = viewer;
  const error = queuedError(row, viewer);
  return (
    <Panel
      title={row.jobName}
      aside={
        <Row>
          <Tag tone={stateTones[row.state]}>{t(`boot-jobs.queue.state.${row.state}`)}</Tag>
          <span class="dim">
            <Time lang={language} at={row.endedAt ?? row.queuedAt} />
          </span>
          {mayChange(viewer) ? (
            row.state === "pending" ? (
              <Button size="small" post="/boot-jobs/queue/take-back" vals={{ id: row.id }}>
                {t("boot-jobs.queue.takeBack")}
              </Button>
            ) : (
              <Button size="small" post={`/boot-jobs/queue/${row.id}/dismiss`}>
                {t("boot-jobs.queue.dismiss")}
              </Button>
            )
          ) : null}
        </Row>
      }
    >
      {error ? <Notice tone="bad">{error.detail}</Notice> : null}
      {row.log ? <Code text={row.log} label={t("boot-jobs.queue.log", { job: row.jobName })} /> : null}
      {row.state === "pending" ? <p class="dim">{t("boot-jobs.queue.waits")}</p> : null}
    </Panel>
  );
}

function queueTable(viewer: Viewer): TableSpec<Listed> {
  const { say: t } = viewer;
  return {
    id: "boot-queue",
    rowId: ({ id }) => rowId(id),
    rowName: ({ guestName, jobName }) => `${guestName}: ${jobName}`,
    rowHref: ({ guestUuid }) => `/guests/${guestUuid}?tab=${tabKey}`,
    ...(mayChange(viewer) ? { select: { value: ({ id }) => id, allows: () => ["take-back"] } } : {}),
    columns: [
      {
        key: "guest",
        label: () => t("boot-jobs.queue.guest"),
        cell: ({ guestUuid, guestName, jobName }) => (
          <TwoLines title={guestName} href={`/guests/${guestUuid}?tab=${tabKey}`} sub={jobName} />
        ),
        card: "title",
      },
      { key: "actor", label: () => t("boot-jobs.queue.by"), cell: ({ actor }) => actor, width: "m" },
      {
        key: "queuedAt",
        label: () => t("boot-jobs.queue.since"),
        cell: ({ queuedAt }, lang) => <Time lang={lang} at={queuedAt} />,
        width: "m",
      },
      {
        key: "expiresAt",
        label: () => t("boot-jobs.queue.until"),
        cell: ({ expiresAt }, lang) => <Time lang={lang} at={expiresAt} />,
        width: "m",
      },
    ],
  };
}

function QueuePage({
  rows,
  total,
  page,
  viewer,
}: {
  rows: readonly Listed[];
  total: number;
  page: number;
  viewer: Viewer;
}) {
  const { say: t, language } = viewer;
  return (
    <>
      <PageHead title={t("boot-jobs.queue.title")} sub={t("boot-jobs.queue.sub")} />
      <Table
        lang={language}
        spec={queueTable(viewer)}
        rows={rows}
        label={t("boot-jobs.queue.title")}
        pager={
          <Pager
            lang={language}
            page={page}
            pageSize={listPageSize}
            total={total}
            href={(at) => (at > 1 ? `/boot-jobs/queue?page=${at}` : "/boot-jobs/queue")}
          />
        }
        empty={
          <EmptyState icon="wrench" title={t("boot-jobs.queue.none")} text={t("boot-jobs.queue.emptyText")} />
        }
        batch={
          mayChange(viewer) ? (
            <BatchBar
              lang={language}
              actions={[
                {
                  action: "take-back",
                  label: t("boot-jobs.queue.takeBack"),
                  icon: "undo",
                  post: "/boot-jobs/queue/take-back",
                },
              ]}
            />
          ) : null
        }
      />
    </>
  );
}
