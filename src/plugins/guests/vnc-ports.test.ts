import { afterEach, beforeEach, expect, test } from "bun:test";
import { AppError } from "jimv";
import { someone, World } from "../../../tests/world/world.ts";
import { isOvertaken } from "./bookings.ts";
import { guardVncRange } from "./vnc-ports.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ pace: { copyMilliseconds: 50 } });
});
afterEach(() => world.stop());

const ports = async (): Promise<number[]> =>
  (await world.guestService.vncHolders("node-1")).map(({ port }) => port);
const refusal = (range: { first: number; last: number }): Promise<unknown> =>
  guardVncRange(world, "node-1", range).then(
    () => null,
    (error) => (error instanceof AppError ? [error.word, error.args.count, error.args.ports] : error),
  );

test("a port is booked with its guest, and given back when the guest is deleted", async () => {
  const first = world.inventory.nodes.get("node-1")?.vnc?.first ?? 0;
  await world.create({ name: "web", templateId: "none", quantity: 3 });
  await world.rest();
  expect(await ports()).toEqual([first, first + 1, first + 2]);
  const second = (await world.guests()).find((guest) => guest.vncPort === first + 1);
  await world.guestService.remove(second?.uuid ?? "", { force: true, keepDataDisks: false }, someone);
  await world.rest();
  expect(await ports()).toEqual([first, first + 2]);
  expect(await world.guestService.vncCounts()).toEqual(new Map([["node-1", 2]]));
  await world.create({ name: "next", templateId: "none" });
  expect(await ports()).toEqual([first, first + 1, first + 2]);
});

test("a range does not shrink under used ports, nor while a guest is being booked", async () => {
  const first = world.inventory.nodes.get("node-1")?.vnc?.first ?? 0;
  await world.create({ name: "web", templateId: "none", quantity: 2 });
  await world.rest();
  expect(await refusal({ first: first + 1, last: first + 99 })).toEqual([
    "guests.portsOutside",
    1,
    `${first} (web-1)`,
  ]);
  expect(await refusal({ first, last: first + 1 })).toBeNull();
  const looked = await guardVncRange(world, "node-1", { first, last: first + 1 });
  await world.create({ name: "between", templateId: "none" });
  const outcome = await world.store.batch(looked).then(
    () => "done",
    (error) => isOvertaken(error),
  );
  expect(outcome).toBe(true);
});
