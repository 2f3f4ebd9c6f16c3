/** Whether guests run on KVM here, and the emulator, machine and architecture that go with the answer. */

import { open } from "node:fs/promises";
import type { Acceleration } from "./hypervisor.ts";
import { at, readXml, text } from "./xml.ts";

/** What was found out, apart from how: tests give other answers. */
export interface AccelerationProbe {
  cpuFlags: boolean;
  device: boolean;
  /** virConnectGetDomainCapabilities' XML for kvm and for qemu; null = this host can't. */
  kvmXml: string | null;
  qemuXml: string | null;
}

/** Whether /proc/cpuinfo has vmx or svm among its flags. Other architectures show no such flag: they pass. */
export function hasVirtualisationFlag(cpuinfo: string): boolean {
  const flags = cpuinfo.match(/^flags\s*:(.*)$/m)?.[1];
  return flags === undefined || /\s(vmx|svm)(\s|$)/.test(flags);
}

/** Looks at the CPU's flags and tries to open the device. */
export async function probeHost(): Promise<Pick<AccelerationProbe, "cpuFlags" | "device">> {
  const cpuFlags = hasVirtualisationFlag(await Bun.file("/proc/cpuinfo").text());
  try {
    await (await open("/dev/kvm", "r+")).close();
    return { cpuFlags, device: true };
  } catch {
    return { cpuFlags, device: false };
  }
}

/** KVM only when CPU flags, device and libvirt's capabilities all say so; else QEMU's own emulation. */
export function decideAcceleration(probe: AccelerationProbe): Acceleration {
  const missing: Acceleration["missing"] = [];
  if (!probe.cpuFlags) missing.push("cpuFlags");
  if (!probe.device) missing.push("device");
  if (probe.kvmXml === null || text(readXml(probe.kvmXml), "domainCapabilities", "domain") !== "kvm") {
    missing.push("capabilities");
  }
  const virtType = missing.length === 0 ? "kvm" : "qemu";
  const capabilities = readXml((virtType === "kvm" ? probe.kvmXml : probe.qemuXml) ?? "<none/>");
  const of = (...path: string[]) => text(capabilities, "domainCapabilities", ...path);
  return {
    virtType,
    missing,
    emulator: of("path") ?? "",
    machine: of("machine") ?? "pc",
    arch: of("arch") ?? "x86_64",
    cpuMode: virtType === "kvm" ? "host-model" : null,
    maxVcpus: Number(of("vcpu", at("max")) ?? 1),
  };
}
