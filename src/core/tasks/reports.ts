/** How the controller applies what nodes say of themselves and of tasks. */
import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import type { Applier } from "../road/applier.ts";
import { type Envelope, type ReportEffects, roadProtocol, speaksWithUs } from "../road/contract.ts";
import { knockKind } from "../road/pump.ts";
import { and, eq, or, type Store, update } from "../store/index.ts";
import { type Undo, UndoList } from "../undo.ts";
import { type Desk, taskEvent } from "./desk.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { TaskError } from "./kind.ts";
import { peers, type Task, tasks } from "./schema.ts";

const nothing: ReportEffects = { statements: [] };

/** Whether the task is still open, at the node and under the fence that the report names. Others are late: void. */
function isMeant(task: Task, { node, body }: Envelope): boolean {
  return task.endedAt === null && task.fence === body.fence && task.nodeName === node;
}

export function handleTaskReports(
  world: { store: Store; clock: Clock; log: Log },
  desk: Desk,
  dispatcher: Dispatcher,
  applier: Applier,
): Undo {
  /** The task that a report is about, if it is meant. */
  async function current(envelope: Envelope): Promise<Task | null> {
    const { id } = envelope.body;
    const task = typeof id === "string" ? await desk.get(id) : null;
    return task && isMeant(task, envelope) ? task : null;
  }

  async function progressed(envelope: Envelope): Promise<ReportEffects> {
    const { id, progress, step, etaSeconds } = envelope.body;
    if (typeof id !== "string") return nothing;
    // The task, and those that wait for it and show its progress.
    const waitsForIt = and(eq(tasks.afterTask, id), eq(tasks.state, "queued"));
    const found = await world.store.select(tasks, { where: or(eq(tasks.id, id), waitsForIt) });
    const task = found.find((each) => each.id === id && isMeant(each, envelope));
    if (!task) return nothing;
    const waiting = found.filter((each) => each.id !== id);
    const set = {
      // Never backwards, also when a second attempt starts over.
      progress: Math.max(task.progress, typeof progress === "number" ? progress : 0),
      step: typeof step === "string" ? step : task.step,
      etaSeconds: typeof etaSeconds === "number" ? etaSeconds : null,
    };
    return {
      statements: [
        update(tasks, set, desk.open(task)),
        ...waiting.map((each) => update(tasks, waitingSet(each, set), desk.open(each))),
      ],
      events: [taskEvent(task, "running"), ...waiting.map((each) => taskEvent(each, "queued"))],
    };
  }

  const undos = new UndoList();
  // Its acknowledgement is the answer.
  undos.add(applier.on(knockKind, () => nothing, { toldAgain: true }));
  undos.add(
    applier.on(
      "task.started",
      async (envelope) => {
        const task = await current(envelope);
        return task && task.state === "queued" ? desk.starting(task) : nothing;
      },
      { toldAgain: true },
    ),
  );
  undos.add(applier.on("task.progress", progressed, { toldAgain: true }));
  undos.add(
    applier.on("task.ended", async (envelope) => {
      const task = await current(envelope);
      if (!task) return nothing;
      const { state, error, result, leftovers } = envelope.body;
      const end = state === "succeeded" || state === "cancelled" ? state : "failed";
      const reason = (error ?? null) as TaskError | null;
      const effects = await desk.ending(task, end, reason, result, leftovers === true);
      const after = (): void => {
        effects.after?.();
        // Others may have waited for it.
        desk.kick();
      };
      return { ...effects, after };
    }),
  );
  undos.add(
    applier.on("task.cleaned", async (envelope) => {
      const task = typeof envelope.body.id === "string" ? await desk.get(envelope.body.id) : null;
      if (!task?.leftovers || task.nodeName !== envelope.node) return nothing;
      return {
        statements: [update(tasks, { leftovers: false }, eq(tasks.id, task.id))],
        events: [taskEvent(task, task.state)],
      };
    }),
  );
  undos.add(
    applier.on("hello", async (envelope) => {
      const peer = applier.peer(envelope.node);
      const { machineId, publicKey, version, features, running } = envelope.body;
      const protocol = typeof envelope.body.protocol === "number" ? envelope.body.protocol : 0;
      const refusal = speaksWithUs(protocol)
        ? null
        : foreignProtocol(envelope.node, protocol, String(version));
      const incarnation = (peer?.incarnation ?? 0) + 1;
      // Read here, between the reports before the hello and those after: what runs now is in its list, or lost.
      const open = await dispatcher.openTasks(envelope.node);
      const known = {
        machineId: String(machineId ?? ""),
        publicKey: String(publicKey ?? ""),
        version: String(version ?? ""),
        features: Array.isArray(features) ? features.map(String) : [],
        incarnation,
        protocol,
        refusal: refusal && { ...refusal, at: world.clock.now(), own: true },
      };
      return {
        statements: [update(peers, known, eq(peers.name, envelope.node))],
        events: [{ topic: "node", key: envelope.node, data: { hello: incarnation } }],
        after: () => {
          if (peer) Object.assign(peer, known);
          if (refusal) {
            world.log.warn(
              "a node's program is too far from this one's and gets no tasks: upgrade the older one",
              {
                node: envelope.node,
                version: known.version,
              },
            );
            dispatcher.refuse(envelope.node, envelope.machine, refusal);
            return;
          }
          const greeting = { incarnation, answers: envelope.sequence, running: runningOf(running) };
          dispatcher.welcome(envelope.node, greeting, open);
        },
      };
    }),
  );
  return () => undos.run();
}

/** What a node hears whose program talks too differently from this one. */
function foreignProtocol(node: string, protocol: number, version: string): TaskError {
  const args = { node, version, theirs: protocol, ours: roadProtocol };
  return { word: protocol < roadProtocol ? "node.refused.tooOld" : "node.refused.tooNew", args };
}

/** Of a task that waits for another one, this much of its hundred percent is the waiting. */
const waitingPercent = 30;

/** How a task that waits shows how far the other one is. */
function waitingSet(task: Task, first: { progress: number; etaSeconds: number | null }) {
  const progress = Math.floor((first.progress * waitingPercent) / 100);
  return {
    progress: Math.max(task.progress, progress),
    step: "task.step.waits",
    etaSeconds: first.etaSeconds,
  };
}

/** What a hello says of running tasks: fences by id. */
function runningOf(value: unknown): Map<string, number> {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return new Map(
    list.flatMap((entry): [string, number][] => {
      const { id, fence } = (entry ?? {}) as Record<string, unknown>;
      return typeof id === "string" && typeof fence === "number" ? [[id, fence]] : [];
    }),
  );
}
