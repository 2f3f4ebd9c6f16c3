/** Every action of the table against every state: the service, not only the page, refuses what the state forbids. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AppError, eq, update } from "jimv";
import { someone, World } from "../../../tests/world/world.ts";
import { disks } from "../disks/index.ts";
import { migrationService } from "../migration/index.ts";
import { guests } from "./schema.ts";
import {
  type Action,
  allows,
  type GuestState,
  guestActions,
  guestStates,
  killable,
  whyNot,
} from "./states.ts";

describe("a guest's state and what it allows", () => {
  let world: World;
  let uuid = "";
  let diskUuid = "";
  beforeAll(async () => {
    world = await World.start({ pace: { copyMilliseconds: 50 }, nodes: ["node-1"] });
    await world.create({ templateId: "none", start: false });
    await world.diskService.create({ name: "data", nodeName: "node-1", sizeGiB: 1 }, someone);
    await world.rest();
    uuid = (await world.guests())[0]?.uuid ?? "";
    diskUuid = (await world.store.first(disks, { where: eq(disks.name, "data") }))?.uuid ?? "";
  });
  afterAll(() => world.stop());

  /** How each action of the table is asked for. */
  const asks = {
    start: () => world.guestService.act(uuid, "start", someone),
    shutdown: () => world.guestService.act(uuid, "shutdown", someone),
    reboot: () => world.guestService.act(uuid, "reboot", someone),
    "force-stop": () => world.guestService.act(uuid, "force-stop", someone),
    "force-reboot": () => world.guestService.act(uuid, "force-reboot", someone),
    pause: () => world.guestService.act(uuid, "pause", someone),
    resume: () => world.guestService.act(uuid, "resume", someone),
    delete: () => world.guestService.remove(uuid, {}, someone),
    console: () => world.guestService.screen(uuid),
    edit: () => world.guestService.change(uuid, { vcpus: 3 }, someone),
    migrate: () =>
      world
        .use(migrationService)
        .migrate(uuid, { autoConverge: true, postcopy: false, connections: 1 }, someone),
  } satisfies Record<Action, () => Promise<unknown>>;

  const be = (state: GuestState) =>
    world.store.batch([update(guests, { state }, eq(guests.uuid, uuid), { expect: 1 })]);

  /** The word of a refusal. */
  async function refusal(asked: () => Promise<unknown>): Promise<string> {
    try {
      await asked();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      expect([error.kind, error.status]).toEqual(["conflict", 409]);
      return error.word;
    }
    return "nothing";
  }

  for (const state of guestStates)
    for (const action of guestActions)
      if (!allows(state, action))
        test(`${state}: no ${action}`, async () => {
          await be(state);
          const before = (await world.tasks()).length;
          const runs = action === "delete" && killable.includes(state);
          expect(await refusal(asks[action])).toBe(runs ? "guests.deleteRunning" : whyNot[state]);
          expect((await world.tasks()).length).toBe(before);
        });

  for (const state of guestStates)
    if (!["off", "crashed"].includes(state))
      test(`${state}: no disk is attached`, async () => {
        await be(state);
        const word = await refusal(() => world.diskService.change(diskUuid, { guestUuid: uuid }, someone));
        expect(word).toBe(killable.includes(state) ? "guests.diskWhileRunning" : whyNot[state]);
      });

  test("what a state allows is not refused for the state", async () => {
    const states: readonly string[] = Object.values(whyNot);
    let asked = 0;
    for (const state of guestStates)
      for (const action of guestActions)
        if (allows(state, action) && action !== "migrate") {
          await be(state);
          // From the second on the first one's task is in the way, which is another reason.
          const word = await refusal(asks[action]);
          expect([state, action, states.includes(word)]).toEqual([state, action, false]);
          asked++;
        }
    expect(asked).toBeGreaterThan(15);
  });
});
