/** Checks for what is left over while writing: markers, escapes from the type checker, tests that don't run, long files. */
import { Glob } from "bun";

/** Files longer than this are said (not refused): they have probably grown past one idea. */
const longFileLines = 400;
const marks: [RegExp, string][] = [
  [/\b(TODO|FIXME|XXX)\b/, "a marker of unfinished work"],
  [/@ts-(ignore|nocheck)/, "an escape from the type checker"],
  [/@ts-expect-error/, "a type error that only a test may expect"],
  [/:\s*any\b|\bas any\b|<any>/, "any"],
  [/\b(test|it|describe)\.(skip|only|todo)\b/, "a test that does not run, or keeps others from running"],
  [/biome-ignore(?! lint\/[\w/]+: \S)/, "a silenced rule without a reason"],
];
/** The edge to C, where values have no type of ours. */
const untyped = /^src\/core\/libvirt\/(call|symbols|event-loop)\.ts$/;

const problems: string[] = [];
const roots = process.argv.length > 2 ? process.argv.slice(2) : ["src", "tests", "scripts"];
for (const root of roots)
  for (const name of new Glob("**/*.{ts,tsx}").scanSync(root)) {
    const file = `${root}/${name}`;
    if (file.startsWith("scripts/gates/")) continue;
    const lines = (await Bun.file(file).text()).split("\n");
    lines.forEach((line, i) => {
      for (const [mark, what] of marks)
        if (what.startsWith("a type error") && file.endsWith(".test.ts")) continue;
        else if (
          mark.test(line) &&
          !(what === "any" && (untyped.test(file) || /^\s*(\*|\/\/|\/\*)/.test(line)))
        )
          problems.push(`${file}:${i + 1}: ${what}`);
    });
    if (lines.length > longFileLines) console.log(`long: ${file} has ${lines.length} lines`);
  }
for (const problem of problems) console.error(problem);
console.log(`tidy: ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
