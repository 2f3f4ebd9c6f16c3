/**
 * What a guest really is after its first boot: name, user, password, keys and address are asked of the guest
 * itself. The short form asks the demo template, which reads cloud-init's seed with a small reader of its own; the
 * long form (JIMV_LONG=1) asks a real Debian with the real cloud-init, set up both ways.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type App, demoTemplate, until } from "../support/app.ts";
import { inGuest, saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { run } from "../support/processes.ts";

/** Debian's boot under software emulation, on a machine that does other things, too. */
const bootMilliseconds = 900_000;
setDefaultTimeout(2 * bootMilliseconds);

const sshKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1t7cBq5oXn1eT4bq7pZrVnV1e4i0J2wQzQ0m0o0J2s someone@her desk: #1";
const folder = mkdtempSync("/var/tmp/jimv-first-boot-");
let lab: Lab;
let app: App;

beforeAll(async () => {
  lab = await openLab();
  ({ app } = lab);
}, 240_000);

afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Guest {
  uuid: string;
  state: string;
  initState: string;
  initError: { detail: string } | null;
  initNote: { detail: string } | null;
  interfaces: { mac: string }[];
}

const guestBy = (uuid: string): Promise<Guest> => app.ask<Guest>("GET", `/guests/${uuid}`);
const said = (name: string, command: string): Promise<string> => saidIn(lab.libvirtd, name, command);

/** Asks for a guest, and waits until its agent answers. */
async function bootGuest(request: {
  name: string;
  templateId: string;
  memoryMiB: number;
  diskSizeGiB?: number;
  sshKeys?: string[];
  linked?: boolean;
}): Promise<string> {
  type Begun = { task: { id: string }; guests: { uuid: string }[] };
  const body = { vcpus: 1, sshKeys: [sshKey], ...request };
  const { task, guests } = await app.ask<Begun>("POST", "/guests", body);
  expect(await app.ended(task.id)).toMatchObject({ state: "succeeded", error: null });
  await until(
    `${request.name}'s agent answers`,
    bootMilliseconds,
    () => soon(lab.libvirtd, request.name, "true"),
    500,
  );
  return guests[0]?.uuid ?? "";
}

/** The password that JimV shows, and that it is the user's: the guest's own hash of it comes out the same. */
async function shownPasswordWorks(uuid: string, name: string, userName: string): Promise<void> {
  type Shown = { userName: string; password: string };
  const shown = await app.ask<Shown>("POST", `/guests/${uuid}/password/reveal`, {});
  expect(shown.userName).toBe(userName);
  const kept = (await said(name, `grep '^${userName}:' /etc/shadow`)).split(":")[1] ?? "";
  expect(await crypted(shown.password, kept)).toBe(kept);
}

/** crypt(3) of this machine, with the scheme and salt of a hash; perl, since not all schemes have a command. */
async function crypted(password: string, hash: string): Promise<string> {
  const child = Bun.spawn(["perl", "-e", "chomp(my @in = <STDIN>); print crypt($in[0], $in[1])"], {
    stdin: Buffer.from(`${password}\n${hash}\n`),
    stdout: "pipe",
  });
  const result = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return result;
}

/** The address that JimV's network leased to the guest's card is up in the guest. */
async function networkIsUp(uuid: string, name: string): Promise<void> {
  const mac = (await guestBy(uuid)).interfaces[0]?.mac ?? "none";
  const networks = (await lab.libvirtd.virsh("net-list", "--name")).trim().split("\n");
  await until("the guest has the address that the network leased", 60_000, async () => {
    const leases = await lab.libvirtd.virsh("net-dhcp-leases", networks[0]?.trim() ?? "");
    const address = leases
      .split("\n")
      .find((line) => line.includes(mac))
      ?.match(/\d+\.\d+\.\d+\.\d+\/\d+/)?.[0];
    if (!address) return false;
    const { output } = await inGuest(lab.libvirtd, name, "ip -4 addr show scope global; ip route");
    return output.includes(`inet ${address} `) && output.includes("default via ");
  });
}

test("demo template by seed: name, password, keys and address are those asked for", async () => {
  const templateId = await app.registerTemplate(await demoTemplate(folder), { init: "cloud-init" });
  const name = "Seeded_1";
  const uuid = await bootGuest({ name, templateId, memoryMiB: 192 });
  expect(await said(name, "hostname")).toBe("seeded-1");
  await shownPasswordWorks(uuid, name, "root");
  expect(await said(name, "cat /root/.ssh/authorized_keys")).toBe(sshKey);
  await networkIsUp(uuid, name);

  // A linked disk holds only what differs from the template, and boots as well.
  const linked = await bootGuest({ name: "Linked_1", templateId, memoryMiB: 192, linked: true });
  expect(await said("Linked_1", "hostname")).toBe("linked-1");
  type Disks = { items: { path: string }[] };
  const { items } = await app.ask<Disks>("GET", `/disks?role=system&guestUuid=${linked}`);
  const path = items[0]?.path ?? "";
  const { path: template } = await app.ask<{ path: string }>("GET", `/templates/${templateId}`);
  const info = JSON.parse(await run(["qemu-img", "info", "-U", "--output=json", path]));
  expect(info["full-backing-filename"]).toBe(template);
});

