/**
 * Bytes between a browser's WebSocket and a VNC server's TCP port. A browser that is slower than the guest's
 * screen makes us stop reading from QEMU, so that neither side's bytes pile up here.
 */
import { AppError, type Clock, type SocketHandler, type SocketPeer, timing } from "jimv";
import type { VncAddress } from "./service.ts";

/** Above this many bytes waiting for the browser we stop reading from QEMU until they are gone. */
const highWaterBytes = 256 * 1024;
/**
 * Bytes that may wait for QEMU. Keys and mouse moves are few; a WebSocket can't be told to wait, so who sends
 * more than this to a guest that takes nothing is cut off.
 */
const upstreamBytes = 1024 * 1024;

/** WebSocket close codes: normal, and "try again later". */
const normalEnd = 1000;
const tryLater = 1013;

export interface Tunnel extends SocketHandler {
  /** Ends both sides; the reason is for the browser's log. */
  end(reason: string): void;
}

/**
 * Connects to the VNC server, then passes bytes both ways until one side ends.
 * @throws AppError unavailable when it does not accept in time
 */
export async function openTunnel(
  address: VncAddress,
  peer: SocketPeer,
  clock: Pick<Clock, "after">,
): Promise<Tunnel> {
  let over = false;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;

  const flush = (socket: Bun.Socket): void => {
    for (let first = waiting[0]; first; first = waiting[0]) {
      const written = Math.max(0, socket.write(first));
      waitingBytes -= written;
      if (written < first.byteLength) {
        waiting[0] = first.subarray(written);
        return;
      }
      waiting.shift();
    }
  };
  const finish = (code: number, reason: string): void => {
    if (over) return;
    over = true;
    waiting = [];
    peer.close(code, reason);
  };

  const connecting = Bun.connect({
    hostname: address.host,
    port: address.port,
    socket: {
      data(socket, data) {
        if (over) return;
        peer.send(data);
        if (peer.buffered() > highWaterBytes) socket.pause();
      },
      drain: flush,
      end: () => finish(normalEnd, "the guest's screen closed"),
      close: () => finish(normalEnd, "the guest's screen closed"),
      error: () => finish(tryLater, "the connection to the guest's screen broke"),
    },
  });
  const socket = await inTime(connecting, clock).catch((cause: unknown) => {
    over = true;
    throw new AppError("unavailable", "console.noAnswer", {}, { cause });
  });

  const end = (reason: string): void => {
    finish(normalEnd, reason);
    socket.end();
  };
  return {
    message(data) {
      if (over) return;
      if (waitingBytes + data.byteLength > upstreamBytes) {
        finish(tryLater, "the guest takes no more input");
        socket.terminate();
        return;
      }
      waiting.push(data);
      waitingBytes += data.byteLength;
      flush(socket);
    },
    drain() {
      if (!over) socket.resume();
    },
    closed() {
      over = true;
      waiting = [];
      // A paused socket would never notice the end that it is told.
      socket.terminate();
    },
    end,
  };
}

/** The socket, or an error after the time is over; a connection that comes later is closed at once. */
async function inTime(connecting: Promise<Bun.Socket>, clock: Pick<Clock, "after">): Promise<Bun.Socket> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(timing.consoleConnectMilliseconds, () => {
    connecting.then(
      (socket) => socket.terminate(),
      () => undefined,
    );
    late.reject(new Error("no answer in time"));
  });
  try {
    return await Promise.race([connecting, late.promise]);
  } finally {
    cancel();
  }
}
