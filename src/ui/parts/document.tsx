/** The document around every page: head with hashed assets, theme, the sprite, and what scripts need to know. */
import type { JSX } from "../../jsx-runtime.ts";
import { assetUrl, sprite } from "../assets.ts";
import type { Theme } from "../preferences.ts";
import { say } from "../words.ts";
import { type Child, cx, type Language } from "./kit.ts";
import { raw } from "./raw.ts";
import { ToastRegion } from "./toast.tsx";

export interface DocumentProps {
  lang: Language;
  theme: Theme;
  title: string;
  /** The session's token; htmx sends it as `X-CSRF-Token`. */
  csrf: string | null;
  /** The live stream's address (`/events?after=…&view=…`); null where nothing on the page changes by itself. */
  stream: string | null;
  /** Class of the body: which kind of page. */
  kind: string;
  /** A script in place of the usual one. */
  script?: "app.js" | "console.js";
  children?: Child;
}

const htmxConfig = JSON.stringify({
  // A refusal changes nothing unless the form asks for it (422); its partials (toasts) still arrive.
  noSwap: [204, 304, "4xx", "5xx"],
  includeIndicatorCSS: false,
  // What a person opened or the client marked survives a morph.
  morphIgnore: ["data-htmx-powered", "open", "style", "aria-expanded", "aria-pressed"],
});

export function Document(p: DocumentProps): JSX.Element {
  return (
    <html lang={p.lang} data-theme={p.theme === "auto" ? undefined : p.theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{p.title} · JimV</title>
        <meta name="color-scheme" content={p.theme === "auto" ? "light dark" : p.theme} />
        {p.csrf ? <meta name="csrf-token" content={p.csrf} /> : null}
        <meta name="htmx-config" content={htmxConfig} />
        <link rel="icon" type="image/svg+xml" href={assetUrl("icon.svg")} />
        <link rel="stylesheet" href={assetUrl("app.css")} />
        <script type="module" src={assetUrl(p.script ?? "app.js")} />
      </head>
      <body class={cx(p.kind)} data-live={p.stream ?? undefined} data-words={clientWords(p.lang)}>
        {raw(sprite)}
        {p.children}
        <div id="dialogs" hx-morph-skip-children />
        <ToastRegion lang={p.lang} />
      </body>
    </html>
  );
}

/** The texts that scripts show. */
function clientWords(lang: Language): string {
  return JSON.stringify({
    live: say(lang, "frame.live", { ms: "{n}" }),
    connecting: say(lang, "frame.connecting"),
    lost: say(lang, "frame.lost"),
    unreachable: say(lang, "frame.unreachable"),
    oops: say(lang, "frame.oops", { status: "{n}" }),
    copied: say(lang, "action.copied"),
    dismiss: say(lang, "action.dismiss"),
    fixOne: say(lang, "form.fix_one", { names: "{names}" }),
    fixOther: say(lang, "form.fix_other", { n: "{n}", names: "{names}" }),
  });
}
