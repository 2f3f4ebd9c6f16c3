/**
 * A secret that is not in the page: dots until the eye is pressed, then fetched by POST from `url`,
 * which answers `{"value": "…"}`. Hidden again by the eye, or after half a minute.
 */
import { say } from "../words.ts";
import { IconButton } from "./button.tsx";
import type { Language } from "./kit.ts";

export function Secret({ lang, url, label }: { lang: Language; url: string; label: string }) {
  return (
    <span class="secret" data-secret={url}>
      <output aria-live="polite">••••••••</output>
      <IconButton
        icon="eye"
        size="small"
        label={`${say(lang, "action.reveal")}: ${label}`}
        extra={{ "data-eye": "", "aria-pressed": "false" }}
      />
      <IconButton
        icon="copy"
        size="small"
        label={`${say(lang, "action.copy")}: ${label}`}
        extra={{ "data-copy-secret": "" }}
      />
    </span>
  );
}
