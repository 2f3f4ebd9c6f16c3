/** The dialog that asks where to, and the panel on the guest's page while it moves. */
import {
  type Actor,
  AppError,
  actedOn,
  type ControllerContext,
  type PageCall,
  sentenceOf,
  submitForm,
  type TriedForm,
  type Viewer,
} from "jimv";
import {
  Button,
  bytes,
  Checkbox,
  Dialog,
  duration,
  Figure,
  Figures,
  Form,
  IconList,
  mebibytes,
  Notice,
  NumberInput,
  Panel,
  Progress,
  Row,
  Select,
  say,
  Tag,
  toasted,
} from "jimv/ui";
import { type GuestService, type GuestView, guestDialogs, guestPanels } from "../guests/index.ts";
import { taskHref } from "../tasks/index.ts";
import type { MigrationService, MigrationTarget } from "./contract.ts";
import type { Figures as RunFigures } from "./figures.ts";
import { MigrateGuest } from "./requests.ts";
import { migrateGuest } from "./tasks.ts";

const formId = "guest-migrate";
const word = (name: string): string => `migration.page.${name}`;

export function startPages(
  context: ControllerContext,
  service: MigrationService,
  guests: GuestService,
): void {
  const { web, slots } = context;
  slots.add(guestDialogs, {
    action: "migrate",
    icon: "migrate",
    label: (viewer) => viewer.say(word("migrate")),
  });
  slots.add(guestPanels, {
    kind: migrateGuest.kind,
    async render(guest, task, viewer) {
      const run = await service.running(guest.uuid);
      const figures = run?.task === task.id ? run.figures : null;
      return (
        <MovingPanel guest={guest} task={task} to={run?.toNode ?? ""} figures={figures} viewer={viewer} />
      );
    },
  });

  const asked = async (uuids: readonly string[]): Promise<Asked> => {
    const found = await guests.views(uuids);
    if (found.length === 0) throw new AppError("notFound", "guests.notFound", { uuid: uuids[0] ?? "" });
    const [only] = found.length === 1 ? found : [];
    return { guests: found, targets: only ? await service.targets(only.uuid) : [] };
  };
  const dialog = async (uuids: readonly string[], { partial, viewer }: PageCall) => {
    const shown = migrateDialog(await asked(uuids), viewer);
    return partial ? { fragment: shown } : { page: <Row>{shown}</Row>, title: viewer.say(word("migrate")) };
  };
  web.form({ name: formId, schema: MigrateGuest, role: "operator" });
  web.page({
    method: "GET",
    path: "/guests/{uuid}/migrate",
    role: "operator",
    handle: (call) => dialog([call.params.uuid ?? ""], call),
  });
  web.page({
    method: "GET",
    path: "/guests/batch/migrate",
    role: "operator",
    handle: (call) => dialog(call.url.searchParams.getAll("id"), call),
  });
  web.page({
    method: "POST",
    path: "/guests/migrate",
    role: "operator",
    handle(call) {
      const { id = [] } = call.form;
      const uuids = typeof id === "string" ? [id] : id;
      return submitForm(call, MigrateGuest, {
        again: async (tried) => migrateForm(await asked(uuids), call.viewer, tried),
        act: (request) => migrateAll(call, uuids, (uuid, actor) => service.migrate(uuid, request, actor)),
      });
    },
  });
}

/** One guest's refusal belongs to the form; of several, those that can go, and the others say why not. */
async function migrateAll(
  call: PageCall,
  uuids: readonly string[],
  migrate: (uuid: string, actor: Actor) => Promise<unknown>,
) {
  const { viewer } = call;
  const refused = new Set<string>();
  for (const uuid of uuids)
    try {
      await migrate(uuid, viewer.actor);
    } catch (error) {
      if (!(error instanceof AppError) || uuids.length === 1) throw error;
      refused.add(sentenceOf(error, viewer.say));
    }
  if (refused.size === 0 || !call.partial) return actedOn(call, "/guests");
  const toasts = [...refused].map((children) => toasted({ lang: viewer.language, tone: "bad", children }));
  return { fragment: (await Promise.all(toasts)).join("") };
}

interface Asked {
  guests: readonly GuestView[];
  /** Of a single guest; several are each asked for their own. */
  targets: readonly MigrationTarget[];
}

function migrateDialog(asked: Asked, viewer: Viewer) {
  const [first] = asked.guests;
  const title =
    asked.guests.length === 1
      ? viewer.say(word("title"), { name: first?.name ?? "" })
      : viewer.say(word("titleMany"), { count: asked.guests.length });
  const able = asked.guests.length > 1 || asked.targets.some(({ reason }) => reason === null);
  return (
    <Dialog
      lang={viewer.language}
      id="migrate-guest"
      open
      wide
      title={title}
      actions={
        able ? (
          <Button kind="primary" type="submit" formId={formId}>
            {viewer.say(word("go"))}
          </Button>
        ) : null
      }
    >
      {migrateForm(asked, viewer, null)}
    </Dialog>
  );
}

