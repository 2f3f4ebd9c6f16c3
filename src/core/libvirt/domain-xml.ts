/**
 * A guest's hardware: typed description in, libvirt domain XML out, and the few changes to XML that is
 * already stored. Pure, so that golden files can hold every case.
 */

import { type Acceleration, type DomainDisk, type DomainSpec, HypervisorError } from "./hypervisor.ts";
import { filterReference } from "./network-filter.ts";
import { type RbdSource, rbdAddress, rbdDisk } from "./rbd.ts";
import {
  all,
  at,
  attributes,
  children,
  element,
  elements,
  parseTree,
  partialReader,
  plainText,
  readXml,
  type TreeNode,
  text,
  textNode,
  writeTree,
  writeXml,
  type XmlElement,
} from "./xml.ts";

/** The namespace of our metadata: a domain that carries it with our cluster's id is ours. */
export const guestNamespace = "https://jimv.org/xmlns/guest/1";

export type Vnc = DomainSpec["vnc"];
export interface ShapeChange {
  vcpus?: number;
  memoryMiB?: number;
}

/** The limits that are libvirt's or QEMU's, not ours. */
const limits = {
  nameBytes: 200,
  serialCharacters: 20,
  vncPasswordCharacters: 8,
  balloonStatsSeconds: 10,
} as const;

function whole(value: number, min: number, max: number, what: string): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new HypervisorError("invalid", `${what} must be a whole number from ${min} to ${max}.`);
  }
  return value;
}

function checkVnc(vnc: Vnc): void {
  whole(vnc.port, 1024, 65535, "The VNC port");
  plainText(vnc.listen, "The VNC address");
  plainText(vnc.password, "The VNC password");
  if (vnc.password.length > limits.vncPasswordCharacters) {
    throw new HypervisorError(
      "invalid",
      "A VNC password holds at most 8 characters: that is the protocol's limit.",
    );
  }
}

function checkName(name: string): string {
  plainText(name, "The name", limits.nameBytes);
  if (name.includes("/")) throw new HypervisorError("invalid", "The name must not contain a slash.");
  return name;
}

const isX86 = (arch: string) => arch === "x86_64" || arch === "i686";

function features(spec: DomainSpec, acceleration: Acceleration): XmlElement {
  const windows = spec.clock === "localtime";
  return {
    acpi: "",
    apic: isX86(acceleration.arch) ? "" : undefined,
    // What Windows needs to see so that it does not spin and drift under KVM.
    hyperv:
      windows && acceleration.virtType === "kvm"
        ? {
            relaxed: { [at("state")]: "on" },
            vapic: { [at("state")]: "on" },
            spinlocks: { [at("state")]: "on", [at("retries")]: 8191 },
          }
        : undefined,
  };
}

function clock(spec: DomainSpec, acceleration: Acceleration): XmlElement {
  const windows = spec.clock === "localtime";
  if (!isX86(acceleration.arch)) return { [at("offset")]: spec.clock };
  return {
    [at("offset")]: spec.clock,
    timer: [
      { [at("name")]: "rtc", [at("tickpolicy")]: "catchup" },
      { [at("name")]: "pit", [at("tickpolicy")]: "delay" },
      { [at("name")]: "hpet", [at("present")]: "no" },
      ...(windows && acceleration.virtType === "kvm"
        ? [{ [at("name")]: "hypervclock", [at("present")]: "yes" }]
        : []),
    ],
  };
}

/** What a disk's XML takes from elsewhere than its description. */
export interface DiskGround {
  /** Whether the path's file system takes O_DIRECT. */
  directIo: boolean;
  /** The Ceph pool that the disk lies in; null for a file. */
  rbd: RbdSource | null;
}
export type DiskGrounds = (path: string) => DiskGround;
const plainFile: DiskGrounds = () => ({ directIo: true, rbd: null });

/** Where a disk lies: a `<source>`, and what it takes to be let in. @throws HypervisorError invalid */
function placeOf(path: string, { rbd }: DiskGround): XmlElement {
  plainText(path, "A disk's path");
  const inCeph = rbdAddress(path);
  if (inCeph) {
    if (!rbd)
      throw new HypervisorError("notFound", `There is no storage pool ${inCeph.pool} on this machine.`);
    return { [at("type")]: "network", ...rbdDisk(inCeph.image, rbd) };
  }
  if (!path.startsWith("/")) throw new HypervisorError("invalid", "A disk's path must begin with a slash.");
  return { [at("type")]: "file", source: { [at("file")]: path } };
}

/**
 * A disk. cache=none is what survives a host crash and a migration, and does not hold every block twice in memory; it
 * needs O_DIRECT, which tmpfs and some network file systems refuse, so there it is writeback.
 * @throws HypervisorError invalid
 */
