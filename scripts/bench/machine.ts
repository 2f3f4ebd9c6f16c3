/** The machine that the figures were made on. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { openHypervisor } from "../../src/core/libvirt/real.ts";
import type { PrivateLibvirtd } from "../../tests/support/libvirtd.ts";
import { table } from "./figures.ts";
import { run } from "./shell.ts";

const gibibyte = 1024 ** 3;

/** A table of what matters to the figures. */
export async function machineTable(libvirtd: PrivateLibvirtd): Promise<string> {
  const hypervisor = await openHypervisor({ uri: libvirtd.uri });
  try {
    const { acceleration, libvirtVersion, qemuVersion } = await hypervisor.host();
    const [chromium, python] = await Promise.all([
      run(["chromium", "--version", "--no-sandbox"]),
      run(["/usr/bin/python3", "--version"]),
    ]);
    const system = readFileSync("/etc/os-release", "utf8").match(/^PRETTY_NAME="(.*)"$/m)?.[1] ?? "unknown";
    return table(
      ["", ""],
      [
        ["processor", `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`],
        ["memory", `${(totalmem() / gibibyte).toFixed(1)} GiB`],
        ["system", `${system}, Linux ${release()}`],
        ["libvirt", libvirtVersion],
        ["QEMU", qemuVersion],
        ["guests run by", acceleration.virtType === "kvm" ? "KVM" : "QEMU's software emulation"],
        [
          "Bun, Python, Chromium",
          [Bun.version, python, chromium].map((text) => text.replace(/^\D+/, "").trim()).join(", "),
        ],
      ],
    );
  } finally {
    await hypervisor.close();
  }
}
