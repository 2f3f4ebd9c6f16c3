/** Two machines in small: two libvirtds, each with a network and a host name of its own, and a wire between them. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PrivateLibvirtd } from "./libvirtd.ts";

export interface PairedMachine {
  libvirtd: PrivateLibvirtd;
  address: string;
  /** As the other one reaches it. */
  peerUri: string;
}

export class MachinePair {
  private constructor(
    readonly one: PairedMachine,
    readonly other: PairedMachine,
    /** Is the same on both. */
    readonly shared: string,
  ) {}

  static async open(): Promise<MachinePair> {
    const machines: PairedMachine[] = [];
    const shared = mkdtempSync("/var/tmp/jimv-pair-");
    try {
      for (const [name, address] of [
        ["pair-one", "10.213.7.1"],
        ["pair-other", "10.213.7.2"],
      ] as const) {
        const libvirtd = await PrivateLibvirtd.open({ privateNetwork: true, machine: name });
        machines.push({ libvirtd, address, peerUri: `qemu+tcp://${address}/system` });
      }
      const [one, other] = machines as [PairedMachine, PairedMachine];
      const holders = [one.libvirtd.holderPid, other.libvirtd.holderPid];
      // It goes away with the namespaces.
      run([
        "ip",
        "link",
        "add",
        "wire",
        "netns",
        String(holders[0]),
        "type",
        "veth",
        "peer",
        "name",
        "wire",
        "netns",
        String(holders[1]),
      ]);
      for (const { libvirtd, address } of machines) {
        run(libvirtd.inNamespace(["ip", "address", "add", `${address}/24`, "dev", "wire"]));
        run(libvirtd.inNamespace(["ip", "link", "set", "wire", "up"]));
      }
      return new MachinePair(one, other, shared);
    } catch (error) {
      for (const { libvirtd } of machines) await libvirtd.close();
      rmSync(shared, { recursive: true, force: true });
      throw error;
    }
  }

  /** A path on the storage that both have. */
  path(name: string): string {
    return join(this.shared, name);
  }

  async close(): Promise<void> {
    await Promise.all([this.one.libvirtd.close(), this.other.libvirtd.close()]);
    rmSync(this.shared, { recursive: true, force: true });
  }
}

function run(command: string[]): void {
  const done = Bun.spawnSync(command, { stdin: "ignore" });
  if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr.toString()}`);
}
