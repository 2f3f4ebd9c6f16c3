/** Over real connections: listening, TLS, WebSockets with a slow peer, how fast events travel, and stopping. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../errors.ts";
import type { SocketPeer } from "./contract.ts";
import { type Lab, makeLab, password, StreamReader } from "./testing/lab.ts";
import { listenOptions, tlsOf } from "./tls.ts";

let lab: Lab;
let folder: string;
beforeEach(async () => {
  lab = await makeLab();
  folder = mkdtempSync(join(tmpdir(), "jimv-http-"));
});
afterEach(async () => {
  await lab.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Awaits a condition, five seconds at most. */
async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("the awaited condition did not come true");
    await Bun.sleep(2);
  }
}

const listen = (): string => `127.0.0.1:${lab.web.listen({ address: "127.0.0.1", port: 0 }).port}`;

describe("WebSockets", () => {
  let peer: SocketPeer | null;
  let drained: number;
  let over: number;
  beforeEach(() => {
    peer = null;
    drained = 0;
    over = 0;
    lab.web.socket({
      path: "/echo",
      subprotocol: "binary",
      async open({ url, viewer }, opened) {
        if (url.searchParams.get("ticket") !== "good") throw new AppError("forbidden", "http.signIn");
        peer = opened;
        opened.send(Buffer.from(`hello ${viewer?.actor.name ?? "stranger"}`));
        return {
          message: (data) => opened.send(data),
          drain: () => {
            drained++;
          },
          closed: () => {
            over++;
          },
        };
      },
    });
  });

  async function connect(address: string): Promise<{ socket: WebSocket; received: Buffer[] }> {
    const socket = new WebSocket(`ws://${address}/echo?ticket=good`, ["binary"]);
    socket.binaryType = "arraybuffer";
    const received: Buffer[] = [];
    socket.onmessage = (event) => received.push(Buffer.from(event.data as ArrayBuffer));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return { socket, received };
  }

  test("carry bytes both ways, with the subprotocol, from the first moment", async () => {
    const { socket, received } = await connect(listen());
    expect(socket.protocol).toBe("binary");
    await until(() => received.length === 1);
    expect(String(received[0])).toBe("hello stranger");
    const bytes = Buffer.from([0, 255, 10, 13]);
    socket.send(bytes);
    await until(() => received.length === 2);
    expect(received[1]).toEqual(bytes);
    socket.close();
    await until(() => over === 1);
  });

  test("are refused like any request: bad ticket, foreign page, no handshake, no subprotocol", async () => {
    const address = listen();
    const upgrade = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-protocol": "binary",
    };
    const status = async (query: string, headers: Record<string, string>): Promise<number> =>
      (await fetch(`http://${address}/echo${query}`, { headers })).status;
    expect(await status("?ticket=bad", upgrade)).toBe(403);
    expect(await status("?ticket=good", { ...upgrade, origin: "https://evil.example" })).toBe(403);
    expect(await status("?ticket=good", { ...upgrade, "sec-websocket-protocol": "other" })).toBe(400);
    expect(await status("?ticket=good", { "sec-websocket-protocol": "binary" })).toBe(400);
    // The one that was opened but never became a WebSocket was told that it is over.
    expect(over).toBe(1);
  });

  test("a slow client's bytes wait, the source sees how many, and is told to go on", async () => {
    const address = listen();
    const [host = "", port = ""] = address.split(":");
    let upgraded = false;
    const slow = await Bun.connect({
      hostname: host,
      port: Number(port),
      socket: {
        data(socket) {
          if (!upgraded) socket.pause();
          upgraded = true;
        },
      },
    });
    slow.write(
      "GET /echo?ticket=good HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
    );
    await until(() => upgraded && peer !== null);
    const chunk = Buffer.alloc(64 * 1024);
    let sent = 0;
    while ((peer?.buffered() ?? 0) < 256 * 1024 && sent < 64 * 1024 * 1024) {
      peer?.send(chunk);
      sent += chunk.length;
      if (sent % (1024 * 1024) === 0) await Bun.sleep(0);
    }
    expect(peer?.buffered() ?? 0).toBeGreaterThanOrEqual(256 * 1024);
    expect(drained).toBe(0);
    slow.resume();
    await until(() => drained > 0);
    await until(() => peer?.buffered() === 0);
    slow.terminate();
    await until(() => over === 1);
  });

  test("end when the server stops", async () => {
    const { socket } = await connect(listen());
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    await lab.web.stop();
    expect((await closed).code).toBe(1001);
    expect(over).toBe(1);
  });
});

