/** The rules of replacements on a real controller: refusals, what becomes of both addresses, and two at once. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  AppError,
  type ControllerContext,
  definePlugin,
  eq,
  insert,
  type ReportEffects,
  type Statement,
  type Task,
  timing,
  update,
} from "jimv";
import { makeStage, type Stage } from "../../../tests/support/stage.ts";
import type { TaskCommand } from "../../core/road/contract.ts";
import { bootJobsPlugin } from "../boot-jobs/index.ts";
import { disksPlugin } from "../disks/index.ts";
import { type Guest, guestBeforeBoot, guestInterfaces, guests, guestsPlugin } from "../guests/index.ts";
import { nodesPlugin } from "../nodes/index.ts";
import { poolsPlugin } from "../pools/index.ts";
import { tasksPlugin } from "../tasks/index.ts";
import { templatesPlugin } from "../templates/index.ts";
import { addressesPlugin, addressService, type IpPoolView } from "./index.ts";
import { hexOf as digitsOf, parseAddress } from "./ip.ts";
import { Replacing } from "./replacing.ts";
import type { ReplaceAddress } from "./requests.ts";
import { addresses, replacements } from "./schema.ts";
import { Addresses } from "./service.ts";

const someone = { kind: "user", name: "ann" } as const;
let stage: Stage;
let context: ControllerContext;
let replacing: Replacing;
let pool: IpPoolView;

beforeEach(async () => {
  stage = await makeStage([
    tasksPlugin,
    nodesPlugin,
    poolsPlugin,
    templatesPlugin,
    disksPlugin,
    guestsPlugin,
    addressesPlugin,
    bootJobsPlugin,
    definePlugin({
      name: "looker",
      requires: ["addresses"],
      controller(own) {
        context = own;
      },
    }),
  ]);
  replacing = new Replacing(context, new Addresses(context));
  pool = await stage.controller.use(addressService).create({
    name: "lan",
    first: "192.0.2.10",
    last: "192.0.2.13",
    prefix: 24,
    gateway: "192.0.2.1",
    protect: true,
    isDefault: false,
  });
});
afterEach(() => stage.stop());

/** A guest that has been running, with the next free address. */
async function guest(name: string, more: Partial<Guest> = {}): Promise<Guest> {
  const uuid = crypto.randomUUID();
  const mac = `52:54:00:${uuid.slice(0, 2)}:${uuid.slice(2, 4)}:${uuid.slice(4, 6)}`;
  const row: Guest = {
    uuid,
    name,
    nameKey: name,
    remark: "",
    remarkKey: "",
    nodeName: "kvm-1",
    templateId: null,
    templateName: "t",
    icon: null,
    state: "off",
    wantedState: "off",
    failedWord: null,
    failedArgs: null,
    vcpus: 1,
    memoryMiB: 128,
    osFamily: "linux",
    isWindows: false,
    init: "cloud-init",
    userName: "root",
    passwordSealed: null,
    initState: "none",
    initWord: null,
    initArgs: null,
    vncPort: null,
    vncListen: "127.0.0.1",
    vncPasswordSealed: "",
    movesTo: null,
    movesToPort: null,
    hostname: name,
    seedPath: "/disks/seed.iso",
    observedState: null,
    observedIncarnation: 0,
    observedSequence: 0,
    observedAt: null,
    startedAt: 1,
    createdAt: 1,
    ...more,
  };
  const card = { mac, guestUuid: uuid, position: 0, network: "jimv", bridge: null, addresses: [] };
  const { statements } = await stage.controller.use(addressService).plan(pool.id, [{ guestUuid: uuid, mac }]);
  await stage.store.batch([insert(guests, row), insert(guestInterfaces, card), ...statements]);
  return row;
}
const ask = (uuid: string, request: Partial<ReplaceAddress> = {}) =>
  replacing.replace(uuid, { when: "boot", ...request }, someone);
const wordOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error) => (error instanceof AppError ? (error.fields[0]?.word ?? error.word) : String(error)),
  );
