/** The addresses of the guests' pages: each asks the service and shows what it says. */
import { AppError, submitForm, type Viewer } from "jimv";
import { GuestForm, keyError, requestOf } from "./form.ts";
import { extrasOf } from "./joining.ts";
import { guestLive } from "./live.tsx";
import { guestActions } from "./pages-actions.tsx";
import { CreateForm, createPage, DataDisk } from "./pages-create.tsx";
import { offerOf, sectionsOf } from "./pages-create-offer.tsx";
import { previewOf } from "./pages-create-summary.tsx";
import { guestPage, guestScene, tabOf } from "./pages-guest.tsx";
import { listLive, listPage } from "./pages-list.tsx";
import { guestList } from "./pages-list-address.ts";
import { hrefOf, type PageNeeds, refusalOf } from "./pages-parts.tsx";
import { wordsOf } from "./words-pages.ts";

const foundAtOnce = 8;

/** Registers the pages, forms, live views, the navigation's entry and the search of guests. */
export function guestPages(needs: PageNeeds): void {
  const { service } = needs;
  const { web } = needs.context;
  lists(needs);
  creation(needs);
  guestActions(needs);
  guestLive(needs);
  web.nav({
    group: "compute",
    order: 10,
    href: "/guests",
    icon: "guest",
    word: "nav.guests",
    role: "reader",
    async count() {
      const counts = await service.counts();
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      const bad = (counts.get("crashed") ?? 0) + (counts.get("failed") ?? 0);
      return total === 0 ? null : { text: String(total), ...(bad > 0 ? { alarm: "bad" as const } : {}) };
    },
    changedBy: ({ topic }) => topic === "guest",
  });
  web.search(async (query, viewer) => {
    const found = await service.list({ page: 1, pageSize: foundAtOnce, q: query, sort: "name" });
    return found.items.map((guest) => ({
      href: hrefOf(guest.uuid),
      icon: "guest",
      label: guest.name,
      hint: `${viewer.say(`state.guest.${guest.shown}`)} · ${guest.nodeName}`,
    }));
  });
}

const guestsCrumb = (viewer: Viewer) => ({ href: "/guests", label: viewer.say("nav.guests") });

function lists(needs: PageNeeds): void {
  const { web } = needs.context;
  web.page({
    method: "GET",
    path: "/guests",
    role: "reader",
    async handle({ url, viewer }) {
      const state = guestList.read(url);
      return {
        page: await listPage(state, viewer, needs),
        title: viewer.say("nav.guests"),
        views: [guestList.view(listLive, state)],
      };
    },
  });
  web.page({
    method: "GET",
    path: "/guests/{uuid}",
    role: "reader",
    async handle({ params, url, viewer }) {
      const uuid = params.uuid ?? "";
      const tab = tabOf(url.searchParams.get("tab"), needs);
      const scene = await guestScene(uuid, tab, viewer, needs);
      // What the node tells comes by the live view: the page does not wait for it.
      await needs.service.look(uuid);
      return {
        page: guestPage(scene, tab, viewer),
        title: scene.guest.name,
        crumbs: [guestsCrumb(viewer)],
        views: [`guest:${uuid}.${tab}`],
      };
    },
  });
}

function creation(needs: PageNeeds): void {
  const { web } = needs.context;
  web.form({
    name: "guest-create",
    schema: GuestForm,
    role: "operator",
    async check(value, field) {
      if (field === "sshKeys") return keyError(value.sshKeys ?? "");
      if (field !== "name" && field !== "quantity") return null;
      if (value.name === undefined) return null;
      return refusalOf(() => needs.service.checkName(value.name ?? "", value.quantity ?? 1));
    },
  });
  web.page({
    method: "GET",
    path: "/guests/new",
    role: "operator",
    async handle({ url, viewer }) {
      const offer = await offerOf(needs);
      return {
        page: createPage(
          offer,
          await sectionsOf(needs, viewer, null),
          viewer,
          url.searchParams.get("template"),
        ),
        title: wordsOf(viewer.language)("guests.page.create"),
        crumbs: [guestsCrumb(viewer)],
      };
    },
  });
  web.page({
    method: "POST",
    path: "/guests/new/preview",
    role: "operator",
    handle: async ({ form, viewer }) => ({ fragment: await previewOf(await offerOf(needs), form, viewer) }),
  });
  web.page({
    method: "GET",
    path: "/guests/new/data-disk",
    role: "operator",
    handle: ({ viewer }) => ({ fragment: <DataDisk viewer={viewer} at={crypto.randomUUID().slice(0, 8)} /> }),
  });
  web.page({
    method: "POST",
    path: "/guests/new",
    role: "operator",
    async handle(call) {
      const { viewer, partial } = call;
      return submitForm(call, GuestForm, {
        again: async (tried) => (
          <CreateForm
            offer={await offerOf(needs)}
            sections={await sectionsOf(needs, viewer, tried)}
            viewer={viewer}
            tried={tried}
            passwordLost={!partial}
          />
        ),
        page: (page) => ({
          page,
          title: wordsOf(viewer.language)("guests.page.create"),
          crumbs: [guestsCrumb(viewer)],
        }),
        async act(value) {
          const request = requestOf(value, extrasOf(call.form, needs.context));
          if (!request.ok) throw new AppError("invalid", "http.invalid", {}, { fields: request.errors });
          const { guests } = await needs.service.create(request.value, viewer.actor);
          const [first, ...more] = guests;
          return { redirect: first && more.length === 0 ? hrefOf(first.uuid) : "/guests" };
        },
      });
    },
  });
}
