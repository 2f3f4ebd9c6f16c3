/** The addresses of the address pools' pages and dialogs; each asks the service and shows what it says. */
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
  listPageSize,
  Notice,
  PageHead,
  prepend,
  Row,
  remove,
  replace,
  TableRow,
} from "jimv/ui";
import type { GuestService } from "../guests/index.ts";
import type { IpPoolView } from "./contract.ts";
import {
  deleteDialog,
  freeDialog,
  poolDialog,
  poolForm,
  reserveDialog,
  reserveForm,
} from "./pages-dialogs.tsx";
import {
  hrefOf,
  mayChange,
  PoolPage,
  type PoolScene,
  poolTable,
  rowId,
  sortableColumns,
} from "./pages-parts.tsx";
import { portsHref } from "./pages-ports.tsx";
import { fullness, mostSingles, type Square, singles, stretches } from "./picture.tsx";
import { rangeOf } from "./ranges.ts";
import { CreateIpPool, ReserveAddresses } from "./requests.ts";
import type { Addresses } from "./service.ts";
import type { Tying } from "./tying.ts";
import { wordsOf } from "./words-pages.ts";

interface Needs {
  context: Pick<ControllerContext, "web">;
  service: Addresses;
  tying: Pick<Tying, "waiting">;
  guests: Pick<GuestService, "views">;
}

const foundAtOnce = 5;

/** Registers the pages, forms, live views, the navigation's entry and the search of address pools. */
export function addressPages(needs: Needs): void {
  const { context, service } = needs;
  const { web } = context;
  web.nav({
    group: "infrastructure",
    order: 25,
    href: "/ip-pools",
    also: [portsHref],
    icon: "network",
    word: "addresses.page.nav",
    role: "reader",
    async count() {
      const full = (await service.list()).filter((pool) => pool.free === 0).length;
      return full === 0 ? null : { text: String(full), alarm: "warn" };
    },
    changedBy: ({ topic }) => topic === "ip-pool",
  });
  web.search(async (query, viewer) => {
    const found = (await service.list()).filter((pool) =>
      pool.name.toLowerCase().includes(query.toLowerCase()),
    );
    return found.slice(0, foundAtOnce).map((pool) => ({
      href: hrefOf(pool.id),
      icon: "network",
      label: pool.name,
      hint: `${wordsOf(viewer.language)("addresses.page.nav")} · ${pool.first} – ${pool.last}`,
    }));
  });
  lists(needs);
  changing(needs);
  holding(needs);
  live(needs);
}

const poolList = listAddress({ path: "/ip-pools", shows: ["all"], sorts: sortableColumns, sort: "name" });
type Asked = ReturnType<typeof poolList.read>;

async function listPage(state: Asked, viewer: Viewer, { service }: Needs) {
  const lang = viewer.language;
  const t = wordsOf(lang);
  const key = state.sort.replace("-", "") as (typeof sortableColumns)[number];
  const sign = state.sort.startsWith("-") ? -1 : 1;
  const items = (await service.list())
    .filter((pool) => pool.name.toLowerCase().includes(state.q.toLowerCase()))
    .sort((a, b) => sign * (a[key] < b[key] ? -1 : 1));
  const actions = (
    <>
      <Button href={portsHref}>{t("addresses.ports.title")}</Button>
      {mayChange(viewer) ? (
        <Button kind="primary" icon="plus" dialogUrl="/ip-pools/new" extra={{ "data-create": "" }}>
          {t("addresses.page.create")}
        </Button>
      ) : null}
    </>
  );
  return (
    <>
      <PageHead title={t("addresses.page.nav")} sub={t("addresses.page.sub")} actions={actions} />
      <List
        lang={lang}
        address={poolList}
        state={state}
        spec={poolTable(viewer)}
        found={{ items }}
        label={t("addresses.page.nav")}
        placeholder={t("addresses.page.filter")}
        empty={
          <EmptyState
            icon="network"
            title={t("addresses.page.emptyTitle")}
            text={t("addresses.page.emptyText")}
          />
        }
      />
    </>
  );
}

