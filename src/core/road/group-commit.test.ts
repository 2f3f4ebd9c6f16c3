import { describe, expect, test } from "bun:test";
import {
  type BatchOptions,
  eq,
  LeaseLostError,
  type Statement,
  StoreExpectationError,
  StoreUnavailableError,
  update,
  updateEach,
} from "../store/index.ts";
import { peers } from "../tasks/schema.ts";
import { GroupCommit } from "./group-commit.ts";

/** A store whose batches end when the test says so; statements are told apart by what they "do". */
function slowStore(dialect: "mysql" | "sqlite" = "sqlite") {
  const batches: { statements: string[]; options: BatchOptions; end(error?: Error): void }[] = [];
  const store = {
    dialect,
    batch(statements: readonly Statement[], options: BatchOptions = {}): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      batches.push({
        statements: statements.map(String),
        options,
        end: (error) => (error ? reject(error) : resolve()),
      });
      return promise;
    },
  };
  return { batches, commits: new GroupCommit(store) };
}

const doing = (what: string): Statement[] => [what as unknown as Statement];
const outcome = (promise: Promise<void>): Promise<string> =>
  promise.then(
    () => "done",
    (error: Error) => error.name,
  );
const turn = (): Promise<void> => Bun.sleep(0);

describe("group commit", () => {
  test("a server gets a second transaction when a full one waits, one file does not", async () => {
    const begun = async (dialect: "mysql" | "sqlite") => {
      const { batches, commits } = slowStore(dialect);
      const all = Array.from({ length: 30 }, (_, i) =>
        commits.batch(doing(String(i)), { events: [], epoch: 1 }),
      );
      const under = batches.map(({ statements }) => statements.length);
      let over = false;
      const end = Promise.all(all).then(() => {
        over = true;
      });
      for (let i = 0; !over; await Bun.sleep(1)) for (; i < batches.length; i++) batches[i]?.end();
      await end;
      return { under, whole: batches.flatMap(({ statements }) => statements) };
    };
    const server = await begun("mysql");
    expect(server.under).toEqual([1, 24]);
    expect(server.whole.map(Number)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect((await begun("sqlite")).under).toEqual([1]);
  });

  test("on a server a transaction of many is followed by a rest, so that the next is one of many, too", async () => {
    const { batches, commits } = slowStore("mysql");
    const commit = (what: string) => outcome(commits.batch(doing(what), { events: [], epoch: 1 }));
    const first = ["a", "b", "c", "d", "e"].map(commit);
    batches[0]?.end();
    await turn();
    expect(batches[1]?.statements).toEqual(["b", "c", "d", "e"]);
    batches[1]?.end();
    expect(await Promise.all(first)).toEqual(Array(5).fill("done"));
    const second = [commit("f")];
    await turn();
    second.push(commit("g"));
    expect(batches).toHaveLength(2);
    while (batches.length < 3) await Bun.sleep(1);
    expect(batches[2]?.statements).toEqual(["f", "g"]);
    batches[2]?.end();
    expect(await Promise.all(second)).toEqual(["done", "done"]);
    // Those were few: the next one begins at once.
    const third = commit("h");
    expect(batches[3]?.statements).toEqual(["h"]);
    batches[3]?.end();
    expect(await third).toBe("done");
  });

  test("what comes while a batch is under way goes together in the next, in order, with its events", async () => {
    const { batches, commits } = slowStore();
    const event = { topic: "t", key: "b" };
    const all = [
      commits.batch(doing("a"), { events: [], epoch: 1 }),
      commits.batch(doing("b"), { events: [event], epoch: 1 }),
      commits.batch(doing("c"), { events: [], epoch: 1 }),
    ].map(outcome);
    expect(batches.map(({ statements }) => statements)).toEqual([["a"]]);
    batches[0]?.end();
    await turn();
    expect(batches[1]?.statements).toEqual(["b", "c"]);
    expect(batches[1]?.options).toEqual({ events: [event], epoch: 1 });
    batches[1]?.end();
    expect(await Promise.all(all)).toEqual(["done", "done", "done"]);
  });

  test("what goes together may be lost with the power only when all of it may", async () => {
    const { batches, commits } = slowStore();
    const add = (what: string, relaxed: boolean) =>
      outcome(commits.batch(doing(what), { events: [], epoch: 1, relaxed }));
    const all = [add("a", true), add("b", true), add("c", false)];
    batches[0]?.end();
    await turn();
    const more = [add("d", true), add("e", true)];
    batches[1]?.end();
    await turn();
    batches[2]?.end();
    expect(await Promise.all([...all, ...more])).toEqual(["done", "done", "done", "done", "done"]);
    expect(batches.map(({ statements, options }) => [statements.join(), options.relaxed ?? false])).toEqual([
      ["a", true],
      ["b,c", false],
      ["d,e", true],
    ]);
  });

  test("one that can't be done fails alone", async () => {
    const { batches, commits } = slowStore();
    const first = commits.batch(doing("a"), { events: [], epoch: 1 });
    const all = ["b", "c", "d"].map((each) => outcome(commits.batch(doing(each), { events: [], epoch: 1 })));
    batches[0]?.end();
    await first;
    await turn();
    const refused = new StoreExpectationError(1, "guests", 1, 0);
    batches[1]?.end(refused);
    for (const [at, error] of [undefined, refused, undefined].entries()) {
      await turn();
      expect(batches[2 + at]?.statements).toEqual([["b"], ["c"], ["d"]][at] ?? []);
      batches[2 + at]?.end(error);
    }
    expect(await Promise.all(all)).toEqual(["done", refused.name, "done"]);
  });

  test("a store that is away, or a lead that is lost, is the answer for all", async () => {
    for (const error of [new StoreUnavailableError("away", true), new LeaseLostError(1)]) {
      const { batches, commits } = slowStore();
      const first = commits.batch(doing("a"), { events: [], epoch: 1 });
      const all = ["b", "c"].map((each) => outcome(commits.batch(doing(each), { events: [], epoch: 1 })));
      batches[0]?.end();
      await first;
      await turn();
      batches[1]?.end(error);
      expect(await Promise.all(all)).toEqual([error.name, error.name]);
      expect(batches.length).toBe(2);
    }
  });

  test("batches of two times of leading never go together", async () => {
    const { batches, commits } = slowStore();
    const all = [1, 1, 2].map((epoch) => commits.batch(doing(`under ${epoch}`), { events: [], epoch }));
    batches[0]?.end();
    await turn();
    batches[1]?.end();
    await turn();
    batches[2]?.end();
    await Promise.all(all);
    expect(batches.map(({ options }) => options.epoch)).toEqual([1, 1, 2]);
  });

  test("what batches begin with and changes the same columns of the same table is one statement", async () => {
    const asked: Statement[][] = [];
    const first = Promise.withResolvers<void>();
    const commits = new GroupCommit({
      dialect: "sqlite",
      batch: async (statements: readonly Statement[]) => {
        asked.push([...statements]);
        if (asked.length === 1) await first.promise;
      },
    });
    const moved = (name: string, position: number) =>
      updateEach(peers, peers.name, [{ key: name, set: { position } }]);
    const heard = (name: string) => updateEach(peers, peers.name, [{ key: name, set: { heardAt: 1 } }]);
    const other = (name: string) => update(peers, { version: "2" }, eq(peers.name, name));
    const options = { events: [], epoch: 1 };
    const all = [
      commits.batch([other("z")], options),
      commits.batch([moved("a", 1), other("a")], options),
      commits.batch([moved("b", 2), heard("b")], options),
      commits.batch([moved("c", 3), other("c"), heard("c")], options),
    ];
    first.resolve();
    await Promise.all(all);
    const shape = asked[1]?.map((one) =>
      one.op === "updateEach" ? one.rows.map(({ key, set }) => [key, ...Object.keys(set)].join(" ")) : one.op,
    );
    // What comes behind another statement of its batch stays there.
    expect(shape).toEqual([
      ["a position", "b position", "c position"],
      ["b heardAt"],
      "update",
      "update",
      ["c heardAt"],
    ]);
  });
});
