/**
 * The node's side of migrations on a real hypervisor, without a controller: takes tasks as the dispatcher sends them
 * and hears what is reported. Reports are acknowledged at once.
 */
import { join } from "node:path";
import type { PayloadOf } from "jimv";
import { definePlugin } from "jimv";
import { realClock } from "../../src/core/clock.ts";
import type { Hypervisor } from "../../src/core/libvirt/hypervisor.ts";
import { createLog } from "../../src/core/log/log.ts";
import { Node } from "../../src/core/node.ts";
import type { Command, Envelope } from "../../src/core/road/contract.ts";
import { Outbox } from "../../src/core/road/outbox.ts";
import { NodeKey, sealTo } from "../../src/core/vault.ts";
import { type Figures, readFigures } from "../../src/plugins/migration/figures.ts";
import { registerOperations } from "../../src/plugins/migration/operations.ts";
import { figuresKind, migrateGuest } from "../../src/plugins/migration/tasks.ts";

const deadlineMilliseconds = 600_000;

/** How a task ended. */
export interface Ended {
  state: string;
  error: { word: string; args: Record<string, unknown> } | null;
  result: { state: string; downtimeMilliseconds: number | null } | null;
  leftovers: boolean;
}

export interface Told {
  at: number;
  figures: Figures;
}

export class Mover {
  private readonly key = NodeKey.random();
  private readonly outbox: Outbox;
  private readonly node: Node;
  private hear: (command: Command) => void = () => {};
  private readonly waiting = new Map<string, (ended: Ended) => void>();
  /** Figures by task. */
  readonly told = new Map<string, Told[]>();

  private constructor(hypervisor: Hypervisor, clusterId: string, path: string) {
    this.outbox = new Outbox(path, realClock, "node-1");
    const road = {
      onCommand: (handler: (command: Command) => void) => {
        this.hear = handler;
        return () => {};
      },
      deliver: async (envelopes: Envelope[]) => {
        for (const envelope of envelopes) this.report(envelope);
      },
      onLoss: () => () => {},
      status: () => ({ kind: "local" as const, connected: true, since: 0, reason: null }),
    };
    this.node = new Node(
      {
        clock: realClock,
        road,
        log: createLog(() => {}, "error"),
        outbox: this.outbox,
        key: this.key,
        hypervisor,
        clusterId,
      },
      { name: "node-1", machineId: "machine-1", version: "0", features: [] },
    );
  }

  static async start(hypervisor: Hypervisor, clusterId: string, folder: string): Promise<Mover> {
    const mover = new Mover(hypervisor, clusterId, join(folder, `outbox-${crypto.randomUUID()}.sqlite`));
    await mover.node.start([definePlugin({ name: "migration", node: registerOperations })]);
    return mover;
  }

  private report({ kind, body, sequence, generation, at }: Envelope): void {
    if (kind === "hello")
      queueMicrotask(() => this.hear({ type: "welcome", incarnation: 1, answers: sequence, open: [] }));
    if (kind === "task.ended") this.waiting.get(String(body.id))?.(body as unknown as Ended);
    const report = kind === figuresKind ? readFigures(body) : null;
    if (report)
      this.told.set(report.task, [...(this.told.get(report.task) ?? []), { at, figures: report.figures }]);
    queueMicrotask(() => this.hear({ type: "applied", generation, sequence }));
  }

  /** Begins a migration. */
  begin(payload: PayloadOf<typeof migrateGuest>): { id: string; ended: Promise<Ended> } {
    const id = crypto.randomUUID();
    const ended = new Promise<Ended>((resolve) => this.waiting.set(id, resolve));
    const vncPassword = sealTo(this.key.publicKey, payload.vncPassword);
    this.hear({
      type: "task",
      id,
      kind: migrateGuest.kind,
      fence: 1,
      payload: { ...payload, vncPassword },
      timeLeft: deadlineMilliseconds,
    });
    return { id, ended };
  }

  cancel(id: string): void {
    this.hear({ type: "cancel", id, fence: 1 });
  }

  /** What is still to be taken back. */
  journal(): number {
    return this.outbox.journaled().length;
  }

  stop(): void {
    this.node.stop();
    this.outbox.close();
  }
}
