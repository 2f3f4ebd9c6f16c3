/**
 * Runs the benches that are named and writes their sections into docs/performance.md; sections of benches
 * that did not run stay as they are. Exits with 0 whatever the figures say.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PrivateLibvirtd } from "../../tests/support/libvirtd.ts";
import type { Bench, Section } from "./bench.ts";
import { cluster, fullScale } from "./cluster.ts";
import { creation } from "./creation.ts";
import { machineTable } from "./machine.ts";
import { migration, migrationScale } from "./migration.ts";
import { reaction } from "./reaction.ts";
import { sampling } from "./sampling.ts";
import { run, say, workFolder } from "./shell.ts";
import { start } from "./start.ts";

const benches = { creation, sampling, reaction, start, cluster, migration } as const satisfies Record<
  string,
  (bench: Bench) => Promise<Section>
>;
type Name = keyof typeof benches;
const names = Object.keys(benches) as Name[];

const root = join(import.meta.dir, "../..");
const document = join(root, "docs/performance.md");

/** Where a section begins in the document, so that it can be found and exchanged. */
const marker = (name: Name): string => `<!-- bench: ${name} -->`;

/** Sections that stand in the document. */
function standing(): Map<Name, string> {
  const text = existsSync(document) ? readFileSync(document, "utf8") : "";
  const found = new Map<Name, string>();
  for (const part of text.split(/^(?=<!-- bench: )/m)) {
    const name = names.find((one) => part.startsWith(marker(one)));
    if (name) found.set(name, part.trim());
  }
  return found;
}

const now = (): string => `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;

function build(folder: string): () => Promise<string> {
  let made: Promise<string> | null = null;
  const make = async () => {
    say("building the executable");
    await run([process.execPath, join(root, "scripts/build.ts")]);
    // A copy: a build beside this run must not exchange what is being measured.
    const copy = join(folder, "jimv");
    copyFileSync(join(root, "dist/jimv"), copy);
    return copy;
  };
  return () => {
    made ??= make();
    return made;
  };
}

async function main(wanted: readonly Name[], scale: Record<string, number>): Promise<void> {
  const folder = workFolder();
  const libvirtd = await PrivateLibvirtd.open({ privateNetwork: true });
  const bench: Bench = { libvirtd, folder, scale, executable: build(folder) };
  const sections = standing();
  const isFull = Object.keys(scale).length === 0;
  try {
    const machine = await machineTable(libvirtd);
    for (const name of wanted) {
      const busy = loadavg()[0] ?? 0;
      const { title, text } = await benches[name](bench);
      const made = `*\`scripts/bench.sh ${name}\`, ${now()}; the machine's load before it was ${busy.toFixed(1)}.*`;
      sections.set(name, [marker(name), `## ${title}`, "", made, "", text].join("\n"));
      process.stdout.write(`\n## ${title}\n\n${text}\n`);
      // After each bench, so that a later one that fails loses nothing. Short runs only show that a bench works.
      if (isFull) writeFileSync(document, page(machine, sections));
    }
  } finally {
    await libvirtd.close();
  }
  say(isFull ? `written: ${document}` : "nothing was written: figures of a short run");
}

function page(machine: string, sections: ReadonlyMap<Name, string>): string {
  const head = [
    "# Performance",
    "",
    "Made by `scripts/bench.sh [creation|sampling|reaction|start|cluster|migration|all]`, which writes this page; don't edit it by hand.",
    "Each figure stands beside its aim. The benches assert nothing: another machine has other figures, so compare",
    "ratios, which all come from one run with both sides in turns.",
    "",
    machine,
  ].join("\n");
  return `${[head, ...names.flatMap((name) => sections.get(name) ?? [])].join("\n\n")}\n`;
}

const { values: scaling, positionals: asked } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: Object.fromEntries(
    Object.keys({ ...fullScale, ...migrationScale }).map((name) => [name, { type: "string" }] as const),
  ),
});
const wanted = names.filter((name) => asked.includes(name) || asked.includes("all"));
if (wanted.length === 0) {
  console.error(`Say which: ${names.join(", ")} or all.`);
  process.exit(2);
}
await main(wanted, Object.fromEntries(Object.entries(scaling).map(([name, value]) => [name, Number(value)])));
process.exit(0);
