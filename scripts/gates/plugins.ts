/**
 * Checks the shape of the plugin folders, so that whoever has read one has read them all: the files they may
 * have, in which of them what is registered, and that names agree (folder = plugin = prefix of tables and word
 * keys).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isTable, metaOf } from "../../src/core/store/index.ts";

const folder = process.argv[2] ?? "src/plugins";
const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const problems: string[] = [];
/** Plain nouns, and `pages-list.tsx` for parts of what grew; folders only for tests' tools. */
const fileName = /^[a-z]+(-[a-z]+)*(\.test)?\.tsx?$/;
/** Names that say what kind of file it is not: rooms for anything become dumps. */
const refused = new Set(["utils.ts", "helpers.ts", "misc.ts", "common.ts", "types.ts"]);
/**
 * Which file what is registered in. A part of what grew carries the same noun: `joining-routes.ts`,
 * `pages-stream.tsx`, `power-operations.ts`.
 */
const rooms: { what: RegExp; says: string; noun: string; ending: string }[] = [
  { what: /\bweb\.(api|socket)\(/, says: "API routes and sockets", noun: "routes", ending: "ts" },
  { what: /\bweb\.(page|form)\(/, says: "pages and forms", noun: "pages", ending: "tsx?" },
  { what: /\bweb\.live\(/, says: "live views", noun: "live|pages", ending: "tsx" },
  { what: /\bcontext\.(operation|undo)\(/, says: "operations", noun: "operations|operation", ending: "ts" },
  { what: /\btable\(/, says: "tables", noun: "schema", ending: "ts" },
  { what: /\bdefineWords\(/, says: "words", noun: "words", ending: "ts" },
  { what: /\btaskKind\(/, says: "kinds of tasks", noun: "tasks", ending: "ts" },
];

for (const { name } of names) {
  const files = readdirSync(join(folder, name));
  const say = (text: string): void => {
    problems.push(`${folder}/${name}: ${text}`);
  };
  if (!files.includes("index.ts")) say("has no index.ts");
  for (const file of files)
    if (file !== "testing" && (!fileName.test(file) || refused.has(file)))
      say(`"${file}" is not a name for a file of a plugin`);
  for (const file of files.filter((one) => fileName.test(one) && !/\.test\.tsx?$/.test(one))) {
    const text = readFileSync(join(folder, name, file), "utf8");
    for (const { what, says, noun, ending } of rooms)
      if (what.test(text) && !new RegExp(`^(.+-)?(${noun})(-.+)?\\.${ending}$`).test(file))
        say(`${file}: ${says} belong in a file named ${noun.replaceAll("|", " or ")}`);
  }
  const has = (file: string): boolean => files.includes(file);
  if (files.some((file) => file.startsWith("pages")) && !has("words.ts")) say("has pages but no words.ts");
  if (has("schema.ts") !== has("migrations.ts")) say("schema.ts and migrations.ts belong together");
  if (!has("index.ts")) continue;
  if (
    !new RegExp(`definePlugin\\(\\{\\s*name: "${name}"`).test(
      readFileSync(join(folder, name, "index.ts"), "utf8"),
    )
  )
    say(`index.ts must define the plugin "${name}"`);
  await checkTables(name, say);
  await checkWords(name, files, say);
}
if (names.length === 0) problems.push(`${folder} has no plugins`);
for (const problem of problems) console.error(problem);
console.log(`plugins: ${names.length} folders, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);

async function checkTables(name: string, say: (text: string) => void): Promise<void> {
  const path = join(process.cwd(), folder, name, "schema.ts");
  if (!existsSync(path)) return;
  const prefix = name.replaceAll("-", "_");
  for (const value of Object.values((await import(path)) as Record<string, unknown>))
    if (isTable(value)) {
      const table = metaOf(value).name;
      if (table !== prefix && !table.startsWith(`${prefix}_`))
        say(`table "${table}" must be "${prefix}" or begin with "${prefix}_"`);
    }
}

async function checkWords(name: string, files: string[], say: (text: string) => void): Promise<void> {
  for (const file of files.filter((one) => /^words.*\.ts$/.test(one) && !one.includes(".test."))) {
    const module = (await import(join(process.cwd(), folder, name, file))) as Record<string, unknown>;
    for (const value of Object.values(module)) {
      if (typeof value !== "object" || value === null || !("keys" in value) || !Array.isArray(value.keys))
        continue;
      for (const key of value.keys as string[])
        if (!key.startsWith(`${name}.`) && !allowedPrefix(name, key))
          say(`word key "${key}" must begin with "${name}."`);
    }
  }
}

/** `task.` and `nav.` words belong to the frame; a kind of task begins with its plugin's name. */
function allowedPrefix(name: string, key: string): boolean {
  return (
    key.startsWith(`task.${name}.`) ||
    key.startsWith(`task.step.${name}.`) ||
    key.startsWith(`settings.${name}.`)
  );
}
