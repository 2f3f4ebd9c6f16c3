/** The kinds of task about storage pools, shared by controller and node. */
import { defineTask, SecretString, Type, timing } from "jimv";
import { poolKinds } from "./schema.ts";

const common = {
  deadlineMs: timing.poolTaskDeadlineMilliseconds,
  resend: true,
  attempts: 3,
  cancellable: false,
  weight: "light",
} as const;

export const addPool = defineTask({
  kind: "pools.add",
  payload: Type.Object({
    poolId: Type.String(),
    kind: Type.Union(poolKinds.map((kind) => Type.Literal(kind))),
    path: Type.String({ maxLength: 180 }),
    libvirtName: Type.String(),
    /** No other node has it yet: a folder without a mark becomes the pool's. */
    isFirst: Type.Boolean(),
    trusted: Type.Boolean(),
    ceph: Type.Union([
      Type.Object({
        monitors: Type.Array(Type.String()),
        cephPool: Type.String(),
        user: Type.String(),
        secretUuid: Type.String(),
      }),
      Type.Null(),
    ]),
    cephKey: Type.Optional(SecretString()),
  }),
  result: Type.Object({ capacityBytes: Type.Integer(), availableBytes: Type.Integer() }),
  ...common,
});

export const removePool = defineTask({
  kind: "pools.remove",
  payload: Type.Object({
    poolId: Type.String(),
    path: Type.String({ maxLength: 180 }),
    libvirtName: Type.String(),
    secretUuid: Type.Union([Type.String(), Type.Null()]),
    /** No other node has it: its mark goes, too. */
    isLast: Type.Boolean(),
  }),
  result: Type.Object({}),
  ...common,
});
