/** The console's tickets for programs, and its socket. */
import { AppError, type ControllerContext, roles, type SocketPeer, Type, type Viewer } from "jimv";
import { type ConsoleService, socketPath } from "./service.ts";
import { openTunnel } from "./tunnel.ts";

const Uuid = Type.String({ minLength: 36, maxLength: 36, pattern: "^[0-9a-f-]{36}$" });

export function consoleRoutes(context: ControllerContext, service: ConsoleService): void {
  const { web } = context;
  web.api({
    method: "POST",
    path: "/guests/{uuid}/console-tickets",
    summary: "Get a ticket for a guest's screen",
    description:
      "The ticket is good for one WebSocket at `socketUrl?ticket=…` (binary messages with RFB inside) within 30 seconds, by the same user or token.",
    tag: "Guests",
    role: "operator",
    params: Type.Object({ uuid: Uuid }),
    answer: {
      status: 201,
      schema: Type.Object({
        ticket: Type.String(),
        password: Type.String({ description: "What the VNC server asks for" }),
        socketUrl: Type.String(),
        expiresAt: Type.Integer({ description: "UTC milliseconds" }),
      }),
    },
    handle: async ({ params, viewer }) => ({
      status: 201,
      body: await service.issue(params.uuid, viewer.actor),
      headers: { "cache-control": "no-store" },
    }),
  });
  web.socket({
    path: socketPath,
    // Neither noVNC nor QEMU needs one.
    subprotocol: null,
    open: ({ url, viewer }, peer) => openConsole(context, service, url, viewer, peer),
  });
}

/** From a ticket to a screen. Ends when the guest's does, or when the guest moved. */
async function openConsole(
  context: Pick<ControllerContext, "store" | "clock" | "log" | "web">,
  service: ConsoleService,
  url: URL,
  viewer: Viewer | null,
  peer: SocketPeer,
) {
  if (!viewer) throw new AppError("unauthenticated", "http.signIn");
  if (roles.indexOf(viewer.role) < roles.indexOf("operator"))
    throw new AppError("forbidden", "http.needsRole", { role: "operator" });
  const { guestUuid, address } = await service.redeem(url.searchParams.get("ticket") ?? "", viewer.actor);
  const tunnel = await openTunnel(address, peer, context.clock);
  const look = async (): Promise<void> => {
    try {
      if (!(await service.isStillAt(guestUuid, address))) tunnel.end("the guest stopped");
    } catch (error) {
      context.log.warn("looking after a console's guest failed; the console goes on", {
        error: String(error),
      });
    }
  };
  const forget = context.web.onEvents((events) => {
    if (events.some((event) => event.topic === "guest" && event.key === guestUuid)) void look();
  });
  return {
    message: tunnel.message,
    drain: tunnel.drain,
    closed() {
      forget();
      tunnel.closed();
    },
  };
}
