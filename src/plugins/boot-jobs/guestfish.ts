/**
 * The real appliance: libguestfs's shell, told one command after the other on its standard input. No text of people's
 * goes through any shell: contents travel as files, and names are quoted so that every byte but plain ones is written
 * as a number. A command that fails ends guestfish, which then unmounts and writes everything out.
 *
 * It dies with us: when this process is killed, its standard input ends. What it is doing just then goes on, so that
 * the next attempt first ends it by the session id that was written down (`end`).
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type CephAccess, type NodeContext, timing } from "jimv";
import {
  type Appliance,
  ApplianceError,
  type ApplianceSession,
  type CommandEnd,
  type GuestCommand,
  longestReadBytes,
} from "./appliance.ts";
import { runInGuest } from "./guest-command.ts";

/** In memory: contents and values of rules never lie on the node's disk. */
const workFolder = "/run/jimv/boot-jobs";
const folderOf = (uuid: string): string => `${workFolder}/${uuid}`;
const errorTailCharacters = 2000;

const selinuxConfig = "/etc/selinux/config";
/** A guest that finds it labels all its files at its next boot, and boots once more. */
const selinuxNote = "/.autorelabel";

type Child = Bun.Subprocess<"pipe", "pipe", "pipe">;

/** A text as guestfish reads it in double quotes. */
export function quoted(text: string): string {
  let out = "";
  for (const byte of Buffer.from(text))
    out += /[A-Za-z0-9_./-]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, "0")}`;
  return `"${out}"`;
}

export function guestfishAppliance({
  hypervisor,
  clock,
}: Pick<NodeContext, "hypervisor" | "clock">): Appliance {
  return {
    async open({ uuid, disks, signal }) {
      if (Bun.which("guestfish") === null) throw new ApplianceError("boot-jobs.noGuestfs", "");
      await endSession(uuid, clock.sleep);
      const { acceleration } = await hypervisor.host();
      const folder = folderOf(uuid);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const drives: Drive[] = [];
      for (const disk of disks) drives.push({ ...disk, ceph: await hypervisor.images.cephAccess(disk.path) });
      const ceph = cephConf(drives, folder);
      const session = new GuestfishSession(
        folder,
        start(folder, { kvm: acceleration.virtType === "kvm", ceph }),
        signal,
      );
      await session.begin(drives);
      return session;
    },
    end: (uuid) => endSession(uuid, clock.sleep),
  };
}

/** A disk as guestfish is told of it. */
interface Drive {
  path: string;
  format: string;
  ceph: CephAccess | null;
}

/**
 * Ceph's client inside QEMU reads one configuration, whose place its environment names; so monitors and key stand on
 * no command line. Null where no disk lies in Ceph. @throws ApplianceError when disks lie in two of them
 */
function cephConf(drives: readonly Drive[], folder: string): string | null {
  const keyring = `${folder}/keyring`;
  const contents = drives.flatMap(({ ceph }) => ceph?.files(keyring) ?? []);
  const [first] = contents;
  if (first === undefined) return null;
  if (contents.some((each) => each.conf !== first.conf || each.keyring !== first.keyring))
    throw new ApplianceError("boot-jobs.twoCephs", "");
  const conf = `${folder}/ceph.conf`;
  writeFileSync(keyring, first.keyring, { mode: 0o600 });
  writeFileSync(conf, first.conf, { mode: 0o600 });
  return conf;
}

/** Starts guestfish in a session of its own, whose id is written down before it gets anything to do. */
function start(folder: string, { kvm, ceph }: { kvm: boolean; ceph: string | null }): Child {
  const child = Bun.spawn(["setsid", "guestfish"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    env: {
      ...process.env,
      LC_ALL: "C",
      LIBGUESTFS_BACKEND: "direct",
      ...(kvm ? {} : { LIBGUESTFS_BACKEND_SETTINGS: "force_tcg" }),
      ...(ceph === null ? {} : { CEPH_CONF: ceph }),
    },
  });
  writeFileSync(`${folder}/session`, `${child.pid} ${statOf(child.pid)?.started ?? ""}`, { mode: 0o600 });
  return child;
}

/** Session and start time (in ticks since the machine's boot) of a process; null when it is gone. */
function statOf(pid: number): { session: number; started: string } | null {
  try {
    // The name in parentheses may hold anything; what follows it are numbers.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Fields 3 (state) and on, counted from 1 in proc(5); a zombie holds nothing any more.
    return fields[0] === "Z" ? null : { session: Number(fields[3]), started: fields[19] ?? "" };
  } catch {
    return null;
  }
}

/** Ends all processes of a guest's session: guestfish, its QEMU and its watcher. */
async function endSession(uuid: string, sleep: (ms: number) => Promise<void>): Promise<void> {
  const folder = folderOf(uuid);
  let noted = "";
  try {
    noted = readFileSync(`${folder}/session`, "utf8");
  } catch {
    // None was begun.
  }
  const [id, started] = noted.split(" ");
  const leader = Number(id);
  if (leader > 1) {
    const end = Date.now() + timing.applianceEndMilliseconds;
    for (;;) {
      const own = statOf(leader);
      // The machine has restarted since, and the number is somebody else's.
      if (own && own.started !== started) break;
      const members = readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name) && statOf(Number(name))?.session === leader)
        .map(Number);
      if (members.length === 0) break;
      for (const pid of members) kill(pid);
      if (Date.now() > end) throw new ApplianceError("boot-jobs.applianceStays", String(leader));
      await sleep(timing.applianceLookMilliseconds);
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

class GuestfishSession implements ApplianceSession {
  system: ApplianceSession["system"] = "other";
  /** Nothing that a guest says can be taken for it. */
  private readonly token = crypto.randomUUID();
  private out = "";
  private errors = "";
  private wake: () => void = () => {};
  private ended = false;
  private files = 0;

  constructor(
    private readonly folder: string,
    private readonly child: Child,
    private readonly signal: AbortSignal,
  ) {
    const reading = [
      this.collect(child.stdout, (text) => {
        this.out += text;
        this.wake();
      }),
      this.collect(child.stderr, (text) => {
        this.errors = (this.errors + text).slice(-errorTailCharacters);
      }),
    ];
    void Promise.allSettled([child.exited, ...reading]).then(() => {
      this.ended = true;
      this.wake();
    });
  }

  private async collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
  }

  /** Says one command and waits for its end. What it printed. @throws ApplianceError when it fails or takes too long */
  private async tell(command: string, ms: number = timing.applianceCommandMilliseconds): Promise<string> {
    this.signal.throwIfAborted();
    const end = Date.now() + ms;
    if (!this.ended) {
      this.child.stdin.write(`${command}\necho ${this.token}\n`);
      await this.child.stdin.flush();
    }
    for (;;) {
      const at = this.out.indexOf(`${this.token}\n`);
      if (at >= 0) {
        const printed = this.out.slice(0, at);
        this.out = this.out.slice(at + this.token.length + 1);
        return printed;
      }
      if (this.ended) throw new ApplianceError("boot-jobs.guestfsFailed", this.reason());
      const left = end - Date.now();
      if (left <= 0) throw new ApplianceError("boot-jobs.guestfsSlow", command.split(" ")[0] ?? "");
      await this.news(left);
      this.signal.throwIfAborted();
    }
  }

  /** Waits for output, the end, the task's cancellation, or so long. */
  private news(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.signal.addEventListener("abort", done, { once: true });
      this.wake = done;
    });
  }

  /** What libguestfs said, without its line numbers and its advice on debugging. */
  private reason(): string {
    const lines = this.errors
      .split("\n")
      .filter((line) => /error:/.test(line))
      .map((line) => line.replace(/^.*?libguestfs: error: /, ""));
    return (lines.at(-1) ?? this.errors.trim()).slice(0, errorTailCharacters);
  }

  async begin(drives: readonly Drive[]): Promise<void> {
    for (const { path, format, ceph } of drives)
      await this.tell(
        ceph
          ? `add-drive ${quoted(ceph.image)} ${quoted(`format:${format}`)} "protocol:rbd" ${quoted(`username:${ceph.user}`)}`
          : `add-drive ${quoted(path)} ${quoted(`format:${format}`)}`,
      );
    await this.tell("run", timing.applianceStartMilliseconds);
    const roots = lines(await this.tell("inspect-os", timing.applianceStartMilliseconds));
    const [root] = roots;
    if (root === undefined) throw new ApplianceError("boot-jobs.noSystem", "");
    const type = (await this.tell(`inspect-get-type ${quoted(root)}`)).trim();
    this.system = type === "linux" || type === "windows" ? type : "other";
    const mounts = lines(await this.tell(`inspect-get-mountpoints ${quoted(root)}`))
      .map((line) => line.split(/: (.*)/s))
      .map(([at = "", device = ""]) => ({ at, device }))
      .sort((a, b) => a.at.length - b.at.length);
    // Only the root must be there: `-` goes on where another one is missing.
    for (const { at, device } of mounts)
      await this.tell(`${at === "/" ? "" : "-"}mount ${quoted(device)} ${quoted(at)}`);
  }

  async exists(path: string): Promise<boolean> {
    return (await this.tell(`exists ${quoted(path)}`)).trim() === "true";
  }

  async read(path: string): Promise<string | null> {
    // What lies there may be a device without an end, or a pipe without a beginning.
    if ((await this.tell(`is-file ${quoted(path)} "followsymlinks:true"`)).trim() !== "true") return null;
    const text = await this.tell(`pread ${quoted(path)} ${longestReadBytes + 1} 0`);
    return Buffer.byteLength(text) > longestReadBytes ? null : text;
  }

  async size(path: string): Promise<number> {
    return Number((await this.tell(`filesize ${quoted(path)}`)).trim());
  }

  async list(folder: string): Promise<string[]> {
    return lines(await this.tell(`ls ${quoted(folder)}`));
  }

  async write(path: string, text: string, mode: string | null): Promise<void> {
    await this.sent(text, (local) => `upload ${quoted(local)} ${quoted(path)}`);
    if (mode !== null) await this.tell(`chmod ${quoted(mode.padStart(4, "0"))} ${quoted(path)}`);
  }

  writeAt(path: string, text: string, offset: number): Promise<void> {
    return this.sent(text, (local) => `upload-offset ${quoted(local)} ${quoted(path)} ${offset}`);
  }

  async truncate(path: string, bytes: number): Promise<void> {
    await this.tell(`truncate-size ${quoted(path)} ${bytes}`);
  }

  async makeFolder(path: string, mode: string | null): Promise<void> {
    await this.tell(`mkdir-p ${quoted(path)}`);
    if (mode !== null) await this.tell(`chmod ${quoted(mode.padStart(4, "0"))} ${quoted(path)}`);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.tell(`mv ${quoted(from)} ${quoted(to)}`);
  }

  async remove(path: string): Promise<void> {
    await this.tell(`rm-rf ${quoted(path)}`);
  }

  command(asked: GuestCommand): Promise<CommandEnd> {
    return runInGuest(asked, (words, ms) => this.tell(`command ${quoted(words)}`, ms));
  }

  async relabel(folders: readonly string[]): Promise<void> {
    if (!(await this.exists(selinuxConfig))) return;
    const config = await this.read(selinuxConfig);
    if (config === null || !/^\s*SELINUX\s*=\s*(enforcing|permissive)\b/m.test(config)) return;
    const type = /^\s*SELINUXTYPE\s*=\s*([A-Za-z0-9_-]+)/m.exec(config)?.[1] ?? "targeted";
    const contexts = `/etc/selinux/${type}/contexts/files/file_contexts`;
    // First of all the note for the guest, so that it labels by itself whatever becomes of what follows.
    await this.write(selinuxNote, "", null);
    const isAble = (await this.tell('feature-available "selinuxrelabel"')).trim() === "true";
    if (!isAble || !(await this.exists(contexts))) return;
    for (const folder of folders)
      await this.tell(
        `selinux-relabel ${quoted(contexts)} ${quoted(folder)} "force:true"`,
        timing.applianceScriptMilliseconds,
      );
    await this.remove(selinuxNote);
  }

  async sync(): Promise<void> {
    await this.tell("sync");
  }

  async close(): Promise<void> {
    await this.tell("umount-all");
    await this.tell("shutdown", timing.applianceStartMilliseconds);
    await this.child.stdin.end();
    const end = Date.now() + timing.applianceCommandMilliseconds;
    while (!this.ended && Date.now() < end) await this.news(end - Date.now());
    if (!this.ended || this.child.exitCode !== 0)
      throw new ApplianceError("boot-jobs.guestfsFailed", this.reason());
    rmSync(this.folder, { recursive: true, force: true });
  }

  private local(): string {
    this.files++;
    return `${this.folder}/${this.files}`;
  }

  private async sent(text: string, command: (local: string) => string): Promise<void> {
    const local = this.local();
    writeFileSync(local, text, { mode: 0o600 });
    await this.tell(command(local));
    rmSync(local);
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