/** A file of the guest, through an agent that runs no commands. */
async function fileOf(name: string, path: string): Promise<string> {
  const agent = async <T>(execute: string, args: object): Promise<T> => {
    const message = JSON.stringify({ execute, arguments: args });
    return JSON.parse(await lab.libvirtd.virsh("qemu-agent-command", name, message)).return;
  };
  const handle = await agent<number>("guest-file-open", { path, mode: "r" });
  const read = await agent<{ "buf-b64": string }>("guest-file-read", { handle, count: 65_536 });
  await agent("guest-file-close", { handle });
  return Buffer.from(read["buf-b64"], "base64").toString();
}

test("by an agent that runs no commands: the password is set, and the page says that the name is not", async () => {
  // The demo template's own guest, whose init now starts the agent as distributions do that block commands.
  const source = await app.registerTemplate(await demoTemplate(folder), { name: "plain", init: "none" });
  const maker = await bootGuest({ name: "maker", templateId: source, memoryMiB: 192, sshKeys: [] });
  const agent = "qemu-ga -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 -t /run -b guest-exec";
  await said(
    "maker",
    `sed -i 's#/usr/sbin/demo-agent#${agent}#' /etc/inittab && sync && grep qemu-ga /etc/inittab`,
  );
  const off = await app.ask<{ task: { id: string } }>("POST", `/guests/${maker}/shutdown`);
  expect((await app.ended(off.task.id)).state).toBe("succeeded");
  type Disks = { items: { path: string }[] };
  const { items } = await app.ask<Disks>("GET", `/disks?role=system&guestUuid=${maker}`);
  const image = join(folder, "no-commands.qcow2");
  await run(["qemu-img", "convert", "-O", "qcow2", items[0]?.path ?? "", image]);

  const templateId = await app.registerTemplate(image, { name: "no commands", init: "agent" });
  const name = "mute";
  type Begun = { task: { id: string }; guests: { uuid: string }[] };
  const body = { name, templateId, vcpus: 1, memoryMiB: 192 };
  const { guests } = await app.ask<Begun>("POST", "/guests", body);
  const uuid = guests[0]?.uuid ?? "";
  await until("the first set-up ends", bootMilliseconds, async () =>
    ["done", "failed"].includes((await guestBy(uuid)).initState),
  );
  const reason = "The password is set. The host name is not: the agent does not run commands in this guest.";
  expect(await guestBy(uuid)).toMatchObject({
    initState: "done",
    initError: null,
    initNote: { detail: reason },
  });
  expect(await app.page(`/guests/${uuid}`)).toContain(reason);
  expect(await fileOf(name, "/etc/hostname")).not.toContain(name);
  const kept = /^root:([^:]*):/m.exec(await fileOf(name, "/etc/shadow"))?.[1] ?? "";
  const shown = await app.ask<{ password: string }>("POST", `/guests/${uuid}/password/reveal`, {});
  expect(kept).toBe(await crypted(shown.password, kept));
});

if (process.env.JIMV_LONG === "1")
  describe("Debian", () => {
    const image = join(folder, "debian.qcow2");
    const memoryMiB = 512;

    beforeAll(async () => {
      const script = join(import.meta.dir, "debian-image.sh");
      const child = Bun.spawn([script, image], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
      expect(await child.exited).toBe(0);
    }, 1_200_000);

    test("by cloud-init: name, user, password, keys, address, and a root file system as large as asked for", async () => {
      const templateId = await app.registerTemplate(image, {
        name: "Debian cloud-init",
        init: "cloud-init",
        userName: "ann",
      });
      const name = "deb-cloud";
      const uuid = await bootGuest({ name, templateId, memoryMiB, diskSizeGiB: 2 });
      // Its agent answers long before cloud-init has come to its end; 0 is without any complaint.
      await until("cloud-init is done", bootMilliseconds, () =>
        soon(lab.libvirtd, name, "test -e /run/cloud-init/result.json"),
      );
      expect(JSON.parse(await said(name, "cat /run/cloud-init/result.json")).v1).toMatchObject({
        datasource: expect.stringContaining("DataSourceNoCloud [seed=/dev/vd"),
        errors: [],
      });
      expect(await said(name, "hostname")).toBe("deb-cloud");
      expect(await said(name, "getent hosts deb-cloud")).toContain("127.0.1.1");
      await shownPasswordWorks(uuid, name, "ann");
      expect(await said(name, "passwd -S ann")).toMatch(/^ann P /);
      expect(await said(name, "cat ~ann/.ssh/authorized_keys")).toBe(sshKey);
      expect(await said(name, "sudo -u ann sudo -n id -u")).toBe("0");
      expect(await said(name, "/usr/sbin/sshd -T | grep -i '^passwordauthentication'")).toMatch(/ yes$/);
      await networkIsUp(uuid, name);
      const sizeGiB = Number(await said(name, "df --output=size -BM / | tail -n 1 | tr -dc 0-9")) / 1024;
      expect(sizeGiB).toBeGreaterThan(1.5);
      await app.ask("DELETE", `/guests/${uuid}`, { force: true });
    });

    test("by agent: the same image gets root's password and the name", async () => {
      const templateId = await app.registerTemplate(image, { name: "Debian agent", init: "agent" });
      const name = "deb-agent";
      const uuid = await bootGuest({ name, templateId, memoryMiB, sshKeys: [] });
      await until("the first set-up ends", bootMilliseconds, async () => {
        const { initState } = await guestBy(uuid);
        return !["none", "pending"].includes(initState);
      });
      expect(await guestBy(uuid)).toMatchObject({ initState: "done", initError: null, initNote: null });
      await shownPasswordWorks(uuid, name, "root");
      expect(await said(name, "hostname; cat /etc/hostname")).toBe("deb-agent\ndeb-agent");
      await networkIsUp(uuid, name);
    });
  });
