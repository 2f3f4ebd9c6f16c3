/** Something that a person should know, with a way out beside it. */
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
