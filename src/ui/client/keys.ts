/** The keyboard: rows, going places, the palette. Single keys can be turned off. */
import { openDialog } from "./float.ts";
import { all, byId, onClick } from "./net.ts";
import { clearSelection } from "./select.ts";

const storage = "jimv-keys";
/** `G`, then one of these. */
const places: Record<string, string> = {
  h: "/",
  g: "/guests",
  n: "/nodes",
  t: "/tasks",
  d: "/disks",
  m: "/templates",
};
const goMs = 1200;

/** When `G` was pressed; long ago at first, or any letter soon after the page's start would be a place. */
let wentAt = Number.NEGATIVE_INFINITY;

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function moveRow(by: number): void {
  const rows = all("[data-table] .rows > tr");
  const current = document.activeElement?.closest<HTMLElement>("[data-table] .rows > tr");
  const at = current ? rows.indexOf(current) + by : by > 0 ? 0 : rows.length - 1;
  rows[Math.max(0, Math.min(rows.length - 1, at))]?.focus();
}

function single(event: KeyboardEvent): boolean {
  const key = event.key.toLowerCase();
  const row = document.activeElement?.closest<HTMLElement>("[data-table] .rows > tr");
  if (performance.now() - wentAt < goMs && places[key]) {
    location.href = places[key];
    return true;
  }
  wentAt = Number.NEGATIVE_INFINITY;
  if (key === "/") byId("filter-field")?.focus();
  else if (key === "j" || key === "k") moveRow(key === "j" ? 1 : -1);
  else if (key === "x" && row) row.querySelector<HTMLInputElement>(".pick input")?.click();
  else if (key === "enter" && row && document.activeElement === row && row.dataset.href)
    location.href = row.dataset.href;
  else if (key === "c") document.querySelector<HTMLElement>("[data-create]")?.click();
  else if (key === "g") wentAt = performance.now();
  else if (key === "?") openDialog(byId("keys"));
  else return false;
  return true;
}

export function startKeys(): void {
  const toggle = document.querySelector<HTMLInputElement>("[data-single-keys]");
  if (toggle) {
    toggle.checked = localStorage.getItem(storage) !== "off";
    toggle.addEventListener("change", () => localStorage.setItem(storage, toggle.checked ? "on" : "off"));
  }
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      openPalette();
      event.preventDefault();
      return;
    }
    if (event.key === "Escape" && !document.querySelector("dialog[open], .menu:popover-open")) {
      if (typing(event.target)) (event.target as HTMLElement).blur();
      else clearSelection();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open], .menu:popover-open") || toggle?.checked === false) return;
    if (single(event)) event.preventDefault();
  });
  startPalette();
}

const palette = byId("palette") as HTMLDialogElement | null;
const field = palette?.querySelector("input");
const list = byId("palette-list");

function openPalette(): void {
  if (!palette || palette.open || !field) return;
  field.value = "";
  void search();
  palette.showModal();
  field.focus();
}

let turn = 0;

/** The navigation's entries that fit, then what the server finds. */
async function search(): Promise<void> {
  if (!list || !field) return;
  const mine = ++turn;
  const query = field.value.trim();
  const pages = all<HTMLAnchorElement>("#nav [data-nav-entry]")
    .filter((link) => link.title.toLowerCase().includes(query.toLowerCase()))
    .map((link) => option(link));
  list.replaceChildren(...pages);
  choose(0);
  if (query === "") return;
  await new Promise((resolve) => setTimeout(resolve, 120));
  if (mine !== turn) return;
  const response = await fetch(`${palette?.dataset.url}?q=${encodeURIComponent(query)}`, {
    headers: { "HX-Request": "true" },
  }).catch(() => null);
  if (mine !== turn || !response?.ok) return;
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  if (mine !== turn) return;
  list.append(...all('[role="option"]', answer.body));
  const hint = palette?.querySelector<HTMLElement>("[data-nothing]");
  if (hint) {
    hint.dataset.hint ??= hint.textContent ?? "";
    hint.textContent = (list.childElementCount > 0 ? hint.dataset.hint : hint.dataset.nothing) ?? "";
  }
  if (!chosen()) choose(0);
}

function option(link: HTMLAnchorElement): HTMLElement {
  const made = document.createElement("a");
  made.role = "option";
  made.href = link.href;
  made.tabIndex = -1;
  const icon = link.querySelector("svg")?.cloneNode(true);
  const text = document.createElement("span");
  text.textContent = link.title;
  made.append(...(icon ? [icon] : []), text);
  return made;
}

const chosen = (): HTMLElement | null => list?.querySelector('[aria-selected="true"]') ?? null;

function choose(at: number): void {
  const options = list ? all('[role="option"]', list) : [];
  const index = (at + options.length) % (options.length || 1);
  options.forEach((one, i) => {
    one.id = `option-${i}`;
    one.setAttribute("aria-selected", String(i === index));
  });
  options[index]?.scrollIntoView({ block: "nearest" });
  field?.setAttribute("aria-activedescendant", `option-${index}`);
}

function startPalette(): void {
  onClick("[data-palette]", openPalette);
  field?.addEventListener("input", () => void search());
  field?.addEventListener("keydown", (event) => {
    const current = chosen();
    const options = list ? all('[role="option"]', list) : [];
    if (event.key === "ArrowDown" || event.key === "ArrowUp")
      choose((current ? options.indexOf(current) : -1) + (event.key === "ArrowDown" ? 1 : -1));
    else if (event.key === "Enter") current?.click();
    else return;
    event.preventDefault();
  });
}