function migrateForm({ guests, targets }: Asked, viewer: Viewer, tried: TriedForm | null) {
  const t = (name: string, args: Record<string, string | number> = {}) => viewer.say(word(name), args);
  const able = targets.filter(({ reason }) => reason === null);
  const unable = targets.flatMap(({ reason }) => (reason ? [viewer.say(reason.word, reason.args)] : []));
  const isOne = guests.length === 1;
  const running = guests.some((guest) => guest.state === "running" || guest.state === "paused");
  const typed = (name: string): string | undefined => {
    const value = tried?.posted[name];
    return typeof value === "string" ? value : undefined;
  };
  return (
    <Form
      id={formId}
      action="/guests/migrate"
      check={`/check/${formId}`}
      csrf={viewer.csrf}
      extra={{ "data-closes": "migrate-guest" }}
    >
      {tried?.problem ? <Notice tone="bad">{sentenceOf(tried.problem, viewer.say)}</Notice> : null}
      {guests.map((guest) => (
        <input type="hidden" name="id" value={guest.uuid} />
      ))}
      {isOne && able.length === 0 ? <Notice tone="warn">{t("nowhere")}</Notice> : null}
      {able.length > 0 || !isOne ? (
        <Select
          name="nodeName"
          label={t("to")}
          value={typed("nodeName")}
          options={[
            { value: "", label: t("automatic") },
            ...able.map(({ nodeName: node, freeMemoryMiB, copyGiB }) => ({
              value: node,
              label: t(copyGiB > 0 ? "targetCopy" : "target", {
                node,
                free: mebibytes(viewer.language, freeMemoryMiB),
                copy: copyGiB,
              }),
            })),
          ]}
        />
      ) : null}
      {unable.length > 0 ? (
        <details>
          <summary>{t("whyNot")}</summary>
          <IconList items={unable.map((text) => ({ icon: "info", text }))} />
        </details>
      ) : null}
      {running ? (
        <details>
          <summary>{t("more")}</summary>
          <Checkbox name="autoConverge" checked label={t("autoConverge")} hint={t("autoConvergeHint")} />
          <Checkbox name="postcopy" label={t("postcopy")} hint={t("postcopyHint")} />
          <NumberInput
            lang={viewer.language}
            name="bandwidthMiBs"
            label={t("bandwidth")}
            unit={t("bandwidthUnit")}
            hint={t("bandwidthHint")}
            min={1}
            value={typed("bandwidthMiBs")}
          />
          <NumberInput
            lang={viewer.language}
            name="connections"
            label={t("connections")}
            hint={t("connectionsHint")}
            min={1}
            max={16}
            value={typed("connections") ?? 1}
          />
        </details>
      ) : (
        <input type="hidden" name="connections" value="1" />
      )}
    </Form>
  );
}

function MovingPanel(p: {
  guest: GuestView;
  task: GuestView["tasks"][number];
  to: string;
  figures: RunFigures | null;
  viewer: Viewer;
}) {
  const { guest, task, to, figures, viewer } = p;
  const lang = viewer.language;
  const t = (name: string, args: Record<string, string | number> = {}) => viewer.say(word(name), args);
  const speed = (value: number | null) =>
    value === null ? t("unknown") : t("perSecond", { size: bytes(lang, value) });
  const step = figures
    ? t(`phase.${figures.phase}`, { pass: figures.pass, node: to })
    : viewer.say(task.step ?? "task.step.started");
  return (
    <Panel
      title={t("movingTo", { node: to })}
      aside={
        <Row>
          {figures ? (
            <Tag tone={figures.converging ? "ok" : "warn"}>
              {t(figures.converging ? "converging" : "notConverging")}
            </Tag>
          ) : null}
          {viewer.role === "reader" ? null : (
            <Button size="small" icon="close" post={`${taskHref(task.id)}/cancel`}>
              {say(lang, "action.cancel")}
            </Button>
          )}
        </Row>
      }
    >
      <Progress
        lang={lang}
        task={task.id}
        tone="move"
        percent={task.state === "queued" ? null : task.progress}
        step={step}
        etaSeconds={figures?.converging === false ? null : task.etaSeconds}
      />
      {figures ? (
        <Figures>
          <Figure label={t("sending")} value={speed(figures.sentPerSecond)} />
          <Figure label={t("writing")} value={speed(figures.dirtiedPerSecond)} />
          <Figure label={t("left")} value={bytes(lang, figures.bytesLeft)} />
          <Figure label={t("slowed")} value={`${figures.throttlePercent} %`} />
        </Figures>
      ) : null}
      {figures?.remedy ? <Notice tone="warn">{remedyText(figures.remedy, viewer)}</Notice> : null}
      <p class="hint">{t("cancelKeeps", { node: guest.nodeName })}</p>
    </Panel>
  );
}

function remedyText(remedy: NonNullable<RunFigures["remedy"]>, viewer: Viewer): string {
  const inSeconds = remedy.kind === "none" ? null : remedy.inSeconds;
  const when =
    inSeconds === null ? "" : viewer.say(word("in"), { time: duration(viewer.language, inSeconds) });
  return viewer.say(word(`remedy.${remedy.kind}`), {
    when,
    percent: remedy.kind === "throttle" ? remedy.percent : 0,
  });
}
