/**
 * The few kinds of refusal, one type. A person sees the word in their language, an API client a problem
 * document (RFC 9457); both carry the same text. Anything that is not an `AppError` is a defect: people
 * see "internal" with an id, and the log has the whole of it under the same id.
 */
import type { WordArgs } from "./words.ts";

/** Each kind with its HTTP status. `type` in the problem document is `/problems/<kind>`. */
export const errorKinds = {
  malformed: 400, // the request can't be read
  unauthenticated: 401,
  forbidden: 403,
  notFound: 404,
  notAllowed: 405, // no such method on this address
  conflict: 409, // the state, or something taken, does not allow it
  tooLarge: 413,
  wrongType: 415,
  invalid: 422, // readable, but a field is not right
  tooMany: 429,
  internal: 500,
  unavailable: 503, // something we need is away; trying again helps
} as const;

export type ErrorKind = keyof typeof errorKinds;

/** What is wrong with one field: `path` as in the request (`name`, `disks.0.sizeGiB`). */
export interface FieldError {
  path: string;
  word: string;
  args?: WordArgs;
}

/** Why one of several things refused, where none could be taken: `of` names it (a node). */
export interface Reason {
  of: string;
  word: string;
  args?: WordArgs;
}

export class AppError extends Error {
  override readonly name = "AppError";
  readonly fields: readonly FieldError[];
  readonly reasons: readonly Reason[];
  constructor(
    readonly kind: ErrorKind,
    /** A word key; its text says what to do. */
    readonly word: string,
    readonly args: WordArgs = {},
    options: { fields?: readonly FieldError[]; reasons?: readonly Reason[]; cause?: unknown } = {},
  ) {
    super(`${kind}: ${word} ${JSON.stringify(args)}`, { cause: options.cause });
    this.fields = options.fields ?? [];
    this.reasons = options.reasons ?? [];
  }
  get status(): number {
    return errorKinds[this.kind];
  }
}

/** A refusal that belongs to one field: shown at it, and in the problem document's `errors`. */
export function fieldError(
  path: string,
  word: string,
  args: WordArgs = {},
  kind: ErrorKind = "invalid",
): AppError {
  return new AppError(kind, word, args, { fields: [{ path, word, args }] });
}

/** The text of anything thrown, for the log. Never shown to people. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.stack ?? `${error.name}: ${error.message}`;
  return String(error);
}
