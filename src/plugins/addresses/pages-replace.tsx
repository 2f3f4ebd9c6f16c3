/** Replacing addresses on a guest's page: its tab, badges, and the dialog. */
import {
  AppError,
  actedOn,
  type ControllerContext,
  constraintsOf,
  errorIn,
  type PageCall,
  submitForm,
  type TriedForm,
  typedIn,
  type Viewer,
} from "jimv";
import {
  Button,
  DangerDialog,
  Dialog,
  EmptyState,
  FieldRow,
  Form,
  Notice,
  Panel,
  Refusal,
  Row,
  Select,
  Table,
  type TableSpec,
  Tag,
  TextInput,
  Time,
  TwoLines,
} from "jimv/ui";
import { networkSeeds } from "../boot-jobs/index.ts";
import { type GuestBadge, type GuestDetail, guestBadges, guestService, guestTabs } from "../guests/index.ts";
import { textOfHex } from "./ip.ts";
import { actionsOf } from "./replacement-states.ts";
import type { Replacing } from "./replacing.ts";
import { ReplaceAddress } from "./requests.ts";
import { isStillHeld, type Replacement } from "./schema.ts";
import type { Addresses } from "./service.ts";
import { wordsOf } from "./words-replace.ts";

const tabKey = "addresses";
const hrefOf = (uuid: string): string => `/guests/${uuid}/addresses/replace`;
const tabOf = (uuid: string): string => `/guests/${uuid}?tab=${tabKey}`;
const mayReplace = (viewer: Viewer): boolean => viewer.role !== "reader";
const tones = {
  planned: "accent",
  applied: "accent",
  verified: "ok",
  rolledBack: "warn",
  failed: "bad",
} as const;

/** One open replacement on the guest's row and page. */
const badgeOf = (row: Replacement): GuestBadge => ({
  word: `addresses.replace.badge.${row.failedWord === null ? row.state : "stuck"}`,
  args: { address: textOfHex(row.newAddress) },
  tone: row.failedWord === null ? "accent" : "warn",
  until: null,
});

export function replacePages(context: ControllerContext, service: Addresses, replacing: Replacing): void {
  const { web, slots } = context;
  const guests = context.use(guestService);
  slots.add(
    guestBadges,
    async (uuids) =>
      new Map((await replacing.open(uuids)).map((row) => [row.guestUuid, [badgeOf(row)]] as const)),
  );
  slots.add(guestTabs, {
    key: tabKey,
    label: (viewer) => wordsOf(viewer.language)("addresses.replace.tab"),
    async render(guest, viewer) {
      const rows = await replacing.ofGuest(guest.uuid);
      const booked = (await service.booked([guest.uuid])).get(guest.uuid) ?? [];
      return <AddressesTab guest={guest} booked={booked} rows={rows} viewer={viewer} />;
    },
  });

  const dialogFor = async ({ params, viewer }: PageCall, tried: TriedForm | null) => {
    const guest = await guests.get(params.uuid ?? "");
    const booked = (await service.booked([guest.uuid])).get(guest.uuid) ?? [];
    const pools = await service.list();
    const agentMayRun = (await guests.details(guest.uuid))?.agentMayRun ?? null;
    return replaceForm({ guest, booked, pools, agentMayRun, viewer, tried });
  };
  web.page({
    method: "GET",
    path: "/guests/{uuid}/addresses/replace",
    role: "operator",
    async handle(call) {
      const t = wordsOf(call.viewer.language);
      const dialog = (
        <Dialog
          lang={call.viewer.language}
          id="replace-dialog"
          open
          title={t("addresses.replace.title")}
          actions={
            <Button kind="primary" type="submit" formId="replace-form">
              {t("addresses.replace.do")}
            </Button>
          }
        >
          {await dialogFor(call, null)}
        </Dialog>
      );
      return call.partial
        ? { fragment: dialog }
        : { page: <Row>{dialog}</Row>, title: t("addresses.replace.title") };
    },
  });
  web.page({
    method: "POST",
    path: "/guests/{uuid}/addresses/replace",
    role: "operator",
    handle: (call) =>
      submitForm(call, ReplaceAddress, {
        again: (tried) => dialogFor(call, tried),
        async act(value) {
          const uuid = call.params.uuid ?? "";
          await replacing.replace(uuid, value, call.viewer.actor);
          return actedOn(call, tabOf(uuid));
        },
      }),
  });
  web.page({
    method: "GET",
    path: "/guests/{uuid}/addresses/confirm",
    role: "operator",
    async handle({ params, viewer }) {
      const { name, uuid } = await guests.get(params.uuid ?? "");
      const [row] = await replacing.open([uuid]);
      if (!row) throw new AppError("notFound", "addresses.notReplacing");
      return { fragment: confirmDialog(uuid, name, row, viewer) };
    },
  });
  for (const [action, act] of [
    ["again", (call: PageCall) => replacing.again(call.params.uuid ?? "", call.viewer.actor)],
    ["confirm", (call: PageCall) => replacing.confirm(call.params.uuid ?? "", call.viewer.actor)],
    ["take-back", (call: PageCall) => replacing.takeBack(call.params.uuid ?? "")],
  ] as const)
    web.page({
      method: "POST",
      path: `/guests/{uuid}/addresses/${action}`,
      role: "operator",
      async handle(call) {
        await act(call);
        return actedOn(call, tabOf(call.params.uuid ?? ""));
      },
    });
}

