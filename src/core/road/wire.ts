/** How commands and reports look on Redis' streams. What comes from a node is checked: it may have been stolen. */
import { type Static, Type } from "@sinclair/typebox";
import { fits } from "../fits.ts";
import type { Command, Envelope } from "./contract.ts";

const sequence = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const reportsSchema = Type.Object({
  generation: Type.String({ minLength: 1, maxLength: 36 }),
  machine: Type.String({ maxLength: 64 }),
  incarnation: sequence,
  reports: Type.Array(
    Type.Object({
      sequence,
      after: sequence,
      key: Type.Union([Type.String({ maxLength: 191 }), Type.Null()]),
      at: Type.Number(),
      kind: Type.String({ minLength: 1, maxLength: 64 }),
      body: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
});

const commandSchema = Type.Union([
  Type.Object({
    type: Type.Literal("task"),
    id: Type.String(),
    kind: Type.String(),
    fence: sequence,
    payload: Type.Record(Type.String(), Type.Unknown()),
    timeLeft: Type.Number(),
  }),
  Type.Object({ type: Type.Literal("cancel"), id: Type.String(), fence: sequence }),
  Type.Object({
    type: Type.Literal("welcome"),
    incarnation: sequence,
    answers: sequence,
    open: Type.Array(Type.String()),
  }),
  Type.Object({
    type: Type.Literal("applied"),
    generation: Type.String(),
    sequence,
    again: Type.Optional(Type.Literal(true)),
  }),
  Type.Object({ type: Type.Literal("ask"), topic: Type.String(), key: Type.String() }),
  Type.Object({ type: Type.Literal("greet") }),
  Type.Object({
    type: Type.Literal("refused"),
    machine: Type.Union([Type.String(), Type.Null()]),
    word: Type.String(),
    args: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
  }),
]);

/** One entry of a report stream: reports of one outbox, in order. */
export function encodeReports(envelopes: readonly Envelope[]): string {
  const [first] = envelopes;
  const entry: Static<typeof reportsSchema> = {
    generation: first?.generation ?? "",
    machine: first?.machine ?? "",
    incarnation: first?.incarnation ?? 0,
    reports: envelopes.map(({ sequence: number, after, key, at, kind, body }) => ({
      sequence: number,
      after,
      key,
      at,
      kind,
      body,
    })),
  };
  return JSON.stringify(entry);
}

/** The reports of an entry, as said by the node whose stream it is; null when it is none of ours. */
export function decodeReports(node: string, text: string): Envelope[] | null {
  const entry = parse(text);
  if (!fits(reportsSchema, entry)) return null;
  const { reports, ...common } = entry;
  return reports.map((report) => ({ node, ...common, ...report }));
}

export const encodeCommand = (command: Command): string => JSON.stringify(command);

/** Null for what this version does not know. */
export function decodeCommand(text: string): Command | null {
  const command = parse(text);
  return fits(commandSchema, command) ? command : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** One entry of a stream. */
export interface StreamEntry {
  id: string;
  fields: ReadonlyMap<string, string>;
}

/** The answer to XREAD, by stream. */
export function streamsOf(answer: unknown): Map<string, StreamEntry[]> {
  const streams = new Map<string, StreamEntry[]>();
  for (const [key, entries] of list(answer) as [unknown, unknown][])
    streams.set(String(key), entriesOf(entries));
  return streams;
}

/** The answer to XRANGE. */
export function entriesOf(answer: unknown): StreamEntry[] {
  return (list(answer) as [unknown, unknown][]).map(([id, flat]) => {
    const fields = new Map<string, string>();
    const values = list(flat);
    for (let at = 0; at + 1 < values.length; at += 2) fields.set(String(values[at]), String(values[at + 1]));
    return { id: String(id), fields };
  });
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Compares two ids of stream entries, `milliseconds-number`. */
export function compareIds(a: string, b: string): number {
  const [aTime = "0", aNumber = "0"] = a.split("-");
  const [bTime = "0", bNumber = "0"] = b.split("-");
  return Number(aTime) - Number(bTime) || Number(aNumber) - Number(bNumber);
}

export const isId = (text: string | undefined): text is string =>
  text !== undefined && /^\d{1,16}-\d{1,16}$/.test(text);
