/** Runs every folder here: its scenario, judged by what it expects and by the audit. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judge, runScenario, type Scenario } from "../world/scenario.ts";

const sweepMilliseconds = 120_000;
const folders = readdirSync(import.meta.dir, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

test("there are scenarios, and each says what it is about", () => {
  expect(folders.length).toBeGreaterThan(10);
  for (const folder of folders) expect(existsSync(join(import.meta.dir, folder, "README.md"))).toBe(true);
});

describe("scenario", () => {
  for (const folder of folders)
    test(
      folder,
      async () => {
        const text = readFileSync(join(import.meta.dir, folder, "scenario.json"), "utf8");
        const scenario = JSON.parse(text) as Scenario;
        expect(judge(scenario, await runScenario(scenario))).toEqual([]);
      },
      sweepMilliseconds,
    );
});
