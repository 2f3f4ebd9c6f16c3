/** What may be said when asking for a guest or a change of one: the schemas that form and API share. */
import { listQuery, patternWord, type Static, Type } from "jimv";
import { type GuestGroup, guestGroups, guestStates } from "./states.ts";

/** Length of a generated password. */
export const passwordLength = 16;

/** No control characters: they can't be typed, and break what hands the password to the guest. */
const Password = Type.String({
  minLength: 8,
  maxLength: 72,
  pattern: "^[^\\u0000-\\u001f\\u007f]*$",
  description: "Generated when left out",
});
/** One line as in authorized_keys. */
const SshKey = Type.String({
  minLength: 16,
  maxLength: 4096,
  pattern: "^(ssh-|ecdsa-|sk-)[\\x20-\\x7e]+$",
});
export const GuestName = Type.String({
  minLength: 1,
  maxLength: 63,
  pattern: "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
  [patternWord]: "guests.nameCharacters",
  description: "Letters, digits, - _ and . in between",
});
const Remark = Type.String({ maxLength: 500, pattern: "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$" });
const Vcpus = Type.Integer({ minimum: 1, maximum: 512 });
const MemoryMiB = Type.Integer({ minimum: 64, maximum: 16 * 1024 * 1024 });
const SizeGiB = Type.Integer({ minimum: 1, maximum: 64 * 1024 });

export const CreateGuest = Type.Object({
  name: GuestName,
  templateId: Type.String({ minLength: 1, maxLength: 36 }),
  vcpus: Vcpus,
  memoryMiB: MemoryMiB,
  diskSizeGiB: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 64 * 1024, description: "The template's default when left out" }),
  ),
  quantity: Type.Integer({ minimum: 1, maximum: 100, default: 1 }),
  nodeName: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: "Chosen automatically when left out" }),
  ),
  poolId: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 36,
      description: "The storage pool of its disks; the one of the settings when left out",
    }),
  ),
  password: Type.Optional(Password),
  sshKeys: Type.Optional(Type.Array(SshKey, { maxItems: 20 })),
  linked: Type.Boolean({ default: false, description: "An overlay on the template instead of a full copy" }),
  start: Type.Boolean({ default: true }),
  dataDisks: Type.Optional(
    Type.Array(Type.Object({ sizeGiB: SizeGiB }, { additionalProperties: false }), { maxItems: 16 }),
  ),
  remark: Type.Optional(Remark),
  extras: Type.Optional(
    Type.Record(Type.String({ pattern: "^[a-z][a-z-]{0,63}$" }), Type.Record(Type.String(), Type.Unknown()), {
      description: "What plugins take, by the plugin's name; `addresses` takes `ipv4Pool` and `ipv6Pool`",
    }),
  ),
});
export type CreateGuest = Static<typeof CreateGuest>;

export const ChangeGuest = Type.Partial(
  Type.Object({ name: GuestName, remark: Remark, vcpus: Vcpus, memoryMiB: MemoryMiB }),
);
export type ChangeGuest = Static<typeof ChangeGuest>;

export const DeleteGuest = Type.Object({
  keepDataDisks: Type.Optional(
    Type.Boolean({
      description:
        "Data disks stay and are free again. True when left out: only `false` takes them along, with all that is on them.",
    }),
  ),
  force: Type.Optional(Type.Boolean({ description: "Force a running guest off first" })),
});
export type DeleteGuest = Static<typeof DeleteGuest>;

export const guestSorts = ["name", "state", "nodeName", "vcpus", "memoryMiB", "createdAt"] as const;
export const GuestListQuery = listQuery({
  sort: guestSorts,
  filters: {
    state: Type.Unsafe<(typeof guestStates)[number]>(
      Type.Union(guestStates.map((state) => Type.Literal(state))),
    ),
    group: Type.Unsafe<GuestGroup>(
      Type.Union(
        Object.keys(guestGroups).map((group) => Type.Literal(group)),
        {
          description: "Several states under one name",
        },
      ),
    ),
    nodeName: Type.String({ maxLength: 64 }),
    templateId: Type.String({ maxLength: 36 }),
  },
});
export type GuestListQuery = Static<typeof GuestListQuery>;
