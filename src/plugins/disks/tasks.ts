/** The kinds of task about disks, shared by controller and node. */
import { defineTask, Type, timing } from "jimv";

/** A file, or an image in a Ceph pool. */
const Path = Type.String({ pattern: "^(/|rbd:)", maxLength: 512 });
const Format = Type.Union([Type.Literal("qcow2"), Type.Literal("raw")]);
const common = {
  deadlineMs: timing.powerDeadlineMilliseconds,
  resend: true,
  attempts: 5,
  cancellable: false,
  weight: "light",
} as const;

export const createDisk = defineTask({
  kind: "disks.create",
  payload: Type.Object({
    uuid: Type.String(),
    path: Path,
    format: Format,
    sizeGiB: Type.Integer(),
    /** The pool's folder, and the mark that it must carry, if any. */
    folder: Path,
    mark: Type.Union([Type.String(), Type.Null()]),
  }),
  result: Type.Object({}),
  ...common,
});

export const deleteDisk = defineTask({
  kind: "disks.delete",
  payload: Type.Object({ uuid: Type.String(), path: Path }),
  result: Type.Object({}),
  ...common,
});
