/** `Ctrl K`: one field for pages, names, addresses and ids. The navigation is matched in the page, the rest by the server. */
import { isIcon } from "../icons.ts";
import { say } from "../words.ts";
import { Switch } from "./choice.tsx";
import { Icon } from "./icon.tsx";
import type { Language } from "./kit.ts";

export interface PaletteHit {
  href: string;
  icon: string;
  label: string;
  /** Smaller, at the right: where it is, what it is. */
  hint: string;
}

/** The dialog. `url` answers `?q=` with `PaletteHits`. */
export function Palette({ lang, url }: { lang: Language; url: string }) {
  return (
    <dialog id="palette" class="palette" aria-label={say(lang, "palette.title")} data-url={url} hx-morph-skip>
      <label class="search-field">
        <Icon name="search" />
        <span class="sr">{say(lang, "palette.title")}</span>
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-autocomplete="list"
          autocomplete="off"
          spellcheck={false}
          maxlength={200}
          placeholder={say(lang, "frame.search")}
        />
      </label>
      <div id="palette-list" class="palette-hits" role="listbox" aria-label={say(lang, "palette.found")} />
      <p class="hint" data-nothing={say(lang, "palette.nothing")}>
        {say(lang, "palette.hint")}
      </p>
    </dialog>
  );
}

/** What the server answers: one option a hit. */
export function PaletteHits({ hits }: { hits: readonly PaletteHit[] }) {
  return (
    <>
      {hits.map((hit) => (
        <a role="option" aria-selected="false" href={hit.href} tabindex={-1}>
          <Icon name={isIcon(hit.icon) ? hit.icon : "search"} />
          <span>{hit.label}</span>
          <small>{hit.hint}</small>
        </a>
      ))}
    </>
  );
}

/** The list of keys, opened by `?`. */
export function KeysDialog({ lang }: { lang: Language }) {
  const rows: [string, string][] = [
    ["/", say(lang, "keys.filter")],
    ["Ctrl K", say(lang, "keys.palette")],
    ["J K", say(lang, "keys.row")],
    ["X", say(lang, "keys.select")],
    ["Enter", say(lang, "keys.open")],
    ["C", say(lang, "keys.create")],
    ["G H · G G · G N · G T · G D · G M", say(lang, "keys.go")],
    ["?", say(lang, "keys.help")],
  ];
  return (
    <dialog id="keys" aria-labelledby="keys-title">
      <div class="dialog-head">
        <h2 id="keys-title">{say(lang, "keys.title")}</h2>
        <button
          type="button"
          class="btn quiet only"
          data-close
          data-focus
          aria-label={say(lang, "action.close")}
        >
          <Icon name="close" />
        </button>
      </div>
      <div class="dialog-body">
        <dl class="keys">
          {rows.map(([key, what]) => (
            <div>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <Switch
          name="single-keys"
          label={say(lang, "frame.singleKeys")}
          checked
          extra={{ "data-single-keys": "" }}
        />
      </div>
    </dialog>
  );
}
