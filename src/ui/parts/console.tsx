/**
 * The console's own page: black, one thin bar. The script POSTs to `ticketUrl` for `{ticket, password}`
 * and opens a WebSocket at `socketUrl?ticket=…`; a ticket is short-lived and good for once, the
 * password never stands in an address. A lost connection is opened again with a fresh ticket.
 */
import type { Theme } from "../preferences.ts";
import { say } from "../words.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Document } from "./document.tsx";
import type { Child, Language } from "./kit.ts";
import { Logo } from "./logo.tsx";

export interface ConsolePageProps {
  lang: Language;
  theme: Theme;
  csrf: string | null;
  /** The guest's name and page. */
  name: string;
  href: string;
  ticketUrl: string;
  socketUrl: string;
  /** More buttons at the right: power. */
  actions?: Child;
}

export function ConsolePage(p: ConsolePageProps) {
  const t = (key: Parameters<typeof say>[1], args?: Parameters<typeof say>[2]) => say(p.lang, key, args);
  return (
    <Document
      lang={p.lang}
      theme="dark"
      title={t("console.title", { name: p.name })}
      csrf={p.csrf}
      stream={null}
      kind="console"
      script="console.js"
    >
      <header class="console-bar">
        <a href={p.href} title={t("console.back", { name: p.name })}>
          <Logo name={false} />
        </a>
        <h1>{p.name}</h1>
        <span class="lamp" data-lamp="connecting">
          <span class="dot" />
          <span id="console-state" role="status">
            {t("console.connecting")}
          </span>
        </span>
        <span class="grow" />
        <Button kind="quiet" size="small" icon="keyboard" id="console-cad">
          {t("console.ctrlAltDel")}
        </Button>
        <Button kind="quiet" size="small" icon="paste" id="console-paste">
          {t("console.paste")}
        </Button>
        <Button kind="quiet" size="small" icon="scale" id="console-scale" extra={{ "aria-pressed": "true" }}>
          {t("console.scale")}
        </Button>
        <Button kind="quiet" size="small" icon="expand" id="console-full">
          {t("console.fullScreen")}
        </Button>
        {p.actions}
      </header>
      <main
        id="screen"
        data-ticket-url={p.ticketUrl}
        data-socket-url={p.socketUrl}
        data-connecting={t("console.connecting")}
        data-connected={t("console.connected")}
        data-reconnecting={t("console.reconnecting")}
        data-refused={t("console.refused", { reason: "{reason}" })}
      />
      <Dialog
        lang={p.lang}
        id="paste-dialog"
        title={t("console.paste")}
        actions={
          <Button kind="primary" id="paste-type">
            {t("console.type")}
          </Button>
        }
      >
        <div class="field">
          <label class="label" for="paste-text">
            {t("console.pasteHint")}
          </label>
          <textarea id="paste-text" rows={6} spellcheck={false} maxlength={4000} />
        </div>
      </Dialog>
    </Document>
  );
}
