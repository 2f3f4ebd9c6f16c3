/** `jimv audit` against the running program, real libvirt and real files: finds what was planted, and no more. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { App } from "../support/app.ts";
import { audit } from "../support/audit.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { run } from "../support/processes.ts";

setDefaultTimeout(120_000);

let lab: Lab;
let app: App;
const folder = mkdtempSync("/var/tmp/jimv-audit-");

beforeAll(async () => {
  lab = await openLab();
  app = lab.app;
  const image = join(folder, "template.qcow2");
  await run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"]);
  const templateId = await app.registerTemplate(image, { init: "none" });
  const { tasks } = await app.ask<{ tasks: { id: string }[] }>("POST", "/guests", {
    name: "seen",
    templateId,
    vcpus: 1,
    memoryMiB: 128,
    quantity: 2,
    start: false,
  });
  for (const { id } of tasks) expect((await app.ended(id)).state).toBe("succeeded");
});
afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("finds nothing where all is well", async () => {
  const { status, told } = await audit(app);
  expect(told.findings).toEqual([]);
  expect(told.doubts).toEqual([]);
  expect(told.seen).toMatchObject({ nodes: 1, guests: 2, disks: 2, domains: 2, files: 2 });
  expect(status).toBe(0);
});

test("finds a file without an owner, a disk without its file and a domain without a guest", async () => {
  const uuid = "00000000-1111-4111-8111-111111111111";
  const own = `${uuid}.qcow2`;
  writeFileSync(join(app.storage, own), "left over");
  writeFileSync(join(app.storage, "somebody.iso"), "none of ours");
  const [disk = ""] = readdirSync(app.storage).filter((name) => name.endsWith(".qcow2") && name !== own);
  renameSync(join(app.storage, disk), join(folder, disk));
  // Another domain that says that it is ours.
  const [name = ""] = (await lab.libvirtd.virsh("list", "--all", "--name")).split("\n");
  const xml = await lab.libvirtd.virsh("dumpxml", name);
  const twin = join(folder, "twin.xml");
  writeFileSync(
    twin,
    xml.replace(/<name>.*<\/name>/, "<name>twin</name>").replace(/<uuid>.*<\/uuid>/, `<uuid>${uuid}</uuid>`),
  );
  await lab.libvirtd.virsh("define", twin);
  const { status, told } = await audit(app);
  const words = told.findings.map((finding) => finding.word).sort();
  expect(words).toEqual(["audit.disk.noFile", "audit.domain.orphan", "audit.file.nobody"]);
  expect(told.findings.some((finding) => finding.text.includes(own))).toBe(true);
  expect(status).toBe(1);
  renameSync(join(folder, disk), join(app.storage, disk));
  rmSync(join(app.storage, own));
  await lab.libvirtd.virsh("undefine", "twin");
});

test("says what it could not look at", async () => {
  await app.stop();
  const { status, told } = await audit(app);
  expect(told.findings).toEqual([]);
  expect(told.doubts.map((doubt) => doubt.word)).toEqual(["audit.noLeader"]);
  expect(status).toBe(3);
});
