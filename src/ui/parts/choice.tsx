/** Choosing: checkbox, switch, radio cards, chips. Real inputs under each. */

import { Field } from "./form.tsx";
import { type Child, cx, type Extra } from "./kit.ts";

interface BooleanProps {
  name: string;
  label: string;
  checked?: boolean;
  value?: string;
  hint?: Child;
  disabled?: boolean;
  id?: string;
  extra?: Extra;
}

export function Checkbox(p: BooleanProps) {
  return <BooleanInput {...p} look="checkbox" />;
}

/** On or off, at once. For settings that act when toggled; inside forms prefer a checkbox. */
export function Switch(p: BooleanProps) {
  return <BooleanInput {...p} look="switch" />;
}

function BooleanInput(p: BooleanProps & { look: "checkbox" | "switch" }) {
  const id = p.id ?? `f-${p.name}`;
  return (
    <label class={cx("check", p.look)} for={id}>
      <input
        type="checkbox"
        role={p.look === "switch" ? "switch" : undefined}
        id={id}
        name={p.name}
        value={p.value ?? "true"}
        checked={p.checked}
        disabled={p.disabled}
        aria-describedby={p.hint ? `${id}-hint` : undefined}
        {...p.extra}
      />
      <span>
        {p.label}
        {p.hint ? (
          <small id={`${id}-hint`} class="hint">
            {p.hint}
          </small>
        ) : null}
      </span>
    </label>
  );
}

export interface Card {
  value: string;
  title: string;
  text?: Child;
  /** A `Tile` or a picture at its left. */
  tile?: Child;
  /** Why it can't be chosen. */
  disabledBecause?: string;
  extra?: Extra;
}

interface ChoiceProps {
  name: string;
  label: string;
  /** The section's title says it already. */
  hideLabel?: boolean;
  value?: string | undefined;
  error?: string | undefined;
  hint?: Child;
  required?: boolean;
}

/** One of some, each with a line of explanation. `list` puts them under each other, with their radio dots. */
export function RadioCards(p: ChoiceProps & { cards: readonly Card[]; list?: boolean }) {
  return (
    <Field for={`f-${p.name}`} label={p.label} error={p.error} group {...(p.hint ? { hint: p.hint } : {})}>
      <div
        class={cx("cards", p.list && "list", p.hideLabel && "unlabelled")}
        role="radiogroup"
        aria-labelledby={`f-${p.name}-label`}
      >
        {p.cards.map((card, at) => (
          <label class="card">
            <input
              type="radio"
              id={at === 0 ? `f-${p.name}` : undefined}
              name={p.name}
              value={card.value}
              checked={p.value === card.value}
              disabled={!!card.disabledBecause}
              required={p.required}
              aria-describedby={`f-${p.name}-error`}
              {...card.extra}
            />
            {card.tile}
            <span>
              <b>{card.title}</b>
              <small>{card.disabledBecause ?? card.text}</small>
            </span>
          </label>
        ))}
      </div>
    </Field>
  );
}

export interface Chip {
  value: string;
  label: string;
  /** Fields that choosing it fills: `{vcpus: 4, memoryMiB: 8192}`. */
  fills?: Record<string, string | number>;
}

/** Short choices side by side; one may fill several fields at once (sizes). Without `fills` it is a field of its own. */
export function Chips(p: ChoiceProps & { chips: readonly Chip[] }) {
  return (
    <Field for={`f-${p.name}`} label={p.label} error={p.error} group {...(p.hint ? { hint: p.hint } : {})}>
      <div
        class={cx("chips", p.hideLabel && "unlabelled")}
        role="radiogroup"
        aria-labelledby={`f-${p.name}-label`}
      >
        {p.chips.map((chip, at) => (
          <label class="chip">
            <input
              type="radio"
              id={at === 0 ? `f-${p.name}` : undefined}
              name={p.name}
              value={chip.value}
              checked={p.value === chip.value}
              data-fills={chip.fills ? JSON.stringify(chip.fills) : undefined}
            />
            <span>{chip.label}</span>
          </label>
        ))}
      </div>
    </Field>
  );
}
