/** The addresses of the disks' pages and dialogs; each asks the service and shows what it says. */
import { actedOn, type ControllerContext, type PageCall, submitForm, type Viewer } from "jimv";
import { Button, EmptyState, List, PageHead, say } from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import type { PoolService } from "../pools/index.ts";
import { CreateDisk, type DiskAttachment, type DiskService } from "./contract.ts";
import { diskLive } from "./live.tsx";
import {
  attachDialog,
  attachFormOf,
  createDialog,
  createFormOf,
  deleteDialog,
  type Places,
  renameDialog,
  renameFormOf,
} from "./pages-dialogs.tsx";
import { type Asked, diskList, listLive, queryOf } from "./pages-list.ts";
import { DiskPage, type DiskPageNeeds, diskTable, hrefOf, mayAct } from "./pages-parts.tsx";
import { AttachForm, RenameForm } from "./requests.ts";
import { wordsOf } from "./words-pages.ts";

const foundAtOnce = 5;
/** Registers the pages, forms, live views, the navigation's entry and the search of disks. */
export function diskPages(
  context: ControllerContext,
  service: DiskService,
  nodes: Pick<NodeService, "list">,
  pools: Pick<PoolService, "list">,
  attachment: () => DiskAttachment | null,
): void {
  const needs: DiskPageNeeds = { context, service, nodes, pools, attachment };
  const { web } = context;
  lists(needs);
  creating(needs);
  changing(needs);
  diskLive(needs);
  web.nav({
    group: "compute",
    order: 20,
    href: "/disks",
    icon: "disk",
    word: "nav.disks",
    role: "reader",
    async count() {
      const total = await service.count({ page: 1, pageSize: 1 });
      return total === 0 ? null : { text: String(total) };
    },
    changedBy: ({ topic }) => topic === "disk",
  });
  web.search(async (query, viewer) => {
    const found = await service.list({ page: 1, pageSize: foundAtOnce, q: query, role: "all" });
    return found.items.map((disk) => ({
      href: hrefOf(disk.uuid),
      icon: "disk",
      label: disk.name,
      hint: viewer.say(`state.disk.${disk.state}`),
    }));
  });
}

async function listPage(state: Asked, viewer: Viewer, { service }: DiskPageNeeds) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const query = queryOf(state);
  const found = query ? await service.list(query) : { items: [], total: 0 };
  return (
    <>
      <PageHead
        title={say(lang, "nav.disks")}
        sub={t("disks.page.sub")}
        actions={
          mayAct(viewer) ? (
            <Button kind="primary" icon="plus" dialogUrl="/disks/new" extra={{ "data-create": "" }}>
              {t("disks.page.create")}
            </Button>
          ) : null
        }
      />
      <List
        lang={lang}
        address={diskList}
        state={state}
        spec={diskTable(viewer)}
        found={found}
        label={say(lang, "nav.disks")}
        placeholder={t("disks.page.filter")}
        segmentsLabel={t("disks.page.role")}
        segments={[
          { key: "data", label: t("disks.page.dataOnly") },
          { key: "all", label: t("disks.page.showSystem") },
        ]}
        hidesSome={state.q !== ""}
        live={listLive}
        empty={
          <EmptyState
            icon="disk"
            title={t("disks.page.emptyTitle")}
            text={t("disks.page.emptyText")}
            action={mayAct(viewer) ? <Button dialogUrl="/disks/new">{t("disks.page.create")}</Button> : null}
          />
        }
      />
    </>
  );
}

function lists(needs: DiskPageNeeds): void {
  const { web } = needs.context;
  web.page({
    method: "GET",
    path: "/disks",
    role: "reader",
    async handle({ url, viewer }) {
      const state = diskList.read(url);
      return {
        page: await listPage(state, viewer, needs),
        title: viewer.say("nav.disks"),
        views: [diskList.view(listLive, state)],
      };
    },
  });
  web.page({
    method: "GET",
    path: "/disks/{uuid}",
    role: "reader",
    async handle({ params, viewer }) {
      const disk = await needs.service.get(params.uuid ?? "");
      return {
        page: <DiskPage disk={disk} viewer={viewer} />,
        title: disk.name,
        crumbs: [{ href: "/disks", label: viewer.say("nav.disks") }],
        views: [`disk:${disk.uuid}`],
      };
    },
  });
}

