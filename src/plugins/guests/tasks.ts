/** The kinds of task about guests, shared by controller and node. */
import { defineTask, SecretString, Type, timing } from "jimv";

const Uuid = Type.String({ pattern: "^[0-9a-f-]{36}$" });
/** A file, or an image in a Ceph pool. */
const Path = Type.String({ pattern: "^(/|rbd:)", maxLength: 512 });
const DiskFormat = Type.Union([Type.Literal("qcow2"), Type.Literal("raw")]);
const DomainStateName = Type.Union([
  Type.Literal("running"),
  Type.Literal("paused"),
  Type.Literal("stopping"),
  Type.Literal("off"),
  Type.Literal("crashed"),
]);

/** A disk that the creation makes. */
export const NewDisk = Type.Object({
  uuid: Uuid,
  path: Path,
  format: DiskFormat,
  target: Type.String(),
  sizeGiB: Type.Integer(),
});

/** See `Addressing`. */
const Addressing = Type.Object({
  addresses: Type.Array(Type.String()),
  gateways: Type.Array(Type.String()),
  dns: Type.Array(Type.String()),
});

/** Which of the node's network filters an interface is under. */
export const InterfaceFilterBody = Type.Object({
  name: Type.String(),
  parameters: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
});

const Interface = Type.Object({
  mac: Type.String(),
  source: Type.Union([Type.Object({ network: Type.String() }), Type.Object({ bridge: Type.String() })]),
  /** For the seed; DHCP when absent. */
  addressing: Type.Optional(Addressing),
  filter: Type.Optional(InterfaceFilterBody),
});

/** What plugins do right before the boot (`guestBooting`), as JSON; it may hold secrets. */
const Carry = Type.Optional(SecretString());

const light = {
  deadlineMs: timing.powerDeadlineMilliseconds,
  resend: true,
  attempts: 5,
  cancellable: false,
  weight: "light",
} as const;

/** What is known of the domain at the end. */
const Ended = Type.Object({ state: Type.Union([DomainStateName, Type.Literal("absent")]) });

export const createGuest = defineTask({
  kind: "guests.create",
  payload: Type.Object({
    uuid: Uuid,
    name: Type.String(),
    hostname: Type.String(),
    vcpus: Type.Integer(),
    memoryMiB: Type.Integer(),
    clock: Type.Union([Type.Literal("utc"), Type.Literal("localtime")]),
    template: Type.Object({ path: Path, format: Type.String() }),
    /** The folder of the disks' pool, and the mark that it must carry, if any. */
    folder: Path,
    mark: Type.Union([Type.String(), Type.Null()]),
    /** An overlay on the template instead of a copy of it. */
    linked: Type.Boolean(),
    systemDisk: NewDisk,
    dataDisks: Type.Array(NewDisk),
    /** Present when the guest is told by cloud-init who it is. */
    seed: Type.Union([
      Type.Object({ path: Path, userName: Type.String(), sshKeys: Type.Array(Type.String()) }),
      Type.Null(),
    ]),
    /** For the seed; absent otherwise. */
    password: Type.Optional(SecretString()),
    interfaces: Type.Array(Interface),
    vncPort: Type.Integer(),
    vncListen: Type.String(),
    vncPassword: SecretString(),
    /** Ports of this guest's earlier attempts, which something outside of JimV holds. */
    takenPorts: Type.Array(Type.Integer()),
    start: Type.Boolean(),
    carry: Carry,
  }),
  result: Ended,
  deadlineMs: timing.createDeadlineMilliseconds,
  resend: true,
  attempts: 8,
  cancellable: true,
  weight: "heavy",
});

const Target = Type.Object({ uuid: Uuid });

export const startGuest = defineTask({
  kind: "guests.start",
  payload: Type.Object({
    uuid: Uuid,
    /** A newly booked port, when the old one turned out to be taken. */
    vnc: Type.Union([Type.Object({ port: Type.Integer(), listen: Type.String() }), Type.Null()]),
    vncPassword: Type.Optional(SecretString()),
    takenPorts: Type.Array(Type.Integer()),
    carry: Carry,
  }),
  result: Ended,
  ...light,
  // What is done before the boot may take an hour.
  cancellable: true,
});

/** Asks the guest, and waits until it is off; bounded. */
export const shutdownGuest = defineTask({
  kind: "guests.shutdown",
  payload: Target,
  result: Ended,
  ...light,
  cancellable: true,
  weight: "patient",
});

/** Asks the guest; does not wait, since nothing tells when a guest has booted anew. */
export const rebootGuest = defineTask({ kind: "guests.reboot", payload: Target, result: Ended, ...light });
export const forceStopGuest = defineTask({
  kind: "guests.forceStop",
  payload: Target,
  result: Ended,
  ...light,
});
export const forceRebootGuest = defineTask({
  kind: "guests.forceReboot",
  payload: Target,
  result: Ended,
  ...light,
});
export const pauseGuest = defineTask({ kind: "guests.pause", payload: Target, result: Ended, ...light });
export const resumeGuest = defineTask({ kind: "guests.resume", payload: Target, result: Ended, ...light });

export const deleteGuest = defineTask({
  kind: "guests.delete",
  payload: Type.Object({
    uuid: Uuid,
    /** Files to go along, the seed included. */
    files: Type.Array(Path),
    /** Their disks' rows. */
    disks: Type.Array(Uuid),
    /** Disks that stay, to be free again. */
    kept: Type.Array(Uuid),
    /** End QEMU first. Without it a running guest is an error. */
    force: Type.Boolean(),
  }),
  result: Type.Object({}),
  ...light,
});

/** Waits for the guest's agent, then sets password and hostname. */
export const initGuest = defineTask({
  kind: "guests.init",
  payload: Type.Object({
    uuid: Uuid,
    userName: Type.String(),
    password: SecretString(),
    hostname: Type.String(),
    isWindows: Type.Boolean(),
  }),
  /** `hostnameSet` false: the agent does not allow commands, or the guest has no such command. */
  result: Type.Object({ hostnameSet: Type.Boolean() }),
  deadlineMs: timing.initDeadlineMilliseconds,
  resend: true,
  attempts: 5,
  cancellable: true,
  weight: "patient",
});

export const reshapeGuest = defineTask({
  kind: "guests.reshape",
  payload: Type.Object({
    uuid: Uuid,
    vcpus: Type.Optional(Type.Integer()),
    memoryMiB: Type.Optional(Type.Integer()),
    name: Type.Optional(Type.String()),
    /** The name to go back to when it fails. */
    oldName: Type.Optional(Type.String()),
  }),
  result: Type.Object({}),
  ...light,
});

const DiskChange = Type.Object({
  uuid: Uuid,
  diskUuid: Uuid,
  path: Path,
  format: DiskFormat,
  target: Type.String(),
});
export const attachDisk = defineTask({
  kind: "guests.attachDisk",
  payload: DiskChange,
  result: Type.Object({}),
  ...light,
});
export const detachDisk = defineTask({
  kind: "guests.detachDisk",
  payload: DiskChange,
  result: Type.Object({}),
  ...light,
});
