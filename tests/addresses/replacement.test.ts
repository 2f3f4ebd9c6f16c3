/**
 * Replacing a guest's address on real libvirt and real guests: live by the next free one and by one typed in, one that
 * does not answer and is taken back by the guest, IPv6, and at the next boot by a new instance-id of its seed; also when
 * JimV is killed in the middle. The long form (JIMV_LONG=1) kills it at many moments, leaves a guest alone with its timer,
 * and does one pass of each way on a real Debian with the real cloud-init.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { applyScript, codes, keepScript } from "../../src/plugins/addresses/in-guest.ts";
import { type App, demoTemplate, until } from "../support/app.ts";
import { inGuest, saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { run } from "../support/processes.ts";

const isLong = process.env.JIMV_LONG === "1";
const bootMilliseconds = isLong ? 900_000 : 120_000;
setDefaultTimeout(3 * bootMilliseconds);

const folder = mkdtempSync("/var/tmp/jimv-replace-");
let lab: Lab;
let app: App;
let poolId: string;
/** The demo template, which reads cloud-init's seeds. */
let templateId: string;
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
  templateId = await app.registerTemplate(await demoTemplate(folder), { init: "cloud-init" });
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

/** The guest's own addresses that others reach it by. */
async function own(name: string, family = "-4"): Promise<string[]> {
  const lines = await saidIn(lab.libvirtd, name, `ip ${family} -o addr show scope global`);
  return lines.split("\n").map((line) => /inet6? (\S+)\//.exec(line)?.[1] ?? line);
}
/** Packets from JimV to an address go nowhere, until it is let through again. */
async function cut(address: string): Promise<() => Promise<unknown>> {
  const rule = ["FORWARD", "-d", address, "-j", "DROP"];
  await run(lab.libvirtd.inNamespace(["iptables", "-I", ...rule]));
  return () => run(lab.libvirtd.inNamespace(["iptables", "-D", ...rule]));
}
/** Whatever became of it: one address is booked, the guest has that one alone and answers there, nobody holds the other. */
async function whole(name: string, uuid: string): Promise<Replacement> {
  const end = await ended(uuid, 120_000);
  expect(["verified", "rolledBack", "failed"]).toContain(end.state);
  const [stays, goes] = end.state === "verified" ? [end.new, end.old] : [end.old, end.new];
  expect(await booked(uuid)).toEqual([stays]);
  expect(await own(name)).toEqual([stays]);
  expect(await stateOf(goes)).not.toBe("used");
  await run(lab.libvirtd.inNamespace(["ping", "-c", "1", "-W", "10", stays]));
  return end;
}
async function kill(): Promise<void> {
  await app.stop("SIGKILL");
  await app.start();
}

describe("JimV is killed", () => {
  test("when it is booked, and again when the guest was told: it is brought to its end", async () => {
    expect(await replace(uuid, { when: "now" })).toMatchObject({ state: "planned" });
    await kill();
    expect(await whole("web", uuid)).toMatchObject({ state: "verified" });

    const { new: told } = await replace(uuid, { when: "now", address: `${net}.201` });
    const heal = await cut(told);
    await until("the guest was told", 60_000, async () => (await newest(uuid)).state === "applied", 50);
    await app.stop("SIGKILL");
    await heal();
    await app.start();
    // On a slow machine the guest may have been first.
    expect(await whole("web", uuid)).toMatchObject({ new: `${net}.201` });
  });

  test("and nobody takes it back: the guest's own timer does, and it can't be kept any more", async () => {
    const before = (await shown("web")).replace(/valid_lft.*/g, "");
    const { interfaces } = await app.ask<{ interfaces: { mac: string }[] }>("GET", `/guests/${uuid}`);
    const id = crypto.randomUUID();
    const [old = ""] = await own("web");
    const args = [id, interfaces[0]?.mac ?? "", `${old}/24`, "198.51.100.7/24", "198.51.100.1", "5"];
    const show = "ip -4 -o addr show scope global; ip route show default";
    const told = await inGuest(lab.libvirtd, "web", `${applyScript}\n${show}`, args);
    expect(told.output).toContain("inet 198.51.100.7/24");
    expect(told.output).toContain("default via 198.51.100.1");
    expect(told.output).not.toContain(`inet ${old}/`);
    await until(
      "the guest has its old address and gateway",
      60_000,
      async () => (await shown("web")).replace(/valid_lft.*/g, "") === before,
    );
    expect((await inGuest(lab.libvirtd, "web", keepScript, [id])).status).toBe(codes.tooLate);
  });

  test.if(isLong)(
    "and does not come back in time: the guest is alone, and has its old address again",
    async () => {
      const [old = ""] = await booked(uuid);
      const { new: told } = await replace(uuid, { when: "now", address: `${net}.200` });
      const heal = await cut(told);
      await until("the guest was told", 60_000, async () => (await newest(uuid)).state === "applied", 50);
      await app.stop("SIGKILL");
      expect(await own("web")).toEqual([told]);
      await until("the guest's timer", 120_000, async () => (await own("web"))[0] === old, 500);
      await app.start();
      expect(await whole("web", uuid)).toMatchObject({ state: "rolledBack" });
      await heal();
    },
  );

  test.if(isLong)("at many moments of a replacement: each ends whole", async () => {
    const ends: string[] = [];
    for (const ms of [100, 400, 800, 1200, 1600, 2000, 2400, 3000]) {
      const [now] = await booked(uuid);
      const address = `${net}.${now === `${net}.200` ? 201 : 200}`;
      await replace(uuid, { when: "now", address });
      // The moment itself is what is tried.
      await Bun.sleep(ms);
      await kill();
      ends.push((await whole("web", uuid)).state);
    }
    console.log(`killed at eight moments: ${ends.join(", ")}`);
  });
});

test.if(existsSync("/proc/net/if_inet6"))("an IPv6 address, live and at the next boot", async () => {
  const inside = (...command: string[]) => run(lab.libvirtd.inNamespace(command));
  const bridge = /bridge name='([^']+)'/.exec(await lab.libvirtd.virsh("net-dumpxml", "jimv"))?.[1] ?? "";
  await inside("sysctl", "-qw", `net.ipv6.conf.${bridge}.disable_ipv6=0`, "net.ipv6.conf.all.forwarding=1");
  await inside("ip", "addr", "add", "fd00:6a::1/64", "dev", bridge, "nodad");
  await inside("ip", "addr", "add", "fd00:6b::2/64", "dev", "jimv-out", "nodad");
  const cable = `jv${lab.libvirtd.pid}`;
  await run(["ip", "addr", "add", "fd00:6b::1/64", "dev", cable, "nodad"]);
  await run(["ip", "route", "add", "fd00:6a::/64", "via", "fd00:6b::2", "dev", cable]);
  const pool = { name: "six", first: "fd00:6a::230", last: "fd00:6a::23f", prefix: 64 };
  const { id } = await app.ask<{ id: string }>("POST", "/ip-pools", { ...pool, gateway: "fd00:6a::1" });
  const six = await bootGuest("six", templateId, { extras: { addresses: { ipv6Pool: id } } });
  await until("it has its address", 60_000, async () => (await own("six", "-6"))[0] === "fd00:6a::230");

  expect(await replace(six, { when: "now" })).toMatchObject({ old: "fd00:6a::230" });
  expect(await ended(six)).toMatchObject({ state: "verified", new: "fd00:6a::231" });
  expect(await own("six", "-6")).toEqual(["fd00:6a::231"]);
  expect(await saidIn(lab.libvirtd, "six", "ip -6 route show default")).toContain("default via fd00:6a::1 ");
  expect(await booked(six)).toEqual(["fd00:6a::231"]);
  // One that nobody reaches is taken back.
  await replace(six, { when: "now", address: "2001:db8::7", prefix: 64 });
  expect(await ended(six)).toMatchObject({ state: "rolledBack" });
  expect(await own("six", "-6")).toEqual(["fd00:6a::231"]);

  await replace(six, { when: "boot" });
  await act(six, "force-stop");
  await act(six, "start");
  expect(await ended(six, bootMilliseconds)).toMatchObject({ state: "verified", new: "fd00:6a::232" });
  await awake("six");
  expect(await own("six", "-6")).toEqual(["fd00:6a::232"]);
});

