/** The addresses of the guests' pages, and what their posts do: each asks the service and shows what it says. */
import {
  type Actor,
  AppError,
  type ControllerContext,
  type PageAnswer,
  type PageCall,
  parseForm,
  type Viewer,
} from "jimv";
import { append, html, Toast } from "jimv/ui";
import type { NodeService } from "../nodes/index.ts";
import type { TemplateService } from "../templates/index.ts";
import type { GuestService, PowerAction } from "./contract.ts";
import { GuestForm, keyError, requestOf } from "./form.ts";
import { guestLive } from "./live.tsx";
import { CreateForm, type CreateTry, createPage, DataDisk, offerOf, previewOf } from "./pages-create.tsx";
import { deleteDialog, editDialog, editFormOf, forceDialog } from "./pages-dialogs.tsx";
import { type GuestTab, guestPage, guestScene, guestTabs } from "./pages-guest.tsx";
import { listPage, listState, listView } from "./pages-list.tsx";
import { actionLooks, hrefOf, type PageNeeds, powerActions } from "./pages-parts.tsx";
import { ChangeGuest } from "./requests.ts";
import { countedIn, wordsOf } from "./words-pages.ts";

/** Nothing to show: the live stream brings what changed. */
const nothing: PageAnswer = { fragment: "", status: 204 };
/** Refused forms come back with this, so that the page swaps them in. */
const refused = 422;
const foundAtOnce = 8;

/** Registers the pages, forms, live views, the navigation's entry and the search of guests. */
export function guestPages(
  context: ControllerContext,
  service: GuestService,
  nodes: Pick<NodeService, "list" | "get">,
  templates: Pick<TemplateService, "list" | "get">,
): void {
  const needs: PageNeeds = { context, service, nodes, templates };
  const { web } = context;
  lists(needs);
  creation(needs);
  changes(needs);
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
      const state = listState(url);
      return {
        page: await listPage(state, viewer, needs),
        title: viewer.say("nav.guests"),
        views: [listView(state)],
      };
    },
  });
  web.page({
    method: "GET",
    path: "/guests/{uuid}",
    role: "reader",
    async handle({ params, url, viewer }) {
      const uuid = params.uuid ?? "";
      const asked = url.searchParams.get("tab");
      const tab: GuestTab = guestTabs.find((one) => one === asked) ?? "overview";
      const scene = await guestScene(uuid, tab, needs);
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
        page: createPage(offer, viewer, url.searchParams.get("template")),
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
      const { form, viewer } = call;
      const back = (errors: CreateTry["errors"], problem: AppError | null) =>
        createAgain(call, { posted: form, errors, problem }, needs);
      const parsed = parseForm(GuestForm, form);
      if (!parsed.ok) return back(parsed.errors, null);
      const request = requestOf(parsed.value);
      if (!request.ok) return back(request.errors, null);
      try {
        const { guests } = await needs.service.create(request.value, viewer.actor);
        const [first, ...more] = guests;
        return { redirect: first && more.length === 0 ? hrefOf(first.uuid) : "/guests" };
      } catch (error) {
        if (!(error instanceof AppError) || error.status >= 500) throw error;
        const atFields = error.fields.filter((one) => one.path in GuestForm.properties);
        return back(atFields, atFields.length > 0 ? null : error);
      }
    },
  });
}

async function createAgain(call: PageCall, tried: CreateTry, needs: PageNeeds): Promise<PageAnswer> {
  const { viewer } = call;
  const offer = await offerOf(needs);
  const form = <CreateForm offer={offer} viewer={viewer} tried={tried} passwordLost={!call.partial} />;
  if (call.partial) return { fragment: form, status: refused };
  return {
    page: form,
    title: wordsOf(viewer.language)("guests.page.create"),
    crumbs: [guestsCrumb(viewer)],
    status: refused,
  };
}

