/** Sockets end with what let their visitor in. The wire itself is tested in wire.test.ts. */
import { expect, test } from "bun:test";
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import { timing } from "../timing.ts";
import type { RawSocket, SocketEvents } from "./engine.ts";
import { Sockets } from "./sockets.ts";
import type { Visitor } from "./visitor.ts";

const visitor = (id: string): Visitor => ({
  viewer: {
    actor: { kind: "token", name: id },
    role: "operator",
    language: "en",
    theme: "auto",
    csrf: null,
    say: (word) => word,
  },
  by: { kind: "token", id },
});

function world() {
  const ticks = new Set<() => void>();
  const lives = new Set<string>();
  let periodMs = 0;
  const clock = {
    every(ms: number, fn: () => void) {
      periodMs = ms;
      ticks.add(fn);
      return () => ticks.delete(fn);
    },
  } as unknown as Clock;
  const sockets = new Sockets({
    clock,
    log: { error: () => undefined },
    stillIn: async ({ by }) => by.kind === "token" && lives.has(by.id),
  });
  const open = async (id: string, refuse = false) => {
    lives.add(id);
    const closed: [number, string][] = [];
    let handlerClosed = 0;
    let events: SocketEvents | null = null;
    const raw: RawSocket = {
      send: () => 0,
      buffered: () => 0,
      close(code, reason) {
        closed.push([code, reason]);
        events?.closed();
      },
    };
    await sockets.upgrade(
      {
        path: "/x",
        subprotocol: null,
        async open() {
          if (refuse) throw new AppError("forbidden", "console.badTicket");
          return {
            message: () => undefined,
            drain: () => undefined,
            closed: () => {
              handlerClosed++;
            },
          };
        },
      },
      new Request("http://localhost/x"),
      visitor(id),
      {
        address: "memory",
        upgrade(given) {
          events = given;
          given.open(raw);
          return true;
        },
      },
    );
    return { closed, handlerClosed: () => handlerClosed };
  };
  const tick = async () => {
    for (const fn of [...ticks]) fn();
    await Bun.sleep(0);
  };
  return { sockets, open, lives, ticks, tick, periodMs: () => periodMs };
}

test("ending a session closes its sockets and no other's", async () => {
  const { sockets, open, ticks } = world();
  const [mine, other] = [await open("a"), await open("b")];
  sockets.endFor("a");
  expect(mine.closed).toEqual([[1008, "signed out"]]);
  expect(mine.handlerClosed()).toBe(1);
  expect(other.closed).toEqual([]);
  expect(ticks.size).toBe(1);
});

test("a session that ran out is noticed", async () => {
  const { open, lives, tick, ticks, periodMs } = world();
  const mine = await open("a");
  expect(periodMs()).toBe(timing.sessionTouchMilliseconds);
  await tick();
  expect(mine.closed).toEqual([]);
  lives.delete("a");
  await tick();
  expect(mine.closed).toEqual([[1008, "signed out"]]);
  expect(ticks.size).toBe(0);
});

test("a refused socket leaves nothing behind", async () => {
  const { open, ticks } = world();
  expect(await open("a", true).catch((error: AppError) => error.word)).toBe("console.badTicket");
  expect(ticks.size).toBe(0);
});
