/** What changes in a domain's definition when it moves to another machine. Pure. */

import { patchVnc } from "./domain-xml.ts";
import { HypervisorError, type MigrationRequest } from "./hypervisor.ts";
import { attributes, children, elements, parseTree, type TreeNode, writeTree } from "./xml.ts";

export type Changes = Pick<MigrationRequest, "vnc" | "paths">;

/**
 * The same document with the VNC server and the disks where they will be on the other machine.
 * @throws HypervisorError invalid when a disk that is to change is not there
 */
export function patchMigration(xml: string, { vnc, paths }: Changes): string {
  const tree = parseTree(patchVnc(xml, vnc));
  const sources = elements(children(tree, "domain", "devices") ?? [], "disk").flatMap((disk) =>
    elements(disk.disk as TreeNode[], "source"),
  );
  for (const { from, to } of paths) {
    const source = sources.find((each) => attributes(each).file === from);
    if (!source) throw new HypervisorError("invalid", `The domain has no disk ${from}.`);
    // What libvirt noted of the image's own chain of files is true of this machine alone.
    source.source = [];
    attributes(source).file = to;
  }
  return writeTree(tree);
}

/**
 * The CPU that a running domain has, as virConnectCompareCPU wants it; null where there is nothing to compare: under
 * emulation any machine can do what QEMU pretends.
 */
export function cpuOf(xml: string): string | null {
  const tree = parseTree(xml);
  const domain = elements(tree, "domain")[0];
  if (!domain || attributes(domain).type !== "kvm") return null;
  const cpu = elements(children(tree, "domain") ?? [], "cpu")[0];
  return cpu && attributes(cpu).mode === "custom" ? writeTree([cpu]) : null;
}
