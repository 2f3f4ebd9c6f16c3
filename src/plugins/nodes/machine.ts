/** What a node reads of its own machine without libvirt: load, ports, bridges, and the rights on a folder. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import {
  access,
  mkdir,
  readdir,
  readFile,
  realpath,
  rm,
  rmdir,
  stat,
  statfs,
  writeFile,
} from "node:fs/promises";
import { loadavg, networkInterfaces, totalmem, uptime } from "node:os";
import { dirname, join } from "node:path/posix";
import { AppError } from "jimv";
import { refusedFolder } from "./folder.ts";
import type { NodeLoad, PortFacts } from "./heartbeat.ts";

/** Reads the load; the CPUs' share is that since the last call, the first one's that since the machine started. */
export function loadMeter(): () => Promise<NodeLoad> {
  let before = { all: 0, busy: 0 };
  return async () => {
    const now = cpuTimes();
    const all = now.all - before.all;
    const busy = all > 0 ? (100 * (now.busy - before.busy)) / all : 0;
    before = now;
    const meminfo = await readFile("/proc/meminfo", "utf8");
    const availableKiB = Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0);
    return {
      cpuPercent: Math.round(Math.max(0, Math.min(100, busy)) * 10) / 10,
      load1: Math.round((loadavg()[0] ?? 0) * 100) / 100,
      memoryMiB: Math.floor(totalmem() / 1024 / 1024),
      availableMemoryMiB: Math.floor(availableKiB / 1024),
      uptimeSeconds: Math.floor(uptime()),
    };
  };
}

/** Enough for the first line of /proc/stat; what follows of a large machine is long, and its CPUs one by one longer. */
const firstLineBytes = 512;

/** What all CPUs together have done since the machine started, in ticks. */
function cpuTimes(): { all: number; busy: number } {
  const file = openSync("/proc/stat", "r");
  try {
    const buffer = Buffer.allocUnsafe(firstLineBytes);
    const [line = ""] = buffer.toString("latin1", 0, readSync(file, buffer)).split("\n");
    // cpu user nice system idle iowait irq softirq steal; what guests have had is in user and nice already (proc(5)).
    const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0, stolen = 0] = line
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const busy = user + nice + system + irq + softirq + stolen;
    return { all: busy + idle + waiting, busy };
  } finally {
    closeSync(file);
  }
}

/** More listening ports than this are not told; a range with so many in it is a bad choice anyway. */
const mostPorts = 1000;
/** The local port of a socket that listens (state 0A) in /proc/net/tcp: a machine has thousands that do not. */
const listeningSocket = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm;

/** The last look, shared by who asks within a second of it: the kernel takes long where there are many connections. */
let looked: { at: number; facts: Promise<PortFacts> } | null = null;
const lookedMilliseconds = 1_000;

/** Which TCP ports are in use here, and which the kernel takes for outgoing connections; up to a second old. */
export function portFacts(): Promise<PortFacts> {
  const now = performance.now();
  if (!looked || now - looked.at > lookedMilliseconds) looked = { at: now, facts: lookAtPorts() };
  return looked.facts;
}

async function lookAtPorts(): Promise<PortFacts> {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number);
  const listening = new Set<number>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(file, "utf8").catch(() => "");
    for (const [, digits = ""] of text.matchAll(listeningSocket)) {
      const port = Number.parseInt(digits, 16);
      if (port >= 1024) listening.add(port);
    }
  }
  const sorted = [...listening].sort((a, b) => a - b);
  return { ephemeralFirst: first, ephemeralLast: last, listening: sorted.slice(0, mostPorts) };
}

/** The bridges of this machine that a guest could be put on: libvirt's own are left out. */
export async function hostBridges(networks: readonly { bridge: string | null }[]): Promise<string[]> {
  const own = new Set(networks.map((network) => network.bridge));
  const names = await readdir("/sys/class/net").catch(() => []);
  const found: string[] = [];
  for (const name of names) if (!own.has(name) && (await isBridge(name))) found.push(name);
  return found.sort();
}

/** More than these are those of guests' networks, and nobody reads them. */
const mostAddresses = 32;

