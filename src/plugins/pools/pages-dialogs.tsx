/** The dialogs of storage pools: add, change, put on a node, take away, remove. */
import { constraintsOf, errorIn, listIn, type TriedForm, typedIn, type Viewer } from "jimv";
import {
  Button,
  Checkbox,
  Chips,
  DangerDialog,
  Dialog,
  Form,
  Notice,
  NumberInput,
  RadioCards,
  Refusal,
  Select,
  say,
  TextInput,
} from "jimv/ui";
import { hrefOf } from "./pages-parts.tsx";
import { AddNode, ChangePool, CreatePool } from "./requests.ts";
import { localPoolId, type PoolKind, poolKinds } from "./schema.ts";
import type { PoolView, PresenceView } from "./view.ts";
import { wordsOf } from "./words-pages.ts";

const createForm = "pool-create";
const kindCards = {
  local: ["pools.kind.local", "pools.kind.localHint"],
  shared: ["pools.kind.shared", "pools.kind.sharedHint"],
  gluster: ["pools.kind.gluster", "pools.kind.glusterHint"],
  ceph: ["pools.kind.ceph", "pools.kind.cephHint"],
} as const satisfies Record<PoolKind, readonly string[]>;

export function createDialog(nodeNames: readonly string[], viewer: Viewer) {
  const t = wordsOf(viewer.language);
  return (
    <Dialog
      lang={viewer.language}
      id="create-pool"
      open
      title={t("pools.page.createTitle")}
      actions={
        <Button kind="primary" type="submit" formId={createForm}>
          {say(viewer.language, "action.create")}
        </Button>
      }
    >
      {createFormOf(nodeNames, viewer, null)}
    </Dialog>
  );
}

