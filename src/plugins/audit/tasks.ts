/** The kind of task of this plugin, shared by controller and node. */
import { defineTask, Type, timing } from "jimv";

/** A node looks at itself and tells what is there. Changes nothing, so that it may be asked at any time. */
export const lookTask = defineTask({
  kind: "audit.look",
  payload: Type.Object({
    /** Where JimV keeps disks on this node: folders, and Ceph pools as `rbd:POOL`. */
    folders: Type.Array(Type.String({ maxLength: 191 })),
  }),
  result: Type.Object({
    domains: Type.Array(
      Type.Object({
        uuid: Type.String(),
        name: Type.String(),
        state: Type.String(),
        /** Made by this cluster. */
        isOurs: Type.Boolean(),
        vcpus: Type.Integer(),
        memoryMiB: Type.Integer(),
        files: Type.Array(Type.String()),
        /** Names of its images in Ceph pools. */
        images: Type.Array(Type.String()),
        macs: Type.Array(Type.String()),
        vncPort: Type.Union([Type.Integer(), Type.Null()]),
      }),
    ),
    files: Type.Array(
      Type.Object({
        path: Type.String(),
        /** The same on all nodes that share the folder; of a Ceph image its own path. */
        inode: Type.String(),
      }),
    ),
    /** Folders that can't be read. */
    closed: Type.Array(Type.String()),
  }),
  deadlineMs: timing.auditLookMilliseconds,
  resend: true,
  attempts: 3,
  cancellable: true,
  weight: "light",
});
