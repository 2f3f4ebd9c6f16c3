import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPlugins, PluginLoadError } from "./loader.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jimv-plugins-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const plugin = (name: string): string => `export default { name: ${JSON.stringify(name)} };`;

test("a folder that is not there holds no plugins", async () => {
  expect(await loadPlugins(join(folder, "none"))).toEqual([]);
});

test("loads .ts and .js in the order of their names, and nothing else", async () => {
  writeFileSync(join(folder, "20-b.js"), plugin("b"), { mode: 0o644 });
  writeFileSync(join(folder, "10-a.ts"), plugin("a"), { mode: 0o644 });
  for (const other of ["a.test.ts", "types.d.ts", "notes.md"])
    writeFileSync(join(folder, other), "not code (");
  expect((await loadPlugins(folder)).map((one) => one.name)).toEqual(["a", "b"]);
});

test.each([
  ["broken.ts", "export default (", 0o644, "can't be loaded"],
  ["empty.ts", "export const x = 1;", 0o644, "must export definePlugin"],
  ["open.ts", plugin("open"), 0o666, "chmod go-w"],
])("refuses %s and says why", async (name, text, mode, message) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  expect(loadPlugins(folder)).rejects.toThrow(PluginLoadError);
  expect(loadPlugins(folder)).rejects.toThrow(message);
});

test("refuses a folder that others may write to", async () => {
  chmodSync(folder, 0o777);
  expect(loadPlugins(folder)).rejects.toThrow("chmod go-w");
});
