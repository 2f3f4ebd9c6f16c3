/** What all scripts share: the server's face, the page's words, and htmx as we use it. */

/** What of htmx 4 we call. */
interface Htmx {
  swap(ctx: { text: string; sourceElement: Element; target: Element; swap: string }): Promise<void>;
  registerExtension(
    name: string,
    extension: Record<string, (element: Element, detail: never) => boolean | undefined>,
  ): void;
}

declare global {
  interface Window {
    htmx: Htmx;
  }
  interface DocumentEventMap {
    "htmx:config:request": CustomEvent<{ ctx: RequestContext }>;
    "htmx:after:request": CustomEvent<{ ctx: RequestContext }>;
    "htmx:response:error": CustomEvent<{ ctx: RequestContext }>;
    "htmx:error": CustomEvent<{ ctx?: RequestContext; error: unknown }>;
    "htmx:before:swap": CustomEvent<{ ctx: RequestContext; tasks: SwapTask[] }>;
    "htmx:after:swap": CustomEvent<{ ctx: RequestContext }>;
  }
}

export interface RequestContext {
  sourceElement: Element;
  text: string;
  request: { headers: Record<string, string>; body: FormData };
  response: { status: number; headers: Headers };
}

export interface SwapTask {
  target: Element | null;
  fragment: DocumentFragment;
  swapSpec: { style: string };
}

type Word =
  | "live"
  | "connecting"
  | "lost"
  | "unreachable"
  | "oops"
  | "copied"
  | "dismiss"
  | "fixOne"
  | "fixOther";

const words: Record<Word, string> = JSON.parse(document.body.dataset.words ?? "{}");

/** A word of the page's language, its `{n}` and `{names}` filled. */
export function word(key: Word, args: Record<string, string | number> = {}): string {
  return words[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(args[name] ?? whole));
}

/** The token that proves that a request comes from our page. */
export function csrf(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

/** Posts with the CSRF token. */
export function post(url: string, body?: BodyInit): Promise<Response> {
  return fetch(url, {
    method: "POST",
    // Refusals then come as problem documents, whose sentence the caller shows.
    headers: { "X-CSRF-Token": csrf(), Accept: "application/json, text/html;q=0.5" },
    ...(body === undefined ? {} : { body }),
  });
}

/** Keeps a choice for a year. */
export function keep(cookie: string, value: string): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs HTTPS, and the first start is plain HTTP
  document.cookie = `${cookie}=${value};path=/;max-age=31536000;samesite=lax`;
}

export function all<E extends Element = HTMLElement>(selector: string, root: ParentNode = document): E[] {
  return [...root.querySelectorAll<E>(selector)];
}

/** Calls `fn` with the nearest element that fits when something on it is clicked. */
export function onClick(selector: string, fn: (element: HTMLElement, event: MouseEvent) => void): void {
  document.addEventListener("click", (event) => {
    const element = (event.target as Element).closest<HTMLElement>(selector);
    if (element) fn(element, event);
  });
}

export function byId(id: string | undefined): HTMLElement | null {
  return id ? document.getElementById(id) : null;
}
