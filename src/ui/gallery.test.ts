/** The gallery shows every component that pages can use, so that none changes without anybody seeing it. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as face from "./index.ts";

const sourcesOf = (folder: string): string[] =>
  readdirSync(join(import.meta.dir, folder))
    .filter((name) => name.endsWith(".tsx"))
    .map((name) => readFileSync(join(import.meta.dir, folder, name), "utf8"));

/** Components that a piece of source draws. */
const drawnIn = (source: string): string[] =>
  [...source.matchAll(/<([A-Z]\w*)[\s/>.]/g)].flatMap(([, name]) => name ?? []);

/** Made of others that all stand there; by itself it needs a plugin's rows and address. */
const compositions = ["List"];

test("every component stands in the gallery, by itself or inside another one", () => {
  const bodies = new Map<string, string>();
  for (const source of sourcesOf("parts"))
    for (const part of source.split(/^(?=(?:export )?function )/m)) {
      const name = part.match(/^(?:export )?function ([A-Z]\w*)/)?.[1];
      if (name) bodies.set(name, part);
    }
  const shown = new Set<string>();
  const waiting = sourcesOf("gallery").flatMap(drawnIn);
  for (let name = waiting.pop(); name; name = waiting.pop()) {
    if (shown.has(name)) continue;
    shown.add(name);
    waiting.push(...drawnIn(bodies.get(name) ?? ""));
  }
  const components = Object.keys(face).filter((name) => bodies.has(name) && !compositions.includes(name));
  expect(components.length).toBeGreaterThan(50);
  expect(components.filter((name) => !shown.has(name))).toEqual([]);
});
