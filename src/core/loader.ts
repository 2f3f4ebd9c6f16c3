/**
 * Plugins from outside the executable: every `.ts`, `.tsx` or `.js` file of a folder, loaded through the same face as
 * the built-in ones. They run with all rights, so folder and files must belong to root (or to whoever runs
 * JimV) and be writable by nobody else.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "./plugin.ts";

/** A plugin can't be loaded; the message names the file and says what to do. */
export class PluginLoadError extends Error {
  override readonly name = "PluginLoadError";
}

/** Modules that the executable provides under a name, such as `jimv`. */
export type Faces = Readonly<Record<string, Record<string, unknown>>>;

/** Makes the names of `faces` importable for files outside the executable. Call it once. */
export function provideFaces(faces: Faces): void {
  Bun.plugin({
    name: "jimv",
    setup(build) {
      for (const [name, exports] of Object.entries(faces))
        build.module(name, () => ({ exports: { ...exports }, loader: "object" }));
    },
  });
}

/**
 * Loads the plugins of a folder, in the order of their file names. A folder that is not there holds none.
 * @throws PluginLoadError
 */
export async function loadPlugins(folder: string): Promise<Plugin[]> {
  if (!existsSync(folder)) return [];
  assertSafe(folder);
  const plugins: Plugin[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!/\.(ts|tsx|js)$/.test(name) || /\.(test|d)\.ts$/.test(name)) continue;
    plugins.push(await loadPlugin(join(folder, name)));
  }
  return plugins;
}

async function loadPlugin(path: string): Promise<Plugin> {
  assertSafe(path);
  let module: { default?: unknown };
  try {
    module = (await import(path)) as { default?: unknown };
  } catch (error) {
    throw new PluginLoadError(
      `plugin ${path} can't be loaded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const plugin = module.default;
  if (!isPlugin(plugin))
    throw new PluginLoadError(`plugin ${path} must export definePlugin({ name, … }) as its default`);
  return plugin;
}

function isPlugin(value: unknown): value is Plugin {
  return typeof value === "object" && value !== null && "name" in value && typeof value.name === "string";
}

/** Group and world must not be able to write what runs with all rights. */
function assertSafe(path: string): void {
  const { mode, uid } = statSync(path);
  const own = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== own)
    throw new PluginLoadError(
      `${path} belongs to user ${uid}: plugins must belong to root (chown root ${path})`,
    );
  if ((mode & 0o022) !== 0)
    throw new PluginLoadError(`${path} is writable by others: run chmod go-w ${path}`);
}
