/** The API of joining: a token for a machine, and what the machine asks with it. */
import { type ControllerContext, Type } from "jimv";
import { JoinAnswer, type Joining, JoinRequest } from "./joining.ts";

const JoinToken = Type.Object({
  token: Type.String({ description: "Shown once; good for one machine, for a day" }),
  expiresAt: Type.Integer({ description: "UTC milliseconds" }),
});

export function joiningRoutes({ web }: ControllerContext, joining: Joining): void {
  web.api({
    method: "POST",
    path: "/nodes/tokens",
    summary: "Make a one-time token with which a machine joins the cluster",
    tag: "Nodes",
    role: "administrator",
    answer: { status: 201, schema: JoinToken },
    handle: async ({ viewer }) => ({ body: await joining.makeToken(viewer.actor) }),
  });

  web.api({
    method: "POST",
    path: "/nodes/join",
    summary: "Join the cluster: what jimv node does with its token",
    description:
      "Whoever has an unused token gets the road's address, a secret of its own and a certificate. The same machine may ask again with the same token until it ends.",
    tag: "Nodes",
    role: "anyone",
    body: JoinRequest,
    answer: { status: 201, schema: JoinAnswer },
    handle: async ({ body, address }) => ({ body: await joining.join(body, address) }),
  });
}
