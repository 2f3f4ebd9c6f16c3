/** The demo template: built (or taken from the cache), small, and a guest that does what our tests ask of one. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, PlainGuest } from "../support/plain-qemu.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "jimv-image-"));
const template = join(folder, "template.qcow2");
let guest: PlainGuest | null = null;

beforeAll(async () => {
  const script = join(import.meta.dir, "../../scripts/demo-template.sh");
  const build = Bun.spawn([script, template], { stdout: "inherit", stderr: "inherit" });
  expect(await build.exited).toBe(0);
}, 300_000);

afterEach(async () => {
  await guest?.end();
  guest = null;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function freshDisk(): string {
  const disk = join(folder, "disk.qcow2");
  copyFileSync(template, disk);
  return disk;
}

test("is smaller than 40 MB", () => {
  expect(statSync(template).size).toBeLessThan(40 * 1000 * 1000);
});

test("shows a login, gets an address, and keeps a password that the agent set over a power off", async () => {
  const disk = freshDisk();
  guest = await PlainGuest.start({ disk });
  await guest.serialShows(/demo login:/);
  await guest.agentAnswers();
  await guest.serialShows(/address .*10\.0\.2\.15/);
  expect(await guest.run("/bin/sh", "-c", "cut -d: -f2 /etc/shadow")).toBe("!\n");

  const password = Buffer.from(`it's "a" $test\\ ü`).toString("base64");
  await guest.agent("guest-set-user-password", { username: "root", password, crypted: false });
  const shadow = await guest.run("/bin/cat", "/etc/shadow");
  expect(shadow).toMatch(/^root:\$6\$/);
  await guest.run("/usr/bin/hostnamectl", "set-hostname", "renamed");
  await expect(
    guest.agent("guest-set-user-password", { username: "nobody", password, crypted: false }),
  ).rejects.toThrow();

  expect(await guest.run("/usr/bin/wget", "-qO-", "http://127.0.0.1/")).toContain("10.0.2.15");
  await guest.command("system_powerdown");
  await guest.poweredOff();
  await guest.end();

  guest = await PlainGuest.start({ disk });
  await guest.serialShows(/renamed login:/);
  await guest.agentAnswers();
  expect(await guest.run("/bin/cat", "/etc/shadow")).toBe(shadow);
  // The agent never answers this one: the guest is gone by then.
  guest.agent("guest-shutdown", { mode: "powerdown" }).catch(() => {});
  await guest.poweredOff();
});

test("takes name, password, keys and address from a seed disk, and the password opens the login", async () => {
  const seedFolder = join(folder, "seed");
  mkdirSync(seedFolder, { recursive: true });
  writeFileSync(join(seedFolder, "meta-data"), "instance-id: one\nlocal-hostname: from-meta\n");
  writeFileSync(
    join(seedFolder, "user-data"),
    [
      "#cloud-config",
      "hostname: from-seed",
      "ssh_authorized_keys: [ssh-ed25519 AAAA me@there]",
      "users:",
      "  - default",
      "  - {name: ann, plain_text_passwd: secret, lock_passwd: false}",
      "chpasswd:",
      "  expire: false",
      "  users:",
      '    - {name: root, type: text, password: "quiet \\"words\\""}',
    ].join("\n"),
  );
  writeFileSync(
    join(seedFolder, "network-config"),
    [
      "version: 2",
      "ethernets:",
      "  first:",
      "    match: {macaddress: '52:54:00:12:34:56'}",
      "    addresses: [192.0.2.7/24]",
      "    routes: [{to: default, via: 192.0.2.1}]",
      "    nameservers: {addresses: [192.0.2.53]}",
    ].join("\n"),
  );
  guest = await PlainGuest.start({ disk: freshDisk(), seedFolder });
  await guest.serialShows(/192\.0\.2\.7[\s\S]*from-seed login:/);
  await guest.agentAnswers();
  expect(await guest.run("/bin/cat", "/root/.ssh/authorized_keys")).toBe("ssh-ed25519 AAAA me@there\n");
  expect(await guest.run("/sbin/ip", "route")).toContain("default via 192.0.2.1");
  expect(await guest.run("/bin/cat", "/etc/resolv.conf")).toBe("nameserver 192.0.2.53\n");
  expect(await guest.run("/bin/grep", "-c", "^ann:.6", "/etc/shadow")).toBe("1\n");

  const typed = [
    "q",
    "u",
    "i",
    "e",
    "t",
    "spc",
    "shift-apostrophe",
    "w",
    "o",
    "r",
    "d",
    "s",
    "shift-apostrophe",
    "ret",
  ];
  await guest.type("r", "o", "o", "t", "ret");
  // What is typed before the question is thrown away; the first console's text is what /dev/vcs1 holds.
  await guest.run(
    "/bin/sh",
    "-c",
    "for i in $(seq 100); do grep -q Password: /dev/vcs1 && exit; sleep 0.1; done; exit 1",
  );
  await guest.type(...typed, "t", "o", "u", "c", "h", "spc", "slash", "i", "n", "ret");
  expect(
    await guest.run("/bin/sh", "-c", "for i in $(seq 50); do [ -e /in ] && exec echo in; sleep 0.2; done"),
  ).toBe("in\n");
});

test("Ctrl-Alt-Del starts it anew", async () => {
  const machine = await PlainGuest.start({ disk: freshDisk() });
  guest = machine;
  await machine.agentAnswers();
  const before = await machine.run("/bin/cat", "/proc/sys/kernel/random/boot_id");
  await machine.type("ctrl-alt-delete");
  const now = await eventually("another boot", 60_000, async () => {
    await machine.agentAnswers();
    const id = await machine.run("/bin/cat", "/proc/sys/kernel/random/boot_id").catch(() => before);
    return id === before ? undefined : id;
  });
  expect(now).toHaveLength(before.length);
});
