/**
 * Form parts. Label above, hint below, an error takes the hint's place and has the server's words.
 * HTML constraints come as props (made from the form's schema). Leaving a field posts the form to its
 * `check` address; submit stays enabled and leads to the first field that needs attention.
 */
import { say } from "../words.ts";
import { Button, IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { type Child, cx, type Extra, type Language } from "./kit.ts";

export interface FormProps {
  id: string;
  /** Where it posts. */
  action: string;
  /** Leaving a field posts there: the whole form and `field=<name>`; the answer is the field's error, or nothing. */
  check?: string;
  /** Also sent as a hidden field, so that the form works without script. */
  csrf?: string | null;
  class?: string;
  extra?: Extra;
  children?: Child;
}

/** Not an identifier, so it can't be written as a JSX attribute. */
const refusedForm = { "hx-status:422": "swap:outerMorph" };

/** A form that posts through htmx; a 422 puts the answered form (errors at the fields) in its place. */
export function Form(p: FormProps) {
  return (
    <form
      id={p.id}
      class={cx("form", p.class)}
      method="post"
      action={p.action}
      hx-post={p.action}
      hx-swap="none"
      {...refusedForm}
      hx-disable={`#${p.id} [type=submit]`}
      data-check={p.check}
      novalidate
      {...p.extra}
    >
      {p.csrf ? <input type="hidden" name="_csrf" value={p.csrf} /> : null}
      {p.children}
    </form>
  );
}

/** A part of a long form: title and hint at the left, fields at the right. */
export function FormSection({ title, hint, children }: { title: string; hint?: string; children?: Child }) {
  return (
    <fieldset class="section">
      <legend>{title}</legend>
      <div class="section-head" aria-hidden="true">
        <b>{title}</b>
        {hint ? <p>{hint}</p> : null}
      </div>
      <div class="section-body">{children}</div>
    </fieldset>
  );
}

/** Fields beside each other. */
export function FieldRow({ children }: { children?: Child }) {
  return <div class="fields">{children}</div>;
}

/** What all inputs have in common. `id` defaults to `f-<name>`. */
export interface InputProps {
  name: string;
  label: string;
  id?: string;
  value?: string | number | undefined;
  hint?: Child;
  /** Takes the hint's place. The server's words, already in the reader's language. */
  error?: string | undefined;
  required?: boolean | undefined;
  /** The word for "optional", shown behind the label. */
  optional?: string;
  disabled?: boolean;
  autocomplete?: string;
  autofocus?: boolean;
  minlength?: number | undefined;
  maxlength?: number | undefined;
  pattern?: string | undefined;
  placeholder?: string;
  /** Narrow: a third of the row. */
  narrow?: boolean;
  extra?: Extra;
}

/** Label, control, and hint or error. The control's id must be `for`. */
export function Field(p: {
  for: string;
  label: string;
  optional?: string;
  hint?: Child;
  error?: string | undefined;
  narrow?: boolean;
  group?: boolean;
  children?: Child;
}) {
  return (
    <div class={cx("field", p.narrow && "narrow", p.error && "wrong")} data-field={p.for}>
      {p.group ? (
        <span class="label" id={`${p.for}-label`}>
          {p.label} {p.optional ? <small>{p.optional}</small> : null}
        </span>
      ) : (
        <label class="label" for={p.for}>
          {p.label} {p.optional ? <small>{p.optional}</small> : null}
        </label>
      )}
      {p.children}
      <p class="error" id={`${p.for}-error`} hidden={!p.error}>
        <Icon name="bad" />
        <span>{p.error}</span>
      </p>
      {p.hint ? (
        <p class="hint" id={`${p.for}-hint`}>
          {p.hint}
        </p>
      ) : null}
    </div>
  );
}

function idOf(p: InputProps): string {
  return p.id ?? `f-${p.name.replaceAll(/[^\w-]/g, "-")}`;
}

function fieldProps(p: InputProps): Omit<Parameters<typeof Field>[0], "children"> {
  return {
    for: idOf(p),
    label: p.label,
    error: p.error,
    ...(p.optional ? { optional: p.optional } : {}),
    ...(p.hint ? { hint: p.hint } : {}),
    ...(p.narrow ? { narrow: true } : {}),
  };
}

function shared(p: InputProps) {
  const id = idOf(p);
  return {
    id,
    name: p.name,
    required: p.required,
    disabled: p.disabled,
    autocomplete: p.autocomplete ?? "off",
    autofocus: p.autofocus,
    "aria-invalid": p.error ? ("true" as const) : undefined,
    "aria-describedby": `${id}-error${p.hint ? ` ${id}-hint` : ""}`,
    ...p.extra,
  };
}

function textual(p: InputProps) {
  return { minlength: p.minlength, maxlength: p.maxlength, pattern: p.pattern, placeholder: p.placeholder };
}

/** One line of text. */
export function TextInput(p: InputProps & { type?: "text" | "email" | "search" | "url"; mono?: boolean }) {
  return (
    <Field {...fieldProps(p)}>
      <input
        {...shared(p)}
        {...textual(p)}
        type={p.type ?? "text"}
        value={p.value}
        class={p.mono ? "mono" : undefined}
        spellcheck={false}
      />
    </Field>
  );
}

/** A number with its unit behind it and, where asked for, − and + around it. */
export function NumberInput(
  p: InputProps & {
    lang: Language;
    min?: number | undefined;
    max?: number | undefined;
    step?: number | undefined;
    unit?: string;
    stepper?: boolean;
  },
) {
  const input = (
    <input
      {...shared(p)}
      type="number"
      inputmode="numeric"
      value={p.value}
      min={p.min}
      max={p.max}
      step={p.step ?? 1}
    />
  );
  return (
    <Field {...fieldProps(p)}>
      <span class={cx("numeric", p.stepper && "stepper")}>
        {p.stepper ? (
          <IconButton
            icon="minus"
            label={`${say(p.lang, "form.less")}: ${p.label}`}
            extra={{ "data-step": -1 }}
          />
        ) : null}
        {input}
        {p.stepper ? (
          <IconButton
            icon="plus"
            label={`${say(p.lang, "form.moreOf")}: ${p.label}`}
            extra={{ "data-step": 1 }}
          />
        ) : null}
        {p.unit ? <span class="unit">{p.unit}</span> : null}
      </span>
    </Field>
  );
}

export interface Option {
  value: string;
  label: string;
  disabled?: boolean;
}

export function Select(p: InputProps & { options: readonly Option[] }) {
  return (
    <Field {...fieldProps(p)}>
      <span class="select">
        <select {...shared(p)}>
          {p.options.map((o) => (
            <option value={o.value} selected={String(p.value ?? "") === o.value} disabled={o.disabled}>
              {o.label}
            </option>
          ))}
        </select>
        <Icon name="down" />
      </span>
    </Field>
  );
}

export function Textarea(p: InputProps & { rows?: number; mono?: boolean }) {
  return (
    <Field {...fieldProps(p)}>
      <textarea
        {...shared(p)}
        {...textual(p)}
        rows={p.rows ?? 4}
        class={p.mono ? "mono" : undefined}
        spellcheck={false}
      >
        {p.value}
      </textarea>
    </Field>
  );
}

/** A password with an eye, and dice where one may be made up. `generate` is its length. */
export function Password(p: InputProps & { lang: Language; generate?: number }) {
  return (
    <Field {...fieldProps(p)}>
      <span class="with-buttons">
        <input
          {...shared(p)}
          {...textual(p)}
          type="password"
          value={p.value}
          autocomplete={p.autocomplete ?? "new-password"}
          spellcheck={false}
        />
        <IconButton
          icon="eye"
          size="small"
          label={`${say(p.lang, "action.reveal")}: ${p.label}`}
          extra={{ "data-peek": idOf(p), "aria-pressed": "false" }}
        />
        {p.generate ? (
          <IconButton
            icon="dice"
            size="small"
            label={`${say(p.lang, "action.generate")}: ${p.label}`}
            extra={{
              "data-generate": idOf(p),
              "data-length": p.generate,
              "data-made": say(p.lang, "form.made", { n: p.generate }),
            }}
          />
        ) : null}
      </span>
    </Field>
  );
}

/** What the form will do, and its one primary button; stays in sight. `problems` names fields that need attention. */
export function SubmitRow({
  lang,
  label,
  keys,
  cancelHref,
  problems,
}: {
  lang: Language;
  label: string;
  keys?: boolean;
  cancelHref?: string;
  problems?: string;
}) {
  return (
    <div class="submit">
      <Button kind="primary" type="submit" {...(keys ? { keys: "Ctrl ⏎" } : {})}>
        {label}
      </Button>
      {cancelHref ? <Button href={cancelHref}>{say(lang, "action.cancel")}</Button> : null}
      <p class="error" role="alert" hidden={!problems}>
        {problems}
      </p>
    </div>
  );
}
