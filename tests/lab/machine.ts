/** One machine of the lab: namespaces of its own, a cable to the bridge, and what can go wrong with it. */
import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { until } from "../support/client.ts";
import { run } from "../support/processes.ts";
import { childOf, Program } from "./program.ts";
import type { Room } from "./room.ts";

const startMilliseconds = 10_000;
const networkBits = 24;

export class Machine {
  /** Its private folders as seen from here: `folder/srv` is its /srv. */
  readonly folder: string;

  private constructor(
    private readonly room: Room,
    /** Its hostname. */
    readonly name: string,
    readonly address: string,
    /** Its process 1, by its number out here. */
    private readonly initPid: number,
  ) {
    this.folder = join(room.folder, name);
  }

  /** Makes it, with files that are added to its /etc, and connects it. */
  static async open(
    room: Room,
    { name, address, etc }: { name: string; address: string; etc: Readonly<Record<string, string>> },
  ): Promise<Machine> {
    const folder = join(room.folder, name);
    const files: Record<string, string> = {
      hostname: `${name}\n`,
      // The same for the same room and name, so that a machine keeps it.
      "machine-id": `${idOf(`${room.folder} ${name}`)}\n`,
      // Loaded by JimV wherever it runs: a plugin that the executable knows nothing of.
      "jimv/plugins/notes.tsx": readFileSync(join(import.meta.dir, "../plugins/notes.tsx"), "utf8"),
      ...etc,
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, "etc", path, ".."), { recursive: true });
      writeFileSync(join(folder, "etc", path), text);
    }
    appendFileSync(join(room.folder, "hosts"), `${address} ${name}\n`);
    const inner = [
      "sh",
      join(import.meta.dir, "machine.sh"),
      room.folder,
      name,
      join(import.meta.dir, "init.pl"),
    ];
    const unshare = [
      "unshare",
      "--mount",
      "--net",
      "--uts",
      "--pid",
      "--fork",
      "--propagation",
      "private",
      "--",
    ];
    // Its standard input stays open as long as this process lives.
    const entrance = Bun.spawn(room.inside([...unshare, ...inner]), {
      stdin: "pipe",
      stdout: "ignore",
      stderr: Bun.file(join(folder, "machine.err")),
    });
    const initPid = await childOf(await childOf(entrance.pid));
    const machine = new Machine(room, name, address, initPid);
    await until(
      `machine ${name} is made`,
      startMilliseconds,
      () => {
        if (entrance.exitCode !== null) throw new Error(`machine ${name}: see ${folder}/machine.err`);
        return existsSync(join(folder, "ready"));
      },
      5,
    );
    await machine.connect();
    return machine;
  }

  private async connect(): Promise<void> {
    const { name, address } = this;
    await this.room.switch(
      "ip",
      "link",
      "add",
      name,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      `${this.initPid}`,
    );
    await this.run("ip", "addr", "add", `${address}/${networkBits}`, "dev", "eth0");
    await this.run("ip", "link", "set", "eth0", "up");
    await this.room.switch("ip", "link", "set", name, "up", "master", "lab");
  }

  /** Command line that starts another one on this machine. */
  inside(command: readonly string[]): string[] {
    return ["nsenter", "--target", `${this.initPid}`, "--mount", "--net", "--uts", "--pid", "--", ...command];
  }

  /** Runs a command on this machine to its end; what it prints. @throws Error with what it complains of */
  run(...command: string[]): Promise<string> {
    return run(this.inside(command));
  }

  /** A process of this machine by its number out here; null when there is none. */
  pidOutside(pid: number): number | null {
    const space = readlinkSync(`/proc/${this.initPid}/ns/pid`);
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        if (readlinkSync(`/proc/${entry}/ns/pid`) !== space) continue;
        const numbers = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${entry}/status`, "utf8"))?.[1];
        if (numbers?.split(/\s+/).at(-1) === String(pid)) return Number(entry);
      } catch {
        // It ended meanwhile.
      }
    }
    return null;
  }

  /** A program of this machine, not yet started. Its words go to `NAME.log` in the machine's folder. */
  program(name: string, command: readonly string[], environment: Record<string, string> = {}): Program {
    return new Program(this.inside(command), { log: join(this.folder, `${name}.log`), environment });
  }

  /** Cuts it off from all others, as a switch that fails: its own cable still looks sound. */
  async cut(): Promise<void> {
    await this.room.switch("ip", "link", "set", this.name, "nomaster");
  }

  async heal(): Promise<void> {
    await this.room.switch("ip", "link", "set", this.name, "master", "lab");
  }

  /** Loses this share of the packets that come in; 0 ends it. On all machines it is lost once on every way. */
  async loss(percent: number): Promise<void> {
    await this.run("iptables", "-w", "-F", "INPUT");
    if (percent === 0) return;
    const share = (percent / 100).toFixed(4);
    const random = ["-m", "statistic", "--mode", "random", "--probability", share];
    await this.run("iptables", "-w", "-A", "INPUT", "-i", "eth0", ...random, "-j", "DROP");
  }
}

/** 32 hexadecimal digits, always the same for the same text. */
export function idOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
