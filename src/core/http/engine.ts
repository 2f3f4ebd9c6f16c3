/**
 * The only module that knows Elysia: it listens, speaks TLS and WebSocket, and hands every request over as
 * it came. Addresses, checks and answers are ours (`server.ts`), so that Elysia's next major version is this
 * file's work alone.
 */
import { Elysia } from "elysia";
import { timing } from "../timing.ts";

/** What a WebSocket tells its owner. It travels as the socket's data. */
export interface SocketEvents {
  open(socket: RawSocket): void;
  message(data: Uint8Array): void;
  drain(): void;
  closed(): void;
}

export interface RawSocket {
  /** Bytes sent; -1 when they are queued for a slow peer; 0 when the socket is gone. */
  send(data: Uint8Array): number;
  buffered(): number;
  close(code: number, reason: string): void;
}

/** The peer's address, and the way to turn the request into a WebSocket. Both miss in memory. */
export interface Connection {
  address: string;
  /** False when this isn't a WebSocket handshake. */
  upgrade(events: SocketEvents, headers: Record<string, string>): boolean;
}

/** Undefined is the answer to a request that became a WebSocket. */
export type Fetch = (request: Request, connection: Connection) => Promise<Response | undefined>;

export interface ListenOptions {
  address: string;
  /** 0 picks a free one. */
  port: number;
  tls?: { cert: string; key: string };
}

export interface Engine {
  /** Answers a request in memory. Its address must begin with `http://localhost`. */
  handle(request: Request): Promise<Response>;
  /** @throws Error when the port is taken */
  listen(options: ListenOptions): { port: number };
  /** Takes no more connections, waits for running requests up to `graceMs`, then cuts. */
  stop(graceMs: number): Promise<void>;
}

interface UpgradingServer {
  requestIP(request: Request): { address: string } | null;
  upgrade(request: Request, options: { data: SocketEvents; headers: Record<string, string> }): boolean;
}

export function createEngine(fetch: Fetch): Engine {
  const app = new Elysia({ nativeStaticResponse: false }).all(
    "/*",
    ({ request, server }) => fetch(request, connectionOf(request, server as UpgradingServer | null)),
    // The body is ours to read: with a limit, and only where a route wants one.
    { parse: "none" },
  );
  return {
    handle: async (request) => app.handle(request),
    listen(options) {
      app.listen({
        hostname: options.address,
        port: options.port,
        ...(options.tls && { tls: { cert: options.tls.cert, key: options.tls.key } }),
        development: false,
        // Elysia's default would let a second program share the port and take half of the requests.
        reusePort: false,
        idleTimeout: timing.connectionIdleSeconds,
        // Bodies are read by us, with a limit and a deadline, so that the refusal is a document of ours.
        maxRequestBodySize: Number.MAX_SAFE_INTEGER,
        websocket,
      });
      return { port: app.server?.port ?? options.port };
    },
    async stop(graceMs) {
      const { server } = app;
      if (!server) return;
      const cut = setTimeout(() => void server.stop(true), graceMs);
      try {
        await server.stop(false);
      } finally {
        clearTimeout(cut);
        app.server = null;
      }
    },
  };
}

function connectionOf(request: Request, server: UpgradingServer | null): Connection {
  return {
    address: server?.requestIP(request)?.address ?? "memory",
    upgrade: (data, headers) => server?.upgrade(request, { data, headers }) ?? false,
  };
}

const websocket: Bun.WebSocketHandler<SocketEvents> & Record<string, unknown> = {
  // A console sends few bytes up; a screen's pixels wait in our queue, not in the kernel's.
  maxPayloadLength: 1024 * 1024,
  backpressureLimit: 16 * 1024 * 1024,
  closeOnBackpressureLimit: true,
  idleTimeout: 120,
  sendPings: true,
  open(socket) {
    socket.data.open({
      send: (data) => socket.sendBinary(data),
      buffered: () => socket.getBufferedAmount(),
      close: (code, reason) => socket.close(code, reason),
    });
  },
  message(socket, message) {
    socket.data.message(typeof message === "string" ? Buffer.from(message) : message);
  },
  drain: (socket) => socket.data.drain(),
  close: (socket) => socket.data.closed(),
};
