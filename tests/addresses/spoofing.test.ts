/**
 * Spoofing protection on real libvirt and two real guests: under another address nothing of a guest gets through, its
 * own passes; after a live replacement the new one passes and the old one does not; switched off at the pool, all does.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type App, demoTemplate, until } from "../support/app.ts";
import { inGuest, saidIn, soon } from "../support/in-guest.ts";
import { type Lab, openLab } from "../support/lab.ts";
import { run } from "../support/processes.ts";

const bootMilliseconds = 120_000;
setDefaultTimeout(2 * bootMilliseconds);

const folder = mkdtempSync("/var/tmp/jimv-spoof-");
let lab: Lab;
let app: App;
let net: string;
let pool: { id: string; name: string; first: string; last: string; prefix: number; gateway: string };
const uuids: Record<string, string> = {};

beforeAll(async () => {
  lab = await openLab();
  ({ app } = lab);
  const xml = await lab.libvirtd.virsh("net-dumpxml", "jimv");
  net = /ip address='(\d+\.\d+\.\d+)\.\d+'/.exec(xml)?.[1] ?? "";
  const wanted = { name: "lan", first: `${net}.230`, last: `${net}.235`, prefix: 24, gateway: `${net}.1` };
  pool = { ...wanted, ...(await app.ask<{ id: string }>("POST", "/ip-pools", wanted)) };
  await run(lab.libvirtd.inNamespace(["iptables", "-I", "FORWARD", "-j", "ACCEPT"]));
  const router = lab.outside.replace(/\d+$/, (last) => String(Number(last) + 1));
  for (const last of [230, 231, 232]) await run(["ip", "route", "add", `${net}.${last}/32`, "via", router]);
  const templateId = await app.registerTemplate(await demoTemplate(folder), { init: "cloud-init" });
  type Begun = { task: { id: string }; guests: { uuid: string }[] };
  const begun = await Promise.all(
    ["ann", "bob"].map((name) =>
      app.ask<Begun>("POST", "/guests", {
        name,
        templateId,
        vcpus: 1,
        memoryMiB: 192,
        extras: { addresses: { ipv4Pool: pool.id } },
      }),
    ),
  );
  for (const [at, name] of ["ann", "bob"].entries()) {
    const { task, guests } = begun[at] as Begun;
    expect(await app.ended(task.id)).toMatchObject({ state: "succeeded", error: null });
    uuids[name] = guests[0]?.uuid ?? "";
    await until(`${name}'s agent answers`, bootMilliseconds, () => soon(lab.libvirtd, name, "true"), 300);
  }
}, 300_000);

afterAll(async () => {
  await lab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function addressOf(name: string): Promise<string> {
  const path = `/guests/${uuids[name]}`;
  return (await app.ask<{ bookedAddresses: string[] }>("GET", path)).bookedAddresses[0] ?? "";
}
/** Whether a guest gets an answer from another one, speaking under an address. */
async function passes(from: string, under: string, to: string): Promise<boolean> {
  const { status } = await inGuest(lab.libvirtd, from, `ping -c 3 -W 1 -I ${under} ${to} >/dev/null`);
  return status === 0;
}
async function filterOf(name: string): Promise<string> {
  const xml = await lab.libvirtd.virsh("dumpxml", name);
  const reference = /<filterref.*?<\/filterref>/s.exec(xml)?.[0] ?? "";
  return [...reference.matchAll(/value='([^']+)'/g)].map(([, value]) => value).join(" ");
}

test("a guest's own address passes, another does not, and neither does what answers for it", async () => {
  const [ann, bob] = [await addressOf("ann"), await addressOf("bob")];
  expect(await filterOf("ann")).toBe(ann);
  expect(await passes("ann", ann, bob)).toBe(true);
  await saidIn(lab.libvirtd, "ann", `ip addr add ${net}.240/24 dev eth0`);
  expect(await passes("ann", `${net}.240`, bob)).toBe(false);
  // Nor does it answer there: whoever asks the network for that address is told nothing.
  expect(await passes("bob", bob, `${net}.240`)).toBe(false);
  expect(await passes("ann", ann, bob)).toBe(true);
});

test("after a live replacement the new address passes and the old one does not", async () => {
  const [old, bob] = [await addressOf("ann"), await addressOf("bob")];
  const path = `/guests/${uuids.ann}/addresses/replace`;
  type Replacement = { state: string; isOpen: boolean; error: string | null };
  await app.ask("POST", path, { when: "now" });
  const newest = async () => (await app.ask<{ items: Replacement[] }>("GET", path)).items[0];
  await until("the replacement ends", 60_000, async () => (await newest())?.isOpen === false, 50);
  expect(await newest()).toMatchObject({ state: "verified", error: null });
  const fresh = await addressOf("ann");
  expect(fresh).not.toBe(old);
  expect(await filterOf("ann")).toBe(fresh);
  expect(await passes("ann", fresh, bob)).toBe(true);
  await saidIn(lab.libvirtd, "ann", `ip addr add ${old}/24 dev eth0`);
  expect(await passes("ann", old, bob)).toBe(false);
});

test("switched off at the pool, guests that run may use any address; switched on, their own alone", async () => {
  const bob = await addressOf("bob");
  const change = async (protect: boolean): Promise<void> => {
    const { id, name, first, last, prefix, gateway } = pool;
    await app.ask("PUT", `/ip-pools/${id}`, { name, first, last, prefix, gateway, protect });
    const done = async () => ((await filterOf("ann")) !== "") === protect;
    await until("the guests that run are changed", 60_000, done, 100);
  };
  // The kernel takes it along with the address that was replaced.
  await saidIn(lab.libvirtd, "ann", `ip addr add ${net}.240/24 dev eth0`);
  await change(false);
  expect(await passes("ann", `${net}.240`, bob)).toBe(true);
  expect(await lab.libvirtd.virsh("dumpxml", "--inactive", "ann")).not.toContain("filterref");
  await change(true);
  expect(await passes("ann", `${net}.240`, bob)).toBe(false);
  expect(await filterOf("ann")).toBe(await addressOf("ann"));
});