export function diskElement(disk: DomainDisk, ground: DiskGround, bootOrder?: number): XmlElement {
  if (!/^vd[a-z]{1,2}$/.test(disk.target)) {
    throw new HypervisorError("invalid", `A disk's target must look like vda, not ${disk.target}.`);
  }
  if (!/^[A-Za-z0-9_-]*$/.test(disk.serial) || disk.serial.length > limits.serialCharacters) {
    throw new HypervisorError(
      "invalid",
      "A disk's serial is at most 20 letters, digits, dashes or underscores.",
    );
  }
  const { [at("type")]: type, ...place } = placeOf(disk.path, ground);
  return {
    [at("type")]: type,
    [at("device")]: "disk",
    driver: {
      [at("name")]: "qemu",
      [at("type")]: disk.format,
      [at("cache")]: ground.directIo ? "none" : "writeback",
      [at("discard")]: "unmap",
    },
    ...place,
    target: { [at("dev")]: disk.target, [at("bus")]: "virtio" },
    serial: disk.serial === "" ? undefined : disk.serial,
    boot: bootOrder === undefined ? undefined : { [at("order")]: bootOrder },
  };
}

function disks(spec: DomainSpec, grounds: DiskGrounds): XmlElement[] {
  const taken = new Set(spec.disks.map((disk) => disk.target));
  const result = spec.disks.map((disk, index) =>
    diskElement(disk, grounds(disk.path), index === 0 ? 1 : undefined),
  );
  if (spec.seedPath !== null) {
    const free = [..."abcdefghijklmnopqrstuvwxyz"]
      .map((letter) => `vd${letter}`)
      .find((name) => !taken.has(name));
    if (!free) throw new HypervisorError("invalid", "There is no disk name left for the seed image.");
    const { [at("type")]: type, ...place } = placeOf(spec.seedPath, grounds(spec.seedPath));
    result.push({
      [at("type")]: type,
      [at("device")]: "disk",
      driver: { [at("name")]: "qemu", [at("type")]: "raw" },
      ...place,
      target: { [at("dev")]: free, [at("bus")]: "virtio" },
      readonly: "",
      serial: "seed",
    });
  }
  return result;
}

function interfaces(spec: DomainSpec): XmlElement[] {
  return spec.interfaces.map(({ mac, source, filter }) => ({
    [at("type")]: "network" in source ? "network" : "bridge",
    mac: { [at("address")]: plainText(mac, "A MAC address") },
    source:
      "network" in source
        ? { [at("network")]: plainText(source.network, "A network's name") }
        : { [at("bridge")]: plainText(source.bridge, "A bridge's name") },
    model: { [at("type")]: "virtio" },
    filterref: filter && filterReference(filter),
  }));
}

/**
 * Domain XML for a guest.
 * @param grounds says of each path what it lies on
 * @throws HypervisorError invalid
 */
export function domainXml(
  spec: DomainSpec,
  acceleration: Acceleration,
  grounds: DiskGrounds = plainFile,
): string {
  checkVnc(spec.vnc);
  const { arch, virtType } = acceleration;
  const memory = { [at("unit")]: "MiB", "#text": whole(spec.memoryMiB, 1, 2 ** 31, "Memory in MiB") };
  return writeXml({
    domain: {
      [at("type")]: virtType,
      name: checkName(spec.name),
      uuid: plainText(spec.uuid, "The uuid"),
      metadata: {
        "jimv:guest": {
          [at("xmlns:jimv")]: guestNamespace,
          "jimv:cluster": plainText(spec.clusterId, "The cluster's id"),
        },
      },
      memory,
      currentMemory: memory,
      vcpu: { [at("placement")]: "static", "#text": whole(spec.vcpus, 1, 4096, "The number of vCPUs") },
      os: { type: { [at("arch")]: arch, [at("machine")]: acceleration.machine, "#text": "hvm" } },
      features: features(spec, acceleration),
      cpu: acceleration.cpuMode === null ? undefined : { [at("mode")]: acceleration.cpuMode },
      clock: clock(spec, acceleration),
      on_poweroff: "destroy",
      on_reboot: "restart",
      // A panicked guest gives its memory back; libvirt remembers that it crashed, so it is told apart from off.
      on_crash: "destroy",
      devices: {
        emulator: acceleration.emulator,
        disk: disks(spec, grounds),
        interface: interfaces(spec),
        serial: { [at("type")]: "pty", target: { [at("port")]: 0 } },
        console: { [at("type")]: "pty", target: { [at("type")]: "serial", [at("port")]: 0 } },
        channel: {
          [at("type")]: "unix",
          target: { [at("type")]: "virtio", [at("name")]: "org.qemu.guest_agent.0" },
        },
        // An absolute pointer: without it the mouse in the browser and the one in the guest drift apart.
        input: { [at("type")]: "tablet", [at("bus")]: "usb" },
        graphics: {
          [at("type")]: "vnc",
          [at("port")]: spec.vnc.port,
          [at("autoport")]: "no",
          [at("listen")]: spec.vnc.listen,
          [at("passwd")]: spec.vnc.password,
          listen: { [at("type")]: "address", [at("address")]: spec.vnc.listen },
        },
        video: {
          model: { [at("type")]: isX86(arch) ? "vga" : "virtio", [at("heads")]: 1, [at("primary")]: "yes" },
        },
        memballoon: { [at("model")]: "virtio", stats: { [at("period")]: limits.balloonStatsSeconds } },
        rng: { [at("model")]: "virtio", backend: { [at("model")]: "random", "#text": "/dev/urandom" } },
        // Tells us of a Linux guest's kernel panic; Windows would show it as an unknown device.
        panic: isX86(arch) && spec.clock === "utc" ? { [at("model")]: "isa" } : undefined,
      },
    },
  });
}

