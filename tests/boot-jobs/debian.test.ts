/**
 * What the jobs that come along make of a real Debian, in the long form (JIMV_LONG=1): it boots with netplan,
 * systemd-networkd, NetworkManager and ifupdown in turn, each set up by the job that comes along, and has the booked
 * address, the name and the password each time, although it had others before. Then its address is replaced by such a
 * job at the next boot, and live.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type App, until } from "../support/app.ts";
import { saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { libguestfsGround } from "../support/libguestfs.ts";
import { run } from "../support/processes.ts";

/** Debian's boot under software emulation, on a machine that does other things, too. */
const bootMilliseconds = 900_000;
setDefaultTimeout(2 * bootMilliseconds);

const name = "deb-net";
/** Nothing is left of what set the network up before, and whoever sets it up alone is at work. */
const only = (own: string): string =>
  [
    "rm -f /etc/netplan/* /etc/systemd/network/* /etc/NetworkManager/system-connections/* /etc/udev/rules.d/70-jimv*",
    "echo 'source /none' >/etc/network/interfaces",
    "for each in systemd-networkd NetworkManager networking; do systemctl -q mask $each.service; done",
    `systemctl -q unmask ${own}.service`,
    `systemctl -q enable ${own}.service`,
  ].join(" && ");
/** The name and the password that it must not keep. */
const wrong = "echo wrong >/etc/hostname && echo root:wrong | chpasswd";
const image = "systemctl -q mask NetworkManager.service networking.service";
/** In which order they are tried: netplan's comes first, beside the image's own file that asks DHCP for every card. */
const ways = [
  { seed: "Network: netplan", before: image },
  { seed: "Network: systemd-networkd", before: only("systemd-networkd") },
  { seed: "Network: NetworkManager", before: only("NetworkManager") },
  { seed: "Network: ifupdown", before: only("networking") },
] as const;