function AddressesTab(p: {
  guest: GuestDetail;
  booked: readonly string[];
  rows: readonly Replacement[];
  viewer: Viewer;
}) {
  const { guest, booked, rows, viewer } = p;
  const t = wordsOf(viewer.language);
  const open = rows.find((row) => row.openFor !== null);
  const replace =
    mayReplace(viewer) && booked.length > 0 && !open ? (
      <Button dialogUrl={hrefOf(guest.uuid)}>{t("addresses.replace.tabButton")}</Button>
    ) : null;
  return (
    <>
      {open ? <OpenNotice guest={guest} row={open} viewer={viewer} /> : null}
      {rows.filter(isStillHeld).map((row) => (
        <HeldNotice row={row} viewer={viewer} />
      ))}
      <Panel title={t("addresses.replace.booked")} count={booked.length} aside={replace}>
        {booked.length === 0 ? (
          <EmptyState
            icon="network"
            title={t("addresses.replace.none")}
            text={t("addresses.replace.noneText")}
          />
        ) : (
          <div class="stack">
            {booked.map((address) => (
              <span class="mono">{address}</span>
            ))}
          </div>
        )}
      </Panel>
      {rows.length === 0 ? null : (
        <Panel title={t("addresses.replace.history")} flush>
          <Table
            lang={viewer.language}
            spec={historyTable(viewer)}
            rows={rows}
            label={t("addresses.replace.history")}
            empty={null}
          />
        </Panel>
      )}
    </>
  );
}

/** What is under way, why it does not get on, and what can be done about it. */
function OpenNotice({ guest, row, viewer }: { guest: GuestDetail; row: Replacement; viewer: Viewer }) {
  const t = wordsOf(viewer.language);
  const args = { old: textOfHex(row.oldAddress), address: textOfHex(row.newAddress) };
  const at = (action: string) => `/guests/${guest.uuid}/addresses/${action}`;
  const actions = actionsOf(row);
  const buttons = mayReplace(viewer) ? (
    <Row>
      {actions.includes("again") ? <Button post={at("again")}>{t("addresses.replace.again")}</Button> : null}
      {actions.includes("confirm") ? (
        <Button dialogUrl={at("confirm")}>{t("addresses.replace.confirm")}</Button>
      ) : null}
      {actions.includes("takeBack") ? (
        <Button post={at("take-back")}>{t("addresses.replace.takeBack")}</Button>
      ) : null}
    </Row>
  ) : null;
  const state = row.state === "applied" ? "applied" : row.way === "boot" ? "atBoot" : "live";
  return (
    <Notice tone={row.failedWord === null ? "info" : "warn"} actions={buttons}>
      {t(`addresses.replace.open.${state}`, args)}
      {row.failedWord === null ? null : ` ${viewer.say(row.failedWord, row.failedArgs ?? {})}`}
    </Notice>
  );
}

/** What was given up, and is kept for the guest as long as it may have it. */
function HeldNotice({ row, viewer }: { row: Replacement; viewer: Viewer }) {
  const args = { old: textOfHex(row.oldAddress), address: textOfHex(row.newAddress) };
  return <Notice tone="info">{wordsOf(viewer.language)("addresses.replace.held", args)}</Notice>;
}

function confirmDialog(uuid: string, name: string, row: Replacement, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  const args = { name, old: textOfHex(row.oldAddress), address: textOfHex(row.newAddress) };
  return (
    <DangerDialog
      lang={viewer.language}
      id="confirm-address"
      open
      title={t("addresses.replace.confirmTitle", args)}
      post={`/guests/${uuid}/addresses/confirm`}
      victims={[t("addresses.replace.confirmVictim", args)]}
      survivors={[args.address]}
      confirm={t("addresses.replace.confirm")}
    >
      <p class="hint">{t("addresses.replace.confirmCheck", args)}</p>
    </DangerDialog>
  );
}

