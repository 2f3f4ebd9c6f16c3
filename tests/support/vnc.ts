/** A VNC client that signs in and asks for the desktop's name: RFC 6143, over the console's WebSocket. */
import { createCipheriv } from "node:crypto";

const patienceMilliseconds = 10_000;
const version = "RFB 003.008\n";
const vncAuthentication = 2;

/**
 * What the desktop behind a console's socket is called. QEMU calls it after the guest.
 * @throws Error where the socket closes before, or the password is refused
 */
export async function desktopName(
  url: string,
  { headers, password }: { headers: Record<string, string>; password: string },
): Promise<string> {
  const socket = new WebSocket(url, { headers, tls: { rejectUnauthorized: false } } as never);
  socket.binaryType = "arraybuffer";
  const bytes = reader(socket);
  try {
    const offered = (await bytes(version.length)).toString("latin1");
    if (offered !== version) throw new Error(`not a VNC server: ${offered}`);
    socket.send(Buffer.from(version));
    const [kinds = 0] = await bytes(1);
    if (!(await bytes(kinds)).includes(vncAuthentication))
      throw new Error("the VNC server asks for no password");
    socket.send(Buffer.from([vncAuthentication]));
    socket.send(answerTo(await bytes(16), password));
    if ((await bytes(4)).readUInt32BE() !== 0) throw new Error("the VNC server refuses the password");
    socket.send(Buffer.from([1])); // shared with whoever else looks
    const length = (await bytes(24)).readUInt32BE(20);
    return (await bytes(length)).toString();
  } finally {
    socket.close();
  }
}

/** Reads so many bytes after those that were read before. */
function reader(socket: WebSocket): (length: number) => Promise<Buffer> {
  let come = Buffer.alloc(0);
  let ended = "";
  let wake = (): void => {};
  const end = (reason: string): void => {
    ended ||= reason;
    wake();
  };
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    come = Buffer.concat([come, Buffer.from(data)]);
    wake();
  };
  socket.onerror = () => end("the console's socket can't be opened");
  socket.onclose = ({ reason }) => end(`the console's socket was closed: ${reason}`);
  const patience = setTimeout(() => end("the VNC server says nothing"), patienceMilliseconds);
  patience.unref();
  return async (length) => {
    while (come.length < length) {
      if (ended) throw new Error(ended);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const taken = come.subarray(0, length);
    come = come.subarray(length);
    return taken;
  };
}

/** The challenge under DES; the key is the password's first 8 bytes, each with its bits in reverse (RFC 6143, 7.2.2). */
function answerTo(challenge: Buffer, password: string): Uint8Array<ArrayBuffer> {
  const key = Buffer.alloc(8);
  Buffer.from(password).copy(key);
  for (const [at, byte] of key.entries())
    key[at] = Number.parseInt([...byte.toString(2).padStart(8, "0")].reverse().join(""), 2);
  const cipher = createCipheriv("des-ecb", key, null);
  cipher.setAutoPadding(false);
  return Uint8Array.from([...cipher.update(challenge), ...cipher.final()]);
}
