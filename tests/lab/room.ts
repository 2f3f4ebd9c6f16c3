/**
 * Machines made of namespaces: each with its own processes, mounts, network, hostname, machine-id and /etc, all
 * on one bridge. Everything is below one process that ends when this one does (even by SIGKILL), and with it the
 * kernel ends all processes, mounts and networks; only a folder stays, which the next lab removes. Needs root.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markedProcess, processMark, run, startTimeOf } from "../support/processes.ts";
import { Machine } from "./machine.ts";
import { childOf } from "./program.ts";

const parent = "/var/tmp";
const prefix = "jimv-lab-";
const endMilliseconds = 10_000;

/** What libvirt learnt of QEMU takes seconds to learn again; it checks itself whether it is still right. */
const sharedCache = join(import.meta.dir, "../../.cache/libvirt");

export class Room {
  private readonly cleanup = (): void => this.end();

  private constructor(
    readonly folder: string,
    private readonly holder: Bun.Subprocess<"pipe", "ignore", "inherit">,
    /** Process 1 of the room, by its number out here. */
    private readonly initPid: number,
  ) {
    process.once("exit", this.cleanup);
  }

  /** Makes the room with its bridge, and a cable from here to it. */
  static async open(): Promise<Room> {
    sweepStale();
    const folder = mkdtempSync(join(parent, prefix));
    writeFileSync(join(folder, "owner"), processMark(process.pid));
    mkdirSync(join(folder, "shared"));
    writeFileSync(join(folder, "hosts"), "127.0.0.1 localhost\n::1 localhost\n");
    mkdirSync(sharedCache, { recursive: true });
    symlinkSync(sharedCache, join(folder, "cache"));
    const unshare = [
      "unshare",
      "--mount",
      "--net",
      "--pid",
      "--fork",
      "--kill-child",
      "--propagation",
      "private",
    ];
    const holder = Bun.spawn([...unshare, "--", "perl", join(import.meta.dir, "init.pl")], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "inherit",
    });
    const room = new Room(folder, holder, await childOf(holder.pid));
    try {
      await room.layCable();
      return room;
    } catch (error) {
      await room.close();
      throw error;
    }
  }

  /** Address of the machine with this number; 1 is here, outside of all machines, and they reach it, too. */
  addressOf(host: number): string {
    // A quarter of 10/8 in networks of 256 addresses, by the process: labs at the same time differ.
    const piece = this.initPid % 2 ** 14;
    return `10.${128 + (piece >> 8)}.${piece & 255}.${host}`;
  }

  /** Device of the cable that leads from here to the room. */
  get cable(): string {
    return `jl${this.initPid}`;
  }

  private async layCable(): Promise<void> {
    await run([
      "ip",
      "link",
      "add",
      this.cable,
      "type",
      "veth",
      "peer",
      "name",
      "ours",
      "netns",
      `${this.initPid}`,
    ]);
    await run(["ip", "addr", "add", `${this.addressOf(1)}/24`, "dev", this.cable]);
    await run(["ip", "link", "set", this.cable, "up"]);
    await this.switch("ip", "link", "add", "lab", "type", "bridge");
    await this.switch("ip", "link", "set", "lab", "up");
    await this.switch("ip", "link", "set", "ours", "master", "lab", "up");
  }

  /** Runs a command where the bridge and all the machines' cables are. */
  switch(...command: string[]): Promise<string> {
    return run(["nsenter", "--target", `${this.initPid}`, "--net", "--", ...command]);
  }

  /** Adds a machine; `host` is the last part of its address. Files in `etc` are added to its /etc. */
  add(name: string, host: number, etc: Readonly<Record<string, string>> = {}): Promise<Machine> {
    return Machine.open(this, { name, address: this.addressOf(host), etc });
  }

  /** Command line that starts another one in the room. */
  inside(command: readonly string[]): string[] {
    return ["nsenter", "--target", `${this.initPid}`, "--mount", "--net", "--pid", "--", ...command];
  }

  /** Ends everything at once and removes every trace. */
  async close(): Promise<void> {
    process.removeListener("exit", this.cleanup);
    this.holder.stdin.end();
    await this.holder.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private end(): void {
    const startTime = startTimeOf(this.initPid);
    this.holder.kill("SIGKILL");
    const late = Date.now() + endMilliseconds;
    while (startTimeOf(this.initPid) === startTime && Date.now() < late) Bun.sleepSync(5);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Removes the folders of labs that are no more: their processes ended with their owner. */
function sweepStale(): void {
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name);
    if (name.startsWith(prefix) && markedProcess(join(folder, "owner")) === null)
      rmSync(folder, { recursive: true, force: true });
  }
}