if (isLong)
  test("a real Debian with the real cloud-init, each way once", async () => {
    const image = join(folder, "debian.qcow2");
    const script = join(import.meta.dir, "../first-boot/debian-image.sh");
    const child = Bun.spawn([script, image], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
    expect(await child.exited).toBe(0);
    const ofDebian = await app.registerTemplate(image, {
      name: "Debian",
      init: "cloud-init",
      userName: "ann",
    });
    const debian = await bootGuest("deb", ofDebian, { memoryMiB: 512, diskSizeGiB: 2 });
    await until("cloud-init is done", bootMilliseconds, () =>
      soon(lab.libvirtd, "deb", "test -e /run/cloud-init/result.json"),
    );
    const keys = "cat /etc/ssh/ssh_host_*_key.pub; getent shadow ann root; hostname";
    const before = await saidIn(lab.libvirtd, "deb", keys);
    // Its image asks DHCP for every card, which must not win over what the seed says of this one.
    const [first] = await booked(debian);
    expect(await shown("deb")).toContain(`inet ${first}/24`);
    await bothWays("deb", debian);
    await until("cloud-init is done", bootMilliseconds, () =>
      soon(lab.libvirtd, "deb", "test -e /run/cloud-init/result.json"),
    );
    // Who the guest is stays as it was: only its network was told anew.
    expect(await saidIn(lab.libvirtd, "deb", keys)).toBe(before);
  });
