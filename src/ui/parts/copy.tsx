/** Copies a text that stands in the page. Secrets are copied by `Secret`, which fetches them first. */
import { say } from "../words.ts";
import { IconButton } from "./button.tsx";
import type { Language } from "./kit.ts";

export function CopyButton({ lang, text, label }: { lang: Language; text: string; label?: string }) {
  const name = label ? `${say(lang, "action.copy")}: ${label}` : say(lang, "action.copy");
  return <IconButton icon="copy" size="small" label={name} extra={{ "data-copy": text }} />;
}

/** A text as it is, line by line: a definition, a log. Long lines scroll, by the keyboard, too. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    // What scrolls must be reachable by the keyboard.
    <section class="code" tabindex={0} aria-label={label}>
      <pre>{text}</pre>
    </section>
  );
}

/** A picture as wide as its place. */
export function Picture({ src, alt }: { src: string; alt: string }) {
  return <img class="picture" src={src} alt={alt} decoding="async" />;
}

/** A command to type, with its copy button. */
export function Command({ lang, text }: { lang: Language; text: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton lang={lang} text={text} />
    </div>
  );
}
