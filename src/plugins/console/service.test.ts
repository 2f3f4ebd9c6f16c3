/** Console tickets: bound, short-lived, good for once, and refused with a reason where there is no screen. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Actor, AppError, openStore, type Store, timing } from "jimv";
import { tablesMatchMigrations } from "../../../tests/support/schema.ts";
import { consoleMigrations } from "./migrations.ts";
import { consoleTickets } from "./schema.ts";
import { type ConsoleGuest, ConsoleService } from "./service.ts";

const ada: Actor = { kind: "user", name: "ada" };
const eve: Actor = { kind: "user", name: "eve" };
const uuid = "0199f0a0-0000-7000-8000-000000000001";

let store: Store;
let now = 1_000_000;
let guest: ConsoleGuest;
let host: string | null;
let service: ConsoleService;

beforeEach(async () => {
  store = await openStore({ kind: "sqlite", path: ":memory:" });
  await store.migrate([{ name: "console", migrations: consoleMigrations }]);
  guest = { uuid, name: "web-01", nodeName: "n1", allowed: true, vncPort: 15_900 };
  host = "127.0.0.1";
  service = new ConsoleService({
    store,
    clock: { now: () => now },
    guest: async () => guest,
    vncPassword: async () => "s3cret88",
    vncHost: async () => host,
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
  expect(await service.redeem(ticket, ada)).toEqual({ guest, address: { host: "127.0.0.1", port: 15_900 } });
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
  expect((await service.redeem(ticket, ada)).guest.name).toBe("web-01");
});

test("a ticket ends after its time, to the millisecond", async () => {
  const { ticket } = await service.issue(uuid, ada);
  const second = await service.issue(uuid, ada);
  now += timing.consoleTicketMilliseconds - 1;
  expect((await service.redeem(ticket, ada)).guest).toEqual(guest);
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

test("a guest that does not run is refused, at the ticket and at the socket", async () => {
  const { ticket } = await service.issue(uuid, ada);
  guest = { ...guest, allowed: false };
  expect(await wordOf(service.issue(uuid, ada))).toBe("console.notRunning");
  expect(await wordOf(service.redeem(ticket, ada))).toBe("console.notRunning");
  guest = { ...guest, allowed: true, vncPort: null };
  expect(await wordOf(service.issue(uuid, ada))).toBe("console.notRunning");
});

test("a node that is away is named", async () => {
  host = null;
  expect(await wordOf(service.issue(uuid, ada))).toBe("console.nodeAway");
});

test("the tables are those that the migrations make", () =>
  tablesMatchMigrations([consoleTickets], consoleMigrations));
