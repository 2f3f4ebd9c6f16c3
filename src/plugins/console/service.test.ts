/** Console tickets: bound, short-lived, good for once, and refused with a reason where there is no screen. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Actor, AppError, openStore, type Store, timing } from "jimv";
import { tablesMatchMigrations } from "../../../tests/support/schema.ts";
import type { GuestScreen } from "../guests/index.ts";
import { consoleMigrations } from "./migrations.ts";
import { consoleTickets } from "./schema.ts";
import { ConsoleService } from "./service.ts";

const ada: Actor = { kind: "user", name: "ada" };
const eve: Actor = { kind: "user", name: "eve" };
const uuid = "0199f0a0-0000-7000-8000-000000000001";

let store: Store;
let now = 1_000_000;
let screen: GuestScreen;
let refusal: AppError | null;
let heard: boolean;
let service: ConsoleService;

beforeEach(async () => {
  store = await openStore({ kind: "sqlite", path: ":memory:" });
  await store.migrate([{ name: "console", migrations: consoleMigrations }]);
  screen = { uuid, name: "web-01", nodeName: "n1", port: 15_900, listen: "10.1.8.3", password: "s3cret88" };
  refusal = null;
  heard = true;
  service = new ConsoleService({
    store,
    clock: { now: () => now },
    name: async () => screen.name,
    async screen() {
      if (refusal) throw refusal;
      return screen;
    },
    isHeard: async () => heard,
  });
});
afterEach(() => store.close());

const wordOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error(`not refused: ${error}`);
  return error.word;
};

test("a ticket opens the guest's screen, once", async () => {
  const { ticket, password, socketUrl, expiresAt } = await service.issue(uuid, ada);
  expect(Buffer.from(ticket, "base64url").length).toBe(32);
  expect({ password, socketUrl }).toEqual({ password: "s3cret88", socketUrl: "/console/socket" });
  expect(expiresAt).toBe(now + timing.consoleTicketMilliseconds);
  expect(await service.redeem(ticket, ada)).toEqual({
    guestUuid: uuid,
    address: { host: "10.1.8.3", port: 15_900 },
  });
  expect(await wordOf(service.redeem(ticket, ada))).toBe("console.badTicket");
});

test("of two uses at the same moment one wins", async () => {
  const { ticket } = await service.issue(uuid, ada);
  const both = await Promise.allSettled([service.redeem(ticket, ada), service.redeem(ticket, ada)]);
  expect(both.map((one) => one.status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("a ticket is bound to who asked, and a stranger's try does not use it up", async () => {
  const { ticket } = await service.issue(uuid, ada);
  expect(await wordOf(service.redeem(ticket, eve))).toBe("console.badTicket");
  expect(await wordOf(service.redeem(ticket, { kind: "token", name: "ada" }))).toBe("console.badTicket");
  expect((await service.redeem(ticket, ada)).guestUuid).toBe(uuid);
});

test("a ticket ends after its time, to the millisecond", async () => {
  const { ticket } = await service.issue(uuid, ada);
  const second = await service.issue(uuid, ada);
  now += timing.consoleTicketMilliseconds - 1;
  expect((await service.redeem(ticket, ada)).guestUuid).toBe(uuid);
  now += 1;
  expect(await wordOf(service.redeem(second.ticket, ada))).toBe("console.badTicket");
});

test("nonsense is refused, and the store holds no ticket in clear", async () => {
  for (const ticket of ["", "x", "' or 1=1 --", "\u0000", "a".repeat(5000)])
    expect(await wordOf(service.redeem(ticket, ada))).toBe("console.badTicket");
  const { ticket } = await service.issue(uuid, ada);
  expect(JSON.stringify(await store.select(consoleTickets))).not.toContain(ticket);
});

test("tickets that nobody used are cleared away", async () => {
  for (let n = 0; n < 5; n++) await service.issue(uuid, ada);
  now += timing.consoleTicketMilliseconds;
  await service.issue(uuid, ada);
  expect(await store.count(consoleTickets)).toBe(1);
});

test("a guest that does not run is refused with the guests' own reason, at the ticket and at the socket", async () => {
  const { ticket } = await service.issue(uuid, ada);
  refusal = new AppError("conflict", "guests.is.off", { name: "web-01" });
  expect(await wordOf(service.issue(uuid, ada))).toBe("guests.is.off");
  expect(await wordOf(service.redeem(ticket, ada))).toBe("guests.is.off");
});

test("an open console knows when the guest stopped or moved", async () => {
  const address = { host: "10.1.8.3", port: 15_900 };
  expect(await service.isStillAt(uuid, address)).toBe(true);
  screen = { ...screen, port: 15_901 };
  expect(await service.isStillAt(uuid, address)).toBe(false);
  refusal = new AppError("notFound", "guests.notFound");
  expect(await service.isStillAt(uuid, address)).toBe(false);
});

test("a server that listens everywhere is reached on this machine", async () => {
  for (const [listen, host] of [
    ["0.0.0.0", "127.0.0.1"],
    ["::", "::1"],
  ] as const) {
    screen = { ...screen, listen };
    const { ticket } = await service.issue(uuid, ada);
    expect((await service.redeem(ticket, ada)).address.host).toBe(host);
  }
});

test("a node that is away is named", async () => {
  heard = false;
  expect(await wordOf(service.issue(uuid, ada))).toBe("console.nodeAway");
});

test("the tables are those that the migrations make", () =>
  tablesMatchMigrations([consoleTickets], consoleMigrations));
