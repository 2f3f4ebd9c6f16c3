/** The kinds of task of this plugin, shared by controller and node. */
import { defineTask, Type, timing } from "jimv";

/** What a controller asks of a node: its key is the ranges of ports to reserve, as `rangesText` writes them. */
export const reserveTopic = "nodes.reservePorts";

export const configureNode = defineTask({
  kind: "nodes.configure",
  payload: Type.Object({
    storagePath: Type.String({ maxLength: 180 }),
    /** A bridge of the machine; null for JimV's own NAT network. */
    bridge: Type.Union([Type.String({ maxLength: 15 }), Type.Null()]),
    vncPortFirst: Type.Integer(),
    vncPortLast: Type.Integer(),
  }),
  result: Type.Object({
    poolName: Type.String(),
    capacityBytes: Type.Integer(),
    availableBytes: Type.Integer(),
    /** The NAT network; null with a bridge. */
    networkName: Type.Union([Type.String(), Type.Null()]),
    notes: Type.Array(
      Type.Object({
        word: Type.String(),
        args: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
      }),
    ),
  }),
  deadlineMs: timing.nodeConfigureDeadlineMilliseconds,
  resend: true,
  attempts: 3,
  cancellable: false,
  weight: "light",
});
