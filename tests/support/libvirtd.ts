/**
 * A libvirtd of the test's own: private sockets, state and configuration, so that several run beside each
 * other and beside the machine's own one. It lives in a mount namespace in which a temporary folder lies over
 * /run and libvirt's folders; virtlogd holds that namespace open, so that libvirtd can be killed and started
 * again. Needs root. Whatever a crashed test left behind is removed when the next one starts.
 */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { basename, join } from "node:path";
import { markedProcess, processMark, run, startTimeOf } from "./processes.ts";

const parent = "/var/tmp";
const prefix = "jimv-libvirtd-";
const startMilliseconds = 30_000;

/** Folder of ours, and what it lies over inside the namespace. */
const mounts = {
  run: "/run",
  lib: "/var/lib/libvirt",
  etc: "/etc/libvirt",
  log: "/var/log/libvirt",
} as const;

/** What libvirt learnt of QEMU takes seconds to learn again; it checks itself whether it is still right. */
const sharedCache = join(import.meta.dir, "../../.cache/libvirt");

const qemuConf = `
security_driver = "none"
user = "root"
group = "root"
remember_owner = 0
cgroup_controllers = []
namespaces = []
`;

const libvirtdConf = `
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
`;

/** Arguments: pairs of folder and mount point, then `--` and what to run in the namespace. */
const namespaceScript = `
set -e
while [ "$1" != -- ]; do mkdir -p "$2"; mount --bind "$1" "$2"; shift 2; done
shift
[ -e /sys/class/net/lo ] && ip link set lo up
[ -z "$HOST" ] || hostname "$HOST"
exec "$@"
`;

/**
 * Runs libvirtd and stays as the parent that its QEMUs fall to: libvirt tells of a QEMU's end when it has been
 * reaped, and not every machine's process 1 does that at once. The first argument is prctl's number; 36 is
 * PR_SET_CHILD_SUBREAPER. Perl, because every Debian has it.
 */
const reaperScript = `
syscall(shift, 36, 1, 0, 0, 0);
my $pid = fork();
if ($pid == 0) { open(STDOUT, ">&STDERR"); exec @ARGV or exit 127 }
$| = 1; print "$pid\n"; close STDOUT;
1 while wait() != -1;
`;
const prctlNumber = process.arch === "arm64" ? 167 : 157;

/** The machine's own uuid must differ from its peers', or libvirt takes a migration for one to itself. */
const listening = () => `
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
host_uuid = "${crypto.randomUUID()}"
`;

export interface LibvirtdOptions {
  /** With a network of its own, NAT networks leave nothing on the machine, but nobody else reaches its VNC. */
  privateNetwork?: boolean;
  /** A host name of its own, and TCP open without a password: for migrations, in a private network only. */
  machine?: string;
}

export class PrivateLibvirtd {
  /** For `openHypervisor({ uri })` and `virsh -c`. */
  readonly uri: string;
  readonly socket: string;
  private holder: Bun.Subprocess | null = null;
  private reaper: Bun.Subprocess | null = null;
  private daemonPid: number | null = null;
  private readonly cleanup = () => sweep(this.folder);

  private constructor(
    readonly folder: string,
    private readonly options: LibvirtdOptions,
  ) {
    this.socket = join(folder, "run/libvirt/libvirt-sock");
    this.uri = `qemu+unix:///system?socket=${this.socket}`;
  }

  /** Makes the folder, starts virtlogd and libvirtd, and waits until it answers. */
  static async open(options: LibvirtdOptions = {}): Promise<PrivateLibvirtd> {
    sweepStale();
    const folder = mkdtempSync(join(parent, prefix));
    writeFileSync(join(folder, "owner"), processMark(process.pid));
    for (const name of Object.keys(mounts)) mkdirSync(join(folder, name));
    mkdirSync(join(folder, "run/libvirt"));
    writeFileSync(join(folder, "etc/qemu.conf"), qemuConf);
    writeFileSync(join(folder, "etc/libvirtd.conf"), libvirtdConf + (options.machine ? listening() : ""));
    writeFileSync(join(folder, "etc/virtlogd.conf"), "");
    const libvirtd = new PrivateLibvirtd(folder, options);
    process.once("exit", libvirtd.cleanup);
    try {
      libvirtd.hold();
      await libvirtd.until("virtlogd", () => existsSync(join(folder, "run/libvirt/virtlogd-sock")));
      await libvirtd.start();
      return libvirtd;
    } catch (error) {
      await libvirtd.close();
      throw error;
    }
  }

  private hold(): void {
    const net = [
      ...(this.options.privateNetwork ? ["--net"] : []),
      ...(this.options.machine ? ["--uts"] : []),
    ];
    mkdirSync(sharedCache, { recursive: true });
    const pairs = Object.entries(mounts).flatMap(([name, point]) => [join(this.folder, name), point]);
    pairs.push(sharedCache, "/var/cache/libvirt");
    const command = ["virtlogd", "--config", "/etc/libvirt/virtlogd.conf"];
    this.holder = Bun.spawn(
      [
        ...["unshare", "--mount", ...net, "--propagation", "private", "--"],
        ...["/bin/sh", "-c", namespaceScript, "sh", ...pairs, "--", ...command],
      ],
      {
        env: { ...process.env, HOST: this.options.machine ?? "" },
        stdin: "ignore",
        stdout: Bun.file(join(this.folder, "virtlogd.out")),
        stderr: Bun.file(join(this.folder, "virtlogd.err")),
      },
    );
  }

