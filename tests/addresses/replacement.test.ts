/**
 * Replacing a guest's address on real libvirt and real guests: live by the next free one and by one typed in, one that
 * does not answer and is taken back by the guest, and at the next boot by a new instance-id of its seed. The long form
 * (JIMV_LONG=1) does one pass of each way on a real Debian with the real cloud-init.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type App, demoTemplate, until } from "../support/app.ts";
import { saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { run } from "../support/processes.ts";

const bootMilliseconds = process.env.JIMV_LONG === "1" ? 900_000 : 120_000;
setDefaultTimeout(3 * bootMilliseconds);

const folder = mkdtempSync("/var/tmp/jimv-replace-");
let lab: Lab;
let app: App;
let poolId: string;
/** The first three parts of the guests' network. */
let net: string;

beforeAll(async () => {
  lab = await openLab();
  ({ app } = lab);
  const xml = await lab.libvirtd.virsh("net-dumpxml", "jimv");
  net = /ip address='(\d+\.\d+\.\d+)\.\d+'/.exec(xml)?.[1] ?? "";
  expect(net).not.toBe("");
  const pool = { name: "lan", first: `${net}.230`, last: `${net}.240`, prefix: 24, gateway: `${net}.1` };
  poolId = (
    await app.ask<{ id: string }>("POST", "/ip-pools", { ...pool, dns1: `${net}.1`, isDefault: true })
  ).id;
  // The node of this test is not in libvirtd's network: it gets there as a router's neighbour would.
  await run(lab.libvirtd.inNamespace(["iptables", "-I", "FORWARD", "-j", "ACCEPT"]));
  const router = lab.outside.replace(/\d+$/, (last) => String(Number(last) + 1));
  for (const last of [200, 201, ...Array.from({ length: 11 }, (_, at) => 230 + at)])
    await run(["ip", "route", "add", `${net}.${last}/32`, "via", router]);
}, 300_000);

afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Replacement {
  old: string;
  new: string;
  way: string;
  state: string;
  isOpen: boolean;
  error: string | null;
}
const pathOf = (uuid: string): string => `/guests/${uuid}/addresses/replace`;
const replace = (uuid: string, body: object): Promise<Replacement> =>
  app.ask<Replacement>("POST", pathOf(uuid), body);
async function newest(uuid: string): Promise<Replacement> {
  const { items } = await app.ask<{ items: Replacement[] }>("GET", pathOf(uuid));
  return items[0] as Replacement;
}
async function ended(uuid: string, patience = 60_000): Promise<Replacement> {
  await until("the replacement ends", patience, async () => !(await newest(uuid)).isOpen, 50);
  return newest(uuid);
}
const shown = (name: string): Promise<string> =>
  saidIn(lab.libvirtd, name, "ip -4 -o addr show scope global; ip route show default");
const booked = async (uuid: string): Promise<string[]> =>
  (await app.ask<{ bookedAddresses: string[] }>("GET", `/guests/${uuid}`)).bookedAddresses;
async function stateOf(address: string): Promise<string | undefined> {
  type Held = { items: { address: string; state: string }[] };
  const { items } = await app.ask<Held>("GET", `/ip-pools/${poolId}/addresses`);
  return items.find((row) => row.address === address)?.state;
}
const awake = (name: string): Promise<void> =>
  until(`${name}'s agent answers`, bootMilliseconds, () => soon(lab.libvirtd, name, "true"), 300);

async function bootGuest(name: string, templateId: string, more: object = {}): Promise<string> {
  type Begun = { task: { id: string }; guests: { uuid: string }[] };
  const body = {
    name,
    templateId,
    vcpus: 1,
    memoryMiB: 192,
    extras: { addresses: { ipv4Pool: poolId } },
    ...more,
  };
  const { task, guests } = await app.ask<Begun>("POST", "/guests", body);
  expect(await app.ended(task.id)).toMatchObject({ state: "succeeded", error: null });
  await awake(name);
  return guests[0]?.uuid ?? "";
}
async function act(uuid: string, action: string): Promise<void> {
  const { task } = await app.ask<{ task: { id: string } }>("POST", `/guests/${uuid}/${action}`, {});
  expect(await app.ended(task.id)).toMatchObject({ state: "succeeded" });
}

