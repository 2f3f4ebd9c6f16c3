/**
 * Dialogs. A danger dialog names each victim and what stays; focus starts on Cancel. It stands in the
 * page and a button names it, or the server renders it on demand into `#dialogs` (then set `open`).
 */
import { say } from "../words.ts";
import { Button, IconButton } from "./button.tsx";
import { type Child, cx, type Language } from "./kit.ts";

export interface DialogProps {
  lang: Language;
  id: string;
  title: string;
  children?: Child;
  /** Its buttons; Cancel comes by itself. */
  actions?: Child;
  /** Shows itself on arrival: for dialogs that the server renders on demand. */
  open?: boolean;
  wide?: boolean;
  danger?: boolean;
  /** Wraps the inside, e.g. into a form. */
  cancel?: boolean;
}

export function Dialog(p: DialogProps) {
  return (
    <dialog
      id={p.id}
      class={cx(p.danger && "danger", p.wide && "wide")}
      aria-labelledby={`${p.id}-title`}
      data-open={p.open ? "" : undefined}
    >
      <div class="dialog-head">
        <h2 id={`${p.id}-title`}>{p.title}</h2>
        <IconButton icon="close" label={say(p.lang, "action.close")} extra={{ "data-close": "" }} />
      </div>
      <div class="dialog-body">{p.children}</div>
      {p.actions || p.cancel !== false ? (
        <div class="dialog-foot">
          {p.cancel === false ? null : (
            <Button extra={{ "data-close": "", "data-focus": "" }}>{say(p.lang, "action.cancel")}</Button>
          )}
          {p.actions}
        </div>
      ) : null}
    </dialog>
  );
}

export interface DangerProps {
  lang: Language;
  id: string;
  title: string;
  /** Where the confirmed action posts. */
  post: string;
  /** Hidden fields of the post, repeated values as arrays. */
  fields?: Record<string, string | readonly string[]>;
  /** Each thing that is destroyed: "web-07: 3 disks, 640 GiB, address 10.10.3.17". */
  victims: readonly Child[];
  /** What is left untouched. */
  survivors?: readonly Child[];
  /** The button's words: "Delete 2 guests". */
  confirm: string;
  /** For what can't be undone: the confirm button waits until this was typed. */
  typeName?: string;
  /** Choices inside the form: "take the data disks along". */
  children?: Child;
  open?: boolean;
}

export function DangerDialog(p: DangerProps) {
  const form = `${p.id}-form`;
  return (
    <Dialog
      lang={p.lang}
      id={p.id}
      title={p.title}
      danger
      {...(p.open ? { open: true } : {})}
      actions={
        <Button
          kind="danger"
          type="submit"
          class="solid"
          {...(p.typeName ? { extra: { "aria-disabled": "true" } } : {})}
          id={`${p.id}-confirm`}
          formId={form}
        >
          {p.confirm}
        </Button>
      }
    >
      <form id={form} method="post" action={p.post} hx-post={p.post} hx-swap="none" data-closes={p.id}>
        {Object.entries(p.fields ?? {}).flatMap(([name, value]) =>
          (Array.isArray(value) ? value : [value]).map((one) => (
            <input type="hidden" name={name} value={one} />
          )),
        )}
        <p class="label">{say(p.lang, "label.youLose")}</p>
        <ul class="victims">
          {p.victims.map((victim) => (
            <li>{victim}</li>
          ))}
        </ul>
        {p.children}
        {p.survivors && p.survivors.length > 0 ? (
          <>
            <p class="label">{say(p.lang, "label.youKeep")}</p>
            <ul class="survivors">
              {p.survivors.map((one) => (
                <li>{one}</li>
              ))}
            </ul>
          </>
        ) : null}
        {p.typeName ? (
          <div class="field">
            <label class="label" for={`${p.id}-name`}>
              {say(p.lang, "label.typeName", { name: p.typeName })}
            </label>
            <input
              id={`${p.id}-name`}
              type="text"
              autocomplete="off"
              spellcheck={false}
              data-must-be={p.typeName}
              data-unlocks={`${p.id}-confirm`}
            />
          </div>
        ) : null}
      </form>
    </Dialog>
  );
}