function historyTable(viewer: Viewer): TableSpec<Replacement> {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return {
    id: "address-replacements",
    compact: true,
    rowId: (row) => `replacement-${row.id}`,
    rowName: (row) => textOfHex(row.newAddress),
    columns: [
      {
        key: "new",
        label: () => t("addresses.replace.new"),
        width: "l",
        card: "title",
        cell: (row) => (
          <TwoLines
            title={textOfHex(row.newAddress)}
            sub={t("addresses.replace.instead", { address: textOfHex(row.oldAddress) })}
          />
        ),
      },
      {
        key: "state",
        label: () => t("addresses.replace.state"),
        width: "m",
        card: "state",
        cell: (row) => <Tag tone={tones[row.state]}>{t(`addresses.replace.state.${row.state}`)}</Tag>,
      },
      {
        key: "way",
        label: () => t("addresses.replace.when"),
        width: "m",
        cell: (row) => t(`addresses.replace.way.${row.way}`),
      },
      {
        key: "reason",
        label: () => t("addresses.replace.reason"),
        width: "fill",
        cell({ failedWord, failedArgs }) {
          if (failedWord === null) return "–";
          const reason = viewer.say(failedWord, failedArgs ?? {});
          return <span title={reason}>{reason}</span>;
        },
      },
      {
        key: "since",
        label: () => t("addresses.replace.since"),
        width: "m",
        cell: (row) => <Time lang={lang} at={row.changedAt} />,
      },
    ],
  };
}

function replaceForm(p: {
  guest: GuestDetail;
  booked: readonly string[];
  pools: readonly { id: string; name: string; free: number }[];
  /** As its node heard when the guest's page was opened; null where no agent answered. */
  agentMayRun: boolean | null;
  viewer: Viewer;
  tried: TriedForm | null;
}) {
  const { guest, booked, viewer, tried } = p;
  const t = wordsOf(viewer.language);
  const field = (name: string) => {
    const { step: _, min: __, max: ___, pattern: ____, ...limits } = constraintsOf(ReplaceAddress, name);
    return { name, ...limits, value: typedIn(tried, name), error: errorIn(tried, name, viewer) };
  };
  const whyNotLive = guest.isWindows
    ? t("addresses.replace.noLiveWindows")
    : guest.state !== "running"
      ? t("addresses.replace.noLiveOff")
      : p.agentMayRun === false
        ? t("addresses.replace.noLiveExec")
        : null;
  const liveHint = t(p.agentMayRun ? "addresses.replace.liveHint" : "addresses.replace.liveSilent");
  return (
    <Form
      id="replace-form"
      action={hrefOf(guest.uuid)}
      csrf={viewer.csrf}
      extra={{ "data-closes": "replace-dialog" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <Select
        name="old"
        label={t("addresses.replace.old")}
        value={typedIn(tried, "old") ?? booked[0]}
        error={errorIn(tried, "old", viewer)}
        options={booked.map((address) => ({ value: address, label: address }))}
      />
      <TextInput
        {...field("address")}
        label={t("addresses.replace.new")}
        hint={t("addresses.replace.newHint")}
        placeholder={t("addresses.replace.nextFree")}
        mono
      />
      <Select
        name="pool"
        label={t("addresses.replace.pool")}
        value={typedIn(tried, "pool")}
        error={errorIn(tried, "pool", viewer)}
        options={[
          { value: "", label: t("addresses.replace.samePool") },
          ...p.pools.map(({ id, name, free }) => ({
            value: id,
            label: t("addresses.replace.poolFree", { pool: name, free }),
          })),
        ]}
      />
      <FieldRow>
        <TextInput
          {...field("prefix")}
          label={t("addresses.replace.prefix")}
          hint={t("addresses.replace.outside")}
          mono
        />
        <TextInput {...field("gateway")} label={t("addresses.replace.gateway")} mono />
      </FieldRow>
      <Select
        name="when"
        label={t("addresses.replace.when")}
        value={typedIn(tried, "when") ?? (whyNotLive === null ? "now" : "boot")}
        error={errorIn(tried, "when", viewer)}
        hint={whyNotLive ?? liveHint}
        options={[
          { value: "now", label: t("addresses.replace.now"), disabled: whyNotLive !== null },
          { value: "boot", label: t("addresses.replace.atBoot") },
        ]}
      />
      {guest.init === "cloud-init" ? null : (
        <Select
          name="style"
          label={t("addresses.replace.style")}
          hint={t("addresses.replace.styleHint")}
          value={typedIn(tried, "style")}
          error={errorIn(tried, "style", viewer)}
          options={[
            { value: "", label: "–" },
            ...networkSeeds.map(({ style }) => ({ value: style, label: style })),
          ]}
        />
      )}
    </Form>
  );
}
