/** The addresses of the disks' pages and dialogs; each asks the service and shows what it says. */
import {
  AppError,
  type ControllerContext,
  check,
  type FieldError,
  type Html,
  type PageAnswer,
  type PageCall,
  parseForm,
  type Static,
  type TObject,
  type Viewer,
} from "jimv";
import {
  Button,
  EmptyState,
  FilterBar,
  NothingMatches,
  PageHead,
  Pager,
  Row,
  Segments,
  say,
  Table,
} from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import { CreateDisk, type DiskAttachment, DiskListQuery, type DiskService } from "./contract.ts";
import { diskLive } from "./live.tsx";
import {
  attachDialog,
  attachFormOf,
  createDialog,
  createFormOf,
  deleteDialog,
  renameDialog,
  renameFormOf,
  type Tried,
} from "./pages-dialogs.tsx";
import { DiskPage, type DiskPageNeeds, diskTable, hrefOf, mayAct, sortableColumns } from "./pages-parts.tsx";
import { AttachForm, RenameForm } from "./requests.ts";
import { wordsOf } from "./words-pages.ts";

const pageSize = 50;
const foundAtOnce = 5;
/** Refused forms come back with this, so that the page swaps them in. */
const refused = 422;
const nothing: PageAnswer = { fragment: "", status: 204 };

/** Registers the pages, forms, live views, the navigation's entry and the search of disks. */
export function diskPages(
  context: ControllerContext,
  service: DiskService,
  nodes: Pick<NodeService, "list">,
  attachment: () => DiskAttachment | null,
): void {
  const needs: DiskPageNeeds = { context, service, nodes, attachment };
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
      const { total } = await service.list({ page: 1, pageSize: 1 });
      return total === 0 ? null : { text: String(total) };
    },
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

interface ListState {
  q: string;
  system: boolean;
  sort: string;
  page: number;
}

function listState({ searchParams }: URL): ListState {
  const sort = searchParams.get("sort") ?? "name";
  const page = Number(searchParams.get("page") ?? 1);
  return {
    q: (searchParams.get("q") ?? "").slice(0, 200),
    system: searchParams.get("system") === "true",
    sort: (sortableColumns as readonly string[]).includes(sort.replace("-", "")) ? sort : "name",
    page: Number.isInteger(page) && page >= 1 && page <= 1_000_000 ? page : 1,
  };
}

function listHref(state: ListState, change: Partial<ListState>): string {
  const next = { ...state, page: 1, ...change };
  const query = new URLSearchParams();
  if (next.q) query.set("q", next.q);
  if (next.system) query.set("system", "true");
  if (next.sort !== "name") query.set("sort", next.sort);
  if (next.page > 1) query.set("page", String(next.page));
  return query.size > 0 ? `/disks?${query}` : "/disks";
}

