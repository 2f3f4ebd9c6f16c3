/** What becomes of a guest when its migration ends: written in the same batch as the task's own end. */
import {
  AppError,
  type ControllerContext,
  type Envelope,
  eq,
  type ReportEffects,
  remove,
  type Task,
  type TaskError,
  update,
} from "jimv";
import type { GuestMoves, MoveDoubt } from "../guests/index.ts";
import { readFigures } from "./figures.ts";
import type { MigrationNeeds } from "./needs.ts";
import { bookPorts, freePorts, givePorts } from "./ports.ts";
import { runs } from "./schema.ts";
import { figuresKind, migrateGuest } from "./tasks.ts";

/** What the guest's page listens to. */
const guestTopic = "guest";
const portTaken = "hypervisor.portInUse";
const nothing: ReportEffects = { statements: [] };

/** Ends after which the guest may be there: its node could not look at both sides, or was not heard any more. */
const doubts: Record<string, MoveDoubt> = {
  "migration.unclear": "unless running",
  "migration.twice": "yes",
  "hypervisor.unavailable": "unless running",
  "hypervisor.timeout": "unless running",
  "hypervisor.peerUnreachable": "unless running",
  "task.expiredRunning": "yes",
  "task.interrupted": "yes",
};

/** What was never sent has not begun. */
const doubtOf = (task: Task, { word }: TaskError): MoveDoubt =>
  task.sentAt === null && task.attempts <= 1 ? "no" : (doubts[word] ?? "no");

export function registerSettlements(
  context: ControllerContext,
  needs: MigrationNeeds,
  moves: GuestMoves,
  /** Runs after each migration's end. */
  ended: () => void,
): void {
  const over = (task: string) => [remove(runs, eq(runs.task, task)), freePorts(task)];

  context.settle(migrateGuest, {
    started: async (_task, payload) => ({
      statements: [],
      events: [{ topic: guestTopic, key: payload.uuid, data: null }],
    }),
    succeeded: async (task, payload, result) => {
      const effects = await moves.arrived(payload.uuid, {
        node: payload.toNode,
        vncListen: payload.vncListen,
        vncPort: result.vncPort ?? null,
        state: result.state,
        // A copy made from a linked disk is whole.
        disks: payload.disks.map(({ uuid, to, copy }) => ({ uuid, path: to, isWhole: copy })),
        seedPath: payload.seed?.to ?? null,
      });
      return { ...effects, statements: [...effects.statements, ...over(task.id)], after: ended };
    },
    failed: async (task, payload, error) => {
      const effects = await moves.stayed(payload.uuid, doubtOf(task, error));
      return { ...effects, statements: [...effects.statements, ...over(task.id)], after: ended };
    },
    // Something outside of JimV holds one of them there; libvirt does not say which.
    retry: async (task, payload, error) => {
      if (error.word !== portTaken) return null;
      const { toNode, vncPort, memoryPort, diskPort } = payload;
      const node = await needs.nodes.get(toNode);
      const takenPorts = [...payload.takenPorts, vncPort, memoryPort, diskPort].filter(
        (port) => port !== null,
      );
      const other = node && (await moves.anotherPort(payload.uuid, node, takenPorts));
      if (!other) return null;
      const need = { memory: memoryPort !== null, disks: diskPort !== null };
      const given = await givePorts(context, toNode, need, takenPorts).catch((refusal) => {
        if (refusal instanceof AppError) return null;
        throw refusal;
      });
      if (!given) return null;
      return {
        payload: { ...payload, vncPort: other.port, ...given, takenPorts },
        statements: [...other.statements, freePorts(task.id), ...bookPorts(task.id, toNode, given)],
      };
    },
  });

  async function progressed({ body, node }: Envelope): Promise<ReportEffects> {
    const report = readFigures(body);
    const run = report && (await context.store.first(runs, { where: eq(runs.task, report.task) }));
    if (!report || !run || run.fromNode !== node || run.guestUuid !== report.uuid) return nothing;
    return {
      statements: [
        update(runs, { figures: report.figures, changedAt: context.clock.now() }, eq(runs.task, run.task)),
      ],
      events: [{ topic: guestTopic, key: run.guestUuid, data: { migration: report.figures.phase } }],
    };
  }
  context.onReport(figuresKind, progressed, { toldAgain: true });
}
