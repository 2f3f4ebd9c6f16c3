/** The readiness checks: what is looked at, when it counts as fine, and what mends it. Pure but for its facts. */
import { type Acceleration, type RoadStatus, timing } from "jimv";
import type { NodeView } from "../nodes/index.ts";
import type { Check } from "./contract.ts";

/** Everything that the checks judge. A null says that it isn't known yet. */
export interface Facts {
  database: { product: string; version: string; milliseconds: number } | { error: string };
  road: RoadStatus;
  /** This machine's node; `none` in a controller of its own. */
  node: NodeView | null | "none";
  space: { path: string; availableBytes: number } | null;
  ports: { first: number; last: number };
  now: number;
}

/** Less free space than this is no ground to begin on; less than the second is little. */
const leastBytes = 1024 ** 3;
const fewBytes = 20 * 1024 ** 3;

const word = (name: string, args: Record<string, string | number> = {}) => ({ word: `setup.${name}`, args });

export function judge(facts: Facts): Check[] {
  const { node } = facts;
  const common = [database(facts), road(facts)];
  if (node === "none") return common;
  return [
    ...common,
    libvirt(node, facts.now),
    qemu(node),
    acceleration(node),
    space(facts),
    ports(node, facts.ports),
  ];
}

function database({ database: answer }: Facts): Check {
  if ("error" in answer)
    return {
      id: "database",
      state: "bad",
      found: word("away"),
      fixes: [word("fix.database", { detail: answer.error })],
    };
  const { product, version, milliseconds } = answer;
  const found = word("found.database", { product, version, ms: Math.max(1, Math.round(milliseconds)) });
  return { id: "database", state: "ok", found, fixes: [] };
}

function road({ road: status }: Facts): Check {
  const found = word(status.kind === "local" ? "found.roadLocal" : "found.roadRedis");
  if (status.connected) return { id: "road", state: "ok", found, fixes: [] };
  return {
    id: "road",
    state: "bad",
    found: word("away"),
    fixes: [word("fix.road", { detail: status.reason ?? "" })],
  };
}

const running = (id: Check["id"]): Check => ({ id, state: "running", found: word("looking"), fixes: [] });

function libvirt(node: NodeView | null, now: number): Check {
  const hypervisor = node?.hypervisor;
  if (!hypervisor) return running("libvirt");
  if (hypervisor.connected && node.facts)
    return { id: "libvirt", state: "ok", found: { text: node.facts.libvirtVersion }, fixes: [] };
  // A start needs a moment to connect; only then is its absence a fault.
  if (!hypervisor.connected && now - hypervisor.since < timing.libvirtFirstConnectMilliseconds)
    return running("libvirt");
  if (hypervisor.connected) return running("libvirt");
  return {
    id: "libvirt",
    state: "bad",
    found: word("away"),
    fixes: [
      word("fix.libvirt", { detail: hypervisor.reason ?? "" }),
      { ...word("fix.libvirtInstall"), command: "apt-get install libvirt-daemon-system" },
      { ...word("fix.libvirtStart"), command: "systemctl enable --now libvirtd" },
    ],
  };
}

function qemu(node: NodeView | null): Check {
  const facts = node?.facts;
  if (!facts) return running("qemu");
  if (facts.acceleration.emulator !== "" && facts.qemuVersion !== "")
    return {
      id: "qemu",
      state: "ok",
      found: { text: `${facts.qemuVersion} · ${facts.acceleration.emulator}` },
      fixes: [],
    };
  return {
    id: "qemu",
    state: "bad",
    found: word("missing"),
    fixes: [{ ...word("fix.qemu"), command: "apt-get install qemu-system-x86 qemu-utils" }],
  };
}

/** What opens KVM again, per thing that is missing. */
const accelerationFixes: Record<Acceleration["missing"][number], { word: string; command?: string }> = {
  cpuFlags: { word: "nodes.missing.cpuFlags" },
  device: { word: "nodes.missing.device", command: "modprobe kvm_intel || modprobe kvm_amd" },
  capabilities: { word: "nodes.missing.capabilities", command: "systemctl restart libvirtd" },
};

function acceleration(node: NodeView | null): Check {
  const facts = node?.facts;
  if (!facts) return running("acceleration");
  const { virtType, missing } = facts.acceleration;
  if (virtType === "kvm") return { id: "acceleration", state: "ok", found: word("found.kvm"), fixes: [] };
  return {
    id: "acceleration",
    state: "warn",
    found: word("found.emulation"),
    fixes: [word("fix.emulation"), ...missing.map((thing) => ({ ...accelerationFixes[thing], args: {} }))],
  };
}

function space({ space: found }: Facts): Check {
  if (!found) return running("space");
  const { path, availableBytes } = found;
  const gib = Math.floor((availableBytes / 1024 ** 3) * 10) / 10;
  const check = { id: "space" as const, found: word("found.space", { path, gib }) };
  if (availableBytes < leastBytes) return { ...check, state: "bad", fixes: [word("fix.space", { path })] };
  if (availableBytes < fewBytes)
    return { ...check, state: "warn", fixes: [word("fix.littleSpace", { path })] };
  return { ...check, state: "ok", fixes: [] };
}

/** More taken ports than this are not named one by one. */
const portsNamed = 8;

function ports(node: NodeView | null, range: { first: number; last: number }): Check {
  const facts = node?.ports;
  if (!facts) return running("ports");
  const { first, last } = range;
  const check = {
    id: "ports" as const,
    found: word("found.ports", { first: String(first), last: String(last) }),
  };
  const taken = facts.listening.filter((port) => port >= first && port <= last);
  const clashes = facts.ephemeralFirst <= last && facts.ephemeralLast >= first;
  const fixes = [
    ...(taken.length > 0 ? [word("fix.portsTaken", { ports: taken.slice(0, portsNamed).join(", ") })] : []),
    ...(clashes
      ? [
          {
            ...word("fix.portsEphemeral", {
              first: String(facts.ephemeralFirst),
              last: String(facts.ephemeralLast),
            }),
            command: `sysctl -w net.ipv4.ip_local_reserved_ports=${first}-${last}`,
          },
        ]
      : []),
  ];
  return { ...check, state: fixes.length > 0 ? "warn" : "ok", fixes };
}
