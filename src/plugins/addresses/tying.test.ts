/** Which filter a guest's interface is under, from its creation on, and how a pool's setting reaches guests. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { AppError } from "jimv";
import { World } from "../../../tests/world/world.ts";
import { guestService, guests } from "../guests/index.ts";
import { filterFor } from "./filters.ts";
import { addressService, type IpPoolView } from "./index.ts";
import { ties } from "./schema.ts";

setDefaultTimeout(30_000);
const lan = { name: "lan", first: "192.0.2.10", last: "192.0.2.19", prefix: 24, isDefault: false };
let world: World;
let pool: IpPoolView;
beforeEach(async () => {
  world = await World.start({ pace: { copyMilliseconds: 50 } });
  pool = await world.use(addressService).create({ ...lan, protect: true });
});
afterEach(() => world.stop());

const own = (...values: string[]) => ({
  name: "jimv-own-ipv4",
  parameters: values.map((value) => ({ name: "IP", value })),
});
function filters(): unknown[] {
  return [...world.machines.values()].flatMap((machine) =>
    [...machine.domains.values()].map(({ spec }) => spec.interfaces[0]?.filter ?? null),
  );
}

test("a family is tied as a whole where one of its addresses is, and others not at all", () => {
  const [v4, v6] = ["192.0.2.7", "2001:db8::7"];
  const tied = (address: string) => ({ address, protect: true });
  const free = (address: string) => ({ address, protect: false });
  expect(filterFor([])).toBeNull();
  expect(filterFor([free(v4), free(v6)])).toBeNull();
  expect(filterFor([tied(v4), free("192.0.2.8"), free(v6)])).toEqual(own(v4, "192.0.2.8"));
  expect(filterFor([free(v4), tied(v6)])).toEqual({
    name: "jimv-own-ipv6",
    parameters: [{ name: "IPV6", value: v6 }],
  });
  expect(filterFor([tied(v4), tied(v6)])?.parameters.map(({ name }) => name)).toEqual(["IP", "IPV6"]);
});

test("guests are made under their filter; the pool's setting changes those that are there", async () => {
  await world.create({ quantity: 2, extras: { addresses: { ipv4Pool: pool.id } } });
  await world.rest();
  expect(filters()).toEqual([own("192.0.2.10"), own("192.0.2.11")]);
  await world.use(addressService).change(pool.id, { ...lan, protect: false });
  expect(await world.store.count(ties)).toBe(2);
  await world.clock.advance(10_000);
  expect(filters()).toEqual([null, null]);
  expect(await world.store.count(ties)).toBe(0);
  await world.use(addressService).change(pool.id, { ...lan, protect: true });
  await world.clock.advance(10_000);
  expect(filters()).toEqual([own("192.0.2.10"), own("192.0.2.11")]);
});

test("a guest that starts before its turn came starts under what holds now", async () => {
  await world.create({ extras: { addresses: { ipv4Pool: pool.id } } });
  await world.rest();
  const guest = async () => (await world.store.select(guests))[0];
  const act = async (action: "start" | "force-stop", state: string) => {
    await world.use(guestService).act((await guest())?.uuid ?? "", action, { kind: "user", name: "ann" });
    for (let left = 100; left > 0 && (await guest())?.state !== state; left--) await world.clock.advance(10);
  };
  await act("force-stop", "off");
  await world.use(addressService).change(pool.id, { ...lan, protect: false });
  await act("start", "running");
  // Its own task has not been begun yet.
  expect([await world.store.count(ties), filters()]).toEqual([1, [null]]);
});

test("what could not be done while libvirt was away is done once it is back", async () => {
  await world.create({ extras: { addresses: { ipv4Pool: pool.id } } });
  await world.rest();
  for (const machine of world.machines.values()) machine.setLibvirt("down");
  await world.use(addressService).change(pool.id, { ...lan, protect: false });
  await world.clock.advance(5_000);
  expect(await world.store.count(ties)).toBe(1);
  for (const machine of world.machines.values()) machine.setLibvirt("up");
  await world.clock.advance(90_000);
  expect(await world.store.count(ties)).toBe(0);
  expect(filters()).toEqual([null]);
});

test("a node that can't filter is refused where the pool asks for it, and taken where it does not", async () => {
  for (const node of world.inventory.nodes.values()) Object.assign(node, { filterLacks: ["ebtables"] });
  const asked = world.create({ extras: { addresses: { ipv4Pool: pool.id } } });
  await expect(asked).rejects.toBeInstanceOf(AppError);
  await expect(asked).rejects.toMatchObject({ word: "addresses.lacks.ebtables" });
  await world.use(addressService).change(pool.id, { ...lan, protect: false });
  await world.create({ extras: { addresses: { ipv4Pool: pool.id } } });
});