function stored(text: string): string {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return digitsOf(address);
}
/** 192.0.2.x as it is stored. */
const hexOf = (last: number): string => stored(`192.0.2.${last}`);
const rowOf = (hex: string) => stage.store.first(addresses, { where: eq(addresses.address, hex) });
const booked = async (uuid: string) => (await stage.controller.use(addressService).booked([uuid])).get(uuid);
async function until(is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await is()) return;
    await Bun.sleep(5);
  }
  throw new Error("that never came about");
}
const settle = async (effects: Promise<ReportEffects>) => stage.store.batch((await effects).statements);
const task = (more: Partial<Task>): Task => ({ id: "task", startedAt: 1, attempts: 1, ...more }) as Task;

test("what may not be typed in is refused with its reason", async () => {
  const { uuid } = await guest("web");
  await guest("db");
  await stage.controller.use(addressService).reserve(pool.id, { first: "192.0.2.13" });
  const typed = (address: string, more: Partial<ReplaceAddress> = {}) =>
    wordOf(ask(uuid, { address, ...more }));
  expect(await typed("192.0.2.11")).toBe("addresses.inUse");
  expect(await typed("192.0.2.10")).toBe("addresses.inUse");
  expect(await typed("192.0.2.13")).toBe("addresses.isReserved");
  expect(await typed("192.0.2.1")).toBe("addresses.isGateway");
  expect(await typed("192.0.2.0")).toBe("addresses.replaceNetwork");
  expect(await typed("192.0.2.255")).toBe("addresses.replaceBroadcast");
  expect(await typed("203.0.113.255", { prefix: 24 })).toBe("addresses.replaceBroadcast");
  expect(await typed("203.0.113.1", { prefix: 24, gateway: "203.0.113.1" })).toBe("addresses.isGateway");
  expect(await typed("203.0.113.9")).toBe("addresses.prefixNeeded");
  expect(await typed("2001:db8::7")).toBe("addresses.otherFamily");
  expect(await typed("here")).toBe("addresses.notAddress");
  expect(await wordOf(ask(uuid, { when: "now" }))).toBe("addresses.live.notRunning");
  expect(await replacing.ofGuest(uuid)).toEqual([]);
});

test("both are the guest's until the new one is verified; then the old one rests, for it lies in a pool's range", async () => {
  const { uuid } = await guest("web");
  const row = await ask(uuid);
  expect(row).toMatchObject({ state: "planned", oldAddress: hexOf(10), newAddress: hexOf(11) });
  expect(await booked(uuid)).toEqual(["192.0.2.10"]);
  expect([(await rowOf(hexOf(10)))?.state, (await rowOf(hexOf(11)))?.state]).toEqual(["used", "used"]);
  expect(await wordOf(ask(uuid))).toBe("addresses.replacing");
  // What boot jobs set up is what comes.
  expect((await stage.controller.use(addressService).values(uuid))?.ip).toBe("192.0.2.11");
  await settle(replacing.endings.verified(row.id, true, true));
  expect(await booked(uuid)).toEqual(["192.0.2.11"]);
  expect(await rowOf(hexOf(10))).toMatchObject({ state: "resting", guestUuid: null });
  // Told twice, it changes nothing.
  expect((await replacing.endings.verified(row.id, true, true)).statements).toEqual([]);
});

test("one outside of all ranges is recorded, and dropped when it goes", async () => {
  const { uuid } = await guest("web");
  const row = await ask(uuid, { address: "203.0.113.9", prefix: 24, gateway: "203.0.113.1" });
  await settle(replacing.endings.verified(row.id, true, true));
  expect(await booked(uuid)).toEqual(["203.0.113.9"]);
  expect(await stage.controller.use(addressService).values(uuid)).toMatchObject({
    ip: "203.0.113.9",
    prefix: "24",
    gateway: "203.0.113.1",
  });
  const back = await ask(uuid, { pool: pool.id });
  await settle(replacing.endings.verified(back.id, true, true));
  expect(await rowOf(stored("203.0.113.9"))).toBeNull();
  // A pool that is made around a recorded address takes it over.
  const again = await ask(uuid, { address: "203.0.113.9", prefix: 24 });
  await settle(replacing.endings.verified(again.id, true, true));
  const around = {
    name: "wan",
    first: "203.0.113.5",
    last: "203.0.113.20",
    prefix: 24,
    protect: true,
    isDefault: false,
  };
  const wan = await stage.controller.use(addressService).create(around);
  expect(await stage.controller.use(addressService).need(wan.id)).toMatchObject({ used: 1 });
});

