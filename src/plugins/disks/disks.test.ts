/** The rules of data disks, on a real controller and node in a pretended world. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { AppError } from "jimv";
import { someone, World } from "../../../tests/world/world.ts";

describe("disks", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ pace: { copyMilliseconds: 50 } });
  });
  afterEach(() => world.stop());

  async function refusal(asked: Promise<unknown>): Promise<unknown> {
    try {
      await asked;
      return "nothing";
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return [error.kind, error.word];
    }
  }
  const create = async (name = "data") => {
    const { disk } = await world.diskService.create({ name, nodeName: "node-1", sizeGiB: 1 }, someone);
    await world.rest();
    return world.diskService.get(disk.uuid);
  };
  const list = { page: 1, pageSize: 50 } as const;

  test("a data disk is made, renamed and deleted", async () => {
    const disk = await create(" my data ");
    expect(disk).toMatchObject({ name: "my data", state: "idle", actions: ["rename", "attach", "delete"] });
    expect(world.machine().files.has(disk.path)).toBe(true);
    const renamed = await world.diskService.change(disk.uuid, { name: "other" }, someone);
    expect(renamed).toMatchObject({ task: null, disk: { name: "other" } });
    await world.diskService.remove(disk.uuid, someone);
    expect(await refusal(world.diskService.remove(disk.uuid, someone))).toEqual(["conflict", "disks.busy"]);
    await world.rest();
    expect(await refusal(world.diskService.get(disk.uuid))).toEqual(["notFound", "disks.notFound"]);
    expect(world.machine().files.has(disk.path)).toBe(false);
  });

  test("it is attached to and detached from a guest that is off, and not otherwise", async () => {
    await world.create({ templateId: "none", start: false });
    await world.create({ name: "other", templateId: "none" });
    const disk = await create();
    const [web, other] = [...(await world.guests())].sort((a, b) => b.name.localeCompare(a.name));
    if (!web || !other) throw new Error("no guests");
    const change = (guestUuid: string | null) => world.diskService.change(disk.uuid, { guestUuid }, someone);
    expect(await refusal(change(null))).toEqual(["conflict", "disks.isIdle"]);
    expect(await refusal(change(other.uuid))).toEqual(["conflict", "guests.diskWhileRunning"]);
    expect(await refusal(change("nobody"))).toEqual(["notFound", "guests.notFound"]);
    await change(web.uuid);
    await world.rest();
    expect(await world.diskService.get(disk.uuid)).toMatchObject({
      state: "attached",
      guestName: "web",
      target: "vdb",
    });
    expect(
      world
        .machine()
        .domains.get(web.uuid)
        ?.spec.disks.map((each) => each.target),
    ).toEqual(["vda", "vdb"]);
    expect(await refusal(world.diskService.remove(disk.uuid, someone))).toEqual([
      "conflict",
      "disks.isAttached",
    ]);
    await change(null);
    await world.rest();
    expect(await world.diskService.get(disk.uuid)).toMatchObject({
      state: "idle",
      guestUuid: null,
      target: null,
    });
    expect(world.machine().domains.get(web.uuid)?.spec.disks).toHaveLength(1);
  });

  test("system disks are hidden unless asked for, and come and go with their guests alone", async () => {
    await world.create({ templateId: "none", dataDisks: [{ sizeGiB: 2 }] });
    await world.rest();
    expect((await world.diskService.list(list)).items.map((disk) => disk.name)).toEqual(["web-data-1"]);
    const [system] = (await world.diskService.list({ ...list, role: "system" })).items;
    expect(system).toMatchObject({ name: "web", guestName: "web", actions: [] });
    expect((await world.diskService.list({ ...list, role: "all", sort: "-sizeGiB" })).total).toBe(2);
    expect(await refusal(world.diskService.remove(system?.uuid ?? "", someone))).toEqual([
      "conflict",
      "disks.isSystem",
    ]);
  });

  test("what does not fit, or has no node, is refused; what fails says so and can be deleted", async () => {
    const ask = (sizeGiB: number, nodeName = "node-1") =>
      world.diskService.create({ name: "data", nodeName, sizeGiB }, someone);
    expect(await refusal(ask(5_000))).toEqual(["conflict", "disks.noSpace"]);
    expect(await refusal(ask(1, "nowhere"))).toEqual(["notFound", "disks.nodeUnknown"]);
    world.machine().capacityBytes = 0;
    const { disk } = await ask(1);
    await world.rest();
    expect(await world.diskService.get(disk.uuid)).toMatchObject({
      state: "failed",
      error: { word: "hypervisor.noSpace" },
      actions: ["delete"],
    });
    await world.diskService.remove(disk.uuid, someone);
    await world.rest();
    expect((await world.diskService.list(list)).total).toBe(0);
  });
});
