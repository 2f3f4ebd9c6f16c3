/** The kinds of task of this plugin, shared by controller and node. */
import { defineTask, Type, timing } from "jimv";

export const checkTemplate = defineTask({
  kind: "templates.check",
  payload: Type.Object({ path: Type.String({ maxLength: 1024 }) }),
  result: Type.Object({
    format: Type.Union([Type.Literal("qcow2"), Type.Literal("raw")]),
    virtualSizeBytes: Type.Integer(),
    actualSizeBytes: Type.Integer(),
    othersRead: Type.Boolean(),
  }),
  deadlineMs: timing.checkDeadlineMilliseconds,
  resend: true,
  attempts: 3,
  cancellable: true,
  weight: "light",
});
