/**
 * Nobody heard how a migration ended: the guest runs there and stands paused here. Resumed here it would run twice on
 * the same disk, deleted here its disk would go from below the one that runs.
 */
import { expect, test } from "bun:test";
import { type Event, runOnce, type Timed } from "./scenario.ts";

const moved = (silence: Timed[], later = 0): Timed[] => [
  { at: 0, event: "create" },
  { at: 3_000, event: "sharePool" },
  { at: later + 4_000, event: "loseAnswer" },
  { at: later + 5_000, event: "migrate", guest: "web", to: "node-2" },
  ...silence,
];
const acts: Event[] = [
  { event: "act", guest: "web", action: "resume" },
  { event: "act", guest: "web", action: "force-stop" },
  { event: "delete", guest: "web", force: true },
  { event: "migrate", guest: "web", to: "node-3" },
];
const then = acts.map((event, at) => ({ ...event, at: at * 30_000 }));
const minute = 60_000;
const start = { nodes: ["node-1", "node-2", "node-3"], shared: true };
const refused = [
  "domains: 2",
  "files: 2",
  "guest web on node-1: paused",
  "ports: 1",
  "refused delete web: guests.elsewhere",
  "refused force-stop web: guests.elsewhere",
  "refused migrate web: guests.elsewhere",
  "refused resume web: guests.elsewhere",
  "task guests.create web: succeeded",
  "task migration.migrate web: failed migration.unclear",
];
/** Minutes of pretended time; a slow machine takes seconds for them. */
const limitMilliseconds = 120_000;
/** Enough that looking at the other side fails until the migration is given up. */
const times = 455;

test(
  "a guest that runs on the other node is left alone here",
  async () => {
    const events = moved([{ at: 6_500, event: "fail", call: "peer domain", code: "unavailable", times }]);
    const run = await runOnce({ start, events, then, expect: { outcomes: [] } }, null);
    expect(run.outcome).toEqual(refused);
  },
  limitMilliseconds,
);

test(
  "so is one whose other node says nothing: it may run there",
  async () => {
    const events = moved([
      { at: 6_500, event: "fail", call: "peer domain", code: "unavailable", times: 3 },
      { at: 8_500, event: "libvirt", node: "node-2", state: "down", upAfter: 40 * minute },
      ...then.map((act) => ({ ...act, at: act.at + 20 * minute })),
    ]);
    const run = await runOnce({ start, events, expect: { outcomes: [] } }, null);
    expect(run.outcome).toEqual(refused);
  },
  limitMilliseconds,
);

test(
  "migrated again to that node it is there, by the port that it has, and nothing stays here",
  async () => {
    const later = 20_000;
    const silence: Timed[] = [
      { at: 1_000, event: "create", with: { name: "other", nodeName: "node-1" } },
      { at: 3_200, event: "migrate", guest: "other", to: "node-2" },
      { at: later + 6_500, event: "fail", call: "peer domain", code: "unavailable", times },
      // Its port there was let go of; what JimV would give it now is another.
      { at: 18 * minute, event: "migrate", guest: "other", to: "node-3" },
      { at: 20 * minute, event: "migrate", guest: "web", to: "node-2" },
    ];
    const events = moved(silence, later);
    const run = await runOnce({ start, events, expect: { outcomes: [] } }, null);
    expect(run.wrong).toEqual([]);
    expect(run.outcome).toEqual([
      "domains: 2",
      "files: 4",
      "guest other on node-3: running",
      "guest web on node-2: running",
      "ports: 2",
      "task guests.create other: succeeded",
      "task guests.create web: succeeded",
      "task migration.migrate other: succeeded",
      "task migration.migrate other: succeeded",
      "task migration.migrate web: failed migration.unclear",
      "task migration.migrate web: succeeded",
    ]);
  },
  limitMilliseconds,
);
