/**
 * How each state looks: mark, tone and word, as tables. A state is never told by colour alone.
 * A state that is missing here does not compile where it is used.
 */
import type { UiWord } from "./words.ts";

/** What a colour means. `quiet` is grey: healthy or resting things do not shout. */
export type Tone = "ok" | "warn" | "bad" | "move" | "accent" | "quiet";

/** The state marks, drawn in `marks.ts`. */
export type Mark =
  | "play"
  | "check"
  | "up"
  | "down"
  | "arc"
  | "arrow"
  | "pause"
  | "triangle"
  | "octagon"
  | "stop"
  | "clock"
  | "unknown"
  | "lock";

export interface Look {
  mark: Mark;
  tone: Tone;
  word: UiWord;
}

const guest = {
  creating: { mark: "arc", tone: "accent", word: "state.guest.creating" },
  off: { mark: "stop", tone: "quiet", word: "state.guest.off" },
  starting: { mark: "up", tone: "ok", word: "state.guest.starting" },
  running: { mark: "play", tone: "ok", word: "state.guest.running" },
  paused: { mark: "pause", tone: "warn", word: "state.guest.paused" },
  stopping: { mark: "down", tone: "quiet", word: "state.guest.stopping" },
  crashed: { mark: "triangle", tone: "bad", word: "state.guest.crashed" },
  migrating: { mark: "arrow", tone: "move", word: "state.guest.migrating" },
  deleting: { mark: "arc", tone: "quiet", word: "state.guest.deleting" },
  failed: { mark: "octagon", tone: "bad", word: "state.guest.failed" },
  // Overlays: not stored, laid over the stored state
  foreign: { mark: "lock", tone: "quiet", word: "state.guest.foreign" },
  queued: { mark: "clock", tone: "quiet", word: "state.guest.queued" },
  unknown: { mark: "unknown", tone: "quiet", word: "state.guest.unknown" },
  vanished: { mark: "unknown", tone: "bad", word: "state.guest.vanished" },
} as const satisfies Record<string, Look>;

const task = {
  queued: { mark: "clock", tone: "quiet", word: "state.task.queued" },
  running: { mark: "arc", tone: "accent", word: "state.task.running" },
  succeeded: { mark: "check", tone: "ok", word: "state.task.succeeded" },
  leftovers: { mark: "triangle", tone: "warn", word: "state.task.leftovers" },
  failed: { mark: "octagon", tone: "bad", word: "state.task.failed" },
  cancelled: { mark: "stop", tone: "quiet", word: "state.task.cancelled" },
  unknown: { mark: "unknown", tone: "quiet", word: "state.task.unknown" },
} as const satisfies Record<string, Look>;

const disk = {
  creating: { mark: "arc", tone: "accent", word: "state.disk.creating" },
  idle: { mark: "stop", tone: "quiet", word: "state.disk.idle" },
  attached: { mark: "check", tone: "ok", word: "state.disk.attached" },
  attaching: { mark: "clock", tone: "quiet", word: "state.disk.attaching" },
  detaching: { mark: "clock", tone: "quiet", word: "state.disk.detaching" },
  growing: { mark: "arc", tone: "accent", word: "state.disk.growing" },
  moving: { mark: "arrow", tone: "move", word: "state.disk.moving" },
  deleting: { mark: "arc", tone: "quiet", word: "state.disk.deleting" },
  nearlyFull: { mark: "triangle", tone: "warn", word: "state.disk.nearlyFull" },
  failed: { mark: "octagon", tone: "bad", word: "state.disk.failed" },
  unknown: { mark: "unknown", tone: "quiet", word: "state.disk.unknown" },
} as const satisfies Record<string, Look>;

const node = {
  live: { mark: "check", tone: "ok", word: "state.node.live" },
  joining: { mark: "up", tone: "ok", word: "state.node.joining" },
  upgrading: { mark: "arc", tone: "accent", word: "state.node.upgrading" },
  draining: { mark: "arrow", tone: "move", word: "state.node.draining" },
  maintenance: { mark: "pause", tone: "warn", word: "state.node.maintenance" },
  degraded: { mark: "triangle", tone: "warn", word: "state.node.degraded" },
  offline: { mark: "octagon", tone: "bad", word: "state.node.offline" },
  unknown: { mark: "unknown", tone: "quiet", word: "state.node.unknown" },
} as const satisfies Record<string, Look>;

const worker = {
  ok: { mark: "check", tone: "ok", word: "state.worker.ok" },
  busy: { mark: "arc", tone: "accent", word: "state.worker.busy" },
  stuck: { mark: "triangle", tone: "warn", word: "state.worker.stuck" },
  down: { mark: "octagon", tone: "bad", word: "state.worker.down" },
} as const satisfies Record<string, Look>;

const template = {
  checking: { mark: "arc", tone: "accent", word: "state.template.checking" },
  ready: { mark: "check", tone: "ok", word: "state.template.ready" },
  refused: { mark: "octagon", tone: "bad", word: "state.template.refused" },
} as const satisfies Record<string, Look>;

const pool = {
  healthy: { mark: "check", tone: "ok", word: "state.pool.healthy" },
  adding: { mark: "arc", tone: "accent", word: "state.pool.adding" },
  removing: { mark: "arc", tone: "quiet", word: "state.pool.removing" },
  nearlyFull: { mark: "triangle", tone: "warn", word: "state.pool.nearlyFull" },
  unhealthy: { mark: "triangle", tone: "bad", word: "state.pool.unhealthy" },
  failed: { mark: "octagon", tone: "bad", word: "state.pool.failed" },
  nowhere: { mark: "unknown", tone: "quiet", word: "state.pool.nowhere" },
} as const satisfies Record<string, Look>;

const check = {
  ok: { mark: "check", tone: "ok", word: "state.check.ok" },
  warn: { mark: "triangle", tone: "warn", word: "state.check.warn" },
  bad: { mark: "octagon", tone: "bad", word: "state.check.bad" },
  running: { mark: "arc", tone: "accent", word: "state.check.running" },
  unknown: { mark: "clock", tone: "quiet", word: "state.check.unknown" },
} as const satisfies Record<string, Look>;

/** A guest of a node that is being emptied. */
const drain = {
  waiting: { mark: "clock", tone: "quiet", word: "state.drain.waiting" },
  moving: { mark: "arrow", tone: "move", word: "state.drain.moving" },
  moved: { mark: "check", tone: "ok", word: "state.drain.moved" },
  stayed: { mark: "triangle", tone: "warn", word: "state.drain.stayed" },
} as const satisfies Record<string, Look>;

export const looks = { guest, task, disk, node, worker, template, pool, check, drain };
export type Kind = keyof typeof looks;
export type StateOf<K extends Kind> = Extract<keyof (typeof looks)[K], string>;

/** A kind and one of its states, as props of one component. */
export type KindAndState = { [K in Kind]: { kind: K; state: StateOf<K> } }[Kind];

/** The look of a state. */
export function lookOf(of: KindAndState): Look {
  return (
    (looks[of.kind] as Record<string, Look>)[of.state] ?? {
      mark: "unknown",
      tone: "quiet",
      word: "state.task.unknown",
    }
  );
}