/** Live by the next free one, kept over a reboot from inside; then another at the next boot. */
async function bothWays(name: string, uuid: string): Promise<void> {
  const [first = ""] = await booked(uuid);
  const began = performance.now();
  expect(await replace(uuid, { when: "now" })).toMatchObject({ old: first, state: "planned", way: "live" });
  const live = await ended(uuid);
  const seconds = (performance.now() - began) / 1000;
  expect(live).toMatchObject({ state: "verified", error: null });
  console.log(`a live replacement of ${name}: ${seconds.toFixed(1)} s`);
  expect(await booked(uuid)).toEqual([live.new]);
  expect(await stateOf(first)).toBe("resting");
  expect(await shown(name)).toContain(`inet ${live.new}/24`);
  expect(await shown(name)).not.toContain(`inet ${first}/`);
  expect(await shown(name)).toContain(`default via ${net}.1`);

  const boot = await saidIn(lab.libvirtd, name, "cat /proc/sys/kernel/random/boot_id");
  await act(uuid, "force-reboot");
  await until("it has booted anew", bootMilliseconds, () =>
    soon(lab.libvirtd, name, `[ "$(cat /proc/sys/kernel/random/boot_id)" != ${boot} ]`),
  );
  await until("its network is up", bootMilliseconds, async () =>
    (await shown(name)).includes(`inet ${live.new}/24`),
  );
  expect(await shown(name)).not.toContain(`inet ${first}/`);

  expect(await replace(uuid, { when: "boot" })).toMatchObject({
    state: "planned",
    way: "boot",
    old: live.new,
  });
  expect(await booked(uuid)).toEqual([live.new]);
  await act(uuid, "force-stop");
  await act(uuid, "start");
  const atBoot = await ended(uuid, bootMilliseconds);
  expect(atBoot).toMatchObject({ state: "verified", error: null });
  await awake(name);
  expect(await shown(name)).toContain(`inet ${atBoot.new}/24`);
  expect(await shown(name)).not.toContain(`inet ${live.new}/`);
  expect(await booked(uuid)).toEqual([atBoot.new]);
  expect(await stateOf(live.new)).toBe("resting");
}

let uuid: string;
test("live by the next free one, which outlasts a reboot; then another at the next boot", async () => {
  const templateId = await app.registerTemplate(await demoTemplate(folder), { init: "cloud-init" });
  uuid = await bootGuest("web", templateId);
  await bothWays("web", uuid);
});

test("live by one that is typed in, outside of the pool's range: it is recorded, and dropped when it goes", async () => {
  const [before = ""] = await booked(uuid);
  await replace(uuid, { when: "now", address: `${net}.200` });
  expect(await ended(uuid)).toMatchObject({ state: "verified", new: `${net}.200` });
  expect(await stateOf(before)).toBe("resting");
  await replace(uuid, { when: "now", address: `${net}.201` });
  expect(await ended(uuid)).toMatchObject({ state: "verified", old: `${net}.200` });
  expect(await shown("web")).toContain(`inet ${net}.201/24`);
  // Nobody holds it now: it can be typed in again.
  await replace(uuid, { when: "now", address: `${net}.200` });
  expect(await ended(uuid)).toMatchObject({ state: "verified" });
});

test("one that does not answer is taken back, and the new address is nobody's again", async () => {
  const before = await shown("web");
  await replace(uuid, { when: "now", address: "198.51.100.7", prefix: 24 });
  expect(await ended(uuid)).toMatchObject({ state: "rolledBack", error: "addresses.rolledBack" });
  expect((await shown("web")).replace(/valid_lft.*/g, "")).toBe(before.replace(/valid_lft.*/g, ""));
  expect(await booked(uuid)).toEqual([`${net}.200`]);
});

if (process.env.JIMV_LONG === "1")
  test("a real Debian with the real cloud-init, each way once", async () => {
    const image = join(folder, "debian.qcow2");
    const script = join(import.meta.dir, "../first-boot/debian-image.sh");
    const child = Bun.spawn([script, image], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
    expect(await child.exited).toBe(0);
    const templateId = await app.registerTemplate(image, {
      name: "Debian",
      init: "cloud-init",
      userName: "ann",
    });
    const debian = await bootGuest("deb", templateId, { memoryMiB: 512, diskSizeGiB: 2 });
    await until("cloud-init is done", bootMilliseconds, () =>
      soon(lab.libvirtd, "deb", "test -e /run/cloud-init/result.json"),
    );
    const keys = "cat /etc/ssh/ssh_host_*_key.pub; getent shadow ann root; hostname";
    const before = await saidIn(lab.libvirtd, "deb", keys);
    await bothWays("deb", debian);
    await until("cloud-init is done", bootMilliseconds, () =>
      soon(lab.libvirtd, "deb", "test -e /run/cloud-init/result.json"),
    );
    // Who the guest is stays as it was: only its network was told anew.
    expect(await saidIn(lab.libvirtd, "deb", keys)).toBe(before);
  });
