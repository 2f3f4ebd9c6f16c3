/** The dialogs of disks: create, attach, rename, delete. Each form is also the answer to its refused post. */
import { constraintsOf, errorIn, type TriedForm, typedIn, type Viewer } from "jimv";
import {
  Button,
  bytes,
  DangerDialog,
  Dialog,
  Form,
  Notice,
  NumberInput,
  Refusal,
  Select,
  say,
  TextInput,
} from "jimv/ui";
import type { NodeView } from "../nodes/index.ts";
import { localPoolId, type PoolView } from "../pools/index.ts";
import { CreateDisk, type DiskView } from "./contract.ts";
import { hrefOf, sizeText } from "./pages-parts.tsx";
import { AttachForm, RenameForm } from "./requests.ts";
import { wordsOf } from "./words-pages.ts";

const nameLimits = (): { required: true | undefined; maxlength: number | undefined } => {
  const { required, maxlength } = constraintsOf(CreateDisk, "name");
  return { required, maxlength };
};

const createForm = "disk-create";

/** Where a new disk can be made. */
export interface Places {
  nodes: readonly NodeView[];
  pools: readonly PoolView[];
}

export function createDialog(places: Places, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  const usable = places.nodes.some((node) => node.storage !== null);
  return (
    <Dialog
      lang={viewer.language}
      id="create-disk"
      open
      title={t("disks.page.createTitle")}
      actions={
        usable ? (
          <Button kind="primary" type="submit" formId={createForm}>
            {say(viewer.language, "action.create")}
          </Button>
        ) : null
      }
    >
      {usable ? (
        createFormOf(places, viewer, null)
      ) : (
        <Notice tone="warn" actions={<Button href="/nodes">{t("disks.page.toNodes")}</Button>}>
          {t("disks.page.noNodes")}
        </Notice>
      )}
    </Dialog>
  );
}

export function createFormOf({ nodes, pools }: Places, viewer: Viewer, tried: TriedForm | null) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const { min, max } = constraintsOf(CreateDisk, "sizeGiB");
  return (
    <Form
      id={createForm}
      action="/disks/new"
      check="/check/disk-create"
      csrf={viewer.csrf}
      extra={{ "data-closes": "create-disk" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <TextInput
        name="name"
        {...nameLimits()}
        label={say(lang, "label.name")}
        value={typedIn(tried, "name")}
        error={errorIn(tried, "name", viewer)}
      />
      <NumberInput
        lang={lang}
        name="sizeGiB"
        label={t("disks.page.size")}
        unit={say(lang, "unit.gib")}
        required
        min={min}
        max={max}
        value={typedIn(tried, "sizeGiB") ?? 10}
        error={errorIn(tried, "sizeGiB", viewer)}
        hint={t("disks.page.createHint")}
      />
      <Select
        name="nodeName"
        label={say(lang, "label.node")}
        value={typedIn(tried, "nodeName")}
        error={errorIn(tried, "nodeName", viewer)}
        options={nodes
          .filter((node) => node.storage !== null)
          .map((node) => ({
            value: node.name,
            label: t("disks.page.freeOn", {
              node: node.name,
              free: bytes(lang, node.storage?.availableBytes ?? 0),
            }),
          }))}
      />
      {pools.length > 1 ? (
        <Select
          name="poolId"
          label={t("disks.page.pool")}
          value={typedIn(tried, "poolId") ?? localPoolId}
          error={errorIn(tried, "poolId", viewer)}
          options={pools.map((pool) => ({
            value: pool.id,
            label: t("disks.page.poolFree", {
              pool: pool.name,
              free: bytes(lang, pool.availableBytes ?? 0),
              nodes: someOf(pool.presences.map((each) => each.nodeName)),
            }),
          }))}
        />
      ) : null}
    </Form>
  );
}

/** A few names stand for many. */
const someOf = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 3).join(", ")}, … (${names.length})` : names.join(", ");

const attachForm = "disk-attach";

export function attachDialog(
  disk: DiskView,
  guests: readonly { uuid: string; name: string }[],
  viewer: Viewer,
) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  return (
    <Dialog
      lang={lang}
      id="attach-disk"
      open
      title={t("disks.page.attachTitle", { disk: disk.name })}
      actions={
        guests.length > 0 ? (
          <Button kind="primary" type="submit" formId={attachForm}>
            {t("disks.page.attach")}
          </Button>
        ) : null
      }
    >
      {guests.length > 0 ? (
        attachFormOf(disk, guests, viewer, null)
      ) : (
        <Notice tone="warn" actions={<Button href="/guests">{t("disks.page.toGuests")}</Button>}>
          {t("disks.page.noCandidates", { node: disk.nodeName })}
        </Notice>
      )}
    </Dialog>
  );
}

export function attachFormOf(
  disk: DiskView,
  guests: readonly { uuid: string; name: string }[],
  viewer: Viewer,
  tried: TriedForm | null,
) {
  const t = wordsOf(viewer.language);
  const [field] = Object.keys(AttachForm.properties);
  return (
    <Form
      id={attachForm}
      action={`${hrefOf(disk.uuid)}/attach`}
      csrf={viewer.csrf}
      extra={{ "data-closes": "attach-disk" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <Select
        name={field ?? "guestUuid"}
        label={t("disks.page.guest")}
        value={typedIn(tried, "guestUuid")}
        error={errorIn(tried, "guestUuid", viewer)}
        hint={t("disks.page.attachHint", { node: disk.nodeName })}
        options={guests.map(({ uuid, name }) => ({ value: uuid, label: name }))}
      />
    </Form>
  );
}

const renameForm = "disk-rename";

export function renameDialog(disk: DiskView, viewer: Viewer) {
  return (
    <Dialog
      lang={viewer.language}
      id="rename-disk"
      open
      title={wordsOf(viewer.language)("disks.page.renameTitle", { disk: disk.name })}
      actions={
        <Button kind="primary" type="submit" formId={renameForm}>
          {say(viewer.language, "action.save")}
        </Button>
      }
    >
      {renameFormOf(disk, viewer, null)}
    </Dialog>
  );
}

export function renameFormOf(disk: DiskView, viewer: Viewer, tried: TriedForm | null) {
  const { maxlength } = constraintsOf(RenameForm, "name");
  return (
    <Form
      id={renameForm}
      action={`${hrefOf(disk.uuid)}/rename`}
      check="/check/disk-rename"
      csrf={viewer.csrf}
      extra={{ "data-closes": "rename-disk" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <TextInput
        name="name"
        required
        maxlength={maxlength}
        label={say(viewer.language, "label.name")}
        value={typedIn(tried, "name") ?? disk.name}
        error={errorIn(tried, "name", viewer)}
      />
    </Form>
  );
}

export function deleteDialog(disk: DiskView, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  return (
    <DangerDialog
      lang={viewer.language}
      id="delete-disk"
      open
      title={t("disks.page.deleteTitle", { disk: disk.name })}
      post={`${hrefOf(disk.uuid)}/delete`}
      victims={[
        t("disks.page.deleteVictim", {
          disk: disk.name,
          size: sizeText(viewer, disk.sizeGiB),
          node: disk.nodeName,
        }),
      ]}
      confirm={t("disks.page.deleteConfirm")}
      typeName={disk.name}
    />
  );
}
