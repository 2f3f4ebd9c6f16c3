/** What a node says of its storage pools: the report `pools.facts`, checked where it arrives. */
import { check, type ReportBody, type Static, Type } from "jimv";

const open = { additionalProperties: true };

const Fact = Type.Object(
  {
    libvirtName: Type.String(),
    capacityBytes: Type.Integer(),
    availableBytes: Type.Integer(),
    /** The pool's id in the folder's mark; null without one. */
    mark: Type.Union([Type.String(), Type.Null()]),
    error: Type.Union([
      Type.Object({
        word: Type.String({ maxLength: 96 }),
        args: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
      }),
      Type.Null(),
    ]),
  },
  open,
);
export type PoolFact = Static<typeof Fact>;

const PoolFacts = Type.Object({ pools: Type.Array(Fact) }, open);

/** The road's kind of report, and the key under which only the newest is kept. */
export const poolFactsKind = "pools.facts";

/** The facts as they arrived, or null when they are none. */
export function readFacts(body: ReportBody): PoolFact[] | null {
  const result = check(PoolFacts, body);
  return result.ok ? result.value.pools : null;
}
