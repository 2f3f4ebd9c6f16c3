/** Fields: check on leaving them, eye and dice of passwords, steppers, chips, secrets and copying. */
import { toast } from "./float.ts";
import { all, byId, onClick, post, word } from "./net.ts";

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const secretMs = 30_000;
const alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const recheckMs = 300;

/** Shows the server's words at a field, or takes them away. */
function tell(control: Control, text: string): void {
  const field = control.closest(".field");
  const place = field?.querySelector<HTMLElement>(":scope > .error");
  const span = place?.querySelector("span");
  if (!field || !place || !span) return;
  span.textContent = text;
  place.hidden = text === "";
  field.classList.toggle("wrong", text !== "");
  if (text) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
  sum(control.form);
}

/** "2 fields need you: …" beside the submit button, as long as it stands there. */
function sum(form: HTMLFormElement | null, always = false): void {
  const place = form?.querySelector<HTMLElement>(".submit > .error");
  if (!form || !place || (place.hidden && !always)) return;
  const names = all(".field.wrong > .label", form).map(
    (label) => label.firstChild?.textContent?.trim() ?? "",
  );
  place.hidden = names.length === 0;
  place.textContent = word(names.length === 1 ? "fixOne" : "fixOther", {
    n: names.length,
    names: names.join(", "),
  });
}

const asked = new WeakMap<Control, number>();

/** Asks the server about one field; the answer is its error, or nothing. A later question overtakes. */
async function check(control: Control): Promise<void> {
  const form = control.form;
  const url = form?.dataset.check;
  if (!form || !url || !control.name) return;
  const number = (asked.get(control) ?? 0) + 1;
  asked.set(control, number);
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") data.append(name, value);
  data.append("field", control.name);
  const response = await post(url, data).catch(() => null);
  if (!response?.ok || asked.get(control) !== number || !control.isConnected) return;
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  tell(control, answer.body.textContent?.trim() ?? "");
}

function startCheck(): void {
  const changed = new WeakSet<Control>();
  let timer: ReturnType<typeof setTimeout>;
  const isWrong = (control: Control): boolean => control.getAttribute("aria-invalid") === "true";
  document.addEventListener("input", ({ target }) => {
    const control = target as Control;
    changed.add(control);
    if (!isWrong(control)) return;
    clearTimeout(timer);
    timer = setTimeout(() => void check(control), recheckMs);
  });
  document.addEventListener("focusout", ({ target }) => {
    const control = target as Control;
    if (control.form && changed.delete(control)) void check(control);
  });
  // A refused form came back: to its first field that needs attention.
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.response?.status !== 422) return;
    const form = byId((ctx.sourceElement as HTMLElement).id);
    sum(form as HTMLFormElement | null, true);
    form?.querySelector<HTMLElement>('[aria-invalid="true"], .wrong input')?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey))
      (event.target as Control).form?.requestSubmit();
  });
}

/** Characters that are not mistaken for each other, each equally likely. */
export function makePassword(length: number): string {
  let made = "";
  while (made.length < length) {
    const [byte = 255] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < alphabet.length * 4) made += alphabet[byte % alphabet.length];
  }
  return made;
}

function peek(button: HTMLElement, input: HTMLInputElement, open: boolean): void {
  input.type = open ? "text" : "password";
  eye(button, open);
}

function eye(button: HTMLElement, open: boolean): void {
  button.setAttribute("aria-pressed", String(open));
  button.querySelector("use")?.setAttribute("href", open ? "#i-eyeOff" : "#i-eye");
}

function changedByUs(input: HTMLInputElement): void {
  for (const name of ["input", "change"]) input.dispatchEvent(new Event(name, { bubbles: true }));
}

async function copy(text: string): Promise<void> {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    // Plain HTTP has no clipboard API.
    const area = document.createElement("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast("ok", word("copied"));
}

async function fetchSecret(box: HTMLElement): Promise<string | null> {
  const response = await post(box.dataset.secret ?? "").catch(() => null);
  if (response?.ok) return ((await response.json()) as { value: string }).value;
  const problem = await response?.json().catch(() => null);
  toast("bad", problem?.detail ?? word("unreachable"));
  return null;
}

export function startFields(): void {
  startCheck();
  onClick("[data-peek]", (button) => {
    const input = byId(button.dataset.peek) as HTMLInputElement | null;
    if (input) peek(button, input, input.type === "password");
  });
  onClick("[data-generate]", (button) => {
    const input = byId(button.dataset.generate) as HTMLInputElement | null;
    const open = button.parentElement?.querySelector<HTMLElement>("[data-peek]");
    if (!input || !open) return;
    input.value = makePassword(Number(button.dataset.length));
    peek(open, input, true);
    changedByUs(input);
    const hint = input.closest(".field")?.querySelector(".hint");
    if (hint) {
      hint.textContent = button.dataset.made ?? "";
      hint.classList.add("made");
    }
  });
  onClick("[data-step]", (button) => {
    const input = button.parentElement?.querySelector("input");
    if (!input) return;
    if (Number(button.dataset.step) > 0) input.stepUp();
    else input.stepDown();
    changedByUs(input);
  });
  document.addEventListener("input", ({ target }) => {
    const input = target as HTMLInputElement;
    const chips = all<HTMLInputElement>("[data-fills]", input.form ?? document.createElement("p"));
    if (input.dataset?.fills) {
      for (const [name, value] of Object.entries(
        JSON.parse(input.dataset.fills) as Record<string, unknown>,
      )) {
        const field = input.form?.elements.namedItem(name);
        if (!(field instanceof HTMLInputElement)) continue;
        field.value = String(value);
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    } else
      for (const chip of chips) {
        // A chip is chosen while all that it fills has its values.
        const fills = Object.entries(JSON.parse(chip.dataset.fills ?? "{}") as Record<string, unknown>);
        if (fills.some(([name]) => name === input.name))
          chip.checked = fills.every(
            ([name, value]) =>
              (input.form?.elements.namedItem(name) as HTMLInputElement | null)?.value === String(value),
          );
      }
  });
  onClick("[data-eye]", async (button) => {
    const box = button.closest<HTMLElement>("[data-secret]");
    const place = box?.querySelector("output");
    if (!box || !place) return;
    const hide = (): void => {
      place.textContent = "••••••••";
      eye(button, false);
    };
    if (button.getAttribute("aria-pressed") === "true") return hide();
    const value = await fetchSecret(box);
    if (value === null) return;
    place.textContent = value;
    eye(button, true);
    setTimeout(hide, secretMs);
  });
  onClick("[data-copy-secret]", async (button) => {
    const box = button.closest<HTMLElement>("[data-secret]");
    const value = box ? await fetchSecret(box) : null;
    if (value !== null) await copy(value);
  });
  onClick("[data-copy]", (button) => void copy(button.dataset.copy ?? ""));
}