function creating(needs: DiskPageNeeds): void {
  const places = async (): Promise<Places> => {
    const [nodes, pools] = await Promise.all([needs.nodes.list(), needs.pools.list()]);
    return { nodes, pools: pools.filter((pool) => pool.presences.some((each) => each.healthy)) };
  };
  const { web } = needs.context;
  web.form({ name: "disk-create", schema: CreateDisk, role: "operator" });
  web.page({
    method: "GET",
    path: "/disks/new",
    role: "operator",
    async handle(call) {
      const dialog = createDialog(await places(), call.viewer);
      return call.partial
        ? { fragment: dialog }
        : {
            page: (
              <>
                {await listPage(diskList.read(call.url), call.viewer, needs)}
                {dialog}
              </>
            ),
            title: wordsOf(call.viewer.language)("disks.page.createTitle"),
            views: [listLive],
          };
    },
  });
  web.page({
    method: "POST",
    path: "/disks/new",
    role: "operator",
    handle: (call) =>
      submitForm(call, CreateDisk, {
        again: async (tried) => createFormOf(await places(), call.viewer, tried),
        async act(value) {
          await needs.service.create(value, call.viewer.actor);
          return actedOn(call, "/disks");
        },
      }),
  });
}

function changing(needs: DiskPageNeeds): void {
  const { web } = needs.context;
  const { service } = needs;
  const diskOf = ({ params }: PageCall) => service.get(params.uuid ?? "");
  const candidates = async (nodeName: string) => (await needs.attachment()?.candidates(nodeName)) ?? [];
  web.form({ name: "disk-rename", schema: RenameForm, role: "operator" });
  const dialogs = {
    attach: async (call: PageCall) => {
      const disk = await diskOf(call);
      return attachDialog(disk, await candidates(disk.nodeName), call.viewer);
    },
    rename: async (call: PageCall) => renameDialog(await diskOf(call), call.viewer),
    delete: async (call: PageCall) => deleteDialog(await diskOf(call), call.viewer),
  };
  for (const [name, dialog] of Object.entries(dialogs))
    web.page({
      method: "GET",
      path: `/disks/{uuid}/${name}`,
      role: "operator",
      handle: async (call) => ({ fragment: await dialog(call) }),
    });
  web.page({
    method: "POST",
    path: "/disks/{uuid}/attach",
    role: "operator",
    async handle(call) {
      const disk = await diskOf(call);
      return submitForm(call, AttachForm, {
        again: async (tried) => attachFormOf(disk, await candidates(disk.nodeName), call.viewer, tried),
        async act({ guestUuid }) {
          await service.change(disk.uuid, { guestUuid }, call.viewer.actor);
          return actedOn(call, hrefOf(disk.uuid));
        },
      });
    },
  });
  web.page({
    method: "POST",
    path: "/disks/{uuid}/rename",
    role: "operator",
    async handle(call) {
      const disk = await diskOf(call);
      return submitForm(call, RenameForm, {
        again: (tried) => renameFormOf(disk, call.viewer, tried),
        async act({ name }) {
          await service.change(disk.uuid, { name }, call.viewer.actor);
          return actedOn(call, hrefOf(disk.uuid));
        },
      });
    },
  });
  web.page({
    method: "POST",
    path: "/disks/{uuid}/detach",
    role: "operator",
    async handle(call) {
      const uuid = call.params.uuid ?? "";
      await service.change(uuid, { guestUuid: null }, call.viewer.actor);
      return actedOn(call, hrefOf(uuid));
    },
  });
  web.page({
    method: "POST",
    path: "/disks/{uuid}/delete",
    role: "operator",
    async handle(call) {
      await service.remove(call.params.uuid ?? "", call.viewer.actor);
      return actedOn(call, "/disks");
    },
  });
}
