/** The frame of pages outside the application: set-up, sign-in, errors. */

import { Document, type DocumentProps } from "./document.tsx";
import { cx } from "./kit.ts";
import { Logo } from "./logo.tsx";
import { LanguageSwitch, ThemeSwitch } from "./switches.tsx";

export interface PlainFrameProps extends Omit<DocumentProps, "kind" | "script"> {
  version: string;
  /** Narrow: one small form in the middle. */
  narrow?: boolean;
}

export function PlainFrame(p: PlainFrameProps) {
  return (
    <Document
      lang={p.lang}
      theme={p.theme}
      title={p.title}
      csrf={p.csrf}
      kind={cx("plain", p.narrow && "narrow") ?? ""}
      stream={p.stream}
    >
      <header class="plain-top">
        <Logo />
        <span class="version">{p.version}</span>
        <span class="grow" />
        <LanguageSwitch lang={p.lang} long />
        <ThemeSwitch lang={p.lang} theme={p.theme} />
      </header>
      <main id="main">{p.children}</main>
    </Document>
  );
}
