/** The dialogs of address pools: add, change, reserve, make free, delete. */
import { constraintsOf, errorIn, type TObject, type TriedForm, typedIn, type Viewer } from "jimv";
import {
  Button,
  Checkbox,
  DangerDialog,
  Dialog,
  FieldRow,
  Form,
  Notice,
  NumberInput,
  Refusal,
  say,
  TextInput,
} from "jimv/ui";
import type { IpPoolView } from "./contract.ts";
import { hrefOf } from "./pages-parts.tsx";
import { CreateIpPool, ReserveAddresses } from "./requests.ts";
import { wordsOf } from "./words-pages.ts";

/** A text field of a schema, as it was typed or as it is. */
function fieldOf(schema: TObject, tried: TriedForm | null, viewer: Viewer) {
  return (name: string, now?: string | null) => {
    const { step: _, min: __, max: ___, pattern: ____, ...limits } = constraintsOf(schema, name);
    return {
      name,
      ...limits,
      value: tried ? typedIn(tried, name) : (now ?? undefined),
      error: errorIn(tried, name, viewer),
    };
  };
}

/** For a new pool, or with `pool` to change one. */
export function poolDialog(pool: IpPoolView | null, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  return (
    <Dialog
      lang={viewer.language}
      id="ip-pool-dialog"
      open
      title={pool ? t("addresses.page.editTitle", { pool: pool.name }) : t("addresses.page.createTitle")}
      actions={
        <Button kind="primary" type="submit" formId="ip-pool-form">
          {say(viewer.language, pool ? "action.save" : "action.create")}
        </Button>
      }
    >
      {poolForm(pool, viewer, null)}
    </Dialog>
  );
}

export function poolForm(pool: IpPoolView | null, viewer: Viewer, tried: TriedForm | null) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const field = fieldOf(CreateIpPool, tried, viewer);
  const { min, max } = constraintsOf(CreateIpPool, "prefix");
  return (
    <Form
      id="ip-pool-form"
      action={pool ? `${hrefOf(pool.id)}/edit` : "/ip-pools/new"}
      check="/check/ip-pool"
      csrf={viewer.csrf}
      extra={{ "data-closes": "ip-pool-dialog" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      {pool ? <Notice tone="info">{t("addresses.page.noGuestsChange")}</Notice> : null}
      <TextInput {...field("name", pool?.name)} label={say(lang, "label.name")} />
      <FieldRow>
        <TextInput
          {...field("first", pool?.first)}
          label={t("addresses.page.first")}
          placeholder="192.0.2.10"
          mono
        />
        <TextInput
          {...field("last", pool?.last)}
          label={t("addresses.page.last")}
          placeholder="192.0.2.200"
          mono
        />
      </FieldRow>
      <FieldRow>
        <NumberInput
          lang={lang}
          narrow
          name="prefix"
          required
          min={min}
          max={max}
          label={t("addresses.page.prefix")}
          hint={t("addresses.page.prefixHint")}
          value={typedIn(tried, "prefix") ?? pool?.prefix ?? 24}
          error={errorIn(tried, "prefix", viewer)}
        />
        <TextInput {...field("gateway", pool?.gateway)} label={t("addresses.page.gateway")} mono />
      </FieldRow>
      <FieldRow>
        <TextInput {...field("dns1", pool?.dns[0])} label={t("addresses.page.dns1")} mono />
        <TextInput {...field("dns2", pool?.dns[1])} label={t("addresses.page.dns2")} mono />
      </FieldRow>
      <TextInput
        {...field("bridge", pool?.bridge)}
        label={t("addresses.page.bridge")}
        hint={t("addresses.page.bridgeHint")}
        mono
      />
      <Checkbox
        name="protect"
        label={t("addresses.page.protectLong")}
        hint={t("addresses.page.protectHint")}
        checked={tried ? typedIn(tried, "protect") !== undefined : (pool?.protect ?? true)}
      />
      <Checkbox
        name="isDefault"
        label={t("addresses.page.defaultLong")}
        checked={tried ? typedIn(tried, "isDefault") !== undefined : (pool?.isDefault ?? false)}
      />
    </Form>
  );
}

export function reserveDialog(pool: IpPoolView, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  return (
    <Dialog
      lang={viewer.language}
      id="reserve-dialog"
      open
      title={t("addresses.page.reserveTitle", { pool: pool.name })}
      actions={
        <Button kind="primary" type="submit" formId="reserve-form">
          {t("addresses.page.reserve")}
        </Button>
      }
    >
      {reserveForm(pool, viewer, null)}
    </Dialog>
  );
}

export function reserveForm(pool: IpPoolView, viewer: Viewer, tried: TriedForm | null) {
  const t = wordsOf(viewer.language);
  const field = fieldOf(ReserveAddresses, tried, viewer);
  return (
    <Form
      id="reserve-form"
      action={`${hrefOf(pool.id)}/reserve`}
      csrf={viewer.csrf}
      extra={{ "data-closes": "reserve-dialog" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <FieldRow>
        <TextInput {...field("first")} label={t("addresses.page.first")} placeholder={pool.first} mono />
        <TextInput
          {...field("last")}
          label={t("addresses.page.reserveLast")}
          hint={t("addresses.page.reserveLastHint")}
          mono
        />
      </FieldRow>
      <TextInput {...field("remark")} label={t("addresses.page.remark")} />
    </Form>
  );
}

export function freeDialog(pool: IpPoolView, address: string, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  return (
    <DangerDialog
      lang={viewer.language}
      id="free-address"
      open
      title={t("addresses.page.freeTitle", { address })}
      post={`${hrefOf(pool.id)}/addresses/${encodeURIComponent(address)}/free`}
      victims={[t("addresses.page.freeVictim", { address })]}
      confirm={t("addresses.page.free")}
    />
  );
}

export function deleteDialog(pool: IpPoolView, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  const args = { pool: pool.name };
  return (
    <DangerDialog
      lang={viewer.language}
      id="delete-ip-pool"
      open
      title={t("addresses.page.deleteTitle", args)}
      post={`${hrefOf(pool.id)}/delete`}
      fields={{ reserved: String(pool.reserved) }}
      victims={[
        t("addresses.page.deleteVictim", args),
        ...(pool.reserved > 0 ? [t("addresses.page.deleteReserved", { count: pool.reserved })] : []),
      ]}
      confirm={say(viewer.language, "action.delete")}
    />
  );
}
