/**
 * A kind of task: the one description that controller and node share. The payload is checked against
 * the same schema at both ends.
 */
import { type Static, type TObject, type TSchema, Type } from "@sinclair/typebox";

export const taskStates = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export type TaskState = (typeof taskStates)[number];
export const openTaskStates = ["queued", "running"] as const satisfies readonly TaskState[];

export interface TaskKind<P extends TObject = TObject, R extends TSchema = TSchema> {
  /** `guest.create`: plugin, dot, verb. Its word key is `task.<kind>`. */
  kind: string;
  payload: P;
  result: R;
  /** From creation to the latest end, milliseconds. On expiry it is withdrawn and fails. */
  deadlineMs: number;
  /** Whether a node that lost it (restart, crash) gets it again; otherwise it then fails as interrupted. */
  resend: boolean;
  /** How often it may be begun at most, the first time included. */
  attempts: number;
  /** Whether a person may cancel it while it runs (a queued one always can be). */
  cancellable: boolean;
  /**
   * Heavy ones copy data: a node runs only a few of them at once. Patient ones mostly wait for a guest: many
   * run at once, and never in the way of the others.
   */
  weight: "light" | "heavy" | "patient";
}

export type PayloadOf<K> = K extends TaskKind<infer P, TSchema> ? Static<P> : never;
export type ResultOf<K> = K extends TaskKind<TObject, infer R> ? Static<R> : never;

/** Describes a kind of task. Has no side effects. */
export function defineTask<P extends TObject, R extends TSchema>(kind: TaskKind<P, R>): TaskKind<P, R> {
  return kind;
}

const secretMark = "x-jimv-secret";

/** A payload field (at the top level) that is sealed to the node's public key before it is stored or sent. */
export function SecretString(options: { maxLength?: number } = {}): ReturnType<typeof Type.String> {
  return Type.String({ ...options, [secretMark]: true });
}

/** The names of a payload schema's secret fields. */
export function secretFields(schema: TObject): string[] {
  return Object.entries(schema.properties)
    .filter(([, property]) => property[secretMark] === true)
    .map(([name]) => name);
}

/** Why a task failed: a word key with arguments, so that each reader gets their own language. */
export interface TaskError {
  word: string;
  args: Record<string, string | number>;
}
