import { expect, test } from "bun:test";
import { readHoldings } from "./definition.ts";

test("files, interfaces and the port of a domain are read out of its XML", () => {
  const xml = `<domain type='kvm'><name>a &amp; b</name><devices>
    <disk type='file' device='disk'><source file='/disks/a &lt;1&gt;.qcow2'/><target dev='vda'/></disk>
    <disk type='network' device='disk'><source protocol='rbd' name='pool/image'/></disk>
    <disk type='file' device='cdrom'><target dev='sda'/></disk>
    <disk type='file'><source file='/disks/seed.iso'/></disk>
    <interface type='network'><mac address='52:54:00:AA:bb:01'/></interface>
    <graphics type='spice' port='5930'/>
    <graphics type='vnc' port='15900' autoport='no'/>
  </devices></domain>`;
  expect(readHoldings(xml)).toEqual({
    files: ["/disks/a <1>.qcow2", "/disks/seed.iso"],
    images: ["image"],
    macs: ["52:54:00:aa:bb:01"],
    vncPort: 15900,
  });
});

test("a domain without devices, or whose port is still to be chosen, holds nothing", () => {
  expect(readHoldings("<domain><name>bare</name></domain>")).toEqual({
    files: [],
    images: [],
    macs: [],
    vncPort: null,
  });
  const automatic = "<domain><devices><graphics type='vnc' port='-1' autoport='yes'/></devices></domain>";
  expect(readHoldings(automatic).vncPort).toBeNull();
});
