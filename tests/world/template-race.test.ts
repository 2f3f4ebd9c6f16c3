/** A template is removed while guests are asked of it: the database lets one come first, and the other looks anew. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { AppError, type Store, type Table } from "jimv";
import { disks } from "../../src/plugins/disks/index.ts";
import { guests } from "../../src/plugins/guests/index.ts";
import { templates as templateRows, templateService } from "../../src/plugins/templates/index.ts";
import { someone, World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ pace: { copyMilliseconds: 50 } });
});
afterEach(() => world.stop());

const templates = () => world.use(templateService);
const remove = () => templates().remove("none", someone);
const create = (linked: boolean) => world.create({ name: "web", templateId: "none", linked, start: false });

/** The word of a refusal, or what came. */
const outcome = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "done",
    (error) => (error instanceof AppError ? error.word : String(error)),
  );

/** Lets `between` happen once, right before the next batch in which this table is changed so. */
function beforeBatch(op: "remove" | "insert", table: Table, between: () => Promise<unknown>): void {
  const store = world.store as { batch: Store["batch"] };
  const own = store.batch;
  store.batch = async (statements, options) => {
    if (statements.some((each) => each.op === op && each.table === table)) {
      store.batch = own;
      await between();
    }
    return own.call(world.store, statements, options);
  };
}

describe.each([true, false])("linked: %p", (linked) => {
  test("removed between what a creation looked at and its batch: no guest is made of it", async () => {
    const second: string[] = [];
    beforeBatch("insert", guests, async () => second.push(await outcome(remove())));
    expect(await outcome(create(linked))).toBe("templates.notFound");
    expect(second).toEqual(["done"]);
    expect(await world.guests()).toEqual([]);
    expect(await world.store.count(disks)).toBe(0);
    expect(await world.tasks()).toEqual([]);
  });

  test("asked for between what a removal looked at and its batch: the guest is made, the template stays", async () => {
    const second: string[] = [];
    beforeBatch("remove", templateRows, async () => second.push(await outcome(create(linked))));
    expect(await outcome(remove())).toBe("templates.inUse");
    expect(second).toEqual(["done"]);
    expect(await templates().get("none")).not.toBeNull();
    expect(await world.rest()).toBe(true);
    expect((await world.guests()).map(({ state }) => state)).toEqual(["off"]);
  });
});

test("two who remove it at once: the second is told that it is gone", async () => {
  beforeBatch("remove", templateRows, remove);
  expect(await outcome(remove())).toBe("templates.notFound");
});
