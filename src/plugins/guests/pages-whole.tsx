/**
 * Actions on the whole list, on all its pages: the selection is the list's query. A dialog says how many guests it
 * is; what was confirmed is found anew at the moment of the action, and must still be the same guests.
 */
import { AppError, type PageCall, type Viewer } from "jimv";
import { append, Button, DangerDialog, Dialog, html, say } from "jimv/ui";
import type { PowerAction } from "./contract.ts";
import { listLive, queryOf } from "./pages-list.tsx";
import { guestList } from "./pages-list-address.ts";
import { actionLooks, type PageNeeds } from "./pages-parts.tsx";
import { allows, type GuestState, guestStates, killable } from "./states.ts";
import { countedIn, wordsOf } from "./words-pages.ts";

export type WholeAction = PowerAction | "delete";

/** Guests that one click may act on: each gets a task of its own, and the browser waits for the answer. */
const mostAtOnce = 500;
const namesShown = 5;

interface Whole {
  /** As the table says it: the list's live view. */
  view: string;
  guests: { uuid: string; name: string }[];
  /** How many guests of the list don't allow the action now. */
  others: number;
  /** Tells whether it is still the same guests. */
  mark: string;
}

/** What the page sent for "all of the list"; null when single rows were ticked. */
export const wholeOf = (sent: string | readonly string[] | null | undefined): string | null =>
  typeof sent === "string" && sent.startsWith(`${listLive}:`) ? sent : null;

/** Deleting forces off what runs; the dialog says so. */
const statesFor = (action: WholeAction): GuestState[] =>
  guestStates.filter((state) => allows(state, action) || (action === "delete" && killable.includes(state)));

async function find(view: string, action: WholeAction, needs: PageNeeds): Promise<Whole> {
  const query = queryOf(guestList.ofView(view.slice(listLive.length + 1)));
  if (!query) throw new AppError("conflict", "guests.page.nothingFits");
  const { guests, total } = await needs.service.whole(query, statesFor(action), mostAtOnce);
  if (guests.length === 0) throw new AppError("conflict", "guests.page.nothingFits");
  if (guests.length > mostAtOnce) throw new AppError("conflict", "guests.page.tooMany", { most: mostAtOnce });
  const uuids = guests.map(({ uuid }) => uuid).sort();
  const mark = new Bun.CryptoHasher("sha256").update(uuids.join()).digest("hex");
  return { view, guests, others: total - guests.length, mark };
}

/** The guests of a confirmed action. @throws AppError conflict when they are not the ones that were shown */
export async function confirmed(
  view: string,
  action: WholeAction,
  { form }: PageCall,
  needs: PageNeeds,
): Promise<string[]> {
  const whole = await find(view, action, needs);
  if (whole.mark !== form.mark)
    throw new AppError("conflict", "guests.page.wholeChanged", { n: whole.guests.length });
  return whole.guests.map(({ uuid }) => uuid);
}

/** Asks before an action on the whole list, whatever the action is. */
export async function wholeDialog(view: string, action: WholeAction, viewer: Viewer, needs: PageNeeds) {
  const whole = await find(view, action, needs);
  const lang = viewer.language;
  const t = wordsOf(lang);
  const { length: n } = whole.guests;
  const what = viewer.say(action === "delete" ? "action.delete" : actionLooks[action].word);
  const title = countedIn(lang, "guests.page.wholeTitle", n, { what });
  const confirm = countedIn(lang, "guests.page.wholeDo", n, { what });
  const names = whole.guests.slice(0, namesShown).map(({ name }) => name);
  const more = n > namesShown ? [countedIn(lang, "guests.page.wholeMore", n - namesShown)] : [];
  const others = whole.others > 0 ? [countedIn(lang, "guests.page.wholeOthers", whole.others)] : [];
  const post = `/guests/batch/${action}`;
  const fields = { whole: view, mark: whole.mark };
  if (action === "delete" || action.startsWith("force"))
    return (
      <DangerDialog
        lang={lang}
        id="whole-list"
        open
        title={title}
        post={post}
        fields={fields}
        victims={[
          ...names.map((name) => (action === "delete" ? <b>{name}</b> : t("guests.page.unsaved", { name }))),
          ...more,
        ]}
        survivors={[t(action === "delete" ? "guests.page.keptDataAll" : "guests.page.keptDisks"), ...others]}
        confirm={confirm}
        {...(action === "delete" ? { typeName: String(n) } : {})}
      />
    );
  const form = "whole-list-form";
  return (
    <Dialog
      lang={lang}
      id="whole-list"
      open
      title={title}
      actions={
        <Button kind="primary" type="submit" formId={form}>
          {confirm}
        </Button>
      }
    >
      <form id={form} method="post" action={post} hx-post={post} hx-swap="none" data-closes="whole-list">
        {Object.entries(fields).map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <p>{[...names, ...more].join(say(lang, "label.comma"))}</p>
        {others.map((text) => (
          <p class="hint">{text}</p>
        ))}
      </form>
    </Dialog>
  );
}

/** The dialog as the answer to a button's post. */
export async function wholeQuestion(view: string, action: WholeAction, viewer: Viewer, needs: PageNeeds) {
  return { fragment: append("dialogs", await html(await wholeDialog(view, action, viewer, needs))) };
}