describe("streams over the wire", () => {
  test("an event reaches the reader within milliseconds of its commit", async () => {
    lab.web.live({
      name: "v",
      topics: ["t"],
      role: "reader",
      render: async (event) => [`<p>${event.key}</p>`],
    });
    const address = listen();
    const { cookie } = await lab.session();
    const stream = new StreamReader(await fetch(`http://${address}/events?view=v`, { headers: { cookie } }));
    await stream.next();
    const times: number[] = [];
    for (let turn = 0; turn < 50; turn++) {
      const committed = lab.store.batch([], { events: [{ topic: "t", key: `${turn}` }] });
      const started = performance.now();
      await committed;
      expect(await stream.data()).toContain(`<p>${turn}</p>`);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    // About 1 ms on an idle machine; the bound only tells a push from a poll on a busy one.
    expect(times[25]).toBeLessThan(50);
    await stream.cancel();
    await lab.web.stop();
  });

  test("a client that went away is forgotten", async () => {
    const address = listen();
    const { cookie } = await lab.session();
    for (let turn = 0; turn < 40; turn++) {
      const response = await fetch(`http://${address}/api/v1/events`, { headers: { cookie } });
      expect(response.status).toBe(200);
      await new StreamReader(response).cancel();
      if (turn % 10 === 9) await Bun.sleep(20);
    }
  });
});

describe("listening", () => {
  test("with TLS: its own certificate, made once, kept secret; cookies and HSTS follow", async () => {
    const tls = await listenOptions({ data: folder, tls: {} });
    const again = await listenOptions({ data: folder, tls: {} });
    expect(again).toEqual(tls);
    expect(statSync(join(folder, "tls/key.pem")).mode & 0o777).toBe(0o600);
    const certificate = new X509Certificate(tls.cert);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(certificate.checkHost("localhost")).toBe("localhost");
    expect(tls.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);

    const { port } = lab.web.listen({ address: "127.0.0.1", port: 0, tls });
    await lab.web.access.createPerson({ name: "anna", password, role: "reader", language: null });
    const response = await fetch(`https://localhost:${port}/api/v1/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "anna", password }),
      tls: { ca: tls.cert },
    });
    expect(response.status).toBe(201);
    expect(response.headers.get("set-cookie")).toEndWith("HttpOnly; Secure");
    expect(response.headers.get("strict-transport-security")).toContain("max-age");
    await expect(fetch(`https://localhost:${port}/`)).rejects.toThrow();
  });

  test("with a certificate that can't be used says which file and why", () => {
    const file = (name: string): string => join(folder, name);
    writeFileSync(file("bad.pem"), "nonsense");
    expect(() => tlsOf({ folder, certificate: file("gone.pem"), key: file("gone.key") })).toThrow("gone.pem");
    expect(() => tlsOf({ folder, certificate: file("bad.pem"), key: file("bad.pem") })).toThrow("not a PEM");
    const own = { folder: file("own") };
    tlsOf(own);
    expect(() => tlsOf(own, new Date(Date.now() + 11 * 365 * 24 * 3_600_000))).toThrow("ended on");
  });

  test("on a taken port is refused: two programs never share one", async () => {
    const address = listen();
    const other = await makeLab();
    const port = Number(address.split(":")[1]);
    expect(() => other.web.listen({ address: "127.0.0.1", port })).toThrow();
    await other.stop();
  });

  test("the peer's address reaches the handlers", async () => {
    lab.web.api({
      method: "GET",
      path: "/who",
      summary: "",
      tag: "",
      role: "anyone",
      answer: { status: 200 },
      handle: ({ address }) => ({ body: { address } }),
    });
    const response = await fetch(`http://${listen()}/api/v1/who`);
    expect(await response.json()).toEqual({ address: "127.0.0.1" });
  });

  test("stopping lets a running request end, and takes no new one", async () => {
    let release: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      release = resolve;
    });
    let running = false;
    lab.web.api({
      method: "GET",
      path: "/slow",
      summary: "",
      tag: "",
      role: "anyone",
      answer: { status: 200 },
      async handle() {
        running = true;
        await waiting;
        return { body: { done: true } };
      },
    });
    const address = listen();
    const answer = fetch(`http://${address}/api/v1/slow`);
    await until(() => running);
    const stopped = lab.web.stop();
    release();
    expect(await (await answer).json()).toEqual({ done: true });
    await stopped;
    await expect(fetch(`http://${address}/api/v1/slow`)).rejects.toThrow();
  });
});
