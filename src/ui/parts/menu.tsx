/** A menu that opens from a button: a list of buttons and links in the browser's top layer. */
import { Button, type ButtonProps, IconButton } from "./button.tsx";
import type { Child } from "./kit.ts";

export interface MenuItem extends Omit<ButtonProps, "kind" | "size" | "menu" | "children"> {
  label: string;
  danger?: boolean;
  /** A line above it. */
  divided?: boolean;
}

/** The list itself. Opened by any button with `menu={id}`. */
export function Menu({
  id,
  items,
  label,
  children,
}: {
  id: string;
  label: string;
  items?: readonly MenuItem[];
  children?: Child;
}) {
  return (
    <section class="menu" id={id} popover="auto" aria-label={label}>
      {children}
      {items?.map(({ label: text, danger, divided, ...rest }) => (
        <Button {...rest} kind={danger ? "danger" : "quiet"} class={divided ? "divided" : ""}>
          {text}
        </Button>
      ))}
    </section>
  );
}

/** The "…" with its menu. `id` must be unique in the page: `menu-<row id>`. */
export function MoreMenu({ id, label, items }: { id: string; label: string; items: readonly MenuItem[] }) {
  return (
    <>
      <IconButton icon="more" label={label} menu={id} />
      <Menu id={id} label={label} items={items} />
    </>
  );
}
