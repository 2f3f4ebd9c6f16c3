import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { definePlugin, eq, update } from "jimv";
import { heartbeat, makeStage, type Stage } from "../../../tests/support/stage.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { nodeService, nodes, nodesPlugin, portRanges } from "./index.ts";
import { rangesText, readRanges } from "./reserved-ports.ts";
import { troubleOf } from "./view.ts";

test("ranges are read as the kernel writes them, and written in order without overlap", () => {
  expect(readRanges("8080,9148-9150\n")).toEqual([
    { first: 8080, last: 8080 },
    { first: 9148, last: 9150 },
  ]);
  expect(readRanges("")).toEqual([]);
  expect(readRanges("5-1,70000,x,7-99999")).toEqual([]);
  expect(rangesText(readRanges("20-30,5,10-19,25-28,40"))).toBe("5,10-30,40");
});

describe("a controller", () => {
  let stage: Stage;
  let migrations = { first: 49_152, last: 49_215 };
  const service = () => stage.controller.use(nodeService);
  const beat = (reserved?: { ranges: string; refused: string | null }) =>
    stage.report("nodes.heartbeat", {
      ...heartbeat,
      ports: { ...heartbeat.ports, ...(reserved ? { reserved } : {}) },
    });
  const asked = () => stage.asks.filter(({ topic }) => topic === "nodes.reservePorts").map(({ key }) => key);
  /** An ask goes out after the report's answer. */
  async function asks(count: number): Promise<string[]> {
    for (let tries = 0; asked().length < count && tries < 200; tries++) await Bun.sleep(5);
    return asked();
  }
  beforeEach(async () => {
    migrations = { first: 49_152, last: 49_215 };
    const other = definePlugin({
      name: "other",
      controller: ({ slots }) => void slots.add(portRanges, async () => migrations),
    });
    stage = await makeStage([tasksPlugin, nodesPlugin, other]);
    await beat();
    const set = {
      poolName: "jimv",
      networkName: "jimv",
      configState: "ready",
      vncPortFirst: 15_900,
    } as const;
    await stage.store.run(update(nodes, { ...set, vncPortLast: 15_999 }, eq(nodes.name, "kvm-1")));
  });
  afterEach(() => stage.stop());

  test("asks for all ranges until the node says that it has them, and again when one changes", async () => {
    await beat();
    expect(await asks(1)).toEqual(["15900-15999,49152-49215"]);
    await beat();
    stage.clock.pass(16_000);
    await beat();
    expect(await asks(2)).toHaveLength(2);
    const told = { ranges: "15900-15999,49152-49215", refused: null };
    stage.clock.pass(16_000);
    await beat(told);
    await service().resizePorts("kvm-1", { first: 15_900, last: 16_099 });
    await beat(told);
    expect(await asks(3)).toEqual([told.ranges, told.ranges, "15900-16099,49152-49215"]);
    migrations = { first: 50_000, last: 50_009 };
    await beat(told);
    expect((await asks(4)).at(-1)).toBe("15900-16099,50000-50009");
  });

  test("marks a node that can't keep them, until it can", async () => {
    const ranges = "15900-15999,49152-49215";
    const trouble = async () => troubleOf({ ...(await service().need("kvm-1")), storage: null, lamps: [] });
    await beat({ ranges, refused: "EROFS: read-only file system" });
    expect(await trouble()).toBe("ports");
    await beat({ ranges, refused: null });
    expect(await trouble()).toBeNull();
  });

  test("refuses a range that is too small, and of a node that has none", async () => {
    const wordOf = (work: Promise<void>) =>
      work.then(
        () => "done",
        (error) => error.fields?.[0]?.word ?? error.word,
      );
    expect(await wordOf(service().resizePorts("kvm-1", { first: 15_900, last: 15_903 }))).toBe(
      "nodes.fewPorts",
    );
    await stage.store.run(update(nodes, { vncPortFirst: null }, eq(nodes.name, "kvm-1")));
    expect(await wordOf(service().resizePorts("kvm-1", { first: 15_900, last: 15_999 }))).toBe(
      "nodes.portsUnchosen",
    );
  });
});
