/** What a domain holds of its machine, read out of its XML. */
import { all, at, readXml, text } from "./xml.ts";

export interface DomainHoldings {
  /** Files of its disks, in the order of the definition; a seed image is one of them. */
  files: string[];
  /** Names of its disks in Ceph pools, in the order of the definition. */
  images: string[];
  /** Lower case, in the order of the definition. */
  macs: string[];
  /** The port of its VNC server; null without one, or while libvirt is still to choose. */
  vncPort: number | null;
}

/** Reads them from libvirt's XML of a domain, running or not. */
export function readHoldings(xml: string): DomainHoldings {
  const devices = all(readXml(xml), "domain", "devices");
  const port = devices
    .flatMap((node) => all(node, "graphics"))
    .filter((node) => text(node, at("type")) === "vnc")
    .map((node) => Number(text(node, at("port")) ?? -1))[0];
  return {
    files: devices
      .flatMap((node) => all(node, "disk"))
      .flatMap((disk) => text(disk, "source", at("file")) ?? []),
    images: devices
      .flatMap((node) => all(node, "disk"))
      .filter((disk) => text(disk, "source", at("protocol")) === "rbd")
      .flatMap((disk) => text(disk, "source", at("name"))?.split("/").at(-1) ?? []),
    macs: devices
      .flatMap((node) => all(node, "interface"))
      .flatMap((each) => text(each, "mac", at("address"))?.toLowerCase() ?? []),
    vncPort: port !== undefined && port > 0 ? port : null,
  };
}
