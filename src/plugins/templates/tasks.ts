/** The kinds of task of this plugin, shared by controller and node. */
import { defineTask, Type, timing } from "jimv";

export const checkTemplate = defineTask({
  kind: "templates.check",
  payload: Type.Object({ path: Type.String({ maxLength: 1024 }) }),
  result: Type.Object({
    format: Type.Union([Type.Literal("qcow2"), Type.Literal("raw")]),
    virtualSizeBytes: Type.Integer(),
    actualSizeBytes: Type.Integer(),
    fileSizeBytes: Type.Integer(),
    othersRead: Type.Boolean(),
  }),
  deadlineMs: timing.checkDeadlineMilliseconds,
  resend: true,
  attempts: 3,
  cancellable: true,
  weight: "light",
});

const Path = Type.String({ pattern: "^/", maxLength: 1024 });

/** Brings a template's image to where guests are to be made from it. */
export const copyTemplate = defineTask({
  kind: "templates.copy",
  payload: Type.Object({
    place: Type.String(),
    /** Where the image is: on this node, or on the one whose libvirtd is at `uri`. */
    source: Type.Object({ uri: Type.Union([Type.String(), Type.Null()]), path: Path }),
    path: Path,
    format: Type.Union([Type.Literal("qcow2"), Type.Literal("raw")]),
    sizeBytes: Type.Integer(),
    /** The pool's folder, and the mark that it must carry, if any. */
    folder: Path,
    mark: Type.Union([Type.String(), Type.Null()]),
  }),
  result: Type.Object({}),
  deadlineMs: timing.templateCopyDeadlineMilliseconds,
  resend: true,
  attempts: 5,
  cancellable: true,
  weight: "heavy",
});

export const dropCopy = defineTask({
  kind: "templates.drop",
  payload: Type.Object({ path: Path }),
  result: Type.Object({}),
  deadlineMs: timing.checkDeadlineMilliseconds,
  resend: true,
  attempts: 3,
  cancellable: false,
  weight: "light",
});
