/** Short messages at the lower right. Failures are announced at once, the rest politely. */
import type { IconName } from "../icons.ts";
import { append, html } from "../live.ts";
import { say } from "../words.ts";
import { Button, IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { type Child, cx, type Language } from "./kit.ts";

export interface ToastProps {
  lang: Language;
  tone: "info" | "ok" | "warn" | "bad";
  children?: Child;
  /** Takes it back: posts there. Only where undo is real. */
  undo?: string;
  /** A way out: "Open", "Review". */
  link?: { href: string; label: string };
}

const icons: Record<ToastProps["tone"], IconName> = { info: "info", ok: "check", warn: "warn", bad: "bad" };

/** Good news goes by itself after some seconds; bad news stays until dismissed. */
export function Toast(p: ToastProps) {
  return (
    <div class={cx("toast", p.tone)} role={p.tone === "bad" ? "alert" : "status"} data-toast={p.tone}>
      <Icon name={icons[p.tone]} />
      <div>{p.children}</div>
      {p.link ? <a href={p.link.href}>{p.link.label}</a> : null}
      {p.undo ? (
        <Button size="small" post={p.undo}>
          {say(p.lang, "action.undo")}
        </Button>
      ) : null}
      <IconButton
        icon="close"
        size="small"
        label={say(p.lang, "action.dismiss")}
        extra={{ "data-dismiss": "" }}
      />
    </div>
  );
}

/** Where toasts arrive. Part of both frames. */
export function ToastRegion({ lang }: { lang: Language }) {
  return (
    <section
      id="toasts"
      class="toasts"
      popover="manual"
      aria-live="polite"
      aria-label={say(lang, "frame.messages")}
      hx-morph-skip-children
    />
  );
}

/** A toast as a message of the live stream, or as the answer to a post. */
export async function toasted(p: ToastProps): Promise<string> {
  return append("toasts", await html(<Toast {...p} />));
}
