/** What the guests' pages post: actions on one guest or on many, the questions before them, and changes. */
import { type Actor, AppError, actedOn, type PageAnswer, type PageCall, submitForm } from "jimv";
import { toasted } from "jimv/ui";
import { deleteDialog, editDialog, editFormOf, forceDialog } from "./pages-dialogs.tsx";
import { orphanDialog } from "./pages-foreign.tsx";
import { actionLooks, hrefOf, type PageNeeds, powerActions, refusalOf } from "./pages-parts.tsx";
import { confirmed, type WholeAction, wholeDialog, wholeOf, wholeQuestion } from "./pages-whole.tsx";
import { ChangeGuest } from "./requests.ts";
import { countedIn } from "./words-pages.ts";

/** Registers the addresses that act on guests, one or many, and the dialogs that ask first. */
export function guestActions(needs: PageNeeds): void {
  const { web } = needs.context;
  const { service } = needs;
  for (const action of powerActions) {
    web.page({
      method: "POST",
      path: `/guests/{uuid}/${action}`,
      role: "operator",
      async handle(call) {
        await service.act(call.params.uuid ?? "", action, call.viewer.actor);
        return actedOn(call, hrefOf(call.params.uuid ?? ""));
      },
    });
    web.page({
      method: "POST",
      path: `/guests/batch/${action}`,
      role: "operator",
      handle: (call) => batch(call, action, needs, (uuid, actor) => service.act(uuid, action, actor)),
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
      async handle({ url, viewer }) {
        const whole = wholeOf(url.searchParams.get("whole"));
        if (whole !== null) return { fragment: await wholeDialog(whole, action, viewer, needs) };
        return { fragment: await forceDialog(action, url.searchParams.getAll("id"), viewer, needs) };
      },
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
    async handle({ url, viewer }) {
      const whole = wholeOf(url.searchParams.get("whole"));
      if (whole !== null) return { fragment: await wholeDialog(whole, "delete", viewer, needs) };
      return { fragment: await deleteDialog(url.searchParams.getAll("id"), viewer, needs) };
    },
  });
  web.page({
    method: "POST",
    path: "/guests/batch/delete",
    role: "operator",
    handle: (call) => {
      const keepDataDisks = call.form.takeData !== "true";
      // The dialog said that running guests are forced off.
      return batch(call, "delete", needs, (uuid, actor) =>
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
      return actedOn(call, hrefOf(call.params.uuid ?? ""));
    },
  });
  web.page({
    method: "POST",
    path: "/guests/{uuid}/look",
    role: "reader",
    async handle(call) {
      await service.look(call.params.uuid ?? "");
      return actedOn(call, hrefOf(call.params.uuid ?? ""));
    },
  });
  web.page({
    method: "GET",
    path: "/guests/{uuid}/screen",
    role: "operator",
    async handle({ params }) {
      const details = await service.details(params.uuid ?? "");
      if (!details?.screen) throw new AppError("notFound", "guests.page.screenNone");
      return new Response(Buffer.from(details.screen, "base64"), {
        // Its address says when it was taken. Of nobody else's business, so no shared cache may keep it.
        headers: { "content-type": "image/png", "cache-control": "private, max-age=60" },
      });
    },
  });
  edits(needs);
  web.page({
    method: "GET",
    path: "/guests/orphans/{uuid}/delete",
    role: "administrator",
    handle: async ({ params, viewer }) => ({
      fragment: orphanDialog(await service.orphan(params.uuid ?? ""), viewer),
    }),
  });
  web.page({
    method: "POST",
    path: "/guests/orphans/{uuid}/delete",
    role: "administrator",
    async handle(call) {
      await service.removeOrphan(call.params.uuid ?? "", call.viewer.actor);
      return actedOn(call, "/guests?show=foreign");
    },
  });
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
      return submitForm(call, ChangeGuest, {
        again: async (tried) => editFormOf(await service.get(uuid), viewer, tried),
        async act(value) {
          // A remark that was emptied is a change, too; the form leaves empty fields out.
          const remark = form.remark === "" ? { remark: "" } : {};
          await service.change(uuid, { ...value, ...remark }, viewer.actor);
          return actedOn(call, hrefOf(uuid));
        },
      });
    },
  });
}

/** One action on all the posted guests; those that refuse say why, the others go on. */
async function batch(
  call: PageCall,
  action: WholeAction,
  needs: PageNeeds,
  act: (uuid: string, actor: Actor) => Promise<unknown>,
): Promise<PageAnswer> {
  const { viewer, form } = call;
  const { id = [] } = form;
  const whole = wholeOf(form.whole);
  if (whole !== null && form.mark === undefined) return wholeQuestion(whole, action, viewer, needs);
  const uuids =
    whole === null
      ? [...new Set(typeof id === "string" ? [id] : id)]
      : await confirmed(whole, action, call, needs);
  if (uuids.length === 0) throw new AppError("conflict", "guests.page.nothingFits");
  const refusals: string[] = [];
  for (const uuid of uuids) {
    const refusal = await refusalOf(() => act(uuid, viewer.actor));
    if (refusal) refusals.push(viewer.say(refusal.word, refusal.args));
  }
  if (!call.partial) return { redirect: "/guests" };
  const begun = uuids.length - refusals.length;
  const what = viewer.say(action === "delete" ? "action.delete" : actionLooks[action].word);
  const lang = viewer.language;
  const toasts = [
    ...(begun > 1
      ? [toasted({ lang, tone: "ok", children: countedIn(lang, "guests.page.begun", begun, { what }) })]
      : []),
    ...[...new Set(refusals)].map((text) => toasted({ lang, tone: "bad", children: text })),
  ];
  return { fragment: (await Promise.all(toasts)).join("") };
}
