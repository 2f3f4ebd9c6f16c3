/**
 * Builds the style sheet, the browser's scripts, the sprite and the icon into `src/ui/assets/`, each
 * compressed ahead by brotli and gzip. Run by the build, and by tests when something is older than its source.
 */
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { icons } from "../src/ui/icons.ts";
import { marks } from "../src/ui/marks.ts";

const root = join(import.meta.dir, "..");
const ui = join(root, "src/ui");
const out = join(ui, "assets");
const lucide = join(root, "node_modules/lucide-static/icons");
const htmx = join(root, "node_modules/htmx.org/dist/htmx.min.js");

/** Everything the assets are made from. */
const sources = [
  join(ui, "css"),
  join(ui, "client"),
  join(ui, "icons.ts"),
  join(ui, "marks.ts"),
  import.meta.path,
  join(root, "bun.lock"),
];

/** Builds all assets. @throws Error with the bundler's messages when a source is broken */
export async function buildAssets(): Promise<void> {
  mkdirSync(out, { recursive: true });
  const license = "/* htmx 4.0.1, BSD-0 */\n";
  const [css, client, console_] = await Promise.all([
    bundle(join(ui, "css/app.css")),
    bundle(join(ui, "client/app.ts")),
    bundle(join(ui, "client/console.ts")),
  ]);
  // htmx is a classic script that makes a global; ours comes after it in the same file: one request.
  const script = `${license}${await Bun.file(htmx).text()}\nwindow.htmx=htmx;\n${client}`;
  write("app.css", css);
  write("app.js", script);
  write("own.js", client);
  write("console.js", `/* noVNC 1.7.0, MPL-2.0, https://github.com/novnc/noVNC */\n${console_}`);
  write("icon.svg", favicon);
  place("sprite.txt", await makeSprite());
}

/** Whether an asset is missing, or older than something it is made from. */
export function assetsAreStale(): boolean {
  try {
    const made = statSync(join(out, "sprite.txt")).mtimeMs;
    return sources.some((source) => newest(source) > made);
  } catch {
    return true;
  }
}

function newest(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

async function bundle(entry: string): Promise<string> {
  const result = await Bun.build({ entrypoints: [entry], minify: true, target: "browser", format: "esm" });
  const output = result.outputs[0];
  if (!result.success || !output) throw new Error(`${entry}: ${result.logs.map(String).join("\n")}`);
  return output.text();
}

/** One hidden SVG with a symbol for each icon and mark in use. */
async function makeSprite(): Promise<string> {
  const symbols = await Promise.all(
    Object.entries(icons).map(async ([name, file]) => {
      const svg = await Bun.file(join(lucide, `${file}.svg`)).text();
      const inside = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
      return `<symbol id="i-${name}" viewBox="0 0 24 24">${inside.replaceAll(/\s+/g, " ").replaceAll("> <", "><").trim()}</symbol>`;
    }),
  );
  for (const [name, inside] of Object.entries(marks))
    symbols.push(`<symbol id="m-${name}" viewBox="0 0 16 16">${inside}</symbol>`);
  return `<svg class="sprite" aria-hidden="true">${symbols.join("")}</svg>`;
}

const favicon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#1f55d0"/><path d="M7 7.5l5 9.5 5-9.5" fill="none" stroke="#fff" stroke-width="2.8" stroke-linecap="round" stroke-linejoin="round"/></svg>';

function write(name: string, text: string): void {
  const data = Buffer.from(text);
  place(`${name}.gz`, gzipSync(data, { level: 9 }));
  place(`${name}.br`, brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

/** Writes in one go, so that a test run beside this one never reads half a file. */
function place(name: string, data: string | Uint8Array): void {
  const path = join(out, name);
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, data);
  renameSync(temporary, path);
}

if (import.meta.main) {
  await buildAssets();
  for (const name of ["app.css", "own.js", "app.js", "console.js"])
    process.stdout.write(`${name}: ${(statSync(join(out, `${name}.gz`)).size / 1024).toFixed(1)} KB gzip\n`);
}