/** The addresses of this machine's interfaces that others might reach: no loopback, no link-local ones. */
export function interfaceAddresses(): { name: string; address: string }[] {
  return Object.entries(networkInterfaces())
    .flatMap(([name, list]) =>
      (list ?? [])
        .filter((each) => !each.internal && !each.address.toLowerCase().startsWith("fe80:"))
        .map(({ address }) => ({ name, address })),
    )
    .slice(0, mostAddresses);
}

/** Whether the machine has a bridge of this name. */
export async function isBridge(name: string): Promise<boolean> {
  if (!/^[A-Za-z0-9_.:-]{1,15}$/.test(name) || name.startsWith(".")) return false;
  return (await stat(join("/sys/class/net", name, "bridge")).catch(() => null))?.isDirectory() ?? false;
}

/** A file system with less free space than this holds no guest. */
const leastFolderBytes = 256 * 1024 ** 2;

/**
 * Looks at what a folder of this machine would be as storage folder, without making it: the nearest folder that is
 * there must be one that can be written, on a file system that has room.
 */
export async function lookAtFolder(
  path: string,
): Promise<{ refusal: AppError | null; availableBytes: number | null }> {
  const refused = refusedFolder(path);
  if (refused) return { refusal: new AppError("conflict", refused, { path }), availableBytes: null };
  let there = path;
  while (there !== "/" && !(await exists(there))) there = dirname(there);
  try {
    if (!(await stat(there)).isDirectory())
      return {
        refusal: new AppError("conflict", "nodes.folder.noFolder", { path: there }),
        availableBytes: null,
      };
    // Root may do anything but write on what is mounted read-only, and this tells that, too.
    await access(there, constants.W_OK);
    const { bavail, bsize } = await statfs(there);
    const availableBytes = bavail * bsize;
    return { refusal: tooSmall(path, availableBytes), availableBytes };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return {
      refusal: new AppError("conflict", "nodes.folder.denied", { path, detail }),
      availableBytes: null,
    };
  }
}

function tooSmall(path: string, availableBytes: number): AppError | null {
  if (availableBytes >= leastFolderBytes) return null;
  const mib = (bytes: number): number => Math.floor(bytes / 1024 ** 2);
  const args = { path, free: mib(availableBytes), least: mib(leastFolderBytes) };
  return new AppError("conflict", "nodes.folder.small", args);
}

/** QEMU's user passes through, others can't look in. */
const folderMode = 0o711;

/**
 * Makes the storage folder where it is not there, and tries it: it must be a real folder that can be written, with
 * room for something.
 * Returns the folders above it that QEMU's own user can't pass through.
 * @throws AppError conflict with what is wrong
 */
export async function prepareFolder(path: string): Promise<string[]> {
  try {
    if (!(await exists(path))) {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await mkdir(path, { mode: folderMode });
    }
    const facts = await stat(path);
    if (!facts.isDirectory()) throw new AppError("conflict", "nodes.folder.noFolder", { path });
    const real = await realpath(path);
    if (real !== path) throw new AppError("conflict", "nodes.folder.link", { path, real });
    const probe = join(path, `.jimv-probe-${crypto.randomUUID()}`);
    try {
      await writeFile(probe, "", { flag: "wx", mode: 0o600 });
    } finally {
      await rm(probe, { force: true });
    }
    const { type, bavail, bsize } = await statfs(path);
    if (type === procMagic || type === sysfsMagic)
      throw new AppError("conflict", "nodes.folder.system", { path });
    const small = tooSmall(path, bavail * bsize);
    if (small) throw small;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("conflict", "nodes.folder.denied", {
      path,
      detail: error instanceof Error ? error.message : String(error),
    });
  }
  return closedAbove(path);
}
const procMagic = 0x9fa0;
const sysfsMagic = 0x62656572;

async function closedAbove(path: string): Promise<string[]> {
  const closed: string[] = [];
  for (let folder = path; folder !== "/"; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) closed.push(folder);
  }
  return closed.reverse();
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

/** Takes a folder away that we made, if nothing came into it. */
export async function removeEmptyFolder(path: string): Promise<void> {
  await rmdir(path).catch((error: { code?: string }) => {
    if (error.code !== "ENOENT" && error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}