/** What is kept in memory of a domain's XML, so that listing needs no call per domain. */
export interface DomainTraits {
  clusterId: string | null;
  vcpus: number;
  memoryMiB: number;
}

const mebibytes: Record<string, number> = {
  b: 2 ** -20,
  bytes: 2 ** -20,
  KiB: 2 ** -10,
  k: 2 ** -10,
  MiB: 1,
  GiB: 1024,
};

const withoutDevices = partialReader("domain.devices");

/** Whose it is and how big. Prefixes are free in XML, so the metadata is found by its namespace. */
export function readTraits(xml: string): DomainTraits {
  const domain = all(readXml(xml, withoutDevices), "domain")[0];
  const unit = text(domain, "memory", at("unit")) ?? "KiB";
  return {
    clusterId: clusterIdOf(domain),
    vcpus: Number(text(domain, "vcpu", at("current")) ?? text(domain, "vcpu") ?? 0),
    memoryMiB: Math.round(Number(text(domain, "memory") ?? 0) * (mebibytes[unit] ?? 2 ** -10)),
  };
}

function clusterIdOf(domain: unknown): string | null {
  for (const metadata of all(domain, "metadata")) {
    if (typeof metadata !== "object" || metadata === null) continue;
    for (const [name, guest] of Object.entries(metadata)) {
      const [prefix, local] = name.includes(":") ? name.split(":") : ["", name];
      if (local !== "guest") continue;
      const declaration = at(prefix ? `xmlns:${prefix}` : "xmlns");
      if (text(guest, declaration) !== guestNamespace) continue;
      const cluster = text(guest, prefix ? `${prefix}:cluster` : "cluster");
      if (cluster) return cluster;
    }
  }
  return null;
}

function inside(tree: TreeNode[], ...path: string[]): TreeNode[] {
  const found = children(tree, ...path);
  if (!found) throw new HypervisorError("internal", `The stored definition has no <${path.join("><")}>.`);
  return found;
}

/** The same document with another VNC port, address and password. Everything else stays as it is. */
export function patchVnc(xml: string, vnc: Vnc): string {
  checkVnc(vnc);
  const tree = parseTree(xml);
  const devices = inside(tree, "domain", "devices");
  const kept = elements(devices, "graphics").find((node) => attributes(node).type === "vnc");
  const graphics = kept ?? element("graphics", { type: "vnc" });
  if (!kept) devices.push(graphics);
  const own = attributes(graphics);
  delete own.websocket;
  Object.assign(own, { port: String(vnc.port), autoport: "no", listen: vnc.listen, passwd: vnc.password });
  const others = (graphics.graphics as TreeNode[]).filter((node) => !("listen" in node));
  graphics.graphics = [...others, element("listen", { type: "address", address: vnc.listen })];
  return writeTree(tree);
}

/** The same document with another number of vCPUs and amount of memory. */
export function patchShape(xml: string, change: ShapeChange): string {
  const tree = parseTree(xml);
  const domain = inside(tree, "domain");
  if (change.memoryMiB !== undefined) {
    const amount = String(whole(change.memoryMiB, 1, 2 ** 31, "Memory in MiB"));
    for (const name of ["memory", "currentMemory"]) {
      for (const node of elements(domain, name)) {
        attributes(node).unit = "MiB";
        node[name] = [textNode(amount)];
      }
    }
  }
  if (change.vcpus !== undefined) {
    const amount = String(whole(change.vcpus, 1, 4096, "The number of vCPUs"));
    for (const node of elements(domain, "vcpu")) {
      delete attributes(node).current;
      node.vcpu = [textNode(amount)];
    }
    // A list of single vCPUs would contradict the new number.
    const list = domain.findIndex((node) => "vcpus" in node);
    if (list >= 0) domain.splice(list, 1);
  }
  return writeTree(tree);
}
