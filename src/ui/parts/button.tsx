/**
 * Buttons. One primary a page. A button navigates (`href`), asks the server (`post`), or opens a dialog:
 * one that stands in the page (`dialog`) or one that the server renders (`dialogUrl`).
 */
import type { IconName } from "../icons.ts";
import { Icon } from "./icon.tsx";
import { type Child, cx, type Extra } from "./kit.ts";

export interface ButtonProps {
  kind?: "default" | "primary" | "danger" | "quiet" | "link";
  size?: "normal" | "small";
  icon?: IconName;
  href?: string;
  /** Posts there through htmx with the CSRF header; the answer's fragments find their own places. */
  post?: string;
  /** Extra fields of the post. */
  vals?: Record<string, string | number>;
  /** Id of a `Dialog` in this page that it opens. */
  dialog?: string;
  /** Address of a dialog that the server renders (named victims, fresh figures). */
  dialogUrl?: string;
  /** Id of a `Menu` that it opens. */
  menu?: string;
  type?: "button" | "submit";
  /** Id of the form it submits, where it stands outside of it. */
  formId?: string;
  name?: string;
  value?: string;
  /** Why it can't be pressed now. Stays focusable, so that the reason can be read. */
  disabledBecause?: string | null | undefined;
  title?: string;
  /** Shown at its right end: `Ctrl ⏎`. */
  keys?: string;
  id?: string;
  class?: string;
  extra?: Extra;
  children?: Child;
}

export function Button(p: ButtonProps) {
  const classes = cx("btn", p.kind && p.kind !== "default" && p.kind, p.size === "small" && "sm", p.class);
  const inside = (
    <>
      {p.icon ? <Icon name={p.icon} /> : null}
      {p.children === undefined ? null : <span class="txt">{p.children}</span>}
      {p.keys ? <kbd>{p.keys}</kbd> : null}
    </>
  );
  if (p.href && !p.disabledBecause) {
    return (
      <a class={classes} href={p.href} id={p.id} title={p.title} {...p.extra}>
        {inside}
      </a>
    );
  }
  const live = p.disabledBecause ? { "aria-disabled": "true" } : does(p);
  return (
    <button
      class={classes}
      id={p.id}
      type={p.disabledBecause ? "button" : (p.type ?? "button")}
      form={p.formId}
      name={p.name}
      value={p.value}
      title={p.disabledBecause ?? p.title}
      {...live}
      {...p.extra}
    >
      {inside}
    </button>
  );
}

/** A button that is only an icon; `label` is its name for everybody (it is the tooltip, too). */
export function IconButton(p: Omit<ButtonProps, "children" | "icon"> & { icon: IconName; label: string }) {
  const { label, extra, ...rest } = p;
  return (
    <Button
      kind="quiet"
      {...rest}
      class={cx("only", p.class) ?? "only"}
      title={p.title ?? label}
      extra={{ "aria-label": label, ...extra }}
    />
  );
}

function does(p: ButtonProps): Record<string, string> {
  if (p.dialog) return { "data-dialog": p.dialog, "aria-haspopup": "dialog" };
  if (p.dialogUrl) {
    return {
      "hx-get": p.dialogUrl,
      "hx-target": "#dialogs",
      "hx-swap": "innerHTML",
      "aria-haspopup": "dialog",
    };
  }
  if (p.menu) return { popovertarget: p.menu, "aria-haspopup": "menu" };
  if (p.post) {
    return {
      "hx-post": p.post,
      "hx-swap": "none",
      "hx-disable": "this",
      ...(p.vals ? { "hx-vals": JSON.stringify(p.vals) } : {}),
    };
  }
  return {};
}
