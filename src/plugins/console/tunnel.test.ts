/** The console's tunnel against a pretended VNC server: bytes, backpressure both ways, and every kind of end. */
import { afterEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { AppError, type SocketPeer, timing } from "jimv";
import { openTunnel } from "./tunnel.ts";

const never = { after: () => () => undefined };
const open: { server: Server; sockets: Socket[] }[] = [];

afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** A TCP server on a free port, and the first connection it gets. */
async function vncServer() {
  const sockets: Socket[] = [];
  const first = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    first.resolve(socket);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  open.push({ server, sockets });
  const { port } = server.address() as { port: number };
  return { address: { host: "127.0.0.1", port }, connection: first.promise };
}

/** A browser that takes what it is given only when `take` is called. */
class SlowPeer implements SocketPeer {
  waiting: Uint8Array[] = [];
  received = 0;
  closed: { code: number | undefined; reason: string | undefined } | null = null;
  readonly onClose = Promise.withResolvers<void>();
  constructor(private readonly fast = false) {}
  send(data: Uint8Array): void {
    if (this.fast) this.received += data.byteLength;
    else this.waiting.push(data);
  }
  buffered(): number {
    return this.waiting.reduce((sum, data) => sum + data.byteLength, 0);
  }
  take(): void {
    this.received += this.buffered();
    this.waiting = [];
  }
  close(code?: number, reason?: string): void {
    this.closed = { code, reason };
    this.onClose.resolve();
  }
}

async function until(done: () => boolean, ms = 5000): Promise<void> {
  const end = Date.now() + ms;
  while (!done()) {
    if (Date.now() > end) throw new Error("waited in vain");
    await Bun.sleep(2);
  }
}

test("bytes pass both ways in their order", async () => {
  const { address, connection } = await vncServer();
  const peer = new SlowPeer();
  const tunnel = await openTunnel(address, peer, never);
  const guest = await connection;
  const heard: Buffer[] = [];
  guest.on("data", (data: Buffer) => heard.push(data));
  guest.write("RFB 003.008\n");
  await until(() => peer.buffered() === 12);
  expect(Buffer.concat(peer.waiting).toString()).toBe("RFB 003.008\n");
  for (const part of ["RFB ", "003.", "008\n"]) tunnel.message(Buffer.from(part));
  await until(() => Buffer.concat(heard).length === 12);
  expect(Buffer.concat(heard).toString()).toBe("RFB 003.008\n");
  tunnel.closed();
});

test("a slow browser stops the reading from QEMU, and gets every byte in the end", async () => {
  const { address, connection } = await vncServer();
  const peer = new SlowPeer();
  const tunnel = await openTunnel(address, peer, never);
  const guest = await connection;
  const total = 48 * 1024 * 1024;
  const chunk = Buffer.alloc(64 * 1024, 7);
  let written = 0;
  const pour = (): void => {
    while (written < total) {
      written += chunk.length;
      if (!guest.write(chunk)) {
        guest.once("drain", pour);
        return;
      }
    }
  };
  pour();
  // It stands still once our queue and the kernel's buffers are full.
  let before = -1;
  await until(() => {
    const still = peer.buffered() === before && before > 0;
    before = peer.buffered();
    if (!still) Bun.sleepSync(20);
    return still;
  });
  expect(peer.buffered()).toBeLessThan(4 * 1024 * 1024);
  expect(written).toBeLessThan(total);
  let highest = 0;
  await until(() => {
    highest = Math.max(highest, peer.buffered());
    peer.take();
    tunnel.drain();
    return peer.received === total;
  }, 20_000);
  expect(highest).toBeLessThan(4 * 1024 * 1024);
  tunnel.closed();
});

test("input that the guest does not take ends the console instead of filling the memory", async () => {
  const { address, connection } = await vncServer();
  const peer = new SlowPeer();
  const tunnel = await openTunnel(address, peer, never);
  (await connection).pause();
  const chunk = Buffer.alloc(256 * 1024, 1);
  for (let sent = 0; sent < 64 * 1024 * 1024 && !peer.closed; sent += chunk.length) tunnel.message(chunk);
  expect(peer.closed).toEqual({ code: 1013, reason: "the guest takes no more input" });
});

test("input waits for a slow guest and arrives whole", async () => {
  const { address, connection } = await vncServer();
  const peer = new SlowPeer();
  const tunnel = await openTunnel(address, peer, never);
  const guest = await connection;
  guest.pause();
  let received = 0;
  guest.on("data", (data) => {
    received += data.length;
  });
  const chunk = Buffer.alloc(100 * 1024, 1);
  for (let n = 0; n < 9; n++) tunnel.message(chunk);
  guest.resume();
  await until(() => received === 9 * chunk.length);
  expect(peer.closed).toBeNull();
  tunnel.closed();
});

test("the end of QEMU ends the browser's side", async () => {
  const { address, connection } = await vncServer();
  const peer = new SlowPeer(true);
  await openTunnel(address, peer, never);
  (await connection).destroy();
  await peer.onClose.promise;
  expect(peer.closed?.code).toBe(1000);
});

test("the end of the browser's side frees QEMU's, also while it is paused", async () => {
  const { address, connection } = await vncServer();
  const peer = new SlowPeer();
  const tunnel = await openTunnel(address, peer, never);
  const guest = await connection;
  const ended = new Promise<void>((done) => guest.once("close", () => done()));
  guest.on("end", () => guest.destroy());
  guest.write(Buffer.alloc(8 * 1024 * 1024));
  await until(() => peer.buffered() > 256 * 1024);
  tunnel.closed();
  await ended;
  expect(peer.closed).toBeNull();
});

test("`end` tells the browser why", async () => {
  const { address } = await vncServer();
  const peer = new SlowPeer(true);
  const tunnel = await openTunnel(address, peer, never);
  tunnel.end("the guest stopped");
  expect(peer.closed).toEqual({ code: 1000, reason: "the guest stopped" });
});

test("a port that nobody listens on is refused at once, with a way out", async () => {
  const { address } = await vncServer();
  const [first] = open.splice(0);
  await new Promise((done) => first?.server.close(done));
  const error = await openTunnel(address, new SlowPeer(), never).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).word).toBe("console.noAnswer");
});

test("a host that does not answer is given up after the deadline", async () => {
  let deadline: { ms: number; fn: () => void } | null = null;
  const clock = {
    after(ms: number, fn: () => void) {
      deadline = { ms, fn };
      return () => undefined;
    },
  };
  // TEST-NET-1: never answers.
  const opening = openTunnel({ host: "192.0.2.1", port: 5900 }, new SlowPeer(), clock);
  opening.catch(() => undefined);
  const set = deadline as { ms: number; fn: () => void } | null;
  expect(set?.ms).toBe(timing.consoleConnectMilliseconds);
  set?.fn();
  expect(((await opening.catch((thrown: unknown) => thrown)) as AppError).status).toBe(503);
});
