/** The pages of the nodes' VNC ports: the ranges, who has which port, and the dialog that sizes a range. */
import {
  actedOn,
  type ControllerContext,
  errorIn,
  submitForm,
  type TriedForm,
  typedIn,
  type Viewer,
} from "jimv";
import {
  Button,
  Dialog,
  EmptyState,
  FieldRow,
  Form,
  html,
  type MenuItem,
  Meter,
  Notice,
  NumberInput,
  PageHead,
  Panel,
  Refusal,
  Row,
  replace,
  say,
  Table,
  type TableSpec,
  Tag,
  TwoLines,
} from "jimv/ui";
import type { VncHolder } from "../guests/index.ts";
import { nodeHref } from "../nodes/index.ts";
import { mayChange } from "./pages-parts.tsx";
import { SquaresPicture } from "./picture.tsx";
import { portSquares, type VncPorts, VncRange, type VncRangeDetail, type VncRangeView } from "./ports.ts";
import { wordsOf } from "./words-pages.ts";

export const portsHref = "/vnc-ports";
export const rangeHref = (node: string): string => `${portsHref}/${encodeURIComponent(node)}`;
const nameOf = ({ params }: { params: Readonly<Record<string, string>> }): string => params.node ?? "";
const warnPercent = 90;

function menuOf(range: VncRangeView, viewer: Viewer): MenuItem[] {
  if (!mayChange(viewer)) return [];
  const label = `${wordsOf(viewer.language)("addresses.ports.resize")}…`;
  return [{ label, icon: "edit", dialogUrl: `${rangeHref(range.node)}/edit` }];
}

function rangeTable(viewer: Viewer): TableSpec<VncRangeView> {
  const t = wordsOf(viewer.language);
  return {
    id: "vnc-ranges",
    rowId: ({ node }) => `vnc-range-${node.replaceAll(/[^A-Za-z0-9-]/g, "_")}`,
    rowName: ({ node }) => node,
    rowHref: ({ node }) => rangeHref(node),
    columns: [
      {
        key: "node",
        label: () => say(viewer.language, "label.node"),
        width: "fill",
        card: "title",
        cell: ({ node }) => <TwoLines title={node} href={rangeHref(node)} />,
      },
      {
        key: "range",
        label: () => t("addresses.ports.range"),
        width: "l",
        cell: ({ first, last }) => <span class="mono">{`${first}–${last}`}</span>,
      },
      {
        key: "used",
        label: () => t("addresses.page.taken"),
        width: "l",
        cell: ({ used, free, size }) => {
          const percent = Math.round((100 * used) / size);
          const tone = free === 0 ? "bad" : percent >= warnPercent ? "warn" : undefined;
          return (
            <>
              <Meter percent={percent} label={t("addresses.page.taken")} figure {...(tone ? { tone } : {})} />
              <small class="hint">{t("addresses.page.freeOf", { free, size })}</small>
            </>
          );
        },
      },
      {
        key: "reserved",
        label: () => t("addresses.ports.reserved"),
        width: "m",
        card: "state",
        cell: (range) => <Reserved range={range} viewer={viewer} />,
      },
    ],
    menu: (range) => menuOf(range, viewer),
  };
}

function Reserved({ range: { isReserved }, viewer }: { range: VncRangeView; viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  if (isReserved === null) return <Tag>{t("addresses.ports.untold")}</Tag>;
  return isReserved ? (
    <Tag tone="ok">{t("addresses.ports.kept")}</Tag>
  ) : (
    <Tag tone="warn">{t("addresses.ports.loose")}</Tag>
  );
}

function holderTable(viewer: Viewer): TableSpec<VncHolder> {
  const t = wordsOf(viewer.language);
  return {
    id: "vnc-holders",
    compact: true,
    rowId: ({ port }) => `vnc-port-${port}`,
    rowName: ({ port }) => String(port),
    columns: [
      {
        key: "port",
        label: () => t("addresses.ports.port"),
        width: "m",
        card: "title",
        cell: ({ port }) => <span class="mono">{port}</span>,
      },
      {
        key: "guest",
        label: () => t("addresses.page.holder"),
        width: "fill",
        cell: ({ guestName, guestUuid, isComing }) => (
          <TwoLines
            title={guestName}
            href={`/guests/${guestUuid}`}
            {...(isComing ? { sub: t("addresses.ports.coming") } : {})}
          />
        ),
      },
    ],
  };
}

/** As many ports a page lists; the API gives all. */
const holdersShown = 500;

function PortsPage({ range, viewer }: { range: VncRangeDetail; viewer: Viewer }) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const { node, first, last, size, used, free, holders } = range;
  return (
    <div id="vnc-ports-page" class="stack">
      <PageHead
        title={t("addresses.ports.of", { node })}
        mark={<Reserved range={range} viewer={viewer} />}
        sub={`${first}–${last}`}
        actions={menuOf(range, viewer).map(({ label, danger: _, divided: __, ...rest }) => (
          <Button {...rest}>{label}</Button>
        ))}
      />
      {range.isReserved === false ? (
        <Notice tone="warn" actions={<Button href={nodeHref(node)}>{node}</Button>}>
          {t("addresses.ports.looseLong")}
        </Notice>
      ) : null}
      <Panel title={t("addresses.page.picture")}>
        <SquaresPicture
          squares={portSquares(range)}
          size={size}
          counts={{ used, free }}
          label={t("addresses.ports.pictureLabel", { used, free })}
          each={t("addresses.ports.each")}
          many={(n) => t("addresses.ports.many", { n })}
          viewer={viewer}
        />
      </Panel>
      <Panel title={t("addresses.page.held")} count={holders.length} flush>
        <Table
          lang={lang}
          spec={holderTable(viewer)}
          rows={holders.slice(0, holdersShown)}
          label={t("addresses.page.held")}
          empty={<EmptyState icon="network" title={t("addresses.ports.allFree")} />}
        />
      </Panel>
    </div>
  );
}

