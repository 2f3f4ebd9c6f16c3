/** The API of replacements. */
import { type ControllerContext, Type } from "jimv";
import { textOfHex } from "./ip.ts";
import type { Replacing } from "./replacing.ts";
import { ReplaceAddress } from "./requests.ts";
import { isStillHeld, type Replacement } from "./schema.ts";

const GuestPath = Type.Object({ uuid: Type.String({ maxLength: 36 }) });
const nullable = (description: string) => Type.Union([Type.String({ description }), Type.Null()]);

const ReplacementBody = Type.Object({
  id: Type.String(),
  guestUuid: Type.String(),
  mac: Type.String(),
  old: Type.String(),
  new: Type.String(),
  way: Type.String({ description: "`live` or `boot`" }),
  state: Type.String({
    description:
      "`planned`: booked. `applied`: the guest was told. `verified`: the new address answers, the old one was released. `rolledBack`: the guest has its old address. `failed`: nothing was changed",
  }),
  isOpen: Type.Boolean({ description: "The guest holds both addresses" }),
  isHeld: Type.Boolean({
    description:
      "It was given up, and the guest may still have the new address: that stays the guest's until it was told anew, when JimV starts it the next time",
  }),
  error: nullable("The word key of why it failed, or is not known to have worked"),
  taskId: nullable("The task that carries it out, or looks whether the guest answers"),
  createdAt: Type.Integer({ description: "UTC milliseconds" }),
  changedAt: Type.Integer({ description: "UTC milliseconds" }),
});

const bodyOf = ({ id, guestUuid, mac, way, state, taskId, createdAt, changedAt, ...row }: Replacement) => ({
  id,
  guestUuid,
  mac,
  old: textOfHex(row.oldAddress),
  new: textOfHex(row.newAddress),
  way,
  state,
  isOpen: row.openFor !== null,
  isHeld: isStillHeld({ state, owed: row.owed }),
  error: row.failedWord,
  taskId,
  createdAt,
  changedAt,
});

export function replaceRoutes({ web }: Pick<ControllerContext, "web">, replacing: Replacing): void {
  const tag = "Address pools";
  const path = "/guests/{uuid}/addresses/replace";

  web.api({
    method: "POST",
    path,
    summary: "Replace a guest's booked address",
    description:
      "By the next free one of a pool, or by `address`. Both addresses are the guest's until the new one has answered; then the old one rests where it lies in a pool's range, and is dropped elsewhere.",
    tag,
    role: "operator",
    params: GuestPath,
    body: ReplaceAddress,
    answer: { status: 202, schema: ReplacementBody },
    handle: async ({ params, body, viewer }) => ({
      status: 202,
      body: bodyOf(await replacing.replace(params.uuid, body, viewer.actor)),
    }),
  });

  web.api({
    method: "GET",
    path,
    summary: "The replacements of a guest's addresses, newest first",
    tag,
    role: "reader",
    params: GuestPath,
    answer: { status: 200, schema: Type.Object({ items: Type.Array(ReplacementBody) }) },
    handle: async ({ params }) => ({ body: { items: (await replacing.listed(params.uuid)).map(bodyOf) } }),
  });

  web.api({
    method: "POST",
    path: `${path}/again`,
    summary: "Look again whether the guest answers at its new address, or try a live replacement again",
    tag,
    role: "operator",
    params: GuestPath,
    answer: { status: 204 },
    async handle({ params, viewer }) {
      await replacing.again(params.uuid, viewer.actor);
      return {};
    },
  });

  web.api({
    method: "POST",
    path: `${path}/confirm`,
    summary: "Keep the new address although it does not answer, as of a guest that drops pings",
    description:
      "The guest must have been told. The old address is released. Of a live replacement the guest's agent keeps the change first.",
    tag,
    role: "operator",
    params: GuestPath,
    answer: { status: 204 },
    async handle({ params, viewer }) {
      await replacing.confirm(params.uuid, viewer.actor);
      return {};
    },
  });

  web.api({
    method: "DELETE",
    path,
    summary: "Give a replacement up that is not verified: the guest keeps its old address",
    description:
      "Where the guest may have been told of the new one, that stays its own until JimV has started it and told it anew.",
    tag,
    role: "operator",
    params: GuestPath,
    answer: { status: 204 },
    async handle({ params }) {
      await replacing.takeBack(params.uuid);
      return {};
    },
  });
}
