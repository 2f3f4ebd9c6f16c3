/**
 * WebSockets: a route decides whether to open, then bytes flow both ways. Bytes for a slow client wait in a
 * bounded queue; the source is asked to stop reading while `buffered()` is high, and told when to go on.
 */
import type { Clock } from "../clock.ts";
import { AppError, errorText } from "../errors.ts";
import { timing } from "../timing.ts";
import type { Undo } from "../undo.ts";
import type { SocketHandler, SocketPeer, SocketRoute } from "./contract.ts";
import type { Connection, RawSocket, SocketEvents } from "./engine.ts";
import type { WebLog } from "./problem.ts";
import { refuseForeignSites } from "./security.ts";
import { isSignedIn, type Visitor } from "./visitor.ts";

/** WebSocket close codes: "the server is going away", and "against the rules". */
const goneAway = 1001;
const notAllowed = 1008;

export interface SocketsDependencies {
  clock: Clock;
  log: WebLog;
  /** Whether the visitor's session or token still lives. */
  stillIn(visitor: Visitor): Promise<boolean>;
}

export class Sockets {
  /** With the id of the session or token that opened it; null where there was none. */
  private readonly open = new Map<Link, string | null>();
  private readonly log: WebLog;
  constructor(private readonly needs: SocketsDependencies) {
    this.log = needs.log;
  }

  /** Undefined once the request has become a WebSocket. @throws AppError when the route refuses it */
  async upgrade(
    route: SocketRoute,
    request: Request,
    visitor: Visitor,
    connection: Connection,
  ): Promise<undefined> {
    refuseForeignSites(request);
    const offered = (request.headers.get("sec-websocket-protocol") ?? "")
      .split(",")
      .map((each) => each.trim());
    const { subprotocol } = route;
    if (subprotocol !== null && !offered.includes(subprotocol))
      throw new AppError("malformed", "http.subprotocol", { subprotocol });
    const watch = this.watch(visitor, () => link.close(notAllowed, "signed out"));
    const link = new Link(this.log, () => {
      watch();
      this.open.delete(link);
    });
    const call = {
      url: new URL(request.url),
      viewer: isSignedIn(visitor.viewer) ? visitor.viewer : null,
      address: connection.address,
    };
    try {
      link.handler = await route.open(call, link);
    } catch (error) {
      link.finish();
      throw error;
    }
    this.open.set(link, visitor.by.kind === "nothing" ? null : visitor.by.id);
    const headers: Record<string, string> =
      subprotocol === null ? {} : { "sec-websocket-protocol": subprotocol };
    if (!connection.upgrade(link, headers)) {
      link.finish();
      throw new AppError("malformed", "http.noSocket");
    }
    link.expectOpening();
    return undefined;
  }

  /** Closes those of a session or token that was ended. */
  endFor(id: string): void {
    for (const [link, by] of [...this.open]) if (by === id) link.close(notAllowed, "signed out");
  }

  stop(): void {
    for (const link of [...this.open.keys()]) link.close(goneAway, "stopping");
  }

  /** Looks from time to time whether a session ran out or was ended on another controller. */
  private watch(visitor: Visitor, end: () => void): Undo {
    if (visitor.by.kind === "nothing") return () => undefined;
    return this.needs.clock.every(timing.sessionTouchMilliseconds, () => {
      this.needs.stillIn(visitor).then(
        (stillIn) => stillIn || end(),
        (error: unknown) =>
          this.log.error("checking a WebSocket's session failed; it goes on", { error: errorText(error) }),
      );
    });
  }
}

/** One connection: the peer that the route's handler sees, and the events that the engine tells. */
class Link implements SocketPeer, SocketEvents {
  handler: SocketHandler | null = null;
  private socket: RawSocket | null = null;
  private over = false;
  /** What was sent before the handshake was through. */
  private early: Uint8Array[] = [];
  private earlyClose: [number, string] | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly log: WebLog,
    private readonly onOver: () => void,
  ) {}

  send(data: Uint8Array): void {
    if (this.over) return;
    if (this.socket) this.socket.send(data);
    else this.early.push(data);
  }

  buffered(): number {
    return this.socket?.buffered() ?? this.early.reduce((sum, data) => sum + data.byteLength, 0);
  }

  close(code = 1000, reason = ""): void {
    if (this.over) return;
    if (this.socket) this.socket.close(code, reason);
    else this.earlyClose = [code, reason];
  }

  /** A client that never finishes the handshake must not keep the source open. */
  expectOpening(): void {
    if (!this.socket) this.timer = setTimeout(() => this.finish(), timing.socketOpenMilliseconds);
  }

  open(socket: RawSocket): void {
    clearTimeout(this.timer);
    if (this.over) {
      socket.close(goneAway, "");
      return;
    }
    this.socket = socket;
    for (const data of this.early.splice(0)) socket.send(data);
    if (this.earlyClose) socket.close(...this.earlyClose);
  }

  message(data: Uint8Array): void {
    this.tell((handler) => handler.message(data));
  }

  drain(): void {
    this.tell((handler) => handler.drain());
  }

  closed(): void {
    this.finish();
  }

  /** Tells the handler that it is over. Doing it twice does no harm. */
  finish(): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.early = [];
    this.onOver();
    try {
      this.handler?.closed();
    } catch (error) {
      this.log.error("closing a WebSocket failed", { error: errorText(error) });
    }
  }

  private tell(what: (handler: SocketHandler) => void): void {
    if (this.over || !this.handler) return;
    try {
      what(this.handler);
    } catch (error) {
      this.log.error("a WebSocket's handler failed; it is closed", { error: errorText(error) });
      this.close(1011, "internal error");
    }
  }
}