async function listPage(state: ListState, viewer: Viewer, { service }: DiskPageNeeds) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const query = check(DiskListQuery, {
    page: state.page,
    pageSize,
    sort: state.sort,
    role: state.system ? "all" : "data",
    ...(state.q && { q: state.q }),
  });
  const found = query.ok ? await service.list(query.value) : { items: [], total: 0 };
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
      <FilterBar
        lang={lang}
        action="/disks"
        q={state.q}
        target="disks"
        placeholder={t("disks.page.filter")}
        keep={{
          system: state.system ? "true" : undefined,
          sort: state.sort === "name" ? undefined : state.sort,
        }}
        beside={
          <Segments
            current={state.system ? "all" : "data"}
            label={t("disks.page.role")}
            items={[
              { key: "data", label: t("disks.page.dataOnly"), href: listHref(state, { system: false }) },
              { key: "all", label: t("disks.page.showSystem"), href: listHref(state, { system: true }) },
            ]}
          />
        }
      />
      <Table
        lang={lang}
        spec={diskTable(viewer)}
        rows={found.items}
        label={say(lang, "nav.disks")}
        sorting={{
          key: state.sort.replace("-", ""),
          descending: state.sort.startsWith("-"),
          href: (key, descending) => listHref(state, { sort: `${descending ? "-" : ""}${key}` }),
        }}
        empty={
          state.q ? (
            <NothingMatches lang={lang} clearHref="/disks" />
          ) : (
            <EmptyState
              icon="disk"
              title={t("disks.page.emptyTitle")}
              text={t("disks.page.emptyText")}
              action={
                mayAct(viewer) ? <Button dialogUrl="/disks/new">{t("disks.page.create")}</Button> : null
              }
            />
          )
        }
        pager={
          found.total > 0 ? (
            <Pager
              lang={lang}
              page={state.page}
              pageSize={pageSize}
              total={found.total}
              href={(page) => listHref(state, { page })}
            />
          ) : null
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
      const state = listState(url);
      return {
        page: await listPage(state, viewer, needs),
        title: viewer.say("nav.disks"),
        views: [`disks:${state.system ? "all" : "data"}`],
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

/** Checks a posted form, acts, and gives the form back with what was refused. */
async function posted<S extends TObject>(
  call: PageCall,
  schema: S,
  back: string,
  again: (tried: Tried) => Html | Promise<Html>,
  act: (value: Static<S>) => Promise<unknown>,
): Promise<PageAnswer> {
  const refuse = async (errors: readonly FieldError[], problem: AppError | null): Promise<PageAnswer> => ({
    fragment: await again({ posted: call.form, errors, problem }),
    status: refused,
  });
  const parsed = parseForm(schema, call.form);
  if (!parsed.ok) return refuse(parsed.errors, null);
  try {
    await act(parsed.value);
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500) throw error;
    const atFields = error.fields.filter((field) => field.path in schema.properties);
    return refuse(atFields, atFields.length > 0 ? null : error);
  }
  return call.partial ? nothing : { redirect: back };
}

function creating(needs: DiskPageNeeds): void {
  const { web } = needs.context;
  web.form({ name: "disk-create", schema: CreateDisk, role: "operator" });
  web.page({
    method: "GET",
    path: "/disks/new",
    role: "operator",
    async handle(call) {
      const dialog = createDialog(await needs.nodes.list(), call.viewer);
      return call.partial
        ? { fragment: dialog }
        : { page: <Row>{dialog}</Row>, title: wordsOf(call.viewer.language)("disks.page.createTitle") };
    },
  });
  web.page({
    method: "POST",
    path: "/disks/new",
    role: "operator",
    handle: (call) =>
      posted(
        call,
        CreateDisk,
        "/disks",
        async (tried) => createFormOf(await needs.nodes.list(), call.viewer, tried),
        (value) => needs.service.create(value, call.viewer.actor),
      ),
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
      return posted(
        call,
        AttachForm,
        hrefOf(disk.uuid),
        async (tried) => attachFormOf(disk, await candidates(disk.nodeName), call.viewer, tried),
        ({ guestUuid }) => service.change(disk.uuid, { guestUuid }, call.viewer.actor),
      );
    },
  });
  web.page({
    method: "POST",
    path: "/disks/{uuid}/rename",
    role: "operator",
    async handle(call) {
      const disk = await diskOf(call);
      return posted(
        call,
        RenameForm,
        hrefOf(disk.uuid),
        (tried) => renameFormOf(disk, call.viewer, tried),
        ({ name }) => service.change(disk.uuid, { name }, call.viewer.actor),
      );
    },
  });
  web.page({
    method: "POST",
    path: "/disks/{uuid}/detach",
    role: "operator",
    async handle(call) {
      const uuid = call.params.uuid ?? "";
      await service.change(uuid, { guestUuid: null }, call.viewer.actor);
      return call.partial ? nothing : { redirect: hrefOf(uuid) };
    },
  });
  web.page({
    method: "POST",
    path: "/disks/{uuid}/delete",
    role: "operator",
    async handle(call) {
      await service.remove(call.params.uuid ?? "", call.viewer.actor);
      return call.partial ? nothing : { redirect: "/disks" };
    },
  });
}
