/** The addresses of the storage pools' pages and dialogs; each asks the service and shows what it says. */
import {
  AppError,
  actedOn,
  type ControllerContext,
  isMade,
  type PageCall,
  submitForm,
  type Viewer,
} from "jimv";
import {
  Button,
  EmptyState,
  html,
  List,
  listAddress,
  Notice,
  PageHead,
  prepend,
  remove,
  replace,
  say,
  TableRow,
} from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import type { PoolService } from "./contract.ts";
import {
  addDialog,
  addFormOf,
  createDialog,
  createFormOf,
  editDialog,
  editFormOf,
  removeDialog,
  removeNodeDialog,
} from "./pages-dialogs.tsx";
import { hrefOf, mayChange, PoolPage, poolTable, rowId, sortableColumns } from "./pages-parts.tsx";
import { AddNode, ChangePool, CreatePool } from "./requests.ts";
import type { PoolView } from "./view.ts";
import { wordsOf } from "./words-pages.ts";

interface Needs {
  context: ControllerContext;
  service: PoolService;
  nodes: Pick<NodeService, "list">;
}

/** Registers the pages, forms, live views, the navigation's entry and the search of storage pools. */
export function poolPages(needs: Needs): void {
  const { context, service } = needs;
  const { web } = context;
  web.nav({
    group: "infrastructure",
    order: 40,
    href: "/pools",
    icon: "pool",
    word: "nav.pools",
    role: "reader",
    async count() {
      const sick = (await service.list()).filter((pool) => isBad(pool)).length;
      return sick === 0 ? null : { text: String(sick), alarm: "bad" };
    },
    changedBy: ({ topic }) => topic === "pool",
  });
  web.search(async (query, viewer) => {
    const found = (await service.list()).filter((pool) =>
      pool.name.toLowerCase().includes(query.toLowerCase()),
    );
    return found.slice(0, foundAtOnce).map((pool) => ({
      href: hrefOf(pool.id),
      icon: "pool",
      label: pool.name,
      hint: wordsOf(viewer.language)(`pools.kind.${pool.kind}`),
    }));
  });
  lists(needs);
  changing(needs);
  placing(needs);
  live(needs);
}

const foundAtOnce = 5;
const isBad = (pool: PoolView): boolean => pool.trouble === "unhealthy" || pool.trouble === "nearlyFull";

const poolList = listAddress({ path: "/pools", shows: ["all"], sorts: sortableColumns, sort: "name" });
type Asked = ReturnType<typeof poolList.read>;

async function listPage(state: Asked, viewer: Viewer, { service }: Needs) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const key = state.sort.replace("-", "") as (typeof sortableColumns)[number];
  const sign = state.sort.startsWith("-") ? -1 : 1;
  const items = (await service.list())
    .filter((pool) => pool.name.toLowerCase().includes(state.q.toLowerCase()))
    .sort((a, b) => sign * ((a[key] ?? -1) < (b[key] ?? -1) ? -1 : 1));
  const create = mayChange(viewer) ? (
    <Button kind="primary" icon="plus" dialogUrl="/pools/new" extra={{ "data-create": "" }}>
      {t("pools.page.create")}
    </Button>
  ) : null;
  return (
    <>
      <PageHead title={say(lang, "nav.pools")} sub={t("pools.page.sub")} actions={create} />
      <List
        lang={lang}
        address={poolList}
        state={state}
        spec={poolTable(viewer)}
        found={{ items }}
        label={say(lang, "nav.pools")}
        placeholder={t("pools.page.filter")}
        empty={<EmptyState icon="pool" title={t("pools.page.emptyTitle")} text={t("pools.page.emptyText")} />}
      />
    </>
  );
}

function lists(needs: Needs): void {
  const { web } = needs.context;
  web.page({
    method: "GET",
    path: "/pools",
    role: "reader",
    handle: async ({ url, viewer }) => ({
      page: await listPage(poolList.read(url), viewer, needs),
      title: viewer.say("nav.pools"),
      views: ["pools"],
    }),
  });
  web.page({
    method: "GET",
    path: "/pools/{id}",
    role: "reader",
    async handle({ params, viewer }) {
      const pool = await needs.service.need(params.id ?? "");
      return {
        page: <PoolPage pool={pool} viewer={viewer} />,
        title: pool.name,
        crumbs: [{ href: "/pools", label: viewer.say("nav.pools") }],
        views: [`pool:${pool.id}`],
      };
    },
  });
}

