/** The console's page against a tiny VNC server: ticket, password, keys, reconnection. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { ServerWebSocket } from "bun";
import type { Browser, Page } from "playwright-core";
import { galleryPolicy, serveGallery } from "../../src/ui/gallery/index.tsx";
import { openPage, startBrowser } from "./site.tsx";

setDefaultTimeout(60_000);

/** What a connection has told so far, and how far its handshake went. */
interface Peer {
  phase: "version" | "security" | "challenge" | "init" | "open";
  keys: { down: boolean; keysym: number }[];
  rest: Uint8Array;
}

const challenge = Uint8Array.from({ length: 16 }, (_, n) => n);

/** RFB 3.8 with password authentication and one grey screen; knows just what a client must say. */
class FakeVnc {
  readonly tickets: string[] = [];
  readonly used: (string | null)[] = [];
  readonly peers: ServerWebSocket<Peer>[] = [];
  refuse: string | null = null;
  private readonly server = Bun.serve<Peer>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request, server) => {
      const url = new URL(request.url);
      if (url.pathname === "/console/ticket" && request.method === "POST") {
        if (request.headers.get("x-csrf-token") !== "gallery-token")
          return new Response(null, { status: 403 });
        if (this.refuse) return Response.json({ detail: this.refuse }, { status: 409 });
        this.tickets.push(`ticket-${this.tickets.length + 1}`);
        return Response.json({ ticket: this.tickets.at(-1), password: "pass1234" });
      }
      if (url.pathname === "/console/socket") {
        this.used.push(url.searchParams.get("ticket"));
        const data: Peer = { phase: "version", keys: [], rest: new Uint8Array() };
        if (server.upgrade(request, { data })) return undefined;
      }
      return (await serveGallery(request)) ?? new Response(null, { status: 404 });
    },
    websocket: {
      data: {} as Peer,
      open: (socket) => {
        this.peers.push(socket);
        socket.send(new TextEncoder().encode("RFB 003.008\n"));
      },
      message: (socket, message) => {
        const bytes =
          typeof message === "string" ? new TextEncoder().encode(message) : new Uint8Array(message);
        socket.data.rest = Uint8Array.from([...socket.data.rest, ...bytes]);
        while (this.step(socket)) {}
      },
    },
  });

  get url(): string {
    return this.server.url.href;
  }

  stop(): void {
    this.server.stop(true);
  }

  /** Takes one message off what has come; false when it is not there yet. */
  private step(socket: ServerWebSocket<Peer>): boolean {
    const peer = socket.data;
    const take = (length: number): Uint8Array | null => {
      if (peer.rest.length < length) return null;
      const taken = peer.rest.slice(0, length);
      peer.rest = peer.rest.slice(length);
      return taken;
    };
    if (peer.phase === "version") {
      if (!take(12)) return false;
      socket.send(Uint8Array.of(1, 2));
      peer.phase = "security";
    } else if (peer.phase === "security") {
      if (!take(1)) return false;
      socket.send(challenge);
      peer.phase = "challenge";
    } else if (peer.phase === "challenge") {
      const answer = take(16);
      if (!answer) return false;
      // An answer that is the challenge itself would mean that no password was used.
      socket.send(Uint8Array.of(0, 0, 0, answer.every((byte, n) => byte === challenge[n]) ? 1 : 0));
      peer.phase = "init";
    } else if (peer.phase === "init") {
      if (!take(1)) return false;
      const format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
      socket.send(
        Uint8Array.from([0, 64, 0, 48, ...format, 0, 0, 0, 4, ...new TextEncoder().encode("fake")]),
      );
      peer.phase = "open";
    } else {
      const kind = peer.rest[0];
      if (kind === undefined) return false;
      const encodings = 4 + 4 * ((peer.rest[2] ?? 0) * 256 + (peer.rest[3] ?? 0));
      const length = { 0: 20, 2: encodings, 3: 10, 4: 8, 5: 6 }[kind];
      const message = length && peer.rest.length >= Math.min(length, 4) ? take(length) : null;
      if (!message) return false;
      if (kind === 4) {
        const view = new DataView(message.buffer);
        peer.keys.push({ down: view.getUint8(1) === 1, keysym: view.getUint32(4) });
      }
    }
    return true;
  }
}

let vnc: FakeVnc;
let browser: Browser;
let page: Page;
let complaints: string[];
let close: () => Promise<void>;

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  vnc = new FakeVnc();
  ({ page, complaints, close } = await openPage(browser, `${vnc.url}gallery/console?lang=en`));
});
afterEach(async () => {
  await close();
  vnc.stop();
});

const pressed = (): number[] =>
  vnc.peers
    .at(-1)
    ?.data.keys.filter((key) => key.down)
    .map((key) => key.keysym) ?? [];

async function until(done: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!done() && Date.now() < end) await Bun.sleep(10);
  expect(done()).toBe(true);
}

test("connects with a ticket from a post, keeps the password out of addresses, sends keys", async () => {
  await page.waitForSelector('[data-lamp="live"]');
  expect(await page.textContent("#console-state")).toBe("Connected");
  expect(vnc.used).toEqual(["ticket-1"]);
  expect(page.url()).not.toContain("pass1234");
  expect(await page.locator("#screen canvas").count()).toBe(1);
  await page.keyboard.press("a");
  await until(() => pressed().includes(0x61));
  await page.click("#console-cad");
  await until(() => [0xffe3, 0xffe9, 0xffff].every((key) => pressed().includes(key)));
  await page.click("#console-paste");
  await page.fill("#paste-text", "rm -I é\n");
  await page.click("#paste-type");
  await until(() => pressed().at(-1) === 0xff0d);
  expect(pressed().slice(-9)).toEqual([0x72, 0x6d, 0x20, 0x2d, 0xffe1, 0x49, 0x20, 0xe9, 0xff0d]);
  expect(complaints).toEqual([]);
  expect(galleryPolicy).not.toContain("unsafe");
});

test("a lost connection comes back by itself, with a fresh ticket", async () => {
  await page.waitForSelector('[data-lamp="live"]');
  vnc.peers[0]?.close();
  await page.waitForSelector('[data-lamp="lost"]');
  await page.waitForSelector('[data-lamp="live"]');
  expect(vnc.used).toEqual(["ticket-1", "ticket-2"]);
});

test("a refusal is shown with its reason, and the screen comes when the guest does", async () => {
  vnc.refuse = "web-07 is off. Start it to see its screen.";
  await page.reload();
  await page.waitForSelector('[data-lamp="lost"]');
  expect(await page.textContent("#console-state")).toContain("web-07 is off. Start it to see its screen.");
  vnc.refuse = null;
  await page.waitForSelector('[data-lamp="live"]');
});
