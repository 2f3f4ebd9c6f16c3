/** The first set-up through the agent, of guests that are not started when they are made. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { someone, World } from "../../../tests/world/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ pace: { copyMilliseconds: 50 } });
});
afterEach(() => world.stop());

test("a guest that was made without being started is set up when it is", async () => {
  const only = async () => {
    const [guest] = await world.guests();
    if (!guest) throw new Error("no guest");
    return guest;
  };
  await world.create({ name: "later", templateId: "agent", start: false });
  await world.rest();
  expect((await only()).initState).toBe("pending");
  // Its node sees it run before it tells that the start is done.
  await world.guestService.act((await only()).uuid, "start", someone);
  await world.rest();
  expect(await only()).toMatchObject({ state: "running", initState: "done" });
});
