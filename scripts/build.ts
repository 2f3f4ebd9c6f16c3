/**
 * Builds `dist/jimv`: assets, then one executable with bytecode. Not minified: Elysia's code generation reads
 * its own source and breaks. The commit is written in where git knows it.
 */
import { mkdirSync } from "node:fs";
import manifest from "../package.json" with { type: "json" };
import { workerEntrypoints } from "../src/core/libvirt/entrypoints.ts";

const output = "dist/jimv";

async function run(command: string[]): Promise<void> {
  const child = Bun.spawn(command, { stdout: "inherit", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`failed: ${command.join(" ")}`);
}

async function commitOf(): Promise<string> {
  const git = Bun.spawn(["git", "rev-parse", "--short=12", "HEAD"], { stdout: "pipe", stderr: "ignore" });
  const text = (await new Response(git.stdout).text()).trim();
  return (await git.exited) === 0 ? text : "";
}

await run([process.execPath, "scripts/assets.ts"]);
mkdirSync("dist", { recursive: true });
await run([
  process.execPath,
  "build",
  "--compile",
  "--bytecode",
  "--format=esm",
  // The executable must not read files of whatever folder it is started in.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--define",
  `JIMV_VERSION=${JSON.stringify(manifest.version)}`,
  "--define",
  `JIMV_COMMIT=${JSON.stringify(await commitOf())}`,
  "src/main.ts",
  ...workerEntrypoints,
  "--outfile",
  output,
]);
console.log(`${output}: ${(Bun.file(output).size / 1024 ** 2).toFixed(1)} MiB`);
