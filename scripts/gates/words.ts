/**
 * Checks the texts: every key that the sources name exists in some word list, every key of a list is named
 * somewhere, and both languages have the same places. (That both have the same keys is checked by the compiler.)
 */
import { Glob } from "bun";
import type { WordList } from "../../src/core/words.ts";

const root = process.argv[2] ?? "src";
const files = [...new Glob("**/*.{ts,tsx}").scanSync(root)].filter(
  (file) => !/\.test\.tsx?$|\/testing\//.test(file),
);
const lists = new Map<string, { list: WordList; file: string }>();
const problems: string[] = [];

for (const file of files.filter((one) => /(^|\/)words[^/]*\.ts$/.test(one))) {
  const module = (await import(`${process.cwd()}/${root}/${file}`)) as Record<string, unknown>;
  for (const value of Object.values(module))
    if (isList(value)) for (const key of value.keys) lists.set(key, { list: value, file });
}

/** Sources without the lists themselves: where keys are used. */
const texts = await Promise.all(
  files
    .filter((file) => !/(^|\/)words[^/]*\.ts$/.test(file))
    .map(async (file) => ({ file, text: await Bun.file(`${root}/${file}`).text() })),
);
const literals = new Set<string>();
const prefixes = new Set<string>();
for (const { text } of texts) {
  for (const [, literal = ""] of text.matchAll(/["'`]([A-Za-z][\w-]*(?:\.[\w-]+)+)["'`]/g))
    literals.add(literal);
  for (const [, prefix = ""] of text.matchAll(/`([A-Za-z][\w-]*\.(?:[\w-]+\.)*[\w-]*)\$\{/g))
    prefixes.add(prefix);
}

/** `x_one` and `x_other` are the forms of `x`; a plugin's `x.settings.…` are found by the settings page by name. */
function isUsed(key: string): boolean {
  const asked = key.replace(/_(one|other)$/, "");
  return (
    literals.has(key) ||
    literals.has(asked) ||
    /^[a-z-]+\.settings\./.test(key) ||
    [...prefixes].some((prefix) => key.startsWith(prefix))
  );
}

for (const [key, { list, file }] of lists) {
  if (!isUsed(key)) problems.push(`${file}: "${key}" is used nowhere`);
  // "1 guest" needs no number; Chinese has one form and always says it.
  if (key.endsWith("_one")) continue;
  const places = (text: string): string =>
    [...text.matchAll(/\{(\w+)\}/g)]
      .map((match) => match[1])
      .sort()
      .join(",");
  const [en, zh] = [list.say("en", key), list.say("zh-CN", key)];
  if (places(en) !== places(zh)) problems.push(`${file}: "${key}" has other places in the two languages`);
  if (en === "" || zh === "") problems.push(`${file}: "${key}" is empty`);
}

// A key is asked for by these; anything of the right form in them must exist.
const asks =
  /(?:\b(?:say|t|AppError|fieldError)\(|\bword:)\s*(?:(?:"\w+"|[\w.]+),\s*)?"([A-Za-z][\w-]*(?:\.[\w-]+)+)"/g;
for (const { file, text } of texts)
  for (const [, key = ""] of text.matchAll(asks))
    if (!lists.has(key)) problems.push(`${file}: there is no text for "${key}"`);

for (const problem of problems) console.error(problem);
console.log(`words: ${lists.size} keys, ${problems.length} problems`);
process.exit(problems.length > 0 || lists.size === 0 ? 1 : 0);

function isList(value: unknown): value is WordList {
  return (
    typeof value === "object" &&
    value !== null &&
    "keys" in value &&
    Array.isArray(value.keys) &&
    "say" in value
  );
}
