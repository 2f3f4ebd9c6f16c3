/** What floats: menus at their buttons, dialogs, toasts, the small-screen navigation. */
import { all, byId, onClick, word } from "./net.ts";

/** Milliseconds that good news stays. */
const toastMs = 6000;

/** What a person who opened a form wants to fill in first. */
const firstField =
  ".dialog-body :is(input:not([type=hidden], [type=radio]:not(:checked)), select, textarea):enabled";

/** Opens a dialog; focus starts on its first field, and on Cancel where something is destroyed. */
export function openDialog(dialog: Element | null): void {
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return;
  dialog.showModal();
  const field = dialog.matches(".danger") ? null : dialog.querySelector<HTMLElement>(firstField);
  (field ?? dialog.querySelector<HTMLElement>("[data-focus]"))?.focus();
  liftToasts();
}

/** Says something at the lower right. */
export function toast(tone: "ok" | "bad", text: string): void {
  const element = document.createElement("div");
  element.className = `toast ${tone}`;
  element.dataset.toast = tone;
  element.role = tone === "bad" ? "alert" : "status";
  element.innerHTML = `<svg class="i" aria-hidden="true"><use href="#i-${tone === "bad" ? "bad" : "check"}"/></svg><div></div><button type="button" class="btn quiet only sm" data-dismiss><svg class="i" aria-hidden="true"><use href="#i-close"/></svg></button>`;
  const [, body, button] = element.children;
  if (body) body.textContent = text;
  button?.setAttribute("aria-label", word("dismiss"));
  byId("toasts")?.append(element);
}

/** Puts the toasts above a dialog that opened after them. */
function liftToasts(): void {
  const region = byId("toasts");
  if (!region?.showPopover) return;
  if (region.matches(":popover-open")) region.hidePopover();
  region.showPopover();
}

function startToasts(): void {
  const region = byId("toasts");
  if (!region) return;
  const expire = (element: Element): void => {
    if (!element.isConnected) return;
    // Not while somebody reads it.
    if (element.matches(":hover, :focus-within")) setTimeout(() => expire(element), toastMs);
    else element.remove();
  };
  const added = (nodes: Iterable<Node>): void => {
    for (const node of nodes)
      if (node instanceof HTMLElement && node.dataset.toast && node.dataset.toast !== "bad")
        setTimeout(() => expire(node), toastMs);
  };
  new MutationObserver((changes) => {
    for (const change of changes) added(change.addedNodes);
  }).observe(region, { childList: true });
  added(region.childNodes);
  liftToasts();
}

/** Puts a menu under its button, or above it where there is no room. */
function place(menu: HTMLElement): void {
  const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  if (!button) return;
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + 4 + height <= innerHeight || at.top < height;
  menu.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - height - 4)}px`;
}

export function startFloat(): void {
  startToasts();
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target as HTMLElement;
      if (!menu.matches(".menu") || (event as ToggleEvent).newState !== "open") return;
      place(menu);
      if (!menu.matches(".tray"))
        menu.querySelector<HTMLElement>("a, button")?.focus({ preventScroll: true });
    },
    true,
  );
  // A menu belongs to its button: when that scrolls away the menu goes.
  document.addEventListener(
    "scroll",
    (event) => {
      for (const menu of all(".menu:popover-open"))
        if (!menu.contains(event.target as Node)) menu.hidePopover();
    },
    true,
  );
  onClick(".menu .btn", (button) => button.closest<HTMLElement>(".menu:not(.tray)")?.hidePopover());
  document.addEventListener("keydown", (event) => {
    const menu = (event.target as Element).closest?.(".menu");
    if (!menu || !/^Arrow(Up|Down)$/.test(event.key)) return;
    const items = all("a, button", menu);
    const at = items.indexOf(event.target as HTMLElement) + (event.key === "ArrowDown" ? 1 : -1);
    items.at(at % items.length)?.focus();
    event.preventDefault();
  });

  onClick("[data-dialog]", (button) => openDialog(byId(button.dataset.dialog)));
  onClick("[data-close]", (button) => button.closest("dialog")?.close());
  onClick("[data-dismiss]", (button) => button.closest(".toast, li")?.remove());
  // A click beside a dialog closes it, unless it is about destroying something.
  document.addEventListener("mousedown", ({ target }) => {
    if (target instanceof HTMLDialogElement && !target.matches(".danger")) {
      const box = target.getBoundingClientRect();
      const inside = (event: MouseEvent): boolean =>
        event.clientX >= box.left &&
        event.clientX <= box.right &&
        event.clientY >= box.top &&
        event.clientY <= box.bottom;
      target.addEventListener("click", (event) => inside(event) || target.close(), { once: true });
    }
  });
  // One that has an address of its own comes with its page.
  for (const dialog of all("main dialog[data-open]")) openDialog(dialog);
  const host = byId("dialogs");
  if (host) {
    // The server's dialogs show themselves on arrival and go when closed.
    new MutationObserver(() => {
      for (const dialog of all<HTMLDialogElement>("dialog[data-open]", host)) {
        openDialog(dialog);
        dialog.addEventListener("close", () => dialog.remove(), { once: true });
      }
    }).observe(host, { childList: true });
  }
  document.addEventListener("input", ({ target }) => {
    const field = target as HTMLInputElement;
    const { mustBe, unlocks } = field.dataset ?? {};
    if (mustBe !== undefined)
      byId(unlocks)?.setAttribute("aria-disabled", field.value.trim() === mustBe ? "false" : "true");
  });
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    const form = ctx.sourceElement as HTMLElement;
    if (form.dataset.closes && ctx.response.status < 400)
      (byId(form.dataset.closes) as HTMLDialogElement | null)?.close();
  });

  const navigation = (open: boolean): void => {
    document.documentElement.classList.toggle("nav-open", open);
    for (const button of all("[data-nav]")) button.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector<HTMLElement>("#nav [aria-current], #nav a")?.focus();
  };
  onClick("[data-nav]", () => navigation(!document.documentElement.classList.contains("nav-open")));
  document.addEventListener("click", (event) => {
    if (!(event.target as Element).closest("#nav, [data-nav]")) navigation(false);
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && navigation(false));
}
