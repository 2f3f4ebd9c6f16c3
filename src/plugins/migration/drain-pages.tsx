/** Maintenance begins with a dialog that shows where each guest would go; the node's page shows how far it is. */
import type { ControllerContext, PageAnswer, Reason, Task, Viewer } from "jimv";
import {
  Button,
  Dialog,
  EmptyState,
  html,
  IconList,
  Notice,
  Panel,
  Progress,
  Row,
  replace,
  Stack,
  StateCell,
  say,
  Table,
  TableRow,
  type TableSpec,
  Tag,
  TwoLines,
} from "jimv/ui";
import { maintenanceDialogs, nodeHref, nodePanels } from "../nodes/index.ts";
import { runningOf } from "../tasks/index.ts";
import type { DrainService, DrainStep, DrainView, MigrationService } from "./contract.ts";
import { isUnderWay } from "./drain.ts";
import type { DrainRow } from "./schema.ts";
import { migrateGuest } from "./tasks.ts";

const word = (name: string): string => `migration.drain.${name}`;
const panelId = "node-drain";
const formId = "node-drain-form";
/** Name of the live view of guests on their way; its key is the node. */
const liveName = "drain";

/** A step with the task that carries the guest, while there is one. */
interface Shown {
  step: DrainRow;
  task: Task | null;
}

export function startDrainPages(
  context: ControllerContext,
  migration: MigrationService,
  service: DrainService,
): void {
  const { web, slots, tasks } = context;
  const href = (node: string): string => `${nodeHref(node)}/drain`;
  const nameOf = (params: Record<string, string>): string => params.name ?? "";
  const shown = async (step: DrainRow): Promise<Shown> => ({
    step,
    task: step.state === "moving" && step.task !== null ? await tasks.get(step.task) : null,
  });

  slots.add(maintenanceDialogs, href);
  slots.add(nodePanels, {
    view: liveName,
    async render(node, viewer) {
      const drain = await service.get(node.name);
      if (!drain) return null;
      return <DrainPanel drain={drain} rows={await Promise.all(drain.steps.map(shown))} viewer={viewer} />;
    },
  });

  web.live({
    name: liveName,
    topics: ["task"],
    role: "reader",
    async render({ key: id }, { viewer, key: node }) {
      const task = await tasks.get(id);
      if (node === null || task?.kind !== migrateGuest.kind || task.nodeName !== node) return [];
      const step = (await service.get(node))?.steps.find((each) => each.task === id);
      if (step?.state !== "moving") return [];
      const spec = stepTable(viewer);
      const row = <TableRow spec={spec} row={{ step, task }} lang={viewer.language} />;
      return [replace(spec.rowId({ step, task }), await html(row))];
    },
  });

  web.page({
    method: "GET",
    path: "/nodes/{name}/drain",
    role: "administrator",
    async handle({ params, viewer, partial }) {
      const node = nameOf(params);
      const dialog = <DrainDialog node={node} plan={await migration.drainPlan(node)} viewer={viewer} />;
      return partial
        ? { fragment: dialog }
        : { page: <Row>{dialog}</Row>, title: viewer.say(word("title"), { node }) };
    },
  });

  web.page({
    method: "POST",
    path: "/nodes/{name}/drain",
    role: "administrator",
    async handle({ params, viewer }): Promise<PageAnswer> {
      await service.begin(nameOf(params), viewer.actor);
      return { redirect: nodeHref(nameOf(params)) };
    },
  });

  web.page({
    method: "POST",
    path: "/nodes/{name}/drain/cancel",
    role: "administrator",
    async handle({ params }): Promise<PageAnswer> {
      await service.cancel(nameOf(params));
      return { redirect: nodeHref(nameOf(params)) };
    },
  });
}

/** Why guests stay: below the table, as its cells have room for a few words only. */
function Whys(p: { guests: readonly { name: string; reasons: readonly Reason[] }[]; viewer: Viewer }) {
  const told = p.guests.filter(({ reasons }) => reasons.length > 0);
  if (told.length === 0) return null;
  const text = (reasons: readonly Reason[]) =>
    reasons.map((reason) => p.viewer.say(reason.word, reason.args)).join(" ");
  return (
    <IconList
      items={told.map(({ name, reasons }) => ({
        icon: "info",
        text: (
          <>
            <b>{name}</b> {text(reasons)}
          </>
        ),
      }))}
    />
  );
}

