import { expect, test } from "bun:test";
import { rbdPoolXml } from "./pool.ts";
import { cephFiles, type RbdSource, rbdAddress, rbdFileName, readRbdPool } from "./rbd.ts";

const source: RbdSource = {
  cephPool: "guests",
  monitors: [
    { name: "10.0.0.1", port: "6789" },
    { name: "fd00::2", port: null },
  ],
  user: "jimv",
  secretUuid: "5a3d0d4c-2d6e-4f0e-a6b5-0e8f1d9a7c11",
};

test("an image's address is one of two words, and a path is none", () => {
  expect(rbdAddress("rbd:jimv-pool-1/disk")).toEqual({ pool: "jimv-pool-1", image: "disk" });
  expect(rbdAddress("/var/lib/disk.qcow2")).toBeNull();
  for (const wrong of [
    "rbd:",
    "rbd:pool",
    "rbd:pool/a/b",
    "rbd:pool/a:conf=/etc/passwd",
    "rbd:pool/",
    "rbd:p/a@s",
  ])
    expect(() => rbdAddress(wrong)).toThrow("rbd:POOL/IMAGE");
});

test("what is written into a pool's definition is read back", () => {
  const monitors = ["10.0.0.1:6789", "[fd00::2]"];
  const xml = rbdPoolXml({ name: "jimv-pool-1", ...source, monitors });
  expect(readRbdPool(xml)).toEqual(source);
  expect(readRbdPool("<pool type='dir'><name>a</name></pool>")).toBeNull();
});

test("Ceph's files hold plain words only", () => {
  const files = cephFiles(source, "QUJDRA==", "/run/keyring");
  expect(files.conf).toContain("mon_host = 10.0.0.1:6789,[fd00::2]\nkeyring = /run/keyring\n");
  expect(files.keyring).toBe("[client.jimv]\nkey = QUJDRA==\n");
  expect(() => cephFiles({ ...source, user: "a]\n[b" }, "QUJDRA==", "/k")).toThrow("The Ceph user");
  expect(() => cephFiles(source, "a\nb", "/k")).toThrow("The Ceph key");
  expect(() => cephFiles({ ...source, monitors: [{ name: "a b", port: null }] }, "QQ==", "/k")).toThrow(
    "monitor",
  );
});

test("no word of a file name is taken for an option", () => {
  expect(rbdFileName("disk", { ...source, cephPool: "a:b/c@d=e" }, "/tmp/x/ceph.conf")).toBe(
    "rbd:a\\:b\\/c\\@d\\=e/disk:id=jimv:conf=\\/tmp\\/x\\/ceph.conf",
  );
});
