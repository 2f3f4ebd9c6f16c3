/** Something that a person should know, with a way out beside it. */
import type { Viewer } from "../../core/http/contract.ts";
import type { TriedForm } from "../../core/http/forms.ts";
import { sentenceOf } from "../../core/http/problem.ts";
import { Icon } from "./icon.tsx";
import { type Child, cx } from "./kit.ts";

export interface NoticeProps {
  tone: "info" | "ok" | "warn" | "bad";
  /** The first words, set bold. */
  title?: string;
  children?: Child;
  /** Buttons or links that mend it. */
  actions?: Child;
  id?: string;
}

export function Notice(p: NoticeProps) {
  const icon = p.tone === "bad" ? "bad" : p.tone === "warn" ? "warn" : p.tone === "ok" ? "check" : "info";
  return (
    <div class={cx("notice", p.tone)} id={p.id} role={p.tone === "bad" ? "alert" : "status"}>
      <Icon name={icon} />
      <div class="notice-text">
        {p.title ? <b>{p.title} </b> : null}
        {p.children}
      </div>
      {p.actions ? <div class="row">{p.actions}</div> : null}
    </div>
  );
}

/** Why a form was refused, where that belongs to none of its fields; else nothing, or what is given instead. */
export function Refusal(p: { tried: TriedForm | null; viewer: Pick<Viewer, "say">; children?: Child }) {
  const problem = p.tried?.problem;
  return problem ? <Notice tone="bad">{sentenceOf(problem, p.viewer.say)}</Notice> : (p.children ?? null);
}
