import { describe, expect, test } from "bun:test";
import type { DomainEvent, DomainFact, HypervisorStatus, NodeContext } from "jimv";
import { PretendedClock, settled } from "../../../tests/world/clock.ts";
import { Observer } from "./observer.ts";

/** A node whose hypervisor answers when the test says so. */
function stage() {
  const clock = new PretendedClock();
  const reports: { kind: string; body: Record<string, unknown> }[] = [];
  let tell: (event: DomainEvent) => void = () => {};
  let turn: (status: HypervisorStatus) => void = () => {};
  let welcome: () => void | Promise<void> = () => {};
  let connected = true;
  const questions: PromiseWithResolvers<DomainFact[]>[] = [];
  const single: PromiseWithResolvers<DomainFact | null>[] = [];
  const ask = <T>(list: PromiseWithResolvers<T>[]): Promise<T> => {
    const question = Promise.withResolvers<T>();
    list.push(question);
    return question.promise;
  };
  const status = (): HypervisorStatus => ({ connected, since: 0, reason: null, lanes: [] });
  const context = {
    clock,
    log: { debug: () => {} },
    hypervisor: {
      status,
      onDomain: (listener: typeof tell) => {
        tell = listener;
        return () => {};
      },
      onStatus: (listener: typeof turn) => {
        turn = listener;
        return () => {};
      },
      domains: () => ask(questions),
      domain: () => ask(single),
    },
    onStop: () => {},
    every: (_name: string, ms: number, fn: () => void) => clock.every(ms, fn),
    onWelcome: (fn: typeof welcome) => {
      welcome = fn;
      return () => {};
    },
    report: (kind: string, body: Record<string, unknown>) => void reports.push({ kind, body }),
  } as unknown as NodeContext;
  const observer = new Observer(context);
  observer.start();
  return {
    clock,
    reports,
    questions,
    single,
    observer,
    welcome: () => welcome(),
    event: (uuid: string, kind: DomainEvent["kind"], state: DomainEvent["state"]) =>
      tell({ uuid, name: uuid, kind, state, detail: 0, at: clock.now() }),
    connect: (now: boolean) => {
      connected = now;
      turn(status());
    },
  };
}

const fact = (uuid: string, state: DomainFact["state"]): DomainFact => ({
  uuid,
  name: uuid,
  state,
  reason: 0,
  clusterId: "c",
  vcpus: 1,
  memoryMiB: 64,
  persistent: true,
});

describe("the node's observer", () => {
  test("tells each of libvirt's events at once, without asking", async () => {
    const { reports, event, questions } = stage();
    event("a", "stopped", "crashed");
    event("a", "agent", null);
    event("a", "rebooted", null);
    expect(reports).toEqual([
      { kind: "guests.changed", body: { uuid: "a", state: "crashed", kind: "stopped" } },
    ]);
    expect(questions).toHaveLength(0);
  });

  test("a list does not tell of domains that changed while it was made", async () => {
    const { reports, event, questions, welcome } = stage();
    void welcome();
    event("a", "stopped", "off");
    questions[0]?.resolve([fact("a", "running"), fact("b", "running")]);
    await settled();
    const list = reports.find((report) => report.kind === "guests.list");
    expect(list?.body).toMatchObject({ domains: [{ uuid: "b" }], untold: ["a"] });
  });

  test("a list tells of domains whose agent came or went meanwhile: that says nothing of their state", async () => {
    const { reports, event, questions, welcome } = stage();
    void welcome();
    event("a", "agent", null);
    questions[0]?.resolve([fact("a", "off")]);
    await settled();
    const list = reports.find((report) => report.kind === "guests.list");
    expect(list?.body).toMatchObject({ domains: [{ uuid: "a", state: "off" }], untold: [] });
  });

  test("a look is not told when an event overtook it", async () => {
    const { reports, event, single, observer } = stage();
    const looked = observer.look("a");
    event("a", "stopped", "off");
    single[0]?.resolve(fact("a", "running"));
    expect(await looked).toBe("running");
    expect(reports.map((report) => report.body.state)).toEqual(["off"]);
    const again = observer.look("a");
    single[1]?.resolve(null);
    expect(await again).toBe("absent");
    expect(reports.at(-1)?.body).toMatchObject({ uuid: "a", state: "absent" });
  });

  test("a domain whose definition went is looked at: it may still run", async () => {
    const { reports, event, single } = stage();
    event("a", "undefined", null);
    single[0]?.resolve(fact("a", "running"));
    await settled();
    expect(reports).toMatchObject([{ body: { uuid: "a", state: "running" } }]);
  });

  test("lists from time to time, after a reconnect, and once for many definitions; never two at once", async () => {
    const { clock, event, questions, connect } = stage();
    for (const uuid of ["a", "b", "c"]) event(uuid, "defined", null);
    await clock.advance(300);
    expect(questions).toHaveLength(1);
    connect(false);
    connect(true);
    await settled();
    expect(questions).toHaveLength(1);
    questions[0]?.resolve([]);
    await settled();
    // The reconnect came while the first list was under way: one more.
    expect(questions).toHaveLength(2);
    questions[1]?.reject(new Error("libvirtd is not ready"));
    // It had only just come back: again, before the next regular one.
    await clock.advance(1_000);
    expect(questions).toHaveLength(3);
    questions[2]?.resolve([]);
    await clock.advance(2_000);
    expect(questions).toHaveLength(4);
    questions[3]?.resolve([]);
    await clock.advance(6_000);
    expect(questions).toHaveLength(4);
    await clock.advance(1_000);
    expect(questions).toHaveLength(5);
  });
});
