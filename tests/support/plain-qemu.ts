/**
 * A guest run by QEMU alone, without libvirt and without JimV: for tests of disk images.
 * Everything waits with an end, and `end()` leaves no process and no file behind.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";

/** How long one answer of the monitor or the agent may take under emulation on a busy machine. */
const answerMs = 20_000;

export interface PlainGuestOptions {
  /** The system disk (qcow2); it is written to. */
  disk: string;
  /** A folder whose files appear on a second disk, FAT with this label. */
  seedFolder?: string;
  /** A second disk as a raw image. */
  seedImage?: string;
  memoryMiB?: number;
}

export class PlainGuest {
  private constructor(
    private readonly folder: string,
    private readonly process: Bun.Subprocess,
    private readonly monitor: JsonLines,
    private readonly agentLines: JsonLines,
  ) {}

  static async start(options: PlainGuestOptions): Promise<PlainGuest> {
    const folder = mkdtempSync(join(tmpdir(), "jimv-plain-"));
    const seed = options.seedFolder
      ? [
          "-drive",
          `if=virtio,format=raw,readonly=on,file.driver=vvfat,file.label=CIDATA,file.dir=${options.seedFolder}`,
        ]
      : options.seedImage
        ? ["-drive", `if=virtio,format=raw,readonly=on,file=${options.seedImage}`]
        : [];
    const child = Bun.spawn(
      [
        "qemu-system-x86_64",
        ...["-accel", "tcg", "-machine", "q35", "-cpu", "qemu64", "-m", String(options.memoryMiB ?? 256)],
        ...["-nodefaults", "-display", "none", "-vga", "std", "-no-user-config"],
        ...["-drive", `if=virtio,format=qcow2,file=${options.disk}`, ...seed],
        ...["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci"],
        ...["-device", "virtio-serial-pci"],
        ...["-chardev", `socket,id=agent,path=${folder}/agent,server=on,wait=off`],
        ...["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
        ...["-qmp", `unix:${folder}/qmp,server=on,wait=off`],
        ...["-serial", `file:${folder}/serial`],
      ],
      { stdin: "ignore", stdout: "ignore", stderr: Bun.file(`${folder}/stderr`) },
    );
    try {
      const monitor = await JsonLines.open(`${folder}/qmp`);
      await monitor.ask("qmp_capabilities");
      return new PlainGuest(folder, child, monitor, await JsonLines.open(`${folder}/agent`));
    } catch (error) {
      child.kill("SIGKILL");
      await child.exited;
      const said = await Bun.file(`${folder}/stderr`).text();
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`QEMU did not start: ${said || error}`);
    }
  }

  /** Waits until the serial console shows what matches, and returns all it showed. */
  async serialShows(pattern: RegExp, ms = 60_000): Promise<string> {
    return eventually(`the serial console to show ${pattern}`, ms, async () => {
      const text = await Bun.file(`${this.folder}/serial`).text();
      return pattern.test(text) ? text : undefined;
    });
  }

  /** Waits until the guest agent answers. */
  async agentAnswers(ms = 60_000): Promise<void> {
    await eventually("the guest agent to answer", ms, async () => {
      // Half a line from an earlier try may lie in the channel: the agent's own sync clears it.
      const id = Math.floor(Math.random() * 1e9);
      const answer = await this.agentLines.ask("guest-sync", { id }, 1000).catch(() => undefined);
      return answer === id ? true : undefined;
    });
  }

  /** One command of the guest agent. */
  agent(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return this.agentLines.ask(command, args, answerMs);
  }

  /** Runs a program in the guest through the agent and returns its standard output; throws where it fails. */
  async run(path: string, ...args: string[]): Promise<string> {
    const { pid } = (await this.agent("guest-exec", { path, arg: args, "capture-output": true })) as {
      pid: number;
    };
    const end = await eventually(`${path} to end in the guest`, answerMs, async () => {
      const status = (await this.agent("guest-exec-status", { pid })) as ExecStatus;
      return status.exited ? status : undefined;
    });
    if (end.exitcode !== 0)
      throw new Error(`${path} ended with ${end.exitcode}: ${Buffer.from(end["err-data"] ?? "", "base64")}`);
    return Buffer.from(end["out-data"] ?? "", "base64").toString();
  }

  /** One command of QEMU's monitor (QMP). */
  command(name: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return this.monitor.ask(name, args, answerMs);
  }

  /** Types keys, by QEMU's names for them, one after the other; a chord is one entry with `-`. */
  async type(...chords: string[]): Promise<void> {
    for (const chord of chords)
      await this.command("send-key", {
        keys: chord.split("-").map((data) => ({ type: "qcode", data })),
        "hold-time": 20,
      });
  }

  /** Writes a picture (PNG) of the screen. */
  async screenshot(path: string): Promise<void> {
    await this.command("screendump", { filename: path, format: "png" });
  }

  /** Waits for the end of QEMU, which is the guest's power off. */
  async poweredOff(ms = 30_000): Promise<void> {
    await eventually("the guest to power off", ms, async () =>
      this.process.exitCode === null ? undefined : true,
    );
  }

  async end(): Promise<void> {
    this.monitor.close();
    this.agentLines.close();
    this.process.kill("SIGKILL");
    await this.process.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface ExecStatus {
  exited: boolean;
  exitcode?: number;
  "out-data"?: string;
  "err-data"?: string;
}

/** Asks again and again until there is a value. */
export async function eventually<T>(what: string, ms: number, ask: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await Bun.sleep(50);
  }
}

/** A connection on which each line is a JSON document, one answer to each question: QMP and the guest agent. */
class JsonLines {
  private text = "";
  private waiting: ((line: Record<string, unknown>) => void) | null = null;
  private socket: Socket | null = null;

  static async open(path: string): Promise<JsonLines> {
    const lines = new JsonLines();
    const decoder = new TextDecoder();
    lines.socket = await eventually(`${path} to accept`, 10_000, () =>
      Bun.connect({
        unix: path,
        socket: { data: (_, bytes) => lines.take(decoder.decode(bytes, { stream: true })) },
      }).catch(() => undefined),
    );
    return lines;
  }

  /** Asks and gives back what stands in `return`; throws the other side's error. */
  ask(execute: string, args: Record<string, unknown> = {}, ms = answerMs): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting = null;
        reject(new Error(`no answer to ${execute} within ${ms} ms`));
      }, ms);
      this.waiting = (line) => {
        clearTimeout(timer);
        this.waiting = null;
        const error = line.error as { desc?: string } | undefined;
        if (error) reject(new Error(`${execute}: ${error.desc}`));
        else resolve(line.return);
      };
      this.socket?.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    });
  }

  close(): void {
    this.socket?.end();
  }

  private take(text: string): void {
    this.text += text;
    for (let end = this.text.indexOf("\n"); end >= 0; end = this.text.indexOf("\n")) {
      const line = this.text.slice(0, end).trim();
      this.text = this.text.slice(end + 1);
      if (line === "") continue;
      const document = JSON.parse(line) as Record<string, unknown>;
      if ("return" in document || "error" in document) this.waiting?.(document);
    }
  }
}
