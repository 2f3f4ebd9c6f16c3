/** Ticked rows: Shift ranges, select all, and the batch bar with a count on each button. */
import { all, onClick } from "./net.ts";

type Box = HTMLInputElement;

let last: Box | null = null;
/** On a table of which everything is selected, also what is on other pages. */
const whole = "data-picked-whole";

const boxesOf = (table: Element): Box[] => all<Box>(".rows .pick input", table);
const tableOf = (element: Element): Element | null => element.closest("[data-table]");

/** Brings select-all and batch bar in line with what is ticked. */
function update(table: Element): void {
  const boxes = boxesOf(table);
  const ticked = boxes.filter((box) => box.checked);
  // A class, not :has(): that makes each change of a long table three times as dear.
  for (const box of boxes) {
    const row = box.closest("tr");
    if (row && row.classList.contains("picked") !== box.checked) row.classList.toggle("picked", box.checked);
  }
  const every = table.querySelector<Box>("[data-select-all]");
  if (every) {
    every.checked = ticked.length > 0 && ticked.length === boxes.length;
    every.indeterminate = ticked.length > 0 && !every.checked;
  }
  const bar = table.querySelector<HTMLElement>("[data-batch-bar]");
  if (!bar) return;
  bar.hidden = ticked.length === 0;
  const offer = bar.querySelector<HTMLElement>("[data-whole]");
  const total = Number(offer?.dataset.whole);
  // A row that was unticked, or came meanwhile: the person no longer means everything.
  if (!every?.checked) table.removeAttribute(whole);
  const isWhole = table.hasAttribute(whole);
  if (offer?.parentElement) offer.parentElement.hidden = isWhole || !every?.checked || total <= boxes.length;
  const count = bar.querySelector<HTMLElement>("[data-selected]");
  const n = String(isWhole ? total : ticked.length);
  if (count) count.textContent = count.dataset.selected?.replace("{n}", n) ?? "";
  for (const button of all("[data-batch]", bar)) {
    const fits = isWhole ? 0 : fitting(table, button.dataset.batch).length;
    const place = button.querySelector("[data-fits]");
    if (place) place.textContent = fits > 0 ? String(fits) : "";
    button.toggleAttribute("disabled", isWhole ? button.dataset.alsoWhole === undefined : fits === 0);
  }
}

/** The values of the ticked rows that allow an action. */
function fitting(table: Element, action = ""): string[] {
  return boxesOf(table)
    .filter((box) => box.checked && (box.dataset.allows ?? "").split(" ").includes(action))
    .map((box) => box.value);
}

/** Unticks everything. True when something was ticked. */
export function clearSelection(): boolean {
  const ticked = all<Box>("[data-table] .rows .pick :checked");
  for (const box of ticked) box.checked = false;
  for (const table of all("[data-table]")) update(table);
  return ticked.length > 0;
}

export function startSelect(): void {
  document.addEventListener("change", ({ target }) => {
    const box = target as Box;
    const table = box.matches?.(".pick input") ? tableOf(box) : null;
    if (!table) return;
    if (box.matches("[data-select-all]")) for (const other of boxesOf(table)) other.checked = box.checked;
    update(table);
  });
  onClick(".rows .pick input", (element, event) => {
    const box = element as Box;
    const table = tableOf(box);
    const boxes = table ? boxesOf(table) : [];
    if (event.shiftKey && last && boxes.includes(last)) {
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const between of boxes.slice(from, (to ?? 0) + 1)) between.checked = box.checked;
      if (table) update(table);
    }
    last = box;
  });
  onClick("[data-clear]", clearSelection);
  onClick("[data-whole]", (button) => {
    const table = tableOf(button);
    table?.setAttribute(whole, "");
    if (table) update(table);
  });
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    const button = ctx.sourceElement;
    const table = button instanceof HTMLElement && button.dataset.batch ? tableOf(button) : null;
    if (table?.hasAttribute(whole))
      ctx.request.body.append("whole", (table as HTMLElement).dataset.view ?? "");
    else if (table && button instanceof HTMLElement)
      for (const id of fitting(table, button.dataset.batch)) ctx.request.body.append("id", id);
  });
  // Rows came, went, or allow something else now.
  document.addEventListener("htmx:after:swap", () => {
    for (const table of all("[data-table]")) update(table);
  });
  // The browser may have kept ticks from before a reload.
  for (const table of all("[data-table]")) update(table);
}