function rangeForm(range: VncRangeView, viewer: Viewer, tried: TriedForm | null) {
  const t = wordsOf(viewer.language);
  const field = (name: "first" | "last") => (
    <NumberInput
      lang={viewer.language}
      name={name}
      required
      min={1024}
      max={65_535}
      label={t(`addresses.ports.${name}`)}
      value={typedIn(tried, name) ?? range[name]}
      error={errorIn(tried, name, viewer)}
    />
  );
  return (
    <Form
      id="vnc-range-form"
      action={`${rangeHref(range.node)}/edit`}
      csrf={viewer.csrf}
      extra={{ "data-closes": "vnc-range-dialog" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <Notice tone="info">{t("addresses.ports.resizeHint")}</Notice>
      <FieldRow>
        {field("first")}
        {field("last")}
      </FieldRow>
    </Form>
  );
}

function rangeDialog(range: VncRangeView, viewer: Viewer) {
  return (
    <Dialog
      lang={viewer.language}
      id="vnc-range-dialog"
      open
      title={wordsOf(viewer.language)("addresses.ports.resizeTitle", { node: range.node })}
      actions={
        <Button kind="primary" type="submit" formId="vnc-range-form">
          {say(viewer.language, "action.save")}
        </Button>
      }
    >
      {rangeForm(range, viewer, null)}
    </Dialog>
  );
}

/** Registers the pages, their live view and the form. */
export function portPages({ web }: Pick<ControllerContext, "web">, ports: VncPorts): void {
  web.page({
    method: "GET",
    path: portsHref,
    role: "reader",
    async handle({ viewer }) {
      const t = wordsOf(viewer.language);
      return {
        page: (
          <>
            <PageHead title={t("addresses.ports.title")} sub={t("addresses.ports.sub")} />
            <Panel flush>
              <Table
                lang={viewer.language}
                spec={rangeTable(viewer)}
                rows={await ports.list()}
                label={t("addresses.ports.title")}
                empty={<EmptyState icon="node" title={t("addresses.ports.none")} />}
              />
            </Panel>
          </>
        ),
        title: t("addresses.ports.title"),
        crumbs: [{ href: "/ip-pools", label: viewer.say("addresses.page.nav") }],
      };
    },
  });
  web.page({
    method: "GET",
    path: `${portsHref}/{node}`,
    role: "reader",
    async handle(call) {
      const { viewer } = call;
      const range = await ports.need(nameOf(call));
      return {
        page: <PortsPage range={range} viewer={viewer} />,
        title: viewer.say("addresses.ports.of", { node: range.node }),
        crumbs: [{ href: portsHref, label: viewer.say("addresses.ports.title") }],
        views: [`vnc-ports:${range.node}`],
      };
    },
  });
  web.page({
    method: "GET",
    path: `${portsHref}/{node}/edit`,
    role: "administrator",
    async handle(call) {
      const dialog = rangeDialog(await ports.need(nameOf(call)), call.viewer);
      return call.partial
        ? { fragment: dialog }
        : { page: <Row>{dialog}</Row>, title: call.viewer.say("addresses.ports.title") };
    },
  });
  web.page({
    method: "POST",
    path: `${portsHref}/{node}/edit`,
    role: "administrator",
    async handle(call) {
      const range = await ports.need(nameOf(call));
      return submitForm(call, VncRange, {
        again: (tried) => rangeForm(range, call.viewer, tried),
        async act(value) {
          await ports.resize(range.node, value);
          return actedOn(call, rangeHref(range.node));
        },
      });
    },
  });
  web.live({
    name: "vnc-ports",
    topics: ["node", "guest"],
    role: "reader",
    render: async () => [],
    async renderAll(events, { viewer, key: node }) {
      const isNews = events.some(({ topic, key, data }) =>
        topic === "node" ? key === node : movesPorts(data),
      );
      if (!isNews || node === null) return [];
      return [
        replace("vnc-ports-page", await html(<PortsPage range={await ports.need(node)} viewer={viewer} />)),
      ];
    },
  });
}

/** Whether a guest's news may be about its port: it was made, moved or deleted. */
function movesPorts(data: unknown): boolean {
  const { state, deleted } = (data ?? {}) as { state?: unknown; deleted?: unknown };
  return deleted === true || state === "creating" || state === "migrating" || state === "failed";
}