test("given up, the new one is released and the guest keeps what it had", async () => {
  const { uuid } = await guest("web");
  await ask(uuid);
  await replacing.takeBack(uuid);
  expect(await booked(uuid)).toEqual(["192.0.2.10"]);
  expect((await rowOf(hexOf(11)))?.state).toBe("resting");
  expect(await replacing.ofGuest(uuid)).toMatchObject([{ state: "rolledBack", openFor: null, owed: false }]);
  expect(await wordOf(replacing.takeBack(uuid))).toBe("addresses.notReplacing");
});

test("a live one that failed before anything changed lets go; one whose end nobody heard holds both", async () => {
  const { uuid } = await guest("web");
  const begun = async () => {
    const row = await ask(uuid);
    await stage.store.run(update(replacements, { way: "live", owed: false }, eq(replacements.id, row.id)));
    return row;
  };
  const first = await begun();
  await settle(replacing.endings.failed(first.id, { word: "addresses.live.denied", args: {} }, task({})));
  expect(await replacing.ofGuest(uuid)).toMatchObject([{ state: "failed", openFor: null }]);
  expect((await rowOf(first.newAddress))?.state).toBe("resting");
  stage.clock.pass(1000);
  const second = await begun();
  await settle(replacing.endings.failed(second.id, { word: "task.expired", args: {} }, task({})));
  expect((await replacing.ofGuest(uuid))[0]).toMatchObject({ state: "planned", openFor: uuid });
  expect((await rowOf(second.newAddress))?.state).toBe("used");
  await replacing.takeBack(uuid);
  // The guest may have been told: it is told anew what it has.
  expect((await replacing.ofGuest(uuid))[0]).toMatchObject({ state: "rolledBack", owed: true });
  expect(await rowOf(second.newAddress)).toMatchObject({ state: "used", guestUuid: uuid });
});

/** A guest that runs on a node that is there. */
async function runner(name: string): Promise<Guest> {
  const row = await guest(name, { state: "running" });
  await stage.report("guests.details", { uuid: row.uuid, xml: "<domain/>", screen: null, agentMayRun: true });
  return row;
}
const newest = async (uuid: string) => (await replacing.ofGuest(uuid))[0];
const live = async () => {
  const command = await stage.command("addresses.replace");
  await stage.report("task.started", { id: command.id, fence: command.fence });
  return command;
};
const failWith = async (command: TaskCommand, word: string) =>
  stage.end(command, { state: "failed", error: { word, args: {} } });

test("tried again, nothing is let go whatever comes: the guest may have been told by the task before", async () => {
  const { uuid } = await runner("web");
  const { oldAddress, newAddress } = await ask(uuid, { when: "now" });
  const first = await live();
  expect(first.payload).toMatchObject({ again: false });
  await failWith(first, "addresses.live.unknown");
  for (const word of [
    "addresses.live.silent",
    "addresses.live.denied",
    "addresses.live.taken",
    "addresses.live.off",
    "addresses.live.noCard",
    "addresses.rolledBack",
    "task.expiredQueued",
  ]) {
    await replacing.again(uuid, someone);
    const command = await live();
    expect(command.payload).toMatchObject({ again: true, now: "192.0.2.11/24", old: "192.0.2.10/24" });
    expect(await newest(uuid)).toMatchObject({ failedWord: null, taskId: command.id });
    expect(await wordOf(replacing.again(uuid, someone))).toBe("addresses.underWay");
    await failWith(command, word);
    expect(await newest(uuid)).toMatchObject({ openFor: uuid, failedWord: word });
    for (const hex of [oldAddress, newAddress]) expect((await rowOf(hex))?.state).toBe("used");
  }
  await replacing.again(uuid, someone);
  await stage.end(await live(), { state: "succeeded", result: { told: true, tied: true } });
  expect(await newest(uuid)).toMatchObject({ state: "verified", openFor: null, failedWord: null });
  expect([(await rowOf(oldAddress))?.state, (await rowOf(newAddress))?.state]).toEqual(["resting", "used"]);
});

