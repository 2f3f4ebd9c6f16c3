/** Guests with booked addresses, from their creation to their end, on a real controller and node in a pretended world. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { AppError } from "jimv";
import { World } from "../../../tests/world/world.ts";
import { guestInterfaces } from "../guests/index.ts";
import { addressService, type IpPoolView } from "./index.ts";

let world: World;
let pool: IpPoolView;
beforeEach(async () => {
  world = await World.start({ pace: { copyMilliseconds: 50 } });
  pool = await service().create({
    name: "lan",
    first: "192.0.2.10",
    last: "192.0.2.12",
    prefix: 24,
    gateway: "192.0.2.1",
    dns1: "192.0.2.53",
    protect: true,
    isDefault: false,
  });
});
afterEach(() => world.stop());

const service = () => world.use(addressService);
const wanting = (ipv4Pool = pool.id) => ({ extras: { addresses: { ipv4Pool } } });
async function refusal(asked: Promise<unknown>): Promise<unknown> {
  try {
    await asked;
    return "nothing";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [error.word, error.fields[0]?.path];
  }
}
async function guestsWith(): Promise<Record<string, string[]>> {
  const guests = await world.guestService.list({ page: 1, pageSize: 50 });
  return Object.fromEntries(guests.items.map((guest) => [guest.name, guest.bookedAddresses]));
}

test("each guest of a batch gets the next address; deleted, it rests", async () => {
  const { guests } = await world.create({ quantity: 2, ...wanting() });
  await world.rest();
  expect(await guestsWith()).toEqual({ "web-1": ["192.0.2.10"], "web-2": ["192.0.2.11"] });
  const first = guests[0]?.uuid ?? "";
  expect(await service().values(first)).toMatchObject({ ip: "192.0.2.10", gateway: "192.0.2.1" });
  await world.guestService.remove(first, { force: true }, { kind: "user", name: "anna" });
  await world.rest();
  expect(await service().need(pool.id)).toMatchObject({ used: 1, resting: 1, free: 1 });
});

test("a batch that the pool does not hold books nothing at all; another pool is said at its field", async () => {
  expect(await refusal(world.create({ quantity: 4, ...wanting() }))).toEqual([
    "addresses.poolFull",
    undefined,
  ]);
  expect(await world.guests()).toEqual([]);
  expect(await service().need(pool.id)).toMatchObject({ used: 0, free: 3 });
  expect(await refusal(world.create(wanting("nowhere")))).toEqual(["addresses.notFound", undefined]);
  expect(await refusal(world.create({ extras: { addresses: { ipv6Pool: pool.id } } }))).toEqual([
    "addresses.wrongFamily",
    "extras.addresses.ipv6Pool",
  ]);
  expect(await refusal(world.create({ extras: { nobody: {} } }))).toEqual(["guests.extraUnknown", "extras"]);
  expect(await refusal(world.create({ extras: { addresses: { ipv4Pool: 7 } } }))).toEqual([
    "http.invalid",
    "extras.addresses.ipv4Pool",
  ]);
});

test("a creation that fails gives its address back", async () => {
  const { files } = world.machine();
  const images = new Map(files);
  files.clear();
  await world.create(wanting());
  await world.rest();
  expect((await world.guests())[0]?.state).toBe("failed");
  expect(await guestsWith()).toEqual({ web: [] });
  expect(await service().need(pool.id)).toMatchObject({ used: 0, resting: 1, free: 2 });
  for (const [path, file] of images) files.set(path, file);
});

test("two who ask at once both get guests, and never the same address", async () => {
  await Promise.all(["a", "b", "c"].map((name) => world.create({ name, ...wanting() })));
  await world.rest();
  const given = Object.values(await guestsWith()).flat();
  expect(given.toSorted()).toEqual(["192.0.2.10", "192.0.2.11", "192.0.2.12"]);
});

test("a pool's bridge is the guest's, and the pools of one guest must agree on it", async () => {
  const bridged = await service().create({
    name: "dmz",
    first: "198.51.100.5",
    last: "198.51.100.9",
    prefix: 24,
    bridge: "br7",
    protect: true,
    isDefault: false,
  });
  const six = await service().create({
    name: "six",
    first: "2001:db8::5",
    last: "2001:db8::9",
    prefix: 64,
    protect: true,
    isDefault: false,
  });
  const both = { addresses: { ipv4Pool: bridged.id, ipv6Pool: six.id } };
  expect(await refusal(world.create({ extras: both }))).toEqual(["addresses.twoBridges", "extras"]);
  await world.create({ name: "outside", ...wanting(bridged.id) });
  await world.create({ name: "dual", extras: { addresses: { ipv4Pool: pool.id, ipv6Pool: six.id } } });
  await world.rest();
  expect(await guestsWith()).toMatchObject({ dual: ["192.0.2.10", "2001:db8::5"] });
  const interfaces = await world.store.select(guestInterfaces);
  expect(interfaces.map((each) => each.bridge).toSorted()).toEqual(["br7", null]);
});