function changing(needs: Needs): void {
  const { service, nodes } = needs;
  const { web } = needs.context;
  const role = "administrator" as const;
  const nodeNames = async (): Promise<string[]> =>
    (await nodes.list()).filter((node) => node.state === "live").map((node) => node.name);
  web.form({ name: "pool-create", schema: CreatePool, role });
  web.page({
    method: "GET",
    path: "/pools/new",
    role,
    async handle({ viewer, partial, url }) {
      const dialog = createDialog(await nodeNames(), viewer);
      return partial
        ? { fragment: dialog }
        : {
            page: (
              <>
                {await listPage(poolList.read(url), viewer, needs)}
                {dialog}
              </>
            ),
            title: wordsOf(viewer.language)("pools.page.createTitle"),
            views: ["pools"],
          };
    },
  });
  web.page({
    method: "POST",
    path: "/pools/new",
    role,
    handle: (call) =>
      submitForm(call, CreatePool, {
        again: async (tried) => createFormOf(await nodeNames(), call.viewer, tried),
        async act(value) {
          const { pool } = await service.create(value, call.viewer.actor);
          return actedOn(call, hrefOf(pool.id));
        },
      }),
  });
  const poolOf = ({ params }: PageCall) => service.need(params.id ?? "");
  web.page({
    method: "GET",
    path: "/pools/{id}/edit",
    role,
    handle: async (call) => ({ fragment: editDialog(await poolOf(call), call.viewer) }),
  });
  web.page({
    method: "POST",
    path: "/pools/{id}/edit",
    role,
    async handle(call) {
      const pool = await poolOf(call);
      return submitForm(call, ChangePool, {
        again: (tried) => editFormOf(pool, call.viewer, tried),
        async act(value) {
          // A box that is not ticked is not posted.
          const trusted = pool.kind === "shared" && value.trustedSharedMount === true;
          await service.change(pool.id, { ...value, trustedSharedMount: trusted });
          return actedOn(call, hrefOf(pool.id));
        },
      });
    },
  });
  web.page({
    method: "GET",
    path: "/pools/{id}/delete",
    role,
    handle: async (call) => ({ fragment: removeDialog(await poolOf(call), call.viewer) }),
  });
  web.page({
    method: "POST",
    path: "/pools/{id}/delete",
    role,
    async handle(call) {
      await service.remove(call.params.id ?? "");
      return actedOn(call, "/pools");
    },
  });
}

/** Putting pools on nodes, and taking them away. */
function placing({ context: { web }, service, nodes }: Needs): void {
  const role = "administrator" as const;
  const poolOf = ({ params }: PageCall) => service.need(params.id ?? "");
  const free = async (pool: PoolView): Promise<string[]> => {
    const has = new Set(
      pool.presences.filter((each) => each.state !== "failed").map((each) => each.nodeName),
    );
    return (await nodes.list())
      .filter((node) => node.state === "live" && !has.has(node.name))
      .map((node) => node.name);
  };
  web.page({
    method: "GET",
    path: "/pools/{id}/add",
    role,
    async handle(call) {
      const pool = await poolOf(call);
      return { fragment: addDialog(pool, await free(pool), call.viewer) };
    },
  });
  web.page({
    method: "POST",
    path: "/pools/{id}/add",
    role,
    async handle(call) {
      const pool = await poolOf(call);
      return submitForm(call, AddNode, {
        again: async (tried) => addFormOf(pool, await free(pool), call.viewer, tried),
        async act(value) {
          await service.addNode(pool.id, value, call.viewer.actor);
          return actedOn(call, hrefOf(pool.id));
        },
      });
    },
  });
  web.page({
    method: "GET",
    path: "/pools/{id}/nodes/{node}/delete",
    role,
    async handle(call) {
      const pool = await poolOf(call);
      const presence = pool.presences.find((each) => each.nodeName === call.params.node);
      const args = { pool: pool.name, node: call.params.node ?? "" };
      if (!presence) throw new AppError("notFound", "pools.notOnNode", args);
      return { fragment: removeNodeDialog(pool, presence, call.viewer) };
    },
  });
  web.page({
    method: "POST",
    path: "/pools/{id}/nodes/{node}/delete",
    role,
    async handle(call) {
      const { id = "", node = "" } = call.params;
      await service.removeNode(id, node, call.viewer.actor);
      return actedOn(call, hrefOf(id));
    },
  });
}

function live({ context: { web }, service }: Needs): void {
  web.live({
    name: "pools",
    topics: ["pool"],
    role: "reader",
    async render(event, { viewer }) {
      const { key: id } = event;
      const pool = await service.get(id);
      if (!pool) return [remove(rowId(id))];
      const row = await html(<TableRow spec={poolTable(viewer)} row={pool} lang={viewer.language} />);
      return [isMade(event) ? prepend("pools-rows", row) : replace(rowId(id), row)];
    },
  });
  web.live({
    name: "pool",
    topics: ["pool"],
    role: "reader",
    async render({ key: id }, { viewer, key }) {
      if (id !== key) return [];
      const pool = await service.get(id);
      const page = pool ? (
        <PoolPage pool={pool} viewer={viewer} />
      ) : (
        <div id="pool-page" class="stack">
          <Notice
            tone="info"
            actions={<Button href="/pools">{wordsOf(viewer.language)("pools.page.back")}</Button>}
          >
            {wordsOf(viewer.language)("pools.page.gone")}
          </Notice>
        </div>
      );
      return [replace("pool-page", await html(page))];
    },
  });
}