test("one that runs out of time before its node is heard of holds both: it was sent, and may be carried out", async () => {
  const { uuid } = await runner("web");
  const { newAddress } = await ask(uuid, { when: "now" });
  const sent = await stage.command("addresses.replace");
  stage.clock.pass(timing.replaceDeadlineMilliseconds + 1000);
  await until(async () => (await newest(uuid))?.failedWord === "task.expiredQueued");
  expect(await newest(uuid)).toMatchObject({ state: "planned", openFor: uuid });
  expect((await rowOf(newAddress))?.state).toBe("used");
  // What the node tells of that task now is void.
  await failWith(sent, "addresses.live.silent");
  expect(await newest(uuid)).toMatchObject({ openFor: uuid });
  await replacing.again(uuid, someone);
  const again = await live();
  expect(again.payload).toMatchObject({ again: true });
  await stage.end(again, { state: "succeeded", result: { told: true, tied: true } });
  expect(await newest(uuid)).toMatchObject({ state: "verified", openFor: null });
});

test("a second attempt of one task lets go only when the guest itself took the change back", async () => {
  const { uuid } = await guest("web");
  const ends: unknown[] = [];
  for (const word of ["addresses.live.off", "addresses.live.taken", "addresses.rolledBack"]) {
    const row = (await newest(uuid)) ?? (await ask(uuid));
    await stage.store.run(update(replacements, { way: "live", owed: false }, eq(replacements.id, row.id)));
    await settle(replacing.endings.failed(row.id, { word, args: {} }, task({ attempts: 2 })));
    ends.push([(await newest(uuid))?.state, (await rowOf(row.newAddress))?.state]);
  }
  expect(ends).toEqual([
    ["planned", "used"],
    ["planned", "used"],
    ["rolledBack", "resting"],
  ]);
});

/** What a start books, as the guests' plugin does. */
async function packed(of: Guest) {
  const luggage = { carry: {} as Record<string, string>, moreMs: 0 };
  const statements = await replacing.pack(of, luggage);
  const carried = luggage.carry.addresses ? JSON.parse(luggage.carry.addresses) : null;
  const isBooked = () =>
    stage.store.batch(statements).then(
      () => true,
      () => false,
    );
  return { carried, isBooked };
}

test("given up after the guest may have been told, the new one stays its own until the guest is told anew", async () => {
  const web = await runner("web");
  const { uuid } = web;
  const { oldAddress, newAddress } = await ask(uuid, { when: "now" });
  await failWith(await live(), "addresses.live.unknown");
  await replacing.takeBack(uuid);
  expect(await newest(uuid)).toMatchObject({ state: "rolledBack", openFor: null, owed: true });
  expect(await rowOf(newAddress)).toMatchObject({ state: "used", guestUuid: uuid });
  // It is not the guest's for anything else, and nobody else's.
  const service = stage.controller.use(addressService);
  expect(await booked(uuid)).toEqual(["192.0.2.10"]);
  expect((await service.values(uuid))?.ip).toBe("192.0.2.10");
  expect(await wordOf(ask(uuid, { old: "192.0.2.11" }))).toBe("addresses.notHers");
  expect(await wordOf(ask((await guest("db")).uuid, { address: "192.0.2.11" }))).toBe("addresses.inUse");
  // A live change would take the old one away alone.
  expect(await wordOf(ask(uuid, { when: "now" }))).toBe("addresses.live.held");

  const { carried, isBooked } = await packed(web);
  expect(carried.seed.facts.interfaces[0].addressing.addresses).toEqual(["192.0.2.10/24"]);
  expect(await isBooked()).toBe(true);
  const told = { replacement: carried.replacement, telling: carried.telling };
  await stage.report("addresses.applied", { ...told, telling: carried.telling - 1 });
  expect((await rowOf(newAddress))?.state).toBe("used");
  await stage.report("addresses.applied", told);
  expect(await rowOf(newAddress)).toMatchObject({ state: "resting", guestUuid: null });
  expect((await rowOf(oldAddress))?.state).toBe("used");
  expect(await newest(uuid)).toMatchObject({ state: "rolledBack", owed: false });
  expect((await packed(web)).carried).toBeNull();
});

