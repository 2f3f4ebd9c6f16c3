/** A guest that is forced off while its boot jobs are at its files stays off, and what was not done is still to come. */
import { expect, test } from "bun:test";
import { eq } from "jimv";
import { GuestFiles, pretendedAppliance } from "../../../tests/world/appliance.ts";
import { someone, World } from "../../../tests/world/world.ts";
import { type Guest, guests } from "../guests/index.ts";
import type { Appliance } from "./appliance.ts";
import { bootJobsService } from "./contract.ts";
import { bootJobsWith } from "./index.ts";
import { queuedJobs } from "./schema.ts";
import { Jobs } from "./service.ts";

/** An appliance whose small machine takes for ever to come up. */
function stuckAppliance(own: Appliance, opened: () => void): Appliance {
  return {
    ...own,
    open: ({ signal }) => {
      opened();
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
      );
    },
  };
}

test("forcing off ends the jobs and the start", async () => {
  const files = new GuestFiles();
  let isStuck = true;
  const opened = Promise.withResolvers<void>();
  const world = await World.start({
    pace: { copyMilliseconds: 50 },
    plugins: (process) => {
      const own = pretendedAppliance(process, () => files);
      const stuck = stuckAppliance(own, opened.resolve);
      return [bootJobsWith({ ...own, open: (asked) => (isStuck ? stuck : own).open(asked) })];
    },
  });
  try {
    const made = await world.create({ name: "web", templateId: "none", start: false });
    await world.rest();
    const uuid = made.guests[0]?.uuid ?? "";
    const state = async (): Promise<Guest["state"] | undefined> =>
      (await world.store.first(guests, { where: eq(guests.uuid, uuid) }))?.state;
    const { store, clock } = world;
    const jobs = new Jobs(
      { store, clock, commit: (statements, events = []) => store.batch(statements, { events }) },
      () => [],
    );
    const job = await jobs.create({
      name: "mark",
      scope: "user",
      onFailure: "boot",
      rules: [{ kind: "write", path: "/mark", content: "x" }],
    });
    await world.use(bootJobsService).queue([uuid], [job.id], someone);

    const start = await world.guestService.act(uuid, "start", someone);
    const begun = opened.promise.then(() => true);
    for (let turns = 0; turns < 100 && !(await Promise.race([begun, world.clock.advance(100)])); turns++);
    expect(await state()).toBe("starting");
    await world.guestService.act(uuid, "force-stop", someone);
    await world.rest();
    expect((await world.desk.get(start.task.id))?.state).toBe("cancelled");
    expect(await state()).toBe("off");
    // A minute later, nobody has booted it behind the person's back.
    await world.clock.advance(60_000);
    await world.rest();
    expect(await state()).toBe("off");

    isStuck = false;
    await world.guestService.act(uuid, "start", someone);
    await world.rest();
    expect(await state()).toBe("running");
    expect(files.durable.get("/mark")).toBe("x");
    expect((await world.store.select(queuedJobs, { where: "all" })).map((row) => row.state)).toEqual([
      "done",
    ]);
  } finally {
    await world.stop();
  }
});