function changes(needs: PageNeeds): void {
  const { web } = needs.context;
  const { service } = needs;
  for (const action of powerActions) {
    web.page({
      method: "POST",
      path: `/guests/{uuid}/${action}`,
      role: "operator",
      async handle(call) {
        await service.act(call.params.uuid ?? "", action, call.viewer.actor);
        return done(call, hrefOf(call.params.uuid ?? ""));
      },
    });
    web.page({
      method: "POST",
      path: `/guests/batch/${action}`,
      role: "operator",
      handle: (call) => batch(call, action, (uuid, actor) => service.act(uuid, action, actor)),
    });
  }
  for (const action of ["force-stop", "force-reboot"] as const) {
    web.page({
      method: "GET",
      path: `/guests/{uuid}/${action}`,
      role: "operator",
      handle: async ({ params, viewer }) => ({
        fragment: await forceDialog(action, [params.uuid ?? ""], viewer, needs),
      }),
    });
    web.page({
      method: "GET",
      path: `/guests/batch/${action}`,
      role: "operator",
      handle: async ({ url, viewer }) => ({
        fragment: await forceDialog(action, url.searchParams.getAll("id"), viewer, needs),
      }),
    });
  }
  web.page({
    method: "GET",
    path: "/guests/{uuid}/delete",
    role: "operator",
    handle: async ({ params, viewer }) => ({
      fragment: await deleteDialog([params.uuid ?? ""], viewer, needs),
    }),
  });
  web.page({
    method: "GET",
    path: "/guests/batch/delete",
    role: "operator",
    handle: async ({ url, viewer }) => ({
      fragment: await deleteDialog(url.searchParams.getAll("id"), viewer, needs),
    }),
  });
  web.page({
    method: "POST",
    path: "/guests/batch/delete",
    role: "operator",
    handle: (call) => {
      const keepDataDisks = call.form.takeData !== "true";
      // The dialog said that running guests are forced off.
      return batch(call, "delete", (uuid, actor) =>
        service.remove(uuid, { keepDataDisks, force: true }, actor),
      );
    },
  });
  web.page({
    method: "POST",
    path: "/guests/{uuid}/password",
    role: "operator",
    async handle({ params, viewer }) {
      const { password } = await service.revealPassword(params.uuid ?? "", viewer.actor);
      return Response.json({ value: password }, { headers: { "cache-control": "no-store" } });
    },
  });
  web.page({
    method: "POST",
    path: "/guests/{uuid}/init",
    role: "operator",
    async handle(call) {
      await service.retryInit(call.params.uuid ?? "", call.viewer.actor);
      return done(call, hrefOf(call.params.uuid ?? ""));
    },
  });
  edits(needs);
}

function edits(needs: PageNeeds): void {
  const { web } = needs.context;
  const { service } = needs;
  web.form({ name: "guest-edit", schema: ChangeGuest, role: "operator" });
  web.page({
    method: "GET",
    path: "/guests/{uuid}/edit",
    role: "operator",
    handle: async ({ params, viewer }) => ({
      fragment: editDialog(await service.get(params.uuid ?? ""), viewer),
    }),
  });
  web.page({
    method: "POST",
    path: "/guests/{uuid}/edit",
    role: "operator",
    async handle(call) {
      const { form, viewer, params } = call;
      const uuid = params.uuid ?? "";
      const parsed = parseForm(ChangeGuest, form);
      const again = async (errors: CreateTry["errors"], problem: AppError | null): Promise<PageAnswer> => ({
        fragment: editFormOf(await service.get(uuid), viewer, { values: form, errors, problem }),
        status: refused,
      });
      if (!parsed.ok) return again(parsed.errors, null);
      try {
        // A remark that was emptied is a change, too; the form leaves empty fields out.
        const remark = form.remark === "" ? { remark: "" } : {};
        await service.change(uuid, { ...parsed.value, ...remark }, viewer.actor);
        return done(call, hrefOf(uuid));
      } catch (error) {
        if (!(error instanceof AppError) || error.status >= 500) throw error;
        const atFields = error.fields.filter((one) => one.path in ChangeGuest.properties);
        return again(atFields, atFields.length > 0 ? null : error);
      }
    },
  });
}

/** After an action: nothing for htmx, the page again for a browser without script. */
const done = (call: PageCall, back: string): PageAnswer => (call.partial ? nothing : { redirect: back });

/** One action on all the posted guests; those that refuse say why, the others go on. */
async function batch(
  call: PageCall,
  action: PowerAction | "delete",
  act: (uuid: string, actor: Actor) => Promise<unknown>,
): Promise<PageAnswer> {
  const { viewer, form } = call;
  const { id = [] } = form;
  const uuids = [...new Set(typeof id === "string" ? [id] : id)];
  if (uuids.length === 0) throw new AppError("conflict", "guests.page.nothingFits");
  const refusals: string[] = [];
  for (const uuid of uuids) {
    const refusal = await refusalOf(() => act(uuid, viewer.actor));
    if (refusal) refusals.push(viewer.say(refusal.word, refusal.args));
  }
  if (!call.partial) return { redirect: "/guests" };
  const begun = uuids.length - refusals.length;
  const what = viewer.say(action === "delete" ? "action.delete" : actionLooks[action].word);
  const toasts = [
    ...(begun > 1
      ? [
          <Toast lang={viewer.language} tone="ok">
            {countedIn(viewer.language, "guests.page.begun", begun, { what })}
          </Toast>,
        ]
      : []),
    ...[...new Set(refusals)].map((text) => (
      <Toast lang={viewer.language} tone="bad">
        {text}
      </Toast>
    )),
  ];
  const parts = await Promise.all(toasts.map(async (toast) => append("toasts", await html(toast))));
  return { fragment: parts.join("") };
}

/** The refusal of an action, or null when it went well. Defects go on upwards. */
async function refusalOf(act: () => Promise<unknown>): Promise<AppError | null> {
  try {
    await act();
    return null;
  } catch (error) {
    if (error instanceof AppError && error.status < 500) return error;
    throw error;
  }
}
