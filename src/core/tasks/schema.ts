/** The tables of tasks and of the road's ends. */
import {
  bigint,
  bool,
  index,
  integer,
  json,
  longText,
  type Row,
  table,
  text,
  time,
  unique,
} from "../store/index.ts";
import type { TaskState } from "./kind.ts";

export const tasks = table(
  "tasks",
  {
    id: text(36).primaryKey(),
    kind: text(64).notNull(),
    state: text<TaskState>(16).notNull(),
    nodeName: text(64).notNull(),
    /** What it is about: `guest` and its uuid, and the name that people know, kept for after it is gone. */
    targetType: text(32).notNull(),
    targetKey: text(64).notNull(),
    targetName: text(128).notNull(),
    /** Set while the task is open: a second task with the same key is refused by the index. */
    exclusiveKey: text(96),
    payload: longText().notNull(),
    progress: integer().notNull(),
    /** A word key: what it is doing. */
    step: text(64),
    etaSeconds: integer(),
    errorWord: text(96),
    errorArgs: json<Record<string, string | number>>(),
    /** True while something half-made is still on the node. */
    leftovers: bool().notNull(),
    cancelRequested: bool().notNull(),
    /** `kind:name` of who asked. */
    actor: text(128).notNull(),
    fence: integer().notNull(),
    attempts: integer().notNull(),
    deadlineAt: time().notNull(),
    /** The task that must succeed before this one is sent; null when there is none, or no more. */
    afterTask: text(36),
    createdAt: time().notNull(),
    sentAt: time(),
    startedAt: time(),
    endedAt: time(),
  },
  (t) => [
    unique("tasks_exclusive", t.exclusiveKey),
    index("tasks_open", t.state, t.nodeName),
    index("tasks_target", t.targetType, t.targetKey),
    index("tasks_created", t.createdAt),
    index("tasks_after", t.afterTask),
  ],
);
export type Task = Row<typeof tasks>;

/** A hello that was refused. */
export interface PeerRefusal {
  word: string;
  args: Record<string, string | number>;
  /** UTC milliseconds of the last such hello. */
  at: number;
  /** True when the node itself is refused, and not another machine of its name. */
  own: boolean;
}

/** The nodes as the road knows them: whose reports are read, and how far. */
export const peers = table("peers", {
  name: text(64).primaryKey(),
  machineId: text(64).notNull(),
  publicKey: text(128).notNull(),
  version: text(32).notNull(),
  features: json<string[]>().notNull(),
  incarnation: integer().notNull(),
  generation: text(36).notNull(),
  /** The sequence of the last applied report. */
  position: bigint().notNull(),
  heardAt: time().notNull(),
  /** `roadProtocol` of the node's program; 0 before its first hello. */
  protocol: integer().notNull(),
  /** SHA-256 of its password on the road, in hex; null where it has none of its own. */
  roadHash: text(64),
  /** Why it can't be worked with, or who else claims its name; null when all is well. */
  refusal: json<PeerRefusal>(),
});
export type Peer = Row<typeof peers>;
