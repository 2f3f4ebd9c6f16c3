/** A node's look from outside whether an address answers, and whose it is. */
import { timing } from "jimv";

/** What came of one look. `mac`: who answered, where the node is in the address's own network. */
export interface Answer {
  answered: boolean;
  mac: string | null;
}

/** How a node looks; tests have their own. */
export type Reach = (address: string) => Promise<Answer>;

/** States in which the kernel has just heard from a neighbour. */
const heard = new Set(["REACHABLE", "DELAY", "PROBE"]);
/** Any port that nobody needs: the packet only makes the kernel ask who has the address. */
const discardPort = 9;

/**
 * Pings once, after forgetting what the kernel knew of the neighbour. A guest that drops pings still answers ARP, so
 * in its own network a neighbour that has just been heard counts, too.
 */
export const reach: Reach = async (address) => {
  await said(["ip", "neigh", "flush", "to", address]);
  const wait = String(timing.reachPingSeconds);
  const ping = await said(["ping", "-n", "-q", "-c", "1", "-W", wait, address]);
  if (ping === null) await knock(address);
  const neighbour = (await said(["ip", "neigh", "show", "to", address]))?.output ?? "";
  const mac = /lladdr ([0-9a-f:]{17})/.exec(neighbour)?.[1] ?? null;
  const isHeard = mac !== null && heard.has(neighbour.trim().split(/\s+/).at(-1) ?? "");
  return { answered: ping?.status === 0 || isHeard, mac: isHeard ? mac : null };
};

/** Where there is no ping: a datagram, and time for ARP to be answered. */
async function knock(address: string): Promise<void> {
  const socket = await Bun.udpSocket({});
  try {
    socket.send("", discardPort, address);
    await Bun.sleep(timing.reachKnockMilliseconds);
  } finally {
    socket.close();
  }
}

/** Runs a small command, with an end; null where it is not installed. */
async function said(command: string[]): Promise<{ status: number; output: string } | null> {
  try {
    const child = Bun.spawn(command, {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: timing.reachCommandMilliseconds,
      killSignal: "SIGKILL",
    });
    const output = await new Response(child.stdout).text();
    return { status: await child.exited, output };
  } catch {
    return null;
  }
}