/** A pool's own page: which page of its addresses it shows is in its address, and in the key of its live view. */
const heldList = (id: string) => listAddress({ path: hrefOf(id), shows: ["all"] });

/** Everything that a pool's page shows. @throws AppError notFound */
async function sceneOf(id: string, page: number, { service, tying, guests }: Needs): Promise<PoolScene> {
  const pool = await service.need(id);
  const heldOn = (n: number) => service.held(id, { limit: listPageSize, offset: (n - 1) * listPageSize });
  let { items, total } = await heldOn(page);
  // What stood on the last page may have become free.
  const last = Math.max(1, Math.ceil(total / listPageSize));
  if (page > last) ({ items, total } = await heldOn(last));
  const views = await guests.views([...new Set(items.flatMap((row) => row.guestUuid ?? []))]);
  const holders = new Map(views.map((guest) => [guest.uuid, guest]));
  const held = items.map((row) => {
    const holder = holders.get(row.guestUuid ?? "");
    const isUnused = holder?.unusedAddresses.includes(row.address) ?? false;
    return { ...row, guestName: holder?.name ?? null, isUnused };
  });
  const waiting = await tying.waiting(await service.usersOf(id));
  const shown = Math.min(page, last);
  return { pool, squares: await squaresOf(pool, service), held, total, page: shown, waiting };
}

async function squaresOf(pool: IpPoolView, service: Addresses): Promise<Square[]> {
  const range = await service.rangeOf(pool.id);
  if (pool.size <= mostSingles) return singles(range, pool.size, await service.takenRows(pool.id));
  return Promise.all(
    stretches(range.first, range.last).map(async ({ first, last, size }) =>
      fullness(await service.takenIn(first, last), size),
    ),
  );
}

function lists(needs: Needs): void {
  const { web } = needs.context;
  web.page({
    method: "GET",
    path: "/ip-pools",
    role: "reader",
    handle: async ({ url, viewer }) => ({
      page: await listPage(poolList.read(url), viewer, needs),
      title: viewer.say("addresses.page.nav"),
      views: ["ip-pools"],
    }),
  });
  web.page({
    method: "GET",
    path: "/ip-pools/{id}",
    role: "reader",
    async handle({ params, url, viewer }) {
      const list = heldList(params.id ?? "");
      const state = list.read(url);
      const scene = await sceneOf(params.id ?? "", state.page, needs);
      return {
        page: <PoolPage scene={scene} viewer={viewer} />,
        title: scene.pool.name,
        crumbs: [{ href: "/ip-pools", label: viewer.say("addresses.page.nav") }],
        views: [list.view(`ip-pool:${scene.pool.id}`, { ...state, page: scene.page })],
      };
    },
  });
}

function changing({ context: { web }, service }: Needs): void {
  const role = "administrator" as const;
  web.form({
    name: "ip-pool",
    schema: CreateIpPool,
    role,
    async check(value) {
      const { name, first, last, prefix } = value;
      if (name === undefined || first === undefined || last === undefined || prefix === undefined)
        return null;
      try {
        rangeOf({ ...value, name, first, last, prefix, protect: false, isDefault: false });
        return null;
      } catch (error) {
        if (error instanceof AppError) return error;
        throw error;
      }
    },
  });
  web.page({
    method: "GET",
    path: "/ip-pools/new",
    role,
    handle({ viewer, partial }) {
      const dialog = poolDialog(null, viewer);
      return partial
        ? { fragment: dialog }
        : { page: <Row>{dialog}</Row>, title: wordsOf(viewer.language)("addresses.page.createTitle") };
    },
  });
  web.page({
    method: "POST",
    path: "/ip-pools/new",
    role,
    handle: (call) =>
      submitForm(call, CreateIpPool, {
        again: (tried) => poolForm(null, call.viewer, tried),
        async act(value) {
          const { id } = await service.create(value);
          return actedOn(call, hrefOf(id));
        },
      }),
  });
  const poolOf = ({ params }: PageCall) => service.need(params.id ?? "");
  web.page({
    method: "GET",
    path: "/ip-pools/{id}/edit",
    role,
    handle: async (call) => ({ fragment: poolDialog(await poolOf(call), call.viewer) }),
  });
  web.page({
    method: "POST",
    path: "/ip-pools/{id}/edit",
    role,
    async handle(call) {
      const pool = await poolOf(call);
      return submitForm(call, CreateIpPool, {
        again: (tried) => poolForm(pool, call.viewer, tried),
        async act(value) {
          await service.change(pool.id, value);
          return actedOn(call, hrefOf(pool.id));
        },
      });
    },
  });
  web.page({
    method: "GET",
    path: "/ip-pools/{id}/delete",
    role,
    handle: async (call) => ({ fragment: deleteDialog(await poolOf(call), call.viewer) }),
  });
  web.page({
    method: "POST",
    path: "/ip-pools/{id}/delete",
    role,
    async handle(call) {
      // The dialog has named how many there are; more than those make it ask again.
      const { id = "" } = call.params;
      const { reserved } = await service.need(id);
      const seen = Number(call.form.reserved ?? 0);
      await service.remove(id, { withReserved: reserved <= seen });
      return actedOn(call, "/ip-pools");
    },
  });
}

