/** Addresses, definition and screen on their way from a pretended node to the guest's row. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { eq, timing, update } from "jimv";
import { someone, World } from "../../../tests/world/world.ts";
import { addressService } from "../addresses/index.ts";
import { readAgentInterfaces } from "./looking.ts";
import { guestDetails, guestInterfaces, guests } from "./schema.ts";

describe("what a node sees of its guests", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start({ pace: { copyMilliseconds: 50 } });
  });
  afterEach(() => world.stop());

  async function running() {
    await world.create({ name: "web", templateId: "none" });
    await world.clock.advance(10_000);
    const [guest] = await world.guests();
    const domain = world.machine().domains.get(guest?.uuid ?? "");
    const [mac = ""] = (domain?.spec.interfaces ?? []).map((one) => one.mac);
    if (!guest || !domain) throw new Error("no guest");
    return { uuid: guest.uuid, domain, mac };
  }
  const seen = async (uuid: string) => (await world.guestService.get(uuid)).interfaces[0]?.addresses;
  const agentSays = (mac: string, ...addresses: string[]) => [
    {
      name: "lo",
      "hardware-address": "00:00:00:00:00:00",
      "ip-addresses": [{ "ip-address": "127.0.0.1", prefix: 8 }],
    },
    {
      name: "eth0",
      "hardware-address": mac.toUpperCase(),
      "ip-addresses": addresses.map((address) => ({
        "ip-address": address,
        prefix: 24,
        "ip-address-type": "x",
      })),
    },
  ];

  test("addresses come from the host's leases and from the agent, each once, useful ones only", async () => {
    const { uuid, domain, mac } = await running();
    expect(await seen(uuid)).toEqual([]);
    domain.leases = [{ mac, address: "10.0.0.7", prefix: 24 }];
    domain.agentInterfaces = agentSays(mac, "10.0.0.7", "fe80::1", "2001:db8::7", "169.254.1.1");
    await world.clock.advance(30_000);
    expect(await seen(uuid)).toEqual([
      { address: "10.0.0.7", prefix: 24, source: "lease" },
      { address: "2001:db8::7", prefix: 24, source: "agent" },
    ]);
    expect((await world.guestService.get(uuid)).addresses).toEqual(["10.0.0.7", "2001:db8::7"]);
    const page = await world.guestService.list({ page: 1, pageSize: 10 });
    expect(page.items.map((guest) => guest.addresses)).toEqual([["10.0.0.7", "2001:db8::7"]]);
  });

  test("a controller that comes back is not told of all guests at once, but hears of each in its time", async () => {
    const { uuid, domain, mac } = await running();
    domain.leases = [{ mac, address: "10.0.0.7", prefix: 24 }];
    await world.clock.advance(200_000);
    expect(await seen(uuid)).toEqual([{ address: "10.0.0.7", prefix: 24, source: "lease" }]);
    // As from a backup that was made before.
    await world.store.run(update(guestInterfaces, { addresses: [] }, eq(guestInterfaces.guestUuid, uuid)));
    world.killController();
    await world.startController();
    await world.clock.advance(5_000);
    expect(await seen(uuid)).toEqual([]);
    await world.clock.advance(timing.addressLongestMilliseconds + 5_000);
    expect(await seen(uuid)).toEqual([{ address: "10.0.0.7", prefix: 24, source: "lease" }]);
  });

  test("without an agent the node's ARP table counts; what differs from the booked address is told", async () => {
    const pool = {
      name: "lan",
      first: "10.0.0.5",
      last: "10.0.0.9",
      prefix: 24,
      protect: true,
      isDefault: false,
    };
    const { id } = await world.use(addressService).create(pool);
    await world.create({ name: "web", templateId: "none", extras: { addresses: { ipv4Pool: id } } });
    await world.clock.advance(10_000);
    const [guest] = await world.guests();
    const uuid = guest?.uuid ?? "";
    const domain = world.machine().domains.get(uuid);
    const [mac = ""] = (domain?.spec.interfaces ?? []).map((one) => one.mac);
    if (!domain) throw new Error("no guest");
    const differences = async () => {
      const { unusedAddresses, unbookedAddresses } = await world.guestService.get(uuid);
      return [unusedAddresses, unbookedAddresses];
    };
    domain.agentAfter = null;
    expect(await differences()).toEqual([[], []]);
    domain.neighbours = [{ mac, address: "10.0.0.77", prefix: 0 }];
    await world.clock.advance(400_000);
    expect(await seen(uuid)).toEqual([{ address: "10.0.0.77", prefix: 0, source: "arp" }]);
    expect(await differences()).toEqual([["10.0.0.5"], ["10.0.0.77"]]);
    // An agent knows better, and a lease of the first boot is no strange address.
    domain.agentAfter = 0;
    domain.agentInterfaces = agentSays(mac, "10.0.0.5", "2001:db8::9");
    domain.leases = [{ mac, address: "10.0.0.150", prefix: 24 }];
    await world.clock.advance(400_000);
    expect(await differences()).toEqual([[], []]);
  });

  test("a silent agent takes nothing back, a libvirtd that is away neither, a guest that is off has none", async () => {
    const { uuid, domain, mac } = await running();
    domain.agentInterfaces = agentSays(mac, "10.0.0.8");
    await world.clock.advance(30_000);
    const told = [{ address: "10.0.0.8", prefix: 24, source: "agent" as const }];
    expect(await seen(uuid)).toEqual(told);
    domain.agentAfter = null;
    await world.clock.advance(60_000);
    expect(await seen(uuid)).toEqual(told);
    world.machine().setLibvirt("down");
    await world.clock.advance(60_000);
    expect(await seen(uuid)).toEqual(told);
    world.machine().setLibvirt("up");
    await world.clock.advance(20_000);
    await world.guestService.act(uuid, "force-stop", someone);
    await world.clock.advance(10_000);
    expect(await seen(uuid)).toEqual([]);
  });

  test("definition and screen are told when somebody looks, not oftener than makes sense, and go with the guest", async () => {
    const { uuid, domain } = await running();
    expect(await world.guestService.details(uuid)).toBeNull();
    for (let i = 0; i < 5; i++) await world.guestService.look(uuid);
    await world.clock.advance(1_000);
    const first = await world.guestService.details(uuid);
    expect(first).toMatchObject({ guestUuid: uuid, screen: null });
    expect(first?.xml).toContain(uuid);
    expect(first?.agentMayRun).toBeNull();
    const agentInfo = (enabled: boolean) => ({ supported_commands: [{ name: "guest-exec", enabled }] });
    domain.agentInfo = agentInfo(true);
    await world.guestService.look(uuid);
    await world.clock.advance(500);
    expect((await world.guestService.details(uuid))?.xmlAt).toBe(first?.xmlAt ?? 0);
    await world.clock.advance(timing.lookAgainMilliseconds);
    await world.guestService.look(uuid);
    await world.clock.advance(1_000);
    const second = await world.guestService.details(uuid);
    expect(second?.xmlAt).toBeGreaterThan(first?.xmlAt ?? 0);
    expect(second?.agentMayRun).toBe(true);
    domain.agentInfo = agentInfo(false);
    await world.clock.advance(timing.lookAgainMilliseconds);
    await world.guestService.look(uuid);
    await world.clock.advance(1_000);
    expect((await world.guestService.details(uuid))?.agentMayRun).toBe(false);
    await world.guestService.remove(uuid, { force: true }, someone);
    await world.clock.advance(10_000);
    expect(await world.guests()).toEqual([]);
    expect(await world.store.count(guestDetails)).toBe(0);
  });

  test("words of a node that the guest has left are no news", async () => {
    const { uuid, domain, mac } = await running();
    await world.store.run(update(guests, { nodeName: "elsewhere" }, eq(guests.uuid, uuid)));
    domain.leases = [{ mac, address: "10.0.0.9", prefix: 24 }];
    await world.clock.advance(30_000);
    expect(await seen(uuid)).toEqual([]);
  });
});

test("what comes out of a guest may have any shape", () => {
  for (const answer of [
    null,
    {},
    "x",
    [null],
    [{ "hardware-address": 7 }],
    [{ "hardware-address": "52:54:00:00:00:01" }],
  ])
    expect(readAgentInterfaces(answer)).toEqual([]);
  const one = {
    "hardware-address": "52:54:00:00:00:01",
    "ip-addresses": [null, {}, { "ip-address": "<b>", prefix: 1 }],
  };
  expect(readAgentInterfaces([one])).toEqual([]);
});
