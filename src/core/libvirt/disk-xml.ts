/** Adding and taking away disks in a stored definition. Pure; everything else in the XML stays as it is. */
import { type DiskGround, diskElement } from "./domain-xml.ts";
import { type DomainDisk, HypervisorError } from "./hypervisor.ts";
import { rbdAddress } from "./rbd.ts";
import { attributes, children, elements, parseTree, type TreeNode, writeTree, writeXml } from "./xml.ts";

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

/** What a disk is known by: its file, or its name in a Ceph pool. */
function placeOf(disk: TreeNode): string | undefined {
  return childAttribute(disk, "source", "file") ?? childAttribute(disk, "source", "name");
}

/** The place of a path of ours in the same words. */
function wantedPlace(path: string, { rbd }: Pick<DiskGround, "rbd">): string {
  const inCeph = rbdAddress(path);
  return inCeph && rbd ? `${rbd.cephPool}/${inCeph.image}` : path;
}

/**
 * The same document with one more disk. A disk of that path is left as it is; the seed disk makes room where it
 * sits on the target. @throws HypervisorError exists when another disk has the target
 */
export function patchDiskIn(xml: string, disk: DomainDisk, ground: DiskGround): string {
  const [node] = parseTree(writeXml({ disk: diskElement(disk, ground) })).filter((each) => "disk" in each);
  const tree = parseTree(xml);
  const devices = devicesOf(tree);
  const present = elements(devices, "disk");
  const place = wantedPlace(disk.path, ground);
  if (present.some((each) => placeOf(each) === place)) return xml;
  const targets = new Set(present.map((each) => childAttribute(each, "target", "dev")));
  const holder = present.find((each) => childAttribute(each, "target", "dev") === disk.target);
  if (holder) {
    if (serialOf(holder) !== seedSerial)
      throw new HypervisorError("exists", `The guest already has a disk at ${disk.target}.`);
    const free = letters.map((letter) => `vd${letter}`).findLast((name) => !targets.has(name));
    if (!free) throw new HypervisorError("exists", "There is no disk name left.");
    const [target] = elements(holder.disk as TreeNode[], "target");
    if (target) attributes(target).dev = free;
  }
  if (node) devices.push(node);
  return writeTree(tree);
}

/** The same document without the disk of that path; one that has none stays as it is. */
export function patchDiskOut(xml: string, path: string, ground: Pick<DiskGround, "rbd">): string {
  const tree = parseTree(xml);
  const devices = devicesOf(tree);
  const place = wantedPlace(path, ground);
  const at = devices.findIndex((node) => "disk" in node && placeOf(node) === place);
  if (at < 0) return xml;
  devices.splice(at, 1);
  return writeTree(tree);
}