  /** The process that holds the namespaces. */
  get holderPid(): number {
    if (!this.holder) throw new Error("there is no namespace");
    return this.holder.pid;
  }

  /** Command line that runs a command beside libvirtd: with its folders and, if private, its network. */
  inNamespace(command: string[]): string[] {
    const net = [
      ...(this.options.privateNetwork ? ["--net"] : []),
      ...(this.options.machine ? ["--uts"] : []),
    ];
    return ["nsenter", "--target", String(this.holder?.pid), "--mount", ...net, "--", ...command];
  }

  /** Starts libvirtd (again) and waits until its socket answers. */
  async start(): Promise<void> {
    rmSync(this.socket, { force: true });
    const listen = this.options.machine ? ["--listen"] : [];
    const command = ["libvirtd", "--config", "/etc/libvirt/libvirtd.conf", ...listen];
    const reaper = Bun.spawn(
      this.inNamespace(["perl", "-e", reaperScript, String(prctlNumber), ...command]),
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: Bun.file(join(this.folder, "libvirtd.err")),
      },
    );
    this.reaper = reaper;
    this.daemonPid = Number(await new Response(reaper.stdout).text());
    await this.until("libvirtd", () => answers(this.socket));
  }

  private async until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + startMilliseconds;
    while (!(await done())) {
      const ended = this.reaper?.exitCode ?? this.holder?.exitCode ?? null;
      if (ended !== null || Date.now() > end) {
        const log = join(this.folder, "libvirtd.err");
        const reason = existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : "";
        throw new Error(`${what} did not start (status ${ended}): ${reason}`);
      }
      await Bun.sleep(20);
    }
  }

  /** libvirtd's own process id. */
  get pid(): number {
    if (!this.daemonPid) throw new Error("libvirtd was not started");
    return this.daemonPid;
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Ends libvirtd alone, and waits for its end; its guests go on running. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const { pid } = this;
    const startTime = startTimeOf(pid);
    this.signal(signal);
    while (startTimeOf(pid) === startTime) await Bun.sleep(5);
  }

  /** Process id of a running domain's QEMU; null when there is none. */
  qemuPid(name: string): number | null {
    const file = join(this.folder, "run/libvirt/qemu", `${name}.pid`);
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : null;
  }

  /** What virsh prints. @throws Error with what it complains of */
  virsh(...args: string[]): Promise<string> {
    return run(["virsh", "-q", "-c", this.uri, ...args]);
  }

  /** Ends everything that runs in the namespace and removes every trace. */
  async close(): Promise<void> {
    process.removeListener("exit", this.cleanup);
    sweep(this.folder);
    await Promise.all([this.reaper?.exited, this.holder?.exited]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.on("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
}

/** Removes what tests left that are no more. */
function sweepStale(): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const folder = join(parent, name);
    if (markedProcess(join(folder, "owner")) === null) sweep(folder);
  }
}

/** Kills everything in the folder's namespace, takes its bridges away, and removes the folder. */
function sweep(folder: string): void {
  // libvirtd first, or it would hear of each QEMU's end; twice, as processes may just be forking.
  for (let round = 0; round < 3; round++) {
    const pids = inNamespaceOf(folder);
    if (pids.length === 0) break;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    Bun.sleepSync(20);
  }
  for (const bridge of bridgesOf(folder)) removeBridge(bridge);
  rmSync(folder, { recursive: true, force: true });
}

/** Processes whose /run is this folder's. */
function inNamespaceOf(folder: string): number[] {
  const source = `/${basename(folder)}/run /run `;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(source);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Bridges of running NAT networks, from libvirtd's own notes. */
function bridgesOf(folder: string): string[] {
  const notes = join(folder, "run/libvirt/network");
  if (!existsSync(notes)) return [];
  return readdirSync(notes)
    .filter((name) => name.endsWith(".xml"))
    .flatMap(
      (name) => readFileSync(join(notes, name), "utf8").match(/<bridge name=['"]([\w.-]+)['"]/)?.[1] ?? [],
    );
}

/** The bridge's device and the firewall rules that name it. */
function removeBridge(bridge: string): void {
  if (!existsSync(`/sys/class/net/${bridge}`)) return;
  Bun.spawnSync(["ip", "link", "delete", bridge]);
  for (const table of ["filter", "nat", "mangle"]) {
    const rules = Bun.spawnSync(["iptables", "-w", "-t", table, "-S"]).stdout.toString().split("\n");
    for (const rule of rules) {
      const words = rule.split(" ");
      if (words[0] !== "-A" || !words.includes(bridge)) continue;
      Bun.spawnSync(["iptables", "-w", "-t", table, "-D", ...words.slice(1)]);
    }
  }
}
