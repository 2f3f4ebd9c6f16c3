/** The kind of task of a migration, shared by controller and node. */
import { defineTask, SecretString, Type, timing } from "jimv";

/** A file, or an image in a Ceph pool. */
const Path = Type.String({ pattern: "^(/|rbd:)", maxLength: 512 });

/** A file that the guest has on both nodes. */
const File = Type.Object({
  path: Path,
  /** There. */
  to: Path,
  /** The storage pool that it is in there. */
  pool: Type.String(),
  /** It goes along; otherwise both nodes see the same file. */
  copy: Type.Boolean(),
});

export const migrateGuest = defineTask({
  kind: "migration.migrate",
  payload: Type.Object({
    uuid: Type.String({ pattern: "^[0-9a-f-]{36}$" }),
    name: Type.String(),
    toNode: Type.String(),
    /** The other node's management address, and its libvirtd as this node's libvirtd reaches it. */
    address: Type.String(),
    peerUri: Type.String(),
    vncPort: Type.Integer(),
    vncListen: Type.String(),
    vncPassword: SecretString(),
    /** Where QEMU listens there for the memory, and for disks that are copied; null: the guest is off, or has none. */
    memoryPort: Type.Union([Type.Integer(), Type.Null()]),
    diskPort: Type.Union([Type.Integer(), Type.Null()]),
    /** Ports of earlier attempts, which something outside of JimV holds there. */
    takenPorts: Type.Array(Type.Integer()),
    disks: Type.Array(Type.Intersect([File, Type.Object({ uuid: Type.String(), target: Type.String() })])),
    seed: Type.Union([File, Type.Null()]),
    /** Shared storage that libvirt can't know to be shared: somebody has said so. */
    trustStorage: Type.Boolean(),
    tls: Type.Boolean(),
    autoConverge: Type.Boolean(),
    postcopy: Type.Boolean(),
    bandwidthMiBs: Type.Union([Type.Integer(), Type.Null()]),
    connections: Type.Integer(),
  }),
  result: Type.Object({
    state: Type.Union([
      Type.Literal("running"),
      Type.Literal("paused"),
      Type.Literal("stopping"),
      Type.Literal("off"),
      Type.Literal("crashed"),
    ]),
    /** How long the guest stood still; null where nobody knows, or it was off. */
    downtimeMilliseconds: Type.Union([Type.Integer(), Type.Null()]),
    /** The port that it has there: an earlier attempt may have brought it, with that one's. Not told by older nodes. */
    vncPort: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  }),
  deadlineMs: timing.migrateDeadlineMilliseconds,
  resend: true,
  attempts: 20,
  cancellable: true,
  weight: "patient",
});

/** The report with a running migration's figures: only the newest counts. */
export const figuresKind = "migration.figures";
