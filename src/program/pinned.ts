/**
 * One request to a controller whose certificate is known by its fingerprint and by nothing else. The secret in it
 * goes down the very connection whose certificate was compared, so it speaks HTTP by itself.
 */
import { connect as connectPlain } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { timing } from "../core/timing.ts";

/** The certificate on the other side is not the one that was expected. */
export class WrongCertificate extends Error {
  override readonly name = "WrongCertificate";
}

export interface Answer {
  status: number;
  /** The parsed JSON, or null where it is none. */
  body: unknown;
}

/** No answer of a controller is longer, bytes. */
const longest = 1024 * 1024;

/**
 * Posts JSON. `fingerprint` is SHA-256 in 64 hex digits.
 * @throws WrongCertificate, Error when nothing answers in time
 */
export async function postPinned(url: URL, json: unknown, fingerprint: string): Promise<Answer> {
  const socket = connect({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 443),
    ...(/^[\d.]+$|:/.test(url.hostname) ? {} : { servername: url.hostname }),
    rejectUnauthorized: false,
  });
  const timer = setTimeout(
    () => socket.destroy(new Error(`no answer within ${timing.joinRequestMilliseconds / 1000} s`)),
    timing.joinRequestMilliseconds,
  );
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    const shown = fingerprintOf(socket);
    if (shown !== fingerprint)
      throw new WrongCertificate(
        `${url.host} shows another certificate (SHA-256 ${shown}) than the one that the token was made with. ` +
          "Make the token on the very controller that is given, and see that nothing stands in between.",
      );
    return await exchange(socket, url, JSON.stringify(json));
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function fingerprintOf(socket: TLSSocket): string {
  const { raw } = socket.getPeerCertificate();
  return raw ? new Bun.CryptoHasher("sha256").update(raw).digest("hex") : "none";
}

async function exchange(socket: TLSSocket, url: URL, body: string): Promise<Answer> {
  const bytes = Buffer.from(body);
  const head = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    "content-type: application/json",
    "accept: application/json",
    `content-length: ${bytes.length}`,
    "connection: close",
  ];
  const chunks: Buffer[] = [];
  let size = 0;
  const received = new Promise<Buffer>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      const whole = size > longest ? null : Buffer.concat(chunks);
      if (whole === null) reject(new Error("the answer is no controller's: it is too long"));
      else if (isWhole(whole)) resolve(whole);
    });
    socket.once("end", () => resolve(Buffer.concat(chunks)));
    socket.once("error", reject);
  });
  socket.write(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), bytes]));
  const whole = await received;
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(whole.toString("latin1", 0, 32))?.[1]);
  if (!status) throw new Error("the answer is no controller's");
  return { status, body: parsed(whole.subarray(whole.indexOf("\r\n\r\n") + 4).toString("utf8")) };
}

/** Whether everything has come that the head promises. */
function isWhole(answer: Buffer): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.toString("latin1", 0, end))?.[1];
  return length !== undefined && answer.length >= end + 4 + Number(length);
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The address of this machine from which a host is reached; null where nothing answers, or it is this machine. */
export async function addressTowards(url: URL): Promise<string | null> {
  const socket = connectPlain({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || (url.protocol === "http:" ? 80 : 443)),
  });
  socket.setTimeout(timing.joinRequestMilliseconds, () => socket.destroy(new Error("no answer")));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    const address = socket.localAddress?.replace(/^::ffff:/, "") ?? null;
    return address === null || /^127\.|^::1$/.test(address) ? null : address;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}
