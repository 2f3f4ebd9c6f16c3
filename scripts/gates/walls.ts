/** Checks the walls between rooms, and that the checker saw the modules at all (a wrong compiler version makes it blind). */
import { run } from "./run.ts";

/** Fewer modules than this means that the tool looked past the sources. */
const leastModules = 150;

const folder = process.argv[2] ?? "src";
const { code, out, err } = await run([
  process.execPath,
  "--bun",
  "node_modules/.bin/depcruise",
  "--config",
  "scripts/gates/walls.cjs",
  "--output-type",
  "json",
  folder,
]);
let result: {
  summary: { totalCruised: number; violations: { rule: { name: string }; from: string; to: string }[] };
};
try {
  result = JSON.parse(out);
} catch {
  console.error(`dependency-cruiser gave no result (exit code ${code}): ${err.slice(0, 2000)}`);
  process.exit(1);
}
const { totalCruised, violations } = result.summary;
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
if (totalCruised < leastModules) {
  console.error(
    `only ${totalCruised} modules were looked at: the tool is blind (TypeScript must be version 6)`,
  );
  process.exit(1);
}
console.log(`walls: ${totalCruised} modules, ${violations.length} violations`);
process.exit(violations.length > 0 ? 1 : 0);
