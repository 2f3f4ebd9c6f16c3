/**
 * What JimV needs of a machine, looked at without starting anything. Each answer says what was found and,
 * where something is missing, how to mend it. English, for the command line and the journal.
 */
import { existsSync, statfsSync } from "node:fs";
import { access, constants, readFile } from "node:fs/promises";
import { release } from "node:os";
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { type Config, dataFiles } from "../config/config.ts";
import { type FilterLack, HypervisorError, migrationPorts } from "../libvirt/hypervisor.ts";
import { programPath } from "../libvirt/programs.ts";
import { openHypervisor } from "../libvirt/real.ts";
import { timing } from "../timing.ts";
import { paperEnd, pkiState } from "./pki.ts";

export interface CheckResult {
  name: string;
  title: string;
  state: "ok" | "warn" | "bad";
  found: string;
  /** What to do; empty when all is well. */
  mend: string;
}

type Verdict = Pick<CheckResult, "state" | "found"> & { mend?: string };

/** The least free space for JimV's own state; disks come on top. */
const leastFreeBytes = 1024 ** 3;
/** Below this the kernel's pool may leave password hashing waiting on machines without getrandom(2). */
const leastEntropyBits = 200;

/** Looks at everything. Takes at most a few seconds: every wait is bounded. */
export async function probeMachine(config: Config, clock: Clock): Promise<CheckResult[]> {
  const checks: [string, string, () => Promise<Verdict>][] = [
    ["processor", "Processor", processor],
    ["kernel", "Linux kernel", kernel],
    ["libc", "C library", libc],
    ["entropy", "Random numbers", entropy],
    ["qemu-img", "qemu-img", qemuImg],
    ["network-tools", "Tools of JimV's own network", networkTools],
    ["data", "Data folder", () => dataFolder(config.data)],
    ["listen", "Address of the pages", () => listen(config)],
    ["certificates", "Certificates for migration", () => certificates(config, clock)],
    ["migration-ports", "Ports for migration", incomingPorts],
  ];
  const results: CheckResult[] = [];
  for (const [name, title, run] of checks) results.push(await settled(name, title, run));
  results.push(...(await libvirt(config, clock)));
  return results;
}

async function settled(name: string, title: string, run: () => Promise<Verdict>): Promise<CheckResult> {
  try {
    return { name, title, mend: "", ...(await run()) };
  } catch (error) {
    const found = `can't be looked at: ${error instanceof Error ? error.message : String(error)}`;
    const mend = "Run jimv check as root; if it stays, look at what the sentence names.";
    return { name, title, state: "warn", found, mend };
  }
}

async function processor(): Promise<Verdict> {
  const flags = /^flags\s*:(.*)$/m.exec(await readFile("/proc/cpuinfo", "utf8"))?.[1]?.split(" ") ?? [];
  if (process.arch !== "x64" || !flags.includes("sse4_2"))
    return {
      state: "bad",
      found: `${process.arch} without SSE 4.2`,
      mend: "JimV needs an x86-64 processor of 2009 or later.",
    };
  return { state: "ok", found: "x86-64 with SSE 4.2" };
}

async function kernel(): Promise<Verdict> {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  if (major < 3 || (major === 3 && minor < 10))
    return { state: "bad", found: release(), mend: "JimV needs Linux 3.10 or newer: upgrade the system." };
  return { state: "ok", found: release() };
}

async function libc(): Promise<Verdict> {
  const run = Bun.spawn(["getconf", "GNU_LIBC_VERSION"], { stdout: "pipe", stderr: "ignore" });
  const text = (await new Response(run.stdout).text()).trim();
  const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(text) ?? [];
  if (Number(major) < 2 || (Number(major) === 2 && Number(minor) < 17))
    return {
      state: "bad",
      found: text || "unknown",
      mend: "JimV needs glibc 2.17 or newer (CentOS 7 or later).",
    };
  return { state: "ok", found: text };
}

async function entropy(): Promise<Verdict> {
  const bits = Number(await readFile("/proc/sys/kernel/random/entropy_avail", "utf8"));
  if (bits < leastEntropyBits)
    return {
      state: "warn",
      found: `${bits} bits`,
      mend: "Install and start haveged or rng-tools; sign-in may hang without it.",
    };
  return { state: "ok", found: `${bits} bits` };
}