test("without a seed or a boot job it is the boot itself that takes back what was given up", async () => {
  const plain = await guest("plain", { state: "running", init: "none", seedPath: null });
  await stage.report("guests.details", {
    uuid: plain.uuid,
    xml: "<domain/>",
    screen: null,
    agentMayRun: true,
  });
  const { newAddress } = await ask(plain.uuid, { when: "now" });
  await failWith(await live(), "addresses.live.unknown");
  await replacing.takeBack(plain.uuid);
  const { carried, isBooked } = await packed(plain);
  expect(carried.seed).toBeNull();
  expect(await isBooked()).toBe(true);
  const { replacement, telling } = carried;
  await stage.report("addresses.applied", { replacement, telling });
  expect((await rowOf(newAddress))?.state).toBe("resting");
});

test("a boot job that was queued before the giving up says nothing of what the guest has after it", async () => {
  const plain = await guest("plain", { init: "none", seedPath: null });
  const row = await ask(plain.uuid, { style: "netplan" });
  const queued = { guestUuid: plain.uuid, jobId: row.jobId ?? "", queuedAt: stage.clock.now() };
  expect(await (await packed(plain)).isBooked()).toBe(true);
  stage.clock.pass(1000);
  await replacing.takeBack(plain.uuid);
  await settle(replacing.endings.jobEnded(queued, true));
  expect((await rowOf(row.newAddress))?.state).toBe("used");
  stage.clock.pass(1000);
  await settle(replacing.endings.jobEnded({ ...queued, queuedAt: stage.clock.now() }, true));
  expect((await rowOf(row.newAddress))?.state).toBe("resting");
});

test("what was given up is let go, too, when a later replacement has been told", async () => {
  const web = await runner("web");
  const first = await ask(web.uuid, { when: "now" });
  await failWith(await live(), "addresses.live.unknown");
  await replacing.takeBack(web.uuid);
  stage.clock.pass(1000);
  const second = await ask(web.uuid);
  expect(second).toMatchObject({ oldAddress: first.oldAddress, newAddress: hexOf(12) });
  const { carried, isBooked } = await packed(web);
  expect(carried.seed.facts.interfaces[0].addressing.addresses).toEqual(["192.0.2.12/24"]);
  expect(await isBooked()).toBe(true);
  const { replacement, telling } = carried;
  await stage.report("addresses.applied", { replacement, telling });
  expect((await rowOf(first.newAddress))?.state).toBe("resting");
  expect([(await rowOf(hexOf(10)))?.state, (await rowOf(hexOf(12)))?.state]).toEqual(["used", "used"]);
});

test("of a start and a giving up in the same moment, one is decided anew", async () => {
  const web = await guest("web");
  const { newAddress } = await ask(web.uuid);
  // The start read first, and is booked last.
  const start = await packed(web);
  await replacing.takeBack(web.uuid);
  expect((await rowOf(newAddress))?.state).toBe("resting");
  expect(await start.isBooked()).toBe(false);
  expect((await packed(web)).carried).toBeNull();

  // The giving up read first.
  stage.clock.pass(1000);
  await ask(web.uuid);
  const [row] = await replacing.open([web.uuid]);
  if (!row) throw new Error("none is open");
  expect(await (await packed(web)).isBooked()).toBe(true);
  const late = replacing.endings.givenUp(row);
  expect(
    await settle(late).then(
      () => "written",
      () => "refused",
    ),
  ).toBe("refused");
  // Whoever reads it now knows that a boot may have told the guest.
  await replacing.takeBack(web.uuid);
  expect(await newest(web.uuid)).toMatchObject({ state: "rolledBack", owed: true });
  expect((await rowOf(row.newAddress))?.state).toBe("used");
});