if (process.env.JIMV_LONG === "1")
  describe("Debian", () => {
    const folder = mkdtempSync("/var/tmp/jimv-debian-jobs-");
    let lab: Lab;
    let app: App;
    let uuid = "";
    let address = "";
    let gateway = "";
    let password = "";

    beforeAll(async () => {
      lab = await openLab({ environment: await libguestfsGround(folder) });
      ({ app } = lab);
      const disk = join(folder, "debian.qcow2");
      const script = join(import.meta.dir, "../first-boot/debian-image.sh");
      const cache = join(import.meta.dir, "../../.cache");
      await run([script, disk, cache, "network-manager", "ifupdown"]);
      const templateId = await app.registerTemplate(disk, { name: "Debian", init: "agent" });
      const xml = await lab.libvirtd.virsh("net-dumpxml", "jimv");
      const net = /ip address='(\d+\.\d+\.\d+)\.\d+'/.exec(xml)?.[1] ?? "";
      gateway = `${net}.1`;
      // The node of this test is not in libvirtd's network: it gets there as a router's neighbour would.
      await run(lab.libvirtd.inNamespace(["iptables", "-I", "FORWARD", "-j", "ACCEPT"]));
      const router = lab.outside.replace(/\d+$/, (last) => String(Number(last) + 1));
      for (let last = 230; last <= 240; last++)
        await run(["ip", "route", "add", `${net}.${last}/32`, "via", router]);
      const pool = await app.ask<{ id: string }>("POST", "/ip-pools", {
        name: "lan",
        first: `${net}.230`,
        last: `${net}.240`,
        prefix: 24,
        gateway,
        dns1: gateway,
        isDefault: true,
      });
      type Begun = { task: { id: string }; guests: { uuid: string }[] };
      const begun = await app.ask<Begun>("POST", "/guests", {
        name,
        templateId,
        vcpus: 1,
        memoryMiB: 512,
        start: false,
        extras: { addresses: { ipv4Pool: pool.id } },
      });
      expect(await app.ended(begun.task.id, bootMilliseconds)).toMatchObject({ state: "succeeded" });
      uuid = begun.guests[0]?.uuid ?? "";
      const guest = await app.ask<{ bookedAddresses: string[] }>("GET", `/guests/${uuid}`);
      address = guest.bookedAddresses[0] ?? "";
      expect(address).toStartWith(`${net}.23`);
      type Shown = { password: string };
      ({ password } = await app.ask<Shown>("POST", `/guests/${uuid}/password/reveal`, {}));
    }, 2_400_000);
    afterAll(async () => {
      await lab?.close();
      rmSync(folder, { recursive: true, force: true });
    }, 60_000);

    const said = (command: string) => saidIn(lab.libvirtd, name, command);
    const addressesOf = () => said("ip -4 -o addr show scope global | awk '{ print $4 }'");
    const awake = () =>
      until("the agent answers", bootMilliseconds, () => soon(lab.libvirtd, name, "true"), 500);
    async function start(): Promise<void> {
      const { task } = await app.ask<{ task: { id: string } }>("POST", `/guests/${uuid}/start`);
      expect(await app.ended(task.id, bootMilliseconds)).toMatchObject({ state: "succeeded", error: null });
      type Queued = { items: { jobName: string; state: string; log: string | null }[] };
      const queued = await app.ask<Queued>("GET", `/boot-jobs/queue?guest=${uuid}`);
      expect(queued.items.filter(({ state }) => state !== "done")).toEqual([]);
    }
    async function stop(): Promise<void> {
      const { task } = await app.ask<{ task: { id: string } }>("POST", `/guests/${uuid}/force-stop`);
      expect(await app.ended(task.id)).toMatchObject({ state: "succeeded" });
    }

    for (const { seed, before } of ways)
      test(`${seed}: the guest boots with its address, gateway, name and password`, async () => {
        const { items } = await app.ask<{ items: { id: string; name: string }[] }>("GET", "/boot-jobs");
        const own = await app.ask<{ id: string }>("POST", "/boot-jobs", {
          name: `Before ${seed}`,
          scope: "user",
          onFailure: "stay",
          rules: [before, wrong].map((content) => ({ kind: "run", content })),
        });
        const seeds = ["Reset password", seed].map((each) => items.find((job) => job.name === each)?.id);
        await app.ask("POST", "/boot-jobs/queue", { guests: [uuid], jobs: [own.id, ...seeds] });
        const began = performance.now();
        await start();
        await awake();
        await until("it has its address and its gateway", 120_000, () =>
          soon(
            lab.libvirtd,
            name,
            `ip -4 -o addr show scope global | grep -q ' ${address}/24 ' && ip route | grep -q 'default via ${gateway} '`,
          ),
        );
        // From outside, and no other beside it.
        await run(lab.libvirtd.inNamespace(["ping", "-c", "1", "-W", "30", address]));
        expect(await addressesOf()).toBe(`${address}/24`);
        expect(await said("hostname")).toBe(name);
        // The guest's own hash of it is that of this password.
        const hash = (await said("grep '^root:' /etc/shadow")).split(":")[1] ?? "";
        expect(await run(["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, hash])).toBe(hash);
        console.log(`${seed}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
        // The agent's own set-up is part of the first boot only; what follows is the jobs' alone.
        await until("the first set-up is over", bootMilliseconds, async () => {
          const { initState } = await app.ask<{ initState: string }>("GET", `/guests/${uuid}`);
          return initState === "done";
        });
        await stop();
      });

    test("its address is replaced by a boot job at the next boot, then live, and the next boot keeps it", async () => {
      type Replacement = { old: string; new: string; state: string; isOpen: boolean; error: string | null };
      const path = `/guests/${uuid}/addresses/replace`;
      const newest = async (): Promise<Replacement | undefined> =>
        (await app.ask<{ items: Replacement[] }>("GET", path)).items[0];
      const ended = () =>
        until("the replacement ends", bootMilliseconds, async () => (await newest())?.isOpen === false);
      const style = "systemd-networkd";
      const own = await app.ask<{ id: string }>("POST", "/boot-jobs", {
        name: "Before the replacement",
        scope: "user",
        onFailure: "stay",
        rules: [{ kind: "run", content: only(style) }],
      });
      await app.ask("POST", "/boot-jobs/queue", { guests: [uuid], jobs: [own.id] });
      const planned = await app.ask<Replacement>("POST", path, { when: "boot", style });
      expect(planned).toMatchObject({ old: address, state: "planned" });
      await start();
      await ended();
      expect(await newest()).toMatchObject({ state: "verified", error: null, new: planned.new });
      await awake();
      expect(await addressesOf()).toBe(`${planned.new}/24`);

      const live = await app.ask<Replacement>("POST", path, { when: "now", style });
      await ended();
      expect(await newest()).toMatchObject({ state: "verified", error: null, new: live.new });
      expect(await addressesOf()).toBe(`${live.new}/24`);
      expect(await said("ip route")).toContain(`default via ${gateway} `);
      await stop();
      await start();
      await awake();
      await until("it has its address", 120_000, async () => (await addressesOf()) === `${live.new}/24`);
      expect(await said("hostname")).toBe(name);
      const { bookedAddresses } = await app.ask<{ bookedAddresses: string[] }>("GET", `/guests/${uuid}`);
      expect(bookedAddresses).toEqual([live.new]);
    });
  });
