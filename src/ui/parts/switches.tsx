/** Language and theme: kept in cookies by the client, obeyed by the server from the next page on. */
import { type Language, languages } from "../../core/words.ts";
import type { Theme } from "../preferences.ts";
import { say } from "../words.ts";
import { Icon } from "./icon.tsx";

const names: Record<Language, { short: string; long: string }> = {
  en: { short: "EN", long: "English" },
  "zh-CN": { short: "中文", long: "中文" },
};

/** Offers the other language, in its own words. */
export function LanguageSwitch({ lang, long }: { lang: Language; long?: boolean }) {
  const other = languages.find((language) => language !== lang) ?? lang;
  return (
    <button
      type="button"
      class="btn quiet language"
      data-language={other}
      lang={other}
      title={names[other].long}
    >
      {long ? <Icon name="language" /> : null}
      <span class="txt">{long ? names[other].long : names[other].short}</span>
    </button>
  );
}

/** Light, dark, or as the system. */
export function ThemeSwitch({ lang, theme }: { lang: Language; theme: Theme }) {
  const choices = ["auto", "light", "dark"] as const;
  return (
    <>
      <button
        type="button"
        class="btn quiet only theme"
        popovertarget="theme-menu"
        aria-haspopup="menu"
        aria-label={say(lang, "frame.theme")}
        title={say(lang, "frame.theme")}
      >
        <Icon name="theme" />
      </button>
      <section class="menu" id="theme-menu" popover="auto" aria-label={say(lang, "frame.theme")}>
        {choices.map((choice) => (
          <button
            type="button"
            class="btn quiet"
            aria-pressed={choice === theme ? "true" : "false"}
            data-theme-choice={choice}
          >
            <Icon name="check" />
            <span class="txt">{say(lang, `frame.theme.${choice}`)}</span>
          </button>
        ))}
      </section>
    </>
  );
}