test("the start of a guest takes the telling along, and counts it", async () => {
  const web = await runner("web");
  await stage.store.run(update(guests, { state: "off" }, eq(guests.uuid, web.uuid)));
  const row = await ask(web.uuid);
  await stage.store.run(update(replacements, { telling: 4 }, eq(replacements.id, row.id)));
  const luggage = { carry: {} as Record<string, string>, moreMs: 0 };
  const statements: Statement[] = [];
  await context.hooks.run(guestBeforeBoot, { guest: web, luggage, statements });
  await stage.store.batch(statements);
  expect(JSON.parse(luggage.carry.addresses ?? "{}")).toMatchObject({ replacement: row.id, telling: 5 });
  expect(await newest(web.uuid)).toMatchObject({ telling: 5, state: "planned" });
});

test("confirmed, the new one is the guest's although nobody sees it answer", async () => {
  const web = await runner("web");
  const row = await ask(web.uuid);
  expect(await wordOf(replacing.confirm(web.uuid, someone))).toBe("addresses.notTold");
  const { carried, isBooked } = await packed(web);
  await isBooked();
  await stage.report("addresses.applied", { replacement: row.id, telling: carried.telling });
  const check = await stage.command("addresses.check");
  await replacing.confirm(web.uuid, someone);
  expect(await newest(web.uuid)).toMatchObject({ state: "verified", openFor: null, owed: false });
  expect([(await rowOf(row.oldAddress))?.state, (await rowOf(row.newAddress))?.state]).toEqual([
    "resting",
    "used",
  ]);
  expect(await context.tasks.get(check.id)).toMatchObject({ cancelRequested: true });
  // What the check says now changes nothing.
  await failWith(check, "addresses.noAnswer");
  expect(await newest(web.uuid)).toMatchObject({ state: "verified", failedWord: null });
  expect(await wordOf(replacing.confirm(web.uuid, someone))).toBe("addresses.notReplacing");
});

test("confirmed while it runs, its agent keeps the change and nobody looks from outside", async () => {
  const { uuid } = await runner("web");
  const row = await ask(uuid, { when: "now" });
  const first = await live();
  expect(first.payload).toMatchObject({ unseen: false });
  expect(await wordOf(replacing.confirm(uuid, someone))).toBe("addresses.underWay");
  await failWith(first, "addresses.live.unknown");
  await replacing.confirm(uuid, someone);
  const confirmed = await live();
  expect(confirmed.payload).toMatchObject({ again: true, unseen: true });
  await stage.end(confirmed, { state: "succeeded", result: { told: true, tied: true } });
  expect(await newest(uuid)).toMatchObject({ state: "verified" });
  expect((await rowOf(row.oldAddress))?.state).toBe("resting");
});

test("of two that type the same address in at once, one gets it", async () => {
  const all = [await guest("a"), await guest("b"), await guest("c")];
  const words = await Promise.all(
    all.map(({ uuid }) => wordOf(ask(uuid, { address: "203.0.113.9", prefix: 24 }))),
  );
  expect(words.sort()).toEqual(["addresses.inUse", "addresses.inUse", "done"]);
  const same = all[0] as Guest;
  await replacing.takeBack((await replacing.open(all.map(({ uuid }) => uuid)))[0]?.guestUuid ?? "");
  const twice = await Promise.all([wordOf(ask(same.uuid)), wordOf(ask(same.uuid))]);
  expect(twice.sort()).toEqual(["addresses.replacing", "done"]);
});

test("a guest that never ran, or has no cloud-init, is told what is missing; at its boot it gets a new instance-id", async () => {
  const fresh = await guest("fresh", { startedAt: null });
  await stage.store.run(
    update(guestInterfaces, { addresses: null }, eq(guestInterfaces.guestUuid, fresh.uuid)),
  );
  expect(await wordOf(ask(fresh.uuid))).toBe("addresses.neverBooted");
  const plain = await guest("plain", { init: "none", seedPath: null });
  expect(await wordOf(ask(plain.uuid))).toBe("addresses.styleNeeded");
  const told = await guest("told");
  await ask(told.uuid);
  const luggage = { carry: {} as Record<string, string>, moreMs: 0 };
  await replacing.pack(told, luggage);
  const { seed } = JSON.parse(luggage.carry.addresses ?? "{}");
  expect(seed.facts.instanceId).toStartWith(`${told.uuid}-`);
  expect(seed.facts.interfaces[0].addressing).toEqual({
    addresses: ["192.0.2.13/24"],
    gateways: ["192.0.2.1"],
    dns: [],
  });
});

