/**
 * Variables in rules: `{HOSTNAME}` stands for the guest's hostname. In files the value takes its place. In commands
 * it never does: there the shell's own variable takes its place, whose value comes from a file, so that whatever
 * stands in a value is data and no command. `${NAME}` is the shell's and left alone; `{{NAME}}` writes `{NAME}`.
 *
 * In files, what stands between `{?DNS2}` and `{/DNS2}` is left out where the value is empty.
 */

const pattern = /\{\{([A-Z][A-Z0-9-]*)\}\}|(?<!\$)\{([A-Z][A-Z0-9-]*)\}/g;

const part = /\{\?([A-Z][A-Z0-9-]*)\}(.*?)\{\/\1\}/gs;
const partEdge = /\{[?/]([A-Z][A-Z0-9-]*)\}/g;

/** The names of the variables in a text, each once. */
export function namesIn(text: string): string[] {
  const edges = [...text.matchAll(partEdge)].flatMap((match) => match[1] ?? []);
  return [...new Set([...[...text.matchAll(pattern)].flatMap((match) => match[2] ?? []), ...edges])];
}

/** The first part that has no end or no beginning, or null. In commands none may be: there the shell decides. */
export function openPartIn(text: string): string | null {
  const without = text.replaceAll(part, (_, __, inner: string) => inner);
  if (without !== text) return openPartIn(without);
  return without.match(new RegExp(partEdge.source))?.[1] ?? null;
}

/** Whether a text has parts that may be left out. */
export const hasParts = (text: string): boolean => text.search(part) >= 0;

function withoutEmptyParts(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(part, (_, name: string, inner: string) =>
    values[name] === "" ? "" : withoutEmptyParts(inner, values),
  );
}

/** Puts values into a file's text. @throws Error where a value is missing: names were checked before. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  const kept = withoutEmptyParts(text, values);
  return kept.replaceAll(pattern, (_, literal: string | undefined, name: string | undefined) => {
    if (name === undefined) return `{${literal}}`;
    const value = values[name];
    if (value === undefined) throw new Error(`no value for {${name}}`);
    return value;
  });
}

/** The shell's variable for one of ours: `{SSH-KEY}` is `$JIMV_SSH_KEY`. */
export const shellName = (name: string): string => `JIMV_${name.replaceAll("-", "_")}`;

/** Where the shell reads no variables, or would take them apart. */
export type Misplaced = { name: string; where: "singleQuotes" | "hereDocument" };

interface Place {
  quotes: "none" | "single" | "double";
  /** After `<<`: what follows is text whose quotes mean nothing. */
  hereDocument: boolean;
}

/** Where each character of a command stands, as far as quoting goes. What is in `$(…)` begins anew with its quotes. */
function* places(command: string): Generator<Place> {
  const nested: Place["quotes"][] = [];
  let quotes: Place["quotes"] = "none";
  let hereDocument = false;
  let escaped = false;
  let comment = false;
  for (let at = 0; at < command.length; at++) {
    const char = command[at];
    yield { quotes, hereDocument };
    if (comment) comment = char !== "\n";
    else if (escaped) escaped = false;
    else if (char === "\\" && quotes !== "single") escaped = true;
    else if (char === "'" && quotes !== "double") quotes = quotes === "single" ? "none" : "single";
    else if (char === '"' && quotes !== "single") quotes = quotes === "double" ? "none" : "double";
    else if (char === "(" && (quotes === "none" || (quotes === "double" && command[at - 1] === "$"))) {
      nested.push(quotes);
      quotes = "none";
    } else if (char === ")" && quotes === "none") quotes = nested.pop() ?? "none";
    else if (quotes === "none" && char === "#" && /^$|\s|;/.test(command[at - 1] ?? "")) comment = true;
    else if (quotes === "none" && command.startsWith("<<", at)) hereDocument = true;
  }
}

/** The first variable that stands where it would not work, or null. */
export function misplacedIn(command: string): Misplaced | null {
  const where = [...places(command)];
  for (const match of command.matchAll(pattern)) {
    const place = where[match.index];
    const name = match[2];
    if (!place || name === undefined) continue;
    if (place.hereDocument) return { name, where: "hereDocument" };
    if (place.quotes === "single") return { name, where: "singleQuotes" };
  }
  return null;
}

/** The command with shell variables in place of ours, each quoted, so that a value stays one word. */
export function shellText(command: string): string {
  const where = [...places(command)];
  return command.replaceAll(
    pattern,
    (_, literal: string | undefined, name: string | undefined, offset: number) => {
      if (name === undefined) return `{${literal}}`;
      const reference = `\${${shellName(name)}}`;
      return where[offset]?.quotes === "double" ? reference : `"${reference}"`;
    },
  );
}
