/** Refusals as answers: problem documents (RFC 9457) for programs, and the facts that a page of it needs. */
import { AppError, errorText, type FieldError } from "../errors.ts";
import { StoreUnavailableError, StoreUniqueError } from "../store/errors.ts";
import type { WordArgs } from "../words.ts";

/** The little of the log that the web needs. */
export interface WebLog {
  error(message: string, fields?: Record<string, unknown>): void;
}

type Say = (word: string, args?: WordArgs) => string;

/** A refusal and, for an internal error, the id under which the log has the whole of it. */
export interface Refusal {
  error: AppError;
  id: string | null;
}

/** What violated unique indexes mean, by index name. */
export type UniqueMeanings = ReadonlyMap<string, () => Error>;

/**
 * Makes a refusal of anything thrown. What nobody foresaw is logged under an id and shown as that id alone.
 * `where` says in the log which request it was; it must hold no secret.
 */
export function refusalOf(thrown: unknown, meanings: UniqueMeanings, log: WebLog, where: string): Refusal {
  if (thrown instanceof AppError) return { error: thrown, id: null };
  if (thrown instanceof StoreUniqueError) {
    const meaning = meanings.get(thrown.index)?.();
    if (meaning instanceof AppError) return { error: meaning, id: null };
  }
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex");
  log.error(`internal error ${id} in ${where}`, { id, error: errorText(thrown) });
  if (thrown instanceof StoreUnavailableError)
    return { error: new AppError("unavailable", "http.storeAway", {}, { cause: thrown }), id };
  return { error: new AppError("internal", "http.internal", { id }, { cause: thrown }), id };
}

/** More reasons than this make a sentence that nobody reads; the problem document has all of them. */
const reasonsTold = 5;

/** What a person reads: the field's own sentence where only one field is wrong, and reasons where there are some. */
export function sentenceOf(error: AppError, say: Say): string {
  const [only, ...more] = error.fields;
  if (error.word === "http.invalid" && only && more.length === 0)
    return only.path === ""
      ? fieldText(only, say)
      : say("http.fieldIs", { field: only.path, text: fieldText(only, say) });
  const told = error.reasons.slice(0, reasonsTold).map((reason) => say(reason.word, reason.args));
  const left = error.reasons.length - told.length;
  if (left > 0) told.push(say("http.moreReasons", { count: left }));
  return [say(error.word, error.args), ...told].join(" ");
}

/** The text of one wrong field. */
export const fieldText = (field: FieldError, say: Say): string => say(field.word, field.args);

/** Headers that belong to a refusal of this kind. */
export function refusalHeaders(error: AppError): Record<string, string> {
  const seconds = error.args.seconds;
  const headers: Record<string, string> = {};
  if ((error.kind === "tooMany" || error.kind === "unavailable") && typeof seconds === "number")
    headers["retry-after"] = String(Math.max(1, Math.ceil(seconds)));
  if (error.kind === "unauthenticated") headers["www-authenticate"] = 'Bearer realm="jimv"';
  if (error.kind === "notAllowed") headers.allow = String(error.args.methods ?? "");
  return headers;
}

/** The problem document of a refusal. */
export function problemResponse({ error, id }: Refusal, say: Say, instance: string): Response {
  const errors = error.fields.map((field) => ({
    path: field.path,
    word: field.word,
    detail: fieldText(field, say),
  }));
  const reasons = error.reasons.map(({ of, word, args }) => ({ of, word, detail: say(word, args) }));
  const body = {
    type: `/problems/${error.kind}`,
    title: say(`problem.${error.kind}`),
    status: error.status,
    detail: sentenceOf(error, say),
    instance,
    code: error.word,
    ...(errors.length > 0 && { errors }),
    ...(reasons.length > 0 && { reasons }),
    ...(id !== null && { id }),
  };
  return new Response(JSON.stringify(body), {
    status: error.status,
    headers: { "content-type": "application/problem+json", ...refusalHeaders(error) },
  });
}