test("the guest's page offers it, shows what is under way, and the API says the same", async () => {
  const { uuid } = await guest("web");
  const admin = await stage.token("administrator");
  const at = `/api/v1/guests/${uuid}/addresses/replace`;
  const dialog = await (await admin.ask(`/guests/${uuid}/addresses/replace`)).text();
  expect(dialog).toContain("192.0.2.10");
  expect(dialog).toContain("Not now: the guest does not run.");
  // While it runs its agent has the say, as far as its node has heard of it.
  await stage.store.run(update(guests, { state: "running" }, eq(guests.uuid, uuid)));
  const hears = async (agentMayRun: boolean | null) => {
    await stage.report("guests.details", { uuid, xml: "<domain/>", screen: null, agentMayRun });
    return (await admin.ask(`/guests/${uuid}/addresses/replace`)).text();
  };
  const liveChoice = /<option value="now"[^>]*>/;
  const silent = await hears(null);
  expect(silent).toContain("did not answer when it was last asked");
  expect(liveChoice.exec(silent)?.[0]).not.toContain("disabled");
  const able = await hears(true);
  expect(able).toContain("Now goes through the guest agent.");
  const blocked = await hears(false);
  expect(blocked).toContain("Not now: the guest agent does not allow commands");
  expect(liveChoice.exec(blocked)?.[0]).toContain("disabled");
  await stage.store.run(update(guests, { state: "off" }, eq(guests.uuid, uuid)));
  const tab = `/guests/${uuid}?tab=addresses`;
  expect(await (await admin.ask(tab)).text()).toContain("Replace…");
  const refused = await admin.ask(at, { json: { when: "boot", address: "192.0.2.1" } });
  expect(refused.status).toBe(422);
  const answer = await admin.ask(at, { json: { when: "boot" } });
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({
    old: "192.0.2.10",
    new: "192.0.2.11",
    state: "planned",
    isOpen: true,
  });
  const page = await (await admin.ask(tab)).text();
  expect(page).toContain("192.0.2.11 planned");
  expect(page).toContain("Give up");
  expect(page).not.toContain("/addresses/confirm");
  for (const action of ["again", "confirm"])
    expect((await admin.ask(`${at}/${action}`, { method: "POST" })).status).toBe(409);
  const reader = await stage.token("reader");
  expect((await reader.ask(at, { json: { when: "boot" } })).status).toBe(403);
  expect((await admin.ask(at, { method: "DELETE" })).status).toBe(204);
  expect(await (await reader.ask(at)).json()).toMatchObject({
    items: [{ state: "rolledBack", isOpen: false }],
  });
  expect((await reader.ask("/api/v1/guests/none/addresses/replace")).status).toBe(404);

  // Told and silent: it can be confirmed, in a dialog that says what that means; or given up, and is held.
  const silence = async () => {
    stage.clock.pass(1000);
    const { id } = await ask(uuid);
    const set = { state: "applied", failedWord: "addresses.noAnswer", failedArgs: { address: "x" } } as const;
    await stage.store.run(update(replacements, set, eq(replacements.id, id)));
  };
  await silence();
  expect(await (await admin.ask(tab)).text()).toContain(`/guests/${uuid}/addresses/confirm`);
  const confirm = await (await admin.ask(`/guests/${uuid}/addresses/confirm`)).text();
  expect(confirm).toContain("192.0.2.10: it is released");
  expect((await reader.ask(`${at}/confirm`, { method: "POST" })).status).toBe(403);
  expect((await admin.ask(`${at}/confirm`, { method: "POST" })).status).toBe(204);
  expect(await (await admin.ask(at)).json()).toMatchObject({ items: [{ state: "verified" }, {}] });
  await silence();
  expect((await admin.ask(at, { method: "DELETE" })).status).toBe(204);
  expect(await (await admin.ask(at)).json()).toMatchObject({
    items: [{ state: "rolledBack", isOpen: false, isHeld: true }, {}, {}],
  });
  expect(await (await admin.ask(tab)).text()).toContain("was given up, and the guest may still have it");
});
