/** The browser's side of every page, after htmx. Each part finds its own elements; none depends on a page. */
import { languageCookie, themeCookie } from "../preferences.ts";
import { relativeTime } from "../relative.ts";
import { startFields } from "./fields.ts";
import { startFloat, toast } from "./float.ts";
import { startKeys } from "./keys.ts";
import { startLive } from "./live.ts";
import { startMorph } from "./morph.ts";
import { all, byId, csrf, keep, onClick, word } from "./net.ts";
import { startSelect } from "./select.ts";
import { startTray } from "./tray.ts";
import { reloadTyped, restoreTyped } from "./typed.ts";

/** One timer for all times on the page. */
const timesMs = 5000;

// A button that can't be pressed now says why in its tooltip, and does nothing.
document.addEventListener(
  "click",
  (event) => {
    if (!(event.target as Element).closest?.('[aria-disabled="true"]')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  ctx.request.headers["X-CSRF-Token"] = csrf();
});
document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx) toast("bad", word("unreachable"));
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  // HTML brings its own words; a problem document has them as `detail`.
  const type = ctx.response.headers.get("content-type") ?? "";
  if (type.includes("html") && ctx.text) return;
  let text: string | undefined;
  try {
    const problem = JSON.parse(ctx.text) as { detail?: string; title?: string };
    text = problem.detail ?? problem.title;
  } catch {
    // Not a problem document.
  }
  toast("bad", text ?? word("oops", { n: ctx.response.status }));
});

onClick("[data-theme-choice]", (button) => {
  const choice = button.dataset.themeChoice ?? "auto";
  keep(themeCookie, choice);
  if (choice === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  for (const other of all("[data-theme-choice]"))
    other.setAttribute("aria-pressed", String(other === button));
});
onClick("[data-language]", (button) => {
  keep(languageCookie, button.dataset.language ?? "en");
  reloadTyped();
});

function freshenTimes(): void {
  const lang = document.documentElement.lang;
  for (const element of all<HTMLTimeElement>("time[data-relative]")) {
    const at = Date.parse(element.dateTime);
    const text = relativeTime(lang, at, Date.now());
    if (element.textContent !== text) element.textContent = text;
    // In the reader's own time zone.
    element.title = new Date(at).toLocaleString(lang, { dateStyle: "medium", timeStyle: "long" });
  }
}
setInterval(freshenTimes, timesMs);
freshenTimes();

startMorph();
startFloat();
startFields();
startSelect();
startKeys();
startTray();
startLive();

// htmx begins with a timer of its own, and input goes before timers: what was typed into the filter until then, or
// what the browser kept from an earlier visit, must narrow the list, too.
setTimeout(() => {
  restoreTyped();
  const field = byId("filter-field");
  if (field instanceof HTMLInputElement && field.value !== field.defaultValue)
    field.dispatchEvent(new Event("input", { bubbles: true }));
});
