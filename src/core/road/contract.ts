/**
 * The road between controller and nodes: commands down, reports up. In one process it is `local.ts`;
 * in a cluster it is Redis Streams. Both ends see only this.
 */
import type { EventRow, Statement } from "../store/index.ts";
import type { Undo } from "../undo.ts";

/**
 * The number of this version's way of talking. It rises when an older program would misread a newer one; one
 * step apart still works together, so that a cluster is upgraded machine by machine.
 */
export const roadProtocol = 1;

/** Whether a node of another protocol may be given tasks. */
export const speaksWithUs = (protocol: number): boolean => Math.abs(protocol - roadProtocol) <= 1;

/** Facts of a report, kept as JSON. */
export type ReportBody = Record<string, unknown>;

/**
 * A report under way. (generation, sequence) is its identity; sequence rises by more than 0 a report.
 *
 * A road may lose what it was given (Redis emptied, or killed before it wrote), so each report names the one
 * that must be applied before it: `after`. The controller applies nothing past a hole and asks for the rest
 * again; were it otherwise, acknowledging a later report would delete the lost one from the outbox.
 */
export interface Envelope {
  /** Who speaks: on a road with several nodes it is the road that says so, not the report. */
  node: string;
  /** The machine-id of who wrote it: a name may be claimed by two machines, but belongs to one. */
  machine: string;
  /** Which outbox wrote it: a new outbox means that the sequence starts over. */
  generation: string;
  sequence: number;
  /** The sequence of the unacknowledged durable report before it; 0 when there is none. */
  after: number;
  /** Set on reports of which only the latest counts: an earlier one of the same key may be passed over. */
  key: string | null;
  /** What the controller handed out at hello; 0 before the first welcome. */
  incarnation: number;
  /** The node's clock when it was written, UTC ms. */
  at: number;
  kind: string;
  body: ReportBody;
}

/** What applying a report changes. */
export interface ReportEffects {
  statements: Statement[];
  events?: EventRow[];
  /** Runs after the commit. Must not throw. */
  after?: () => void;
}

export interface ReportOptions {
  /**
   * What these reports tell is told again without being asked (a list, a heartbeat, progress), or can no longer be
   * right once the machine has lost its power: then the last of them may be forgotten in such a moment.
   */
  toldAgain?: boolean;
}

export type ReportHandler = (envelope: Envelope) => Promise<ReportEffects> | ReportEffects;

/** A task on its way to a node. */
export interface TaskCommand {
  type: "task";
  id: string;
  kind: string;
  /** Late work of a lower fence is void. */
  fence: number;
  payload: Record<string, unknown>;
  /** Milliseconds until its deadline, from when the node hears of it: the node's own clock may be wrong. */
  timeLeft: number;
}

export type Command =
  | TaskCommand
  /** Stop a task: `withdraw` if it has not begun, else end it at the next safe point. */
  | { type: "cancel"; id: string; fence: number }
  /**
   * The answer to the hello of sequence `answers`: the incarnation, and which tasks will be sent again (all other
   * half-made things go). A road may bring it late or twice, so a node hears only answers to its own hellos.
   */
  | { type: "welcome"; incarnation: number; answers: number; open: string[] }
  /** Report about this now; the answer is an ordinary report, and a lost ask is only no news. See `asks.ts`. */
  | { type: "ask"; topic: string; key: string }
  /** Everything up to here is applied: the outbox may forget it. `again`: what followed was lost, so send it again. */
  | { type: "applied"; generation: string; sequence: number; again?: true }
  /** Say hello again. */
  | { type: "greet" }
  /**
   * The machine with this id (null: any of that name) is not the cluster's node of this name, or can't be worked
   * with. `word` says why. It goes on saying hello, since a person may mend it.
   */
  | { type: "refused"; machine: string | null; word: string; args: Record<string, string | number> };

/** The controller's end. */
export interface ControllerRoad extends MayLose {
  /** Puts a command on the way. Resolves when the road has it; a lost one is found by the dispatcher. */
  send(node: string, command: Command): Promise<void>;
  /**
   * Hands reports over, those of one node in one call and in order; of different nodes several calls may be
   * under way. The promise resolves when they are applied; were it rejected, they are handed over again.
   */
  onReports(handler: (envelopes: Envelope[]) => Promise<void>): Undo;
  status(): RoadStatus;
}

/** A node's end. */
export interface NodeRoad extends MayLose {
  onCommand(handler: (command: Command) => void): Undo;
  /** Resolves when the road has them, which is not yet "applied". */
  deliver(envelopes: Envelope[]): Promise<void>;
  status(): RoadStatus;
}

/** What both ends have in common. */
interface MayLose {
  /** Calls when something that was put on the road may be gone: whoever still needs it sends it again at once. */
  onLoss(handler: () => void): Undo;
}

export interface RoadStatus {
  kind: "local" | "redis";
  connected: boolean;
  since: number;
  reason: string | null;
}
