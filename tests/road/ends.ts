/** Both ends of a Redis road with the real outbox, pump and applier between them, for the tests here. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "../../src/core/clock.ts";
import { createLog, logLine } from "../../src/core/log/log.ts";
import { coreMigrations } from "../../src/core/migrations.ts";
import { Applier } from "../../src/core/road/applier.ts";
import type { Command, ControllerRoad, Envelope, NodeRoad } from "../../src/core/road/contract.ts";
import { Outbox } from "../../src/core/road/outbox.ts";
import { Pump } from "../../src/core/road/pump.ts";
import { openStore, type Store } from "../../src/core/store/index.ts";
import type { Undo } from "../../src/core/undo.ts";

export const lines: string[] = [];
/** Kept, and shown where JIMV_LOUD is set. */
export const log = createLog((entry) => {
  lines.push(logLine(entry));
  if (process.env.JIMV_LOUD) console.error(logLine(entry));
}, "debug");

/** Waits until a condition holds. @throws Error with `what` after `milliseconds` */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  milliseconds = 20_000,
): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${lines.slice(-30).join("\n")}`);
    await Bun.sleep(5);
  }
}

/** A node: an outbox in a file, a pump, and what it heard. */
export class TestNode {
  readonly outbox: Outbox;
  readonly heard: Command[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), "jimv-road-"));
  private undos: Undo[] = [];

  constructor(
    readonly name: string,
    private readonly machine = name,
  ) {
    this.outbox = new Outbox(join(this.folder, "outbox.sqlite"), realClock, name);
  }

  /** Begins to pump onto this road. */
  on(road: NodeRoad): this {
    const sender = () => ({ incarnation: 1, machine: this.machine });
    const pump = new Pump({ clock: realClock, road, log, outbox: this.outbox }, sender);
    this.undos.push(
      road.onCommand((command) => {
        this.heard.push(command);
        if (command.type === "applied") pump.applied(command);
      }),
      pump.start(),
    );
    return this;
  }

  off(): void {
    for (const undo of this.undos.splice(0)) undo();
  }

  close(): void {
    this.off();
    this.outbox.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A controller's applier on a store in memory, which notes what it applied. */
export class TestController {
  readonly applied: Envelope[] = [];
  /** Called before each report is applied: tests make the controller slow or refuse by it. */
  before: () => Promise<void> = async () => {};
  private undo: Undo = () => {};

  private constructor(readonly store: Store) {}

  static async open(): Promise<TestController> {
    const store = await openStore({ kind: "sqlite", path: ":memory:" });
    await store.migrate(coreMigrations);
    return new TestController(store);
  }

  /** Begins to lead on this road. */
  on(road: ControllerRoad): this {
    const applier = new Applier({ store: this.store, clock: realClock, road, log }, () => undefined);
    applier.on("note", async (envelope) => {
      await this.before();
      return { statements: [], after: () => void this.applied.push(envelope) };
    });
    applier.on("knock", () => ({ statements: [] }));
    this.undo = applier.start();
    return this;
  }

  off(): void {
    this.undo();
  }

  /** The numbers that a node's reports carried, in the order of applying. */
  numbers(node: string): number[] {
    return this.applied.filter((each) => each.node === node).map((each) => Number(each.body.n));
  }

  async close(): Promise<void> {
    this.off();
    await this.store.close();
  }
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
