/** Runs every folder here: its scenario, judged by what it expects and by the audit. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judge, runScenario, type Scenario } from "../world/scenario.ts";

const sweepMilliseconds = 300_000;
const folders = readdirSync(import.meta.dir, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

test("there are scenarios, and each says what it is about", () => {
  expect(folders.length).toBeGreaterThan(10);
  for (const folder of folders) expect(existsSync(join(import.meta.dir, folder, "README.md"))).toBe(true);
});

test("a sweep that never comes to one of its points fails", async () => {
  const scenario = (points: string[]): Scenario => ({
    sweep: { points, event: { event: "failHere", code: "noSpace" } },
    events: [{ at: 0, event: "create" }],
    expect: {
      outcomes: [
        [
          "domains: 0",
          "files: 0",
          "guest web: failed hypervisor.noSpace",
          "ports: 0",
          "task guests.create web: failed hypervisor.noSpace",
        ],
      ],
    },
  });
  const judged = async (points: string[]): Promise<string[]> => {
    const asked = scenario(points);
    return judge(asked, await runScenario(asked));
  };
  expect(await judged(["node-1 before define"])).toEqual([]);
  expect(await judged(["node-1 before define", "node-1 before defyne"])).toEqual([
    'the sweep never came to "node-1 before defyne"',
  ]);
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
