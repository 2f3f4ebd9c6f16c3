/** What was typed into forms outlasts a reload of the page, as for another language. Secrets are not kept. */
import { all } from "./net.ts";

const key = "jimv-typed";
type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
type Typed = { path: string; fields: [name: string, value: string | boolean][] };

/** Passwords, also while the eye shows them; and what nobody types. */
const left = '[type="hidden"], [type="password"], [autocomplete*="password"], [autocomplete="one-time-code"]';

/** The page's fields by a name that is the same after the reload: the form's place, the field's, and which of several. */
function fields(): Map<string, Field> {
  const found = new Map<string, Field>();
  for (const [place, form] of all<HTMLFormElement>("main form").entries())
    for (const field of all<Field>("input[name], textarea[name], select[name]", form)) {
      if (field.matches(left)) continue;
      const choice = isChoice(field) ? field.value : "";
      for (let nth = 0; ; nth++) {
        const name = [place, field.name, choice, nth].join(" ");
        if (found.has(name)) continue;
        found.set(name, field);
        break;
      }
    }
  return found;
}

const isChoice = (field: Field): field is HTMLInputElement =>
  field.type === "checkbox" || field.type === "radio";

/** What a field holds that the server did not put there; null for nothing. */
function typedIn(field: Field): string | boolean | null {
  if (isChoice(field)) return field.checked === field.defaultChecked ? null : field.checked;
  if (!(field instanceof HTMLSelectElement)) return field.value === field.defaultValue ? null : field.value;
  const byServer = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return field.value === byServer?.value ? null : field.value;
}

/** Reloads the page, and puts back afterwards what was typed. */
export function reloadTyped(): void {
  const typed: Typed = { path: location.pathname, fields: [] };
  for (const [name, field] of fields()) {
    const value = typedIn(field);
    if (value !== null) typed.fields.push([name, value]);
  }
  sessionStorage.setItem(key, JSON.stringify(typed));
  location.reload();
}

/** After everything that listens to fields has started. */
export function restoreTyped(): void {
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  const typed = kept === null ? null : (JSON.parse(kept) as Typed);
  if (typed?.path !== location.pathname) return;
  const here = fields();
  for (const [name, value] of typed.fields) {
    const field = here.get(name);
    if (!field) continue;
    if (typeof value === "string") field.value = value;
    else if (isChoice(field)) field.checked = value;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}
