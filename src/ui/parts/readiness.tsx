/** The list of checks of the set-up page: what was looked at, what was found, and how to mend it. */

import { lookOf, type StateOf } from "../states.ts";
import { say } from "../words.ts";
import { Mark } from "./icon.tsx";
import { type Child, cx, type Language } from "./kit.ts";
import { Panel } from "./panel.tsx";

export interface ReadinessItem {
  /** Unique in the page: a live view replaces the item by `check-<id>`. */
  id: string;
  state: StateOf<"check">;
  title: string;
  /** What was found, at the right: "4.5.0, all 61 calls found". */
  found?: Child;
  /** A smaller second line. */
  detail?: Child;
  /** What it means and how to mend it: text, buttons, commands. */
  fix?: Child;
}

export function Readiness({
  title,
  summary,
  items,
  lang,
}: {
  lang: Language;
  title: string;
  summary: string;
  items: readonly ReadinessItem[];
}) {
  return (
    <Panel title={title} aside={<span class="hint">{summary}</span>} flush>
      <ul class="checks">
        {items.map((item) => (
          <ReadinessRow lang={lang} item={item} />
        ))}
      </ul>
    </Panel>
  );
}

/** One check; its id in the page is `check-<id>`. */
export function ReadinessRow({ item, lang }: { lang: Language; item: ReadinessItem }) {
  const look = lookOf({ kind: "check", state: item.state });
  return (
    <li id={`check-${item.id}`} data-flash={item.state}>
      <span class={cx("state", look.tone)}>
        <Mark name={look.mark} />
        <span class="sr">{say(lang, look.word)}</span>
      </span>
      <div class="what">
        <b>{item.title}</b>
        {item.detail ? <small>{item.detail}</small> : null}
      </div>
      <span class="found">{item.found}</span>
      {item.fix ? <div class="fix">{item.fix}</div> : null}
    </li>
  );
}

/** The steps of a wizard at the left. `current` counts from 1. */
export function WizardSteps({
  lang,
  steps,
  current,
  hint,
}: {
  lang: Language;
  steps: readonly string[];
  current: number;
  hint?: string;
}) {
  return (
    <div class="wizard-steps">
      <p class="short">
        {say(lang, "label.step", { n: current, total: steps.length })}: {steps[current - 1]}
      </p>
      <ol>
        {steps.map((step, at) => (
          <li aria-current={at + 1 === current ? "step" : undefined}>
            <span class="no">{at + 1}</span> {step}
          </li>
        ))}
      </ol>
      {hint ? <p class="hint">{hint}</p> : null}
    </div>
  );
}
