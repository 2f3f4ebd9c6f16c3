/**
 * What the server sends down a page's one live stream. Each function gives one message's data. It is
 * htmx's own `<hx-partial>`, so the same strings may stand in the answer to a post, too. A message for
 * an id that is not on the page does nothing.
 */

/** What JSX gives: text, or a promise of it. */
type Markup = { toString(): string } | Promise<{ toString(): string }>;

/** The HTML of a JSX node. */
export async function html(node: Markup): Promise<string> {
  return String(await node);
}

/** A whole document. */
export async function documentHtml(node: Markup): Promise<string> {
  return `<!doctype html>${await html(node)}`;
}

function partial(id: string, swap: string, content: string): string {
  if (!/^[\w-]+$/.test(id))
    throw new Error(`"${id}" can't be the id of a live element: letters, digits, _ and - only`);
  return `<hx-partial hx-target="#${id}" hx-swap="${swap}">${content}</hx-partial>`;
}

/**
 * Puts `content` in the place of the element `id`, by morphing: focus, ticked boxes, open menus and
 * running animations stay. `content` is one element with the same id.
 */
export function replace(id: string, content: string): string {
  return partial(id, "outerMorph", content);
}

/** Takes the element away. */
export function remove(id: string): string {
  return partial(id, "delete", "");
}

/** Adds `content`, one element with an id, at the end of the element `parentId`; if it is there already, replaces it. */
export function append(parentId: string, content: string): string {
  return partial(parentId, "beforeend", content);
}

/** As `append`, at the beginning: a new row on top of a list. */
export function prepend(parentId: string, content: string): string {
  return partial(parentId, "afterbegin", content);
}

/** Tells the browser to fetch its page again and to morph into it: after a gap in the stream. */
export function reload(): string {
  return "<hx-reload></hx-reload>";
}
