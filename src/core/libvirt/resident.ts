/**
 * How much of a guest's memory is in use on this machine: the part of QEMU's mapping of it that is there. What the
 * guest never touched is not, and a migration does not send it.
 */

import { readdir, readFile } from "node:fs/promises";

/** Bytes in use of a domain's memory of `totalBytes`; null where QEMU's process can't be read. */
export async function usedMemory(uuid: string, totalBytes: number): Promise<number | null> {
  const pid = await qemuOf(uuid);
  if (pid === null) return null;
  const map = await readFile(`/proc/${pid}/smaps`, "utf8").catch(() => null);
  return map === null ? null : usedIn(map, totalBytes);
}

/** libvirt gives QEMU the domain's uuid on its command line. */
async function qemuOf(uuid: string): Promise<string | null> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")).split("\0");
    const at = words.indexOf("-uuid");
    if (at >= 0 && words[at + 1] === uuid) return pid;
  }
  return null;
}

/**
 * From the text of /proc/PID/smaps: what is there of the mappings that hold the guest's memory. Below 4 GiB and
 * above may be two, and QEMU aligns them, so it is those that are not larger than the memory and nearly all of it.
 */
export function usedIn(smaps: string, totalBytes: number): number | null {
  const totalKiB = totalBytes / 1024;
  let used = 0;
  let found = 0;
  let size = 0;
  let isPlain = false;
  for (const line of smaps.split("\n")) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ (\S{4}) /.exec(line);
    if (mapping) isPlain = mapping[1]?.startsWith("rw-") ?? false;
    const field = /^(Size|Rss):\s+(\d+) kB/.exec(line);
    if (!field || !isPlain) continue;
    const value = Number(field[2]);
    if (field[1] === "Size") size = value;
    else if (size >= totalKiB * smallestShare && size <= totalKiB + alignmentKiB) {
      used += value;
      found += size;
    }
  }
  return found >= totalKiB * smallestShare && found <= totalKiB + alignmentKiB ? used * 1024 : null;
}

/** A mapping that is smaller is something else: a video card's memory, a translation cache. */
const smallestShare = 0.9;
/** Huge pages: QEMU's mapping may be larger by one. */
const alignmentKiB = 2048;
