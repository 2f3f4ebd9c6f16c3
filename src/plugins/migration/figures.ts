/** What a page shows of a running migration: the report of the node, checked where it arrives. */
import { check, type ReportBody, type Static, type TSchema, Type } from "jimv";

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const Figures = Type.Object({
  phase: Type.Union([
    Type.Literal("prepare"),
    Type.Literal("disks"),
    Type.Literal("memory"),
    Type.Literal("postcopy"),
  ]),
  pass: Type.Integer(),
  percent: Type.Number(),
  secondsLeft: orNull(Type.Number()),
  sentPerSecond: orNull(Type.Number()),
  dirtiedPerSecond: orNull(Type.Number()),
  bytesLeft: Type.Number(),
  converging: Type.Boolean(),
  remedy: orNull(
    Type.Union([
      Type.Object({
        kind: Type.Literal("throttle"),
        percent: Type.Number(),
        inSeconds: orNull(Type.Number()),
      }),
      Type.Object({ kind: Type.Literal("postcopy"), inSeconds: orNull(Type.Number()) }),
      Type.Object({ kind: Type.Literal("none") }),
    ]),
  ),
  throttlePercent: Type.Number(),
});
export type Figures = Static<typeof Figures>;

const FiguresReport = Type.Object(
  { task: Type.String(), uuid: Type.String(), figures: Figures },
  { additionalProperties: true },
);

/** A report as it arrived, or null when it is not one. */
export function readFigures(body: ReportBody): Static<typeof FiguresReport> | null {
  const result = check(FiguresReport, body);
  return result.ok ? result.value : null;
}