export function createFormOf(nodeNames: readonly string[], viewer: Viewer, tried: TriedForm | null) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const field = (name: keyof typeof CreatePool.properties) => {
    const { step: _, pattern: __, ...limits } = constraintsOf(CreatePool, name);
    return { name, value: typedIn(tried, name), error: errorIn(tried, name, viewer), ...limits };
  };
  const chosen = listIn(tried, "nodeNames");
  return (
    <Form
      id={createForm}
      action="/pools/new"
      check="/check/pool-create"
      csrf={viewer.csrf}
      extra={{ "data-closes": "create-pool" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <TextInput {...field("name")} label={say(lang, "label.name")} />
      <RadioCards
        name="kind"
        label={t("pools.page.kind")}
        value={typedIn(tried, "kind") ?? "shared"}
        error={errorIn(tried, "kind", viewer)}
        list
        cards={poolKinds.map((kind) => ({
          value: kind,
          title: t(kindCards[kind][0]),
          text: t(kindCards[kind][1]),
        }))}
      />
      <TextInput
        {...field("path")}
        label={t("pools.page.path")}
        hint={t("pools.page.pathHint")}
        placeholder="/mnt/shared"
        mono
      />
      <Chips
        name="nodeNames"
        label={t("pools.page.nodeNames")}
        error={errorIn(tried, "nodeNames", viewer)}
        chips={nodeNames.map((name) => ({
          value: name,
          label: name,
          checked: tried === null || chosen.includes(name),
        }))}
      />
      <Checkbox
        name="trustedSharedMount"
        label={t("pools.page.trusted")}
        hint={t("pools.page.trustedHint")}
        checked={typedIn(tried, "trustedSharedMount") === "true"}
      />
      <WarnInput viewer={viewer} value={typedIn(tried, "warnPercent")} tried={tried} />
      <details>
        <summary>{t("pools.page.cephOnly")}</summary>
        <TextInput
          {...field("monitors")}
          label={t("pools.page.monitors")}
          hint={t("pools.page.monitorsHint")}
          mono
        />
        <TextInput {...field("cephPool")} label={t("pools.page.cephPool")} mono />
        <TextInput {...field("cephUser")} label={t("pools.page.cephUser")} mono />
        <TextInput {...field("cephKey")} value={undefined} label={t("pools.page.cephKey")} mono />
      </details>
    </Form>
  );
}

function WarnInput(p: { viewer: Viewer; value: string | number | undefined; tried: TriedForm | null }) {
  const lang = p.viewer.language;
  const { min, max } = constraintsOf(CreatePool, "warnPercent");
  return (
    <NumberInput
      lang={lang}
      name="warnPercent"
      label={wordsOf(lang)("pools.page.warnPercent")}
      unit="%"
      min={min}
      max={max}
      value={p.value ?? CreatePool.properties.warnPercent.default}
      error={errorIn(p.tried, "warnPercent", p.viewer)}
    />
  );
}

const editForm = "pool-edit";

export function editDialog(pool: PoolView, viewer: Viewer) {
  return (
    <Dialog
      lang={viewer.language}
      id="edit-pool"
      open
      title={wordsOf(viewer.language)("pools.page.editTitle", { pool: pool.name })}
      actions={
        <Button kind="primary" type="submit" formId={editForm}>
          {say(viewer.language, "action.save")}
        </Button>
      }
    >
      {editFormOf(pool, viewer, null)}
    </Dialog>
  );
}

export function editFormOf(pool: PoolView, viewer: Viewer, tried: TriedForm | null) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const { required, maxlength } = constraintsOf(ChangePool, "name");
  return (
    <Form
      id={editForm}
      action={`${hrefOf(pool.id)}/edit`}
      csrf={viewer.csrf}
      extra={{ "data-closes": "edit-pool" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      {pool.id === localPoolId ? null : (
        <TextInput
          name="name"
          required={required}
          maxlength={maxlength}
          label={say(lang, "label.name")}
          value={typedIn(tried, "name") ?? pool.name}
          error={errorIn(tried, "name", viewer)}
        />
      )}
      <WarnInput viewer={viewer} value={typedIn(tried, "warnPercent") ?? pool.warnPercent} tried={tried} />
      {pool.kind === "shared" ? (
        <Checkbox
          name="trustedSharedMount"
          label={t("pools.page.trusted")}
          hint={t("pools.page.trustedHint")}
          checked={pool.trustedSharedMount}
        />
      ) : null}
    </Form>
  );
}

const addForm = "pool-add";

export function addDialog(pool: PoolView, nodeNames: readonly string[], viewer: Viewer) {
  const t = wordsOf(viewer.language);
  return (
    <Dialog
      lang={viewer.language}
      id="add-node"
      open
      title={t("pools.page.addNodeTitle", { pool: pool.name })}
      actions={
        nodeNames.length > 0 ? (
          <Button kind="primary" type="submit" formId={addForm}>
            {t("pools.page.addNode")}
          </Button>
        ) : null
      }
    >
      {nodeNames.length > 0 ? (
        addFormOf(pool, nodeNames, viewer, null)
      ) : (
        <Notice tone="info">{t("pools.page.allNodes")}</Notice>
      )}
    </Dialog>
  );
}

export function addFormOf(
  pool: PoolView,
  nodeNames: readonly string[],
  viewer: Viewer,
  tried: TriedForm | null,
) {
  const t = wordsOf(viewer.language);
  return (
    <Form
      id={addForm}
      action={`${hrefOf(pool.id)}/add`}
      csrf={viewer.csrf}
      extra={{ "data-closes": "add-node" }}
    >
      <Refusal tried={tried} viewer={viewer} />
      <Select
        name="nodeName"
        label={say(viewer.language, "label.node")}
        value={typedIn(tried, "nodeName")}
        error={errorIn(tried, "nodeName", viewer)}
        options={nodeNames.map((name) => ({ value: name, label: name }))}
      />
      {pool.kind === "local" ? (
        <TextInput
          name="path"
          label={t("pools.page.path")}
          maxlength={AddNode.properties.path.maxLength}
          value={typedIn(tried, "path") ?? pool.presences[0]?.path}
          error={errorIn(tried, "path", viewer)}
          mono
        />
      ) : null}
    </Form>
  );
}

export function removeNodeDialog(pool: PoolView, presence: PresenceView, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  const args = { pool: pool.name, node: presence.nodeName, path: presence.path };
  return (
    <DangerDialog
      lang={viewer.language}
      id="remove-node"
      open
      title={t("pools.page.removeNodeTitle", args)}
      post={`${hrefOf(pool.id)}/nodes/${encodeURIComponent(presence.nodeName)}/delete`}
      victims={[t("pools.page.removeNodeVictim", args)]}
      survivors={[t("pools.page.removeNodeStays", args)]}
      confirm={t("pools.page.removeNode")}
    />
  );
}

export function removeDialog(pool: PoolView, viewer: Viewer) {
  const t = wordsOf(viewer.language);
  return (
    <DangerDialog
      lang={viewer.language}
      id="remove-pool"
      open
      title={t("pools.page.removeTitle", { pool: pool.name })}
      post={`${hrefOf(pool.id)}/delete`}
      victims={[t("pools.page.removeVictim", { pool: pool.name })]}
      survivors={[t("pools.page.removeStays")]}
      confirm={say(viewer.language, "action.delete")}
    />
  );
}
