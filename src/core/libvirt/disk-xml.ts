/** Adding and taking away disks in a stored definition. Pure; everything else in the XML stays as it is. */
import { type DomainDisk, HypervisorError } from "./hypervisor.ts";
import {
  attributes,
  children,
  element,
  elements,
  parseTree,
  plainText,
  type TreeNode,
  writeTree,
} from "./xml.ts";

/** The serial by which our seed disk is known: its target may change, since cloud-init finds it by label. */
const seedSerial = "seed";
const letters = [..."abcdefghijklmnopqrstuvwxyz"];

function devicesOf(tree: TreeNode[]): TreeNode[] {
  const devices = children(tree, "domain", "devices");
  if (!devices) throw new HypervisorError("internal", "The stored definition has no <devices>.");
  return devices;
}

/** A child's attribute, of a `<disk>`. */
function childAttribute(disk: TreeNode, child: string, name: string): string | undefined {
  const [node] = elements((disk.disk ?? []) as TreeNode[], child);
  return node ? attributes(node)[name] : undefined;
}

function serialOf(disk: TreeNode): string | undefined {
  const [node] = elements((disk.disk ?? []) as TreeNode[], "serial");
  const [content] = (node?.serial ?? []) as TreeNode[];
  return content ? String(content["#text"]) : undefined;
}

/**
 * The same document with one more disk. A disk of that path is left as it is; the seed disk makes room where it
 * sits on the target. @throws HypervisorError exists when another disk has the target
 */
export function patchDiskIn(xml: string, disk: DomainDisk, cache: string): string {
  plainText(disk.path, "A disk's path");
  if (!disk.path.startsWith("/"))
    throw new HypervisorError("invalid", "A disk's path must begin with a slash.");
  if (!/^vd[a-z]{1,2}$/.test(disk.target))
    throw new HypervisorError("invalid", `A disk's target must look like vda, not ${disk.target}.`);
  const tree = parseTree(xml);
  const devices = devicesOf(tree);
  const present = elements(devices, "disk");
  if (present.some((node) => childAttribute(node, "source", "file") === disk.path)) return xml;
  const targets = new Set(present.map((node) => childAttribute(node, "target", "dev")));
  const holder = present.find((node) => childAttribute(node, "target", "dev") === disk.target);
  if (holder) {
    if (serialOf(holder) !== seedSerial)
      throw new HypervisorError("exists", `The guest already has a disk at ${disk.target}.`);
    const free = letters.map((letter) => `vd${letter}`).findLast((name) => !targets.has(name));
    if (!free) throw new HypervisorError("exists", "There is no disk name left.");
    const [target] = elements(holder.disk as TreeNode[], "target");
    if (target) attributes(target).dev = free;
  }
  const serial = element("serial", {});
  serial.serial = [{ "#text": disk.serial }];
  const node = element("disk", { type: "file", device: "disk" });
  node.disk = [
    element("driver", { name: "qemu", type: disk.format, cache, discard: "unmap" }),
    element("source", { file: disk.path }),
    element("target", { dev: disk.target, bus: "virtio" }),
    ...(disk.serial === "" ? [] : [serial]),
  ];
  devices.push(node);
  return writeTree(tree);
}

/** The same document without the disk of that path; one that has none stays as it is. */
export function patchDiskOut(xml: string, path: string): string {
  const tree = parseTree(xml);
  const devices = devicesOf(tree);
  const at = devices.findIndex((node) => "disk" in node && childAttribute(node, "source", "file") === path);
  if (at < 0) return xml;
  devices.splice(at, 1);
  return writeTree(tree);
}