/** Reserving addresses, and making them free. */
function holding({ context: { web }, service }: Needs): void {
  const role = "administrator" as const;
  const poolOf = ({ params }: PageCall) => service.need(params.id ?? "");
  web.page({
    method: "GET",
    path: "/ip-pools/{id}/reserve",
    role,
    handle: async (call) => ({ fragment: reserveDialog(await poolOf(call), call.viewer) }),
  });
  web.page({
    method: "POST",
    path: "/ip-pools/{id}/reserve",
    role,
    async handle(call) {
      const pool = await poolOf(call);
      return submitForm(call, ReserveAddresses, {
        again: (tried) => reserveForm(pool, call.viewer, tried),
        async act(value) {
          await service.reserve(pool.id, value);
          return actedOn(call, hrefOf(pool.id));
        },
      });
    },
  });
  web.page({
    method: "GET",
    path: "/ip-pools/{id}/addresses/{address}/free",
    role,
    handle: async (call) => ({
      fragment: freeDialog(await poolOf(call), call.params.address ?? "", call.viewer),
    }),
  });
  web.page({
    method: "POST",
    path: "/ip-pools/{id}/addresses/{address}/free",
    role,
    async handle(call) {
      const { id = "", address = "" } = call.params;
      await service.free(id, address);
      return actedOn(call, hrefOf(id));
    },
  });
}

function live(needs: Needs): void {
  const { web } = needs.context;
  const poolIf = async (id: string): Promise<IpPoolView | null> =>
    (await needs.service.list()).find((pool) => pool.id === id) ?? null;
  web.live({
    name: "ip-pools",
    topics: ["ip-pool"],
    role: "reader",
    async render(event, { viewer }) {
      const { key: id } = event;
      const pool = await poolIf(id);
      if (!pool) return [remove(rowId(id))];
      const row = await html(<TableRow spec={poolTable(viewer)} row={pool} lang={viewer.language} />);
      return [isMade(event) ? prepend("ip-pools-rows", row) : replace(rowId(id), row)];
    },
  });
  web.live({
    name: "ip-pool",
    topics: ["ip-pool"],
    role: "reader",
    async render({ key: id }, { viewer, key }) {
      const [shown, asked = ""] = (key ?? "").split(":");
      if (id !== shown) return [];
      const { page: at } = heldList(id).ofView(asked);
      const t = wordsOf(viewer.language);
      const page = (await poolIf(id)) ? (
        <PoolPage scene={await sceneOf(id, at, needs)} viewer={viewer} />
      ) : (
        <div id="ip-pool-page" class="stack">
          <Notice tone="info" actions={<Button href="/ip-pools">{t("addresses.page.back")}</Button>}>
            {t("addresses.page.gone")}
          </Notice>
        </div>
      );
      return [replace("ip-pool-page", await html(page))];
    },
  });
}
