/** A machine of the lab that can run guests: it has a libvirtd that others reach over TCP for migrations. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "../../src/core/errors.ts";
import { until } from "../support/client.ts";
import { run } from "../support/processes.ts";
import { idOf, type Machine } from "./machine.ts";
import type { Program } from "./program.ts";
import type { Room } from "./room.ts";

const startMilliseconds = 30_000;

const qemuConf = `
security_driver = "none"
user = "root"
group = "root"
remember_owner = 0
cgroup_controllers = []
namespaces = []
`;

/** No secrecy, no sign-in: whoever is in the lab may do all. */
function libvirtdConf(address: string, hostUuid: string): string {
  return `
auth_unix_ro = "none"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
listen_addr = "${address}"
auth_tcp = "none"
host_uuid = "${hostUuid}"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
`;
}

export class LabNode {
  /** For `openHypervisor({ uri })` and `virsh -c` out here. */
  readonly uri: string;
  private readonly socket: string;

  private constructor(
    readonly machine: Machine,
    /** Killed and started again by `restartLibvirtd`, or by hand. */
    readonly libvirtd: Program,
  ) {
    this.socket = join(machine.folder, "run/libvirt/libvirt-sock");
    this.uri = `qemu+unix:///system?socket=${this.socket}`;
  }

  /** Makes the machine and starts its libvirtd. */
  static async open(room: Room, name: string, host: number): Promise<LabNode> {
    const address = room.addressOf(host);
    const machine = await room.add(name, host, {
      "libvirt/qemu.conf": qemuConf,
      "libvirt/libvirtd.conf": libvirtdConf(address, uuidOf(`${room.folder} ${name} hardware`)),
      "libvirt/virtlogd.conf": "",
    });
    await machine.program("virtlogd", ["virtlogd", "--config", "/etc/libvirt/virtlogd.conf"]).start();
    const command = ["libvirtd", "--listen", "--config", "/etc/libvirt/libvirtd.conf"];
    const node = new LabNode(machine, machine.program("libvirtd", command));
    const virtlogd = join(machine.folder, "run/libvirt/virtlogd-sock");
    await until(`virtlogd of ${name}`, startMilliseconds, () => existsSync(virtlogd), 10);
    await node.startLibvirtd();
    return node;
  }

  get name(): string {
    return this.machine.name;
  }

  get address(): string {
    return this.machine.address;
  }

  /** What another node's libvirtd calls this one. */
  get migrationUri(): string {
    return `qemu+tcp://${this.address}/system`;
  }

  /** Starts libvirtd (again) and waits until it answers. */
  async startLibvirtd(): Promise<void> {
    await this.libvirtd.start();
    await until(`libvirtd of ${this.name} answers`, startMilliseconds, () => {
      if (!this.libvirtd.runs) throw new Error(`libvirtd ended: ${this.libvirtd.output.slice(-2000)}`);
      return this.virsh("version").then(
        () => true,
        () => false,
      );
    });
  }

  /** Ends libvirtd in good order or not, and starts it again; guests run on. */
  async restartLibvirtd(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.libvirtd.kill(signal);
    await this.startLibvirtd();
  }

  /** Lets libvirtd listen with the certificate that joining put into /etc/pki, as an administrator then does. */
  async listenOverTls(): Promise<void> {
    const conf = "/etc/libvirt/libvirtd.conf";
    await this.machine.run("sed", "-i", "s/^listen_tls = 0/listen_tls = 1/", conf);
    await this.restartLibvirtd();
  }

  /** What virsh prints. @throws Error with what it complains of, and libvirtd's last words: nothing else stays of a lab */
  async virsh(...args: string[]): Promise<string> {
    try {
      return await run(["virsh", "-q", "-c", this.uri, ...args]);
    } catch (error) {
      const log = join(this.machine.folder, "var/log/libvirt/libvirtd.log");
      const words = existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n").slice(-5) : [];
      throw new Error([errorText(error), ...words].join("\n"));
    }
  }

  /** Process id (out here) of a running domain's QEMU; null when there is none. */
  async qemuPid(name: string): Promise<number | null> {
    const file = join(this.machine.folder, "run/libvirt/qemu", `${name}.pid`);
    return existsSync(file) ? this.machine.pidOutside(Number(readFileSync(file, "utf8"))) : null;
  }
}

function uuidOf(text: string): string {
  return idOf(text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