/** The plan, before anything happens. */
function DrainDialog(p: { node: string; plan: readonly DrainStep[]; viewer: Viewer }) {
  const { node, plan, viewer } = p;
  const { language: lang, csrf } = viewer;
  const t = (name: string, args: Record<string, string | number> = {}) => viewer.say(word(name), args);
  const going = plan.filter(({ toNode }) => toNode !== null).length;
  const post = `${nodeHref(node)}/drain`;
  return (
    <Dialog
      lang={lang}
      id="drain-node"
      open
      wide
      title={t("title", { node })}
      actions={
        <>
          <Button
            post={`${nodeHref(node)}/maintenance`}
            vals={{ maintenance: "true" }}
            extra={{ "data-close": "" }}
          >
            {t("onlyRefuse")}
          </Button>
          {going > 0 ? (
            <Button kind="primary" type="submit" formId={formId}>
              {t("go", { count: going })}
            </Button>
          ) : null}
        </>
      }
    >
      <form id={formId} method="post" action={post} hx-post={post} hx-swap="none" data-closes="drain-node">
        {csrf === null ? null : <input type="hidden" name="_csrf" value={csrf} />}
        <Stack>
          <p>{t("explain")}</p>
          {going < plan.length ? (
            <Notice tone="warn">{t("someStay", { count: plan.length - going })}</Notice>
          ) : null}
          <Table
            lang={lang}
            spec={planTable(viewer)}
            rows={plan}
            label={t("planned")}
            empty={<EmptyState icon="guest" title={t("empty")} text={t("emptyHint")} />}
          />
          <Whys guests={plan} viewer={viewer} />
        </Stack>
      </form>
    </Dialog>
  );
}

function planTable(viewer: Viewer): TableSpec<DrainStep> {
  const t = (name: string, args: Record<string, string | number> = {}) => viewer.say(word(name), args);
  const how = ({ state, copyGiB }: DrainStep): string =>
    t(state === "off" ? "off" : "live") + (copyGiB > 0 ? t("copied", { copy: copyGiB }) : "");
  return {
    id: "drain-plan",
    compact: true,
    rowId: (step) => `drain-plan-${step.guestUuid}`,
    rowName: (step) => step.name,
    columns: [
      {
        key: "guest",
        label: () => t("guest"),
        width: "l",
        card: "title",
        cell: (step) => <TwoLines title={step.name} />,
      },
      {
        key: "to",
        label: () => t("to"),
        width: "fill",
        cell: (step) =>
          step.toNode === null ? (
            <Tag tone="warn">{t("stays")}</Tag>
          ) : (
            <TwoLines title={step.toNode} sub={how(step)} />
          ),
      },
    ],
  };
}

function stepTable(viewer: Viewer): TableSpec<Shown> {
  const t = (name: string) => viewer.say(word(name));
  return {
    id: `${panelId}-steps`,
    compact: true,
    rowId: ({ step }) => `${panelId}-${step.guestUuid}`,
    rowName: ({ step }) => step.guestName,
    rowHref: ({ step }) => `/guests/${step.guestUuid}`,
    columns: [
      {
        key: "guest",
        label: () => t("guest"),
        width: "fill",
        card: "title",
        cell: ({ step }) => <TwoLines title={step.guestName} href={`/guests/${step.guestUuid}`} />,
      },
      {
        key: "state",
        label: () => t("state"),
        width: "xl",
        card: "state",
        cell: ({ step, task }) => (
          <StateCell
            kind="drain"
            state={step.state}
            lang={viewer.language}
            task={task && runningOf(task, viewer)}
          />
        ),
      },
      {
        key: "to",
        label: () => t("to"),
        width: "m",
        cell: ({ step }) => (step.state === "stayed" ? "–" : (step.toNode ?? "–")),
      },
    ],
  };
}

function DrainPanel({ drain, rows, viewer }: { drain: DrainView; rows: readonly Shown[]; viewer: Viewer }) {
  const { node, steps } = drain;
  const lang = viewer.language;
  const t = (name: string, args: Record<string, string | number> = {}) => viewer.say(word(name), args);
  const moved = steps.filter(({ state }) => state === "moved").length;
  const stayed = steps.filter(({ state }) => state === "stayed").length;
  const underWay = isUnderWay(drain);
  const over = steps.length === 0 ? 100 : (100 * (moved + stayed)) / steps.length;
  const mayChange = viewer.role === "administrator";
  const state = underWay ? "draining" : stayed > 0 ? drain.state : "empty";
  return (
    <Panel
      id={panelId}
      title={t("panel")}
      count={steps.length}
      aside={
        <Row>
          <Tag tone={underWay ? "accent" : stayed > 0 ? "warn" : "ok"}>{t(`is.${state}`)}</Tag>
          {mayChange && drain.state === "draining" ? (
            <Button size="small" icon="close" post={`${nodeHref(node)}/drain/cancel`}>
              {say(lang, "action.cancel")}
            </Button>
          ) : null}
          {mayChange && !underWay && stayed > 0 ? (
            <Button size="small" dialogUrl={`${nodeHref(node)}/drain`}>
              {t("again")}
            </Button>
          ) : null}
        </Row>
      }
    >
      <Stack>
        {underWay ? (
          <Progress
            lang={lang}
            task={`drain-${drain.beganAt}`}
            tone="move"
            percent={over}
            step={t("done", { moved, all: steps.length })}
          />
        ) : (
          <p class="hint">{t("result", { moved, stayed })}</p>
        )}
        <Table
          lang={lang}
          spec={stepTable(viewer)}
          rows={rows}
          label={t("panel")}
          empty={<EmptyState icon="guest" title={t("empty")} text={t("emptyHint")} />}
        />
        <Whys
          guests={steps
            .filter(({ state }) => state === "stayed" || state === "waiting")
            .map(({ guestName, reasons }) => ({ name: guestName, reasons: reasons ?? [] }))}
          viewer={viewer}
        />
      </Stack>
    </Panel>
  );
}
