/** Asks are answered one at a time per thing, and never in the way of the agent's own commands. */
import { expect, test } from "bun:test";
import { Asks } from "./asks.ts";
import type { Command, NodeRoad } from "./contract.ts";

function setUp() {
  let send: (command: Command) => void = () => {};
  const road: NodeRoad = {
    onCommand: (handler) => {
      send = handler;
      return () => {};
    },
    deliver: async () => {},
    onLoss: () => () => {},
    status: () => ({ kind: "local", connected: true, since: 0, reason: null }),
  };
  const logged: string[] = [];
  const note = (text: string): void => void logged.push(text);
  const log = { debug: note, info: note, warn: note, error: note, named: () => log };
  const asks = new Asks(log);
  const passed: Command[] = [];
  asks.before(road).onCommand((command) => passed.push(command));
  return { asks, passed, logged, send: (command: Command) => send(command) };
}
const ask = (key: string, topic = "things.look"): Command => ({ type: "ask", topic, key });

test("asks reach who answers them, everything else the agent", async () => {
  const { asks, passed, send } = setUp();
  const asked: string[] = [];
  asks.on("things.look", (key) => void asked.push(key));
  send(ask("a"));
  send({ type: "greet" });
  send(ask("b", "unknown"));
  await Promise.resolve();
  expect(asked).toEqual(["a"]);
  expect(passed).toEqual([{ type: "greet" }]);
});

test("many who ask about one thing make two answers: the one under way, and one that saw everything", async () => {
  const { asks, send } = setUp();
  const asked: string[] = [];
  const gates: (() => void)[] = [];
  asks.on("things.look", async (key) => {
    asked.push(key);
    await new Promise<void>((go) => gates.push(go));
  });
  for (let i = 0; i < 5; i++) send(ask("a"));
  send(ask("b"));
  expect(asked).toEqual(["a", "b"]);
  gates[0]?.();
  await Bun.sleep(0);
  expect(asked).toEqual(["a", "b", "a"]);
  gates[2]?.();
  await Bun.sleep(0);
  expect(asked).toEqual(["a", "b", "a"]);
});

test("an answer that fails is logged, and the next ask is answered", async () => {
  const { asks, logged, send } = setUp();
  let turns = 0;
  asks.on("things.look", () => {
    if (++turns === 1) throw new Error("away");
  });
  send(ask("a"));
  await Bun.sleep(0);
  send(ask("a"));
  await Bun.sleep(0);
  expect([turns, logged]).toEqual([2, ["an ask was not answered"]]);
});
