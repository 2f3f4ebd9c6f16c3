/**
 * Keeps ports that JimV gives out away from outgoing connections: the kernel takes those from a range of its own, and
 * one of them could sit on the port that a guest's screen, or a guest that comes, was promised. Ports listed in
 * `net.ipv4.ip_local_reserved_ports` are only given to who asks for them by number.
 */
import { type FileHandle, open } from "node:fs/promises";
import { errorText } from "jimv";

export interface PortRange {
  first: number;
  last: number;
}

export const reservedPortsFile = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/** The kernel gives the whole text in one read or cuts it off; all odd ports of a machine take less than this. */
const longestText = 256 * 1024;

/** `15900-19899,49152`, as the kernel writes it; what is no port is left out. */
export function readRanges(text: string): PortRange[] {
  return text.split(",").flatMap((part) => {
    const found = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part);
    const [first, last] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
    return found && first <= last && last <= 65_535 ? [{ first, last }] : [];
  });
}

/** The same for equal sets of ports: in order, and what touches is one range. */
export function rangesText(ranges: readonly PortRange[]): string {
  const whole: PortRange[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = whole.at(-1);
    if (before && first <= before.last + 1) before.last = Math.max(before.last, last);
    else whole.push({ first, last });
  }
  return whole.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** Whether all ports of `wanted` are among `held`. */
const covers = (held: readonly PortRange[], wanted: readonly PortRange[]): boolean =>
  rangesText([...held, ...wanted]) === rangesText(held);

async function heldRanges(handle: FileHandle): Promise<PortRange[]> {
  const buffer = Buffer.alloc(longestText);
  const { bytesRead } = await handle.read(buffer, 0, longestText, 0);
  return readRanges(buffer.toString("utf8", 0, bytesRead));
}

/**
 * Adds ranges to those that are reserved, and takes none away. Does nothing where they are. A write at another place
 * than the beginning adds to what the kernel has (`proc_do_large_bitmap` in kernel/sysctl.c, since 2.6.35), so that
 * nobody who writes at the same time is undone. Returns why it can't be done, or null.
 */
export async function reservePorts(text: string, file = reservedPortsFile): Promise<string | null> {
  const wanted = readRanges(text);
  try {
    const reader = await open(file, "r");
    try {
      if (covers(await heldRanges(reader), wanted)) return null;
      const writer = await open(file, "r+");
      try {
        await writer.write(`${rangesText(wanted)}\n`, 1);
      } finally {
        await writer.close();
      }
      return covers(await heldRanges(reader), wanted) ? null : `${file}: ${rangesText(wanted)}`;
    } finally {
      await reader.close();
    }
  } catch (error) {
    return errorText(error);
  }
}
