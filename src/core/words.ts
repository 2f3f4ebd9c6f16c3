/**
 * The texts a person reads, in every language. A room or plugin brings its own `words.ts`; a key that
 * is missing in one language does not compile. Logs stay English and do not use this.
 */
export const languages = ["en", "zh-CN"] as const;
export type Language = (typeof languages)[number];

/** Values that stand in a text's `{places}`. Numbers are written with the language's digit grouping. */
export type WordArgs = Readonly<Record<string, string | number>>;

/** A list of words whose keys are not known to the type checker, as the word book keeps it. */
export interface WordList {
  readonly keys: readonly string[];
  say(language: Language, key: string, args?: WordArgs): string;
}

export interface Words<K extends string = string> extends WordList {
  readonly keys: readonly K[];
  /** The text of `key` in `language`, its `{places}` filled from `args`. */
  say(language: Language, key: K, args?: WordArgs): string;
  /** A function for one language, to keep pages short: `const t = words.in(language)`. */
  in(language: Language): (key: K, args?: WordArgs) => string;
}

/** Makes a word list. `zh-CN` must have exactly the keys of `en`. */
export function defineWords<const E extends Record<string, string>>(texts: {
  en: E;
  "zh-CN": { readonly [P in keyof E]: string };
}): Words<Extract<keyof E, string>> {
  type K = Extract<keyof E, string>;
  const say = (language: Language, key: K, args: WordArgs = {}): string =>
    fill(texts[language][key], language, args);
  return {
    keys: Object.keys(texts.en) as K[],
    say,
    in: (language) => (key, args) => say(language, key, args),
  };
}

function fill(text: string, language: Language, args: WordArgs): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = args[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? numberText(language, value) : value;
  });
}

/** What Intl writes when it is asked for no digits in particular. */
const usualDigits = 3;
/** Making one takes longer than a whole row of a table. */
const numberFormats = new Map<string, Intl.NumberFormat>();

/** A number as the language writes it, with so many digits after the point at most. */
export function numberText(language: Language, n: number, digits: number = usualDigits): string {
  // The same in every language, and most of what a page shows.
  if (Number.isInteger(n) && n >= 0 && n < 1000) return String(n);
  const key = `${language} ${digits}`;
  let format = numberFormats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(language, { maximumFractionDigits: digits });
    numberFormats.set(key, format);
  }
  return format.format(n);
}

/** All word lists of a running program in one place: errors and events carry a key from any of them. */
export class WordBook {
  private readonly lists = new Map<string, WordList>();

  /** Adds a list. A key that another list already has is a defect and throws. */
  add(list: WordList): void {
    for (const key of list.keys) {
      if (this.lists.has(key)) throw new Error(`word key "${key}" is defined twice`);
      this.lists.set(key, list);
    }
  }

  /** The text of a key, or the key itself where nobody knows it (an old row of a plugin that is gone). */
  say(language: Language, key: string, args?: WordArgs): string {
    return this.lists.get(key)?.say(language, key, args) ?? key;
  }
}

/** The language a browser asks for, by its Accept-Language header; English when it asks for neither. */
export function languageOf(acceptLanguage: string | null): Language {
  for (const part of (acceptLanguage ?? "").split(",")) {
    const tag = part.split(";")[0]?.trim().toLowerCase() ?? "";
    if (tag.startsWith("zh")) return "zh-CN";
    if (tag.startsWith("en")) return "en";
  }
  return "en";
}