async function qemuImg(): Promise<Verdict> {
  if (!Bun.which("qemu-img"))
    return {
      state: "bad",
      found: "not there",
      mend: "Debian, Ubuntu: apt install qemu-utils. RHEL and its kin: yum install qemu-img.",
    };
  return { state: "ok", found: Bun.which("qemu-img") ?? "" };
}

/** What libvirt runs for a network with address translation, which guests get unless they are given a bridge. */
async function networkTools(): Promise<Verdict> {
  const missing = ["dnsmasq", "iptables"].filter((tool) => !programPath(tool));
  if (missing.length === 0) return { state: "ok", found: "dnsmasq, iptables" };
  return {
    state: "warn",
    found: `not there: ${missing.join(", ")}`,
    mend: "Needed unless all guests use bridges. Debian, Ubuntu: apt install dnsmasq-base iptables. RHEL and its kin: yum install dnsmasq iptables.",
  };
}

async function dataFolder(data: string): Promise<Verdict> {
  let folder = data;
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  try {
    await access(folder, constants.W_OK);
  } catch {
    return {
      state: "bad",
      found: `${folder} is not writable`,
      mend: "Run jimv as root, or give another folder with --data.",
    };
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const found = `${data}, ${(free / 1024 ** 3).toFixed(1)} GiB free`;
  if (free < leastFreeBytes)
    return {
      state: "bad",
      found,
      mend: "JimV needs 1 GiB for its own state: free some space, or give another folder with --data.",
    };
  return { state: "ok", found };
}

async function listen(config: Config): Promise<Verdict> {
  const where = config.listen;
  try {
    const probe = Bun.listen({
      hostname: config.listenAddress,
      port: config.listenPort,
      socket: { data() {} },
    });
    probe.stop(true);
    return { state: "ok", found: `${where} is free` };
  } catch {
    return {
      state: "warn",
      found: `${where} is in use`,
      mend: "Fine while jimv runs. Else stop what uses it, or give another address with --listen.",
    };
  }
}

async function certificates(config: Config, clock: Clock): Promise<Verdict> {
  const { pki } = dataFiles(config.data);
  const end = config.libvirt.pki === "none" ? null : paperEnd(pki, clock.now());
  const until = end ? new Date(end.endsAt).toISOString().slice(0, 10) : "";
  if (end && end.state !== "good")
    return {
      state: end.state === "over" ? "bad" : "warn",
      found: end.state === "over" ? `ended on ${until}` : `good until ${until} only`,
      mend: "Make a token on the page of nodes and start jimv node --join with it: the node stays the same and gets a new certificate. Then restart libvirtd. Guests run on meanwhile; without it they can't be migrated over TLS.",
    };
  const state = pkiState(pki, config.libvirt.pki);
  if (!state) return { state: "ok", found: "none needed: this machine has not joined a cluster" };
  const { foreign, missing } = state;
  if (foreign.length > 0)
    return {
      state: "warn",
      found: `not the cluster's: ${foreign.join(", ")}`,
      mend: `Guests can't be migrated over TLS until libvirt uses ${dataFiles(config.data).pki}. Remove these files if nothing else needs them, and start jimv node again.`,
    };
  if (missing.length > 0)
    return {
      state: "warn",
      found: `missing: ${missing.join(", ")}`,
      mend: "Start jimv node: it puts them there. Then restart libvirtd, which reads them at its start.",
    };
  if (!(await listensOnTls()))
    return {
      state: "warn",
      found: `of the cluster's authority, in ${config.libvirt.pki}, but libvirtd does not listen for TLS`,
      mend: "Other nodes can't send guests here: systemctl enable --now libvirtd-tls.socket (or virtproxyd-tls.socket).",
    };
  return { state: "ok", found: `of the cluster's authority, in ${config.libvirt.pki}, good until ${until}` };
}

/** The port on which libvirtd speaks TLS. */
const libvirtTlsPort = 16_514;

async function listensOnTls(): Promise<boolean> {
  return (await listeningPorts()).has(libvirtTlsPort);
}

/** TCP ports that something listens on. */
async function listeningPorts(): Promise<Set<number>> {
  const found = new Set<number>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"])
    for (const line of (await readFile(file, "utf8").catch(() => "")).split("\n")) {
      const port = / [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A /.exec(line)?.[1];
      if (port) found.add(Number.parseInt(port, 16));
    }
  return found;
}

/** One is tried after the other, so that a few that are taken don't matter. */
async function incomingPorts(): Promise<Verdict> {
  const { first, last } = migrationPorts;
  const taken = [...(await listeningPorts())].filter((port) => port >= first && port <= last);
  const found = `${first}–${last}, ${taken.length} in use`;
  if (taken.length <= (last - first) / 2) return { state: "ok", found };
  return {
    state: "warn",
    found,
    mend: "Guests that come to this machine need one or two each: let other programs use other ports, or choose another range in the settings.",
  };
}

function qemu(version: string, emulator: string): CheckResult {
  const about = { name: "qemu", title: "QEMU" };
  if (version !== "" && emulator !== "")
    return { ...about, state: "ok", found: `${version}, ${emulator}`, mend: "" };
  return {
    ...about,
    state: "bad",
    found: "libvirt finds no emulator for this machine",
    mend: "Debian, Ubuntu: apt install qemu-system-x86. RHEL and its kin: yum install qemu-kvm. Then restart libvirtd.",
  };
}

/** What ties guests to their addresses, where their pool asks for it. */
function filters(lacks: readonly FilterLack[]): CheckResult {
  const about = { name: "filters", title: "Spoofing protection" };
  if (lacks.length === 0)
    return { ...about, state: "ok", found: "libvirt's network filters, ebtables", mend: "" };
  const names = { driver: "libvirt's driver for network filters", ebtables: "ebtables" } as const;
  return {
    ...about,
    state: "warn",
    found: `not there: ${lacks.map((lack) => names[lack]).join(", ")}`,
    mend: "Guests of address pools with spoofing protection can't be made here. Debian, Ubuntu: apt install libvirt-daemon-system ebtables. RHEL and its kin: yum install libvirt-daemon-driver-nwfilter and iptables-nft (8: iptables-ebtables, 7: ebtables). Then restart libvirtd.",
  };
}

/** libvirt, its daemon, QEMU and how guests would run, from one connection. */
async function libvirt(config: Config, clock: Clock): Promise<CheckResult[]> {
  const install =
    "Debian, Ubuntu: apt install libvirt-daemon-system libvirt-clients qemu-system-x86. RHEL and its kin: yum install libvirt qemu-kvm.";
  let hypervisor: Awaited<ReturnType<typeof openHypervisor>>;
  try {
    hypervisor = await openHypervisor({ uri: config.libvirt.uri });
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return [{ name: "libvirt", title: "libvirt", state: "bad", found, mend: install }];
  }
  try {
    const end = clock.now() + timing.checkConnectMilliseconds;
    while (!hypervisor.status().connected && clock.now() < end)
      await clock.sleep(timing.checkPollMilliseconds);
    const { connected, reason } = hypervisor.status();
    if (!connected)
      return [
        {
          name: "libvirt",
          title: "libvirt",
          state: "bad",
          found: reason ?? `no answer from ${config.libvirt.uri}`,
          mend: `Start it: systemctl enable --now libvirtd (or libvirtd -d). If it is not installed: ${install}`,
        },
      ];
    const host = await hypervisor.host();
    const { virtType, missing, emulator } = host.acceleration;
    const reasons = {
      cpuFlags:
        "the processor's vmx or svm flag (turn virtualization on in the firmware, or nested virtualization in the outer hypervisor)",
      device: "/dev/kvm (modprobe kvm_intel or kvm_amd)",
      capabilities: "KVM in libvirt's own capabilities (is the right qemu package installed?)",
    } as const;
    return [
      {
        name: "libvirt",
        title: "libvirt",
        state: "ok",
        found: `${host.libvirtVersion} at ${config.libvirt.uri}`,
        mend: "",
      },
      qemu(host.qemuVersion, emulator),
      filters(await hypervisor.filterLacks()),
      {
        name: "kvm",
        title: "Virtualization",
        state: virtType === "kvm" ? "ok" : "warn",
        found: virtType === "kvm" ? "KVM" : "software emulation: guests run, slowly",
        mend:
          virtType === "kvm"
            ? ""
            : `For KVM this is missing: ${missing.map((one) => reasons[one]).join("; ")}.`,
      },
    ];
  } catch (error) {
    const found = error instanceof HypervisorError ? error.message : String(error);
    return [
      {
        name: "libvirt",
        title: "libvirt",
        state: "bad",
        found,
        mend: "Look into libvirtd's log, and start it again.",
      },
    ];
  } finally {
    await hypervisor.close();
  }
}
