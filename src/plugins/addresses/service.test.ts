/** The rules and the API of address pools on a real controller, and what its pages answer. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { eq, update } from "jimv";
import { heartbeat, makeStage, type Stage } from "../../../tests/support/stage.ts";
import { disksPlugin } from "../disks/index.ts";
import { guestsPlugin } from "../guests/index.ts";
import { nodes, nodesPlugin } from "../nodes/index.ts";
import { poolsPlugin } from "../pools/index.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { templatesPlugin } from "../templates/index.ts";
import { addressesPlugin, addressService, type IpPoolView } from "./index.ts";
import { addresses } from "./schema.ts";

const minute = 60_000;
const small = { name: "lan", first: "192.0.2.10", last: "192.0.2.13", prefix: 24, gateway: "192.0.2.1" };

let stage: Stage;
beforeEach(async () => {
  stage = await makeStage([
    tasksPlugin,
    nodesPlugin,
    poolsPlugin,
    templatesPlugin,
    disksPlugin,
    guestsPlugin,
    addressesPlugin,
  ]);
});
afterEach(() => stage.stop());

const service = () => stage.controller.use(addressService);
const holder = (n: number) => ({ guestUuid: `guest-${n}`, mac: `52:54:00:00:00:0${n}` });
const made = (change: Record<string, unknown> = {}): Promise<IpPoolView> =>
  service().create({ protect: true, isDefault: false, ...small, ...change });
async function give(pool: IpPoolView, ...numbers: number[]): Promise<string[]> {
  const { addresses, statements } = await service().plan(pool.id, numbers.map(holder));
  await stage.store.batch(statements);
  return addresses;
}
async function letGo(n: number): Promise<void> {
  await stage.store.batch(await service().release(holder(n).guestUuid));
}
const wordOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error) => String(error.word),
  );
const refusal = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "done",
    (error) => error,
  );

test("the next free addresses are given in order, rest when released, and then come again", async () => {
  const pool = await made();
  expect(await give(pool, 1, 2)).toEqual(["192.0.2.10", "192.0.2.11"]);
  expect(await service().booked(["guest-1", "guest-9"])).toEqual(new Map([["guest-1", ["192.0.2.10"]]]));
  await letGo(1);
  expect(await service().need(pool.id)).toMatchObject({ size: 4, used: 1, resting: 1, free: 2 });
  expect(await give(pool, 3, 4)).toEqual(["192.0.2.12", "192.0.2.13"]);
  // What rests is not given out, though nothing else is left.
  expect(await wordOf(give(pool, 5))).toBe("addresses.poolFull");
  stage.clock.pass(21 * minute);
  expect(await service().need(pool.id)).toMatchObject({ used: 3, resting: 0, free: 1 });
  expect(await give(pool, 5)).toEqual(["192.0.2.10"]);
});

test("two who planned the same address don't both get it", async () => {
  const pool = await made();
  const [one, two] = [await service().plan(pool.id, [holder(1)]), await service().plan(pool.id, [holder(2)])];
  expect(one.addresses).toEqual(two.addresses);
  await stage.store.batch(one.statements);
  expect(await wordOf(stage.store.batch(two.statements))).not.toBe("done");
  expect((await service().need(pool.id)).used).toBe(1);
});

test("many who ask at once get one each, and the last hear that the pool is full", async () => {
  const pool = await made({ last: "192.0.2.109" });
  const asked = await Promise.allSettled(
    Array.from({ length: 103 }, () => service().reserveNext(pool.id, "printer")),
  );
  const given = asked.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  expect(new Set(given).size).toBe(100);
  expect(asked.filter((one) => one.status === "rejected")).toHaveLength(3);
});

test("gateway and reserved addresses are passed over; a reservation that is lifted is given out", async () => {
  const pool = await made({ gateway: "192.0.2.11" });
  await service().reserve(pool.id, { first: "192.0.2.10", remark: "switch" });
  expect(await service().need(pool.id)).toMatchObject({ reserved: 2, free: 2 });
  expect(await give(pool, 1)).toEqual(["192.0.2.12"]);
  expect(await wordOf(service().reserve(pool.id, { first: "192.0.2.11", last: "192.0.2.12" }))).toBe(
    "addresses.inUse",
  );
  expect(await wordOf(service().reserve(pool.id, { first: "192.0.2.99" }))).toBe("addresses.outsidePool");
  expect(await wordOf(service().free(pool.id, "192.0.2.12"))).toBe("addresses.inUse");
  await service().free(pool.id, "192.0.2.10");
  expect(await give(pool, 2, 3)).toEqual(["192.0.2.10", "192.0.2.13"]);
});

test("a pool grows, shrinks but never under used addresses, and is deleted when nothing is used", async () => {
  const pool = await made();
  await give(pool, 1, 2, 3);
  const change = (range: Record<string, string>) =>
    service().change(pool.id, { ...small, protect: true, isDefault: false, ...range });
  expect(await wordOf(change({ last: "192.0.2.11" }))).toBe("addresses.usedOutside");
  await letGo(3);
  await change({ last: "192.0.2.11" });
  expect(await service().need(pool.id)).toMatchObject({ size: 2, used: 2, resting: 0, free: 0 });
  // To both sides: what lies before the old beginning is given out, too.
  await change({ first: "192.0.2.9", last: "192.0.2.12" });
  expect(await give(pool, 4)).toEqual(["192.0.2.9"]);
  // What went while it rested rests on.
  expect(await service().need(pool.id)).toMatchObject({ used: 3, resting: 1, free: 0 });
  stage.clock.pass(21 * minute);
  expect(await give(pool, 5)).toEqual(["192.0.2.12"]);
  expect(await wordOf(service().remove(pool.id))).toBe("addresses.poolUsed");
  for (const n of [1, 2, 4, 5]) await letGo(n);
  await service().remove(pool.id);
  expect(await service().list()).toEqual([]);
});

test("refused ranges say why, at the field", async () => {
  await made();
  for (const [change, word] of [
    [{ first: "nonsense" }, "addresses.notAddress"],
    [{ first: "224.0.0.1" }, "addresses.notUsable"],
    [{ name: "b", first: "192.0.2.0", last: "192.0.2.9" }, "addresses.isNetwork"],
    [{ name: "b", first: "192.0.2.200", last: "192.0.2.255" }, "addresses.isBroadcast"],
    [{ last: "192.0.3.1" }, "addresses.outsideNetwork"],
    [{ last: "192.0.2.9" }, "addresses.backwards"],
    [{ last: "fd00::1" }, "addresses.otherFamily"],
    [{ prefix: 33 }, "addresses.prefixLong"],
    [{ gateway: "192.0.3.1" }, "addresses.outsideNetwork"],
    [{ name: "b" }, "addresses.overlaps"],
    [{ name: "LAN", first: "192.0.2.20", last: "192.0.2.30" }, "addresses.nameTaken"],
  ] as const)
    expect([change, await wordOf(made(change))] as unknown).toEqual([change, word]);
});

test("IPv6: a whole /64 with its gateway on the link, and a default of its own", async () => {
  const six = {
    first: "2001:db8::1:0",
    last: "2001:db8::ffff:ffff:ffff:ffff",
    prefix: 64,
    gateway: "fe80::1",
  };
  const four = await made({ protect: true, isDefault: true, dns1: "9.9.9.9" });
  const pool = await made({
    name: "six",
    ...six,
    protect: true,
    isDefault: true,
    dns1: "2620:fe::fe",
    dns2: "2620:fe::9",
  });
  expect([four.isDefault, pool.isDefault, pool.family]).toEqual([true, true, "ipv6"]);
  expect(await give(pool, 1, 2)).toEqual(["2001:db8::1:0", "2001:db8::1:1"]);
  expect(await service().values("guest-2")).toEqual({
    ip: "2001:db8::1:1",
    netmask: "ffff:ffff:ffff:ffff::",
    prefix: "64",
    gateway: "fe80::1",
    dns1: "2620:fe::fe",
    dns2: "2620:fe::9",
  });
  await give(four, 2);
  expect(await service().values("guest-2")).toMatchObject({ ip: "192.0.2.10", netmask: "255.255.255.0" });
  expect(await service().values("guest-7")).toBeNull();
  const other = await made({
    name: "other",
    first: "192.0.2.50",
    last: "192.0.2.60",
    protect: true,
    isDefault: true,
  });
  expect([(await service().need(four.id)).isDefault, other.isDefault]).toEqual([false, true]);
});

test("what is reserved is in the way of shrinking and deleting; what rests does so outside of all pools, too", async () => {
  const pool = await made();
  await service().reserve(pool.id, { first: "192.0.2.12", last: "192.0.2.13", remark: "printers" });
  await give(pool, 1);
  await stage.store.batch(await service().release("guest-1"));
  const shrunk = { ...small, last: "192.0.2.11", protect: true, isDefault: false };
  expect(await refusal(service().change(pool.id, shrunk))).toMatchObject({
    status: 409,
    word: "addresses.reservedOutside",
    args: { count: 2, addresses: "192.0.2.12, 192.0.2.13" },
  });
  expect(await refusal(service().remove(pool.id))).toMatchObject({ word: "addresses.poolReserved" });
  expect(await service().need(pool.id)).toMatchObject({ reserved: 2, resting: 1 });
  for (const address of ["192.0.2.12", "192.0.2.13"]) await service().free(pool.id, address);
  await service().change(pool.id, shrunk);

  await service().reserve(pool.id, { first: "192.0.2.11" });
  await service().remove(pool.id, { withReserved: true });
  // One that is made around what rests waits for its end.
  const around = await made();
  expect(await service().need(around.id)).toMatchObject({ resting: 1, reserved: 0, free: 3 });
  expect(await give(around, 2)).toEqual(["192.0.2.11"]);
  // Once that is over, nothing is left of it.
  await service().change(around.id, { ...small, first: "192.0.2.11", protect: true, isDefault: false });
  stage.clock.pass(21 * minute);
  await made({ name: "other", first: "192.0.2.20", last: "192.0.2.21" });
  expect(await stage.store.count(addresses, eq(addresses.poolId, ""))).toBe(0);
});

test("a reserved address is never deleted unseen: the dialog names how many go along", async () => {
  const pool = await made();
  const admin = await stage.token("administrator");
  await service().reserve(pool.id, { first: "192.0.2.12" });
  const dialog = await (await admin.ask(`/ip-pools/${pool.id}/delete`)).text();
  expect(dialog).toContain("1 in all");
  expect((await admin.ask(`/api/v1/ip-pools/${pool.id}`, { method: "DELETE" })).status).toBe(409);
  const withReserved = { method: "DELETE", json: { withReserved: true } };
  expect((await admin.ask(`/api/v1/ip-pools/${pool.id}`, withReserved)).status).toBe(204);
});

test("a pool's page has its addresses on as many pages as they need", async () => {
  const pool = await made({ first: "192.0.2.10", last: "192.0.2.200" });
  await service().reserve(pool.id, { first: "192.0.2.20", last: "192.0.2.139" });
  const reader = await stage.token("reader");
  const rows = async (page: number) => {
    const text = await (await reader.ask(`/ip-pools/${pool.id}?page=${page}`)).text();
    return { text, shown: [...text.matchAll(/id="address-192-0-2-(\d+)"/g)].map(([, last]) => Number(last)) };
  };
  const first = await rows(1);
  expect([first.shown.length, first.shown[0], first.shown.at(-1)]).toEqual([50, 20, 69]);
  expect(first.text).toContain("1–50 of 120");
  expect(first.text).toContain(`href="/ip-pools/${pool.id}?page=2"`);
  const third = await rows(3);
  expect([third.shown.length, third.shown[0], third.shown.at(-1)]).toEqual([20, 120, 139]);
  // Beyond the end stands the last one, for what was there may have become free.
  expect((await rows(9)).shown).toEqual(third.shown);
  // The stream keeps to the page that is shown.
  expect(third.text).toContain(encodeURIComponent(`ip-pool:${pool.id}:page=3`));
});

test("the API and the pages say the same", async () => {
  const admin = await stage.token("administrator");
  const refused = await admin.ask("/api/v1/ip-pools", { json: { ...small, last: "192.0.2.1" } });
  expect(refused.status).toBe(422);
  expect(((await refused.json()) as { errors: { field: string }[] }).errors).toHaveLength(1);
  const answer = await admin.ask("/api/v1/ip-pools", { json: { ...small, dns1: "9.9.9.9" } });
  expect(answer.status).toBe(201);
  const pool = (await answer.json()) as IpPoolView;
  expect(pool).toMatchObject({ netmask: "255.255.255.0", dns: ["9.9.9.9"], free: 4 });
  const at = `/api/v1/ip-pools/${pool.id}`;
  const next = await admin.ask(`${at}/next`, { json: { remark: "<printer>" } });
  expect(await next.json()).toEqual({ address: "192.0.2.10" });
  const list = (await (await admin.ask(`${at}/addresses?state=reserved`)).json()) as { items: unknown[] };
  expect(list.items).toMatchObject([{ address: "192.0.2.10", remark: "<printer>", state: "reserved" }]);
  const reader = await stage.token("reader");
  expect((await reader.ask(`${at}/next`, { json: {} })).status).toBe(403);
  const page = await (await reader.ask(`/ip-pools/${pool.id}`)).text();
  expect(page).toContain("&lt;printer&gt;");
  expect(page.match(/<rect /g)).toHaveLength(4);
  expect((await (await reader.ask("/ip-pools")).text()).includes("192.0.2.13 /24")).toBe(true);
  expect((await admin.ask(`${at}/addresses/192.0.2.10`, { method: "DELETE" })).status).toBe(204);
  expect((await admin.ask(at, { method: "DELETE" })).status).toBe(204);
  expect((await admin.ask(at)).status).toBe(404);
});

test("VNC ports: the range is shown and sized, by page and API", async () => {
  await stage.report("nodes.heartbeat", heartbeat);
  const admin = await stage.token("administrator");
  const at = "/api/v1/vnc-ports/kvm-1";
  expect((await admin.ask(at)).status).toBe(409);
  const set = { poolName: "jimv", networkName: "jimv", vncPortFirst: 15_900, vncPortLast: 15_999 };
  await stage.store.run(update(nodes, set, eq(nodes.name, "kvm-1")));
  expect(await (await admin.ask(at)).json()).toMatchObject({ size: 100, used: 0, free: 100, holders: [] });
  const sized = await admin.ask(at, { method: "PUT", json: { first: 15_900, last: 19_899 } });
  expect(await sized.json()).toMatchObject({ node: "kvm-1", size: 4_000, isReserved: null });
  expect((await admin.ask(at, { method: "PUT", json: { first: 15_900, last: 15_901 } })).status).toBe(422);
  const reader = await stage.token("reader");
  expect((await reader.ask(at, { method: "PUT", json: { first: 15_900, last: 15_999 } })).status).toBe(403);
  const page = await (await reader.ask("/vnc-ports/kvm-1")).text();
  expect(page.match(/<rect /g)).toHaveLength(128);
  expect(await (await reader.ask("/vnc-ports")).text()).toContain("15900–19899");
  const nodePage = await (await reader.ask("/nodes/kvm-1")).text();
  expect(nodePage).toContain('href="/vnc-ports/kvm-1"');
});
