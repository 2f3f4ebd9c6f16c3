/**
 * A guest on a bridge of the machine, as a server in a rack has it: the bridge has the cable to the network, which has
 * a DHCP server of its own. JimV, libvirtd and the bridge are in one network namespace; the test's is at the far end
 * of the cable, and reaches the guest through it.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { App, demoTemplate, until } from "../support/app.ts";
import { saidIn, soon } from "../support/in-guest.ts";
import { cable } from "../support/lab.ts";
import { PrivateLibvirtd } from "../support/libvirtd.ts";
import { run } from "../support/processes.ts";

const bootMilliseconds = 240_000;
setDefaultTimeout(2 * bootMilliseconds);

const bridge = "br-lan";
/** TEST-NET-2: of the bridge, of this side, and what the network's DHCP server gives away. */
const lan = { prefix: 24, bridge: "198.51.100.1", here: "198.51.100.2", first: "198.51.100.100" };
const folder = mkdtempSync("/var/tmp/jimv-bridge-");
let libvirtd: PrivateLibvirtd;
let app: App;
let dhcp: Bun.Subprocess | null = null;

const inside = (...command: string[]): Promise<string> => run(libvirtd.inNamespace(command));

/** In libvirtd's namespaces, and with a /sys that shows the network there. */
const besideLibvirtd = (command: string[]): string[] => {
  const script = 'mount -t sysfs none /sys && exec "$@"';
  return libvirtd.inNamespace(["unshare", "--mount", "/bin/sh", "-c", script, "sh", ...command]);
};

/** A bridge whose cable ends in this network. */
async function makeBridge(): Promise<void> {
  const [there, here] = ["uplink", `jb${libvirtd.pid}`];
  await inside("ip", "link", "add", bridge, "type", "bridge");
  await inside("ip", "addr", "add", `${lan.bridge}/${lan.prefix}`, "dev", bridge);
  const peer = ["peer", "name", there, "netns", `${libvirtd.pid}`];
  await run(["ip", "link", "add", here, "type", "veth", ...peer]);
  await inside("ip", "link", "set", there, "master", bridge);
  for (const name of [there, bridge]) await inside("ip", "link", "set", name, "up");
  await run(["ip", "addr", "add", `${lan.here}/${lan.prefix}`, "dev", here]);
  await run(["ip", "link", "set", here, "up"]);
  const lease = join(folder, "leases");
  const server = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--bind-interfaces"];
  const range = [`--interface=${bridge}`, `--dhcp-range=${lan.first},${lan.first}`];
  const files = [`--dhcp-leasefile=${lease}`, "--pid-file="];
  dhcp = Bun.spawn(libvirtd.inNamespace([...server, ...range, ...files]), {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, "dhcp.log")),
  });
}

beforeAll(async () => {
  libvirtd = await PrivateLibvirtd.open({ privateNetwork: true });
  const address = await cable(libvirtd);
  await makeBridge();
  app = await App.open({
    libvirtUri: libvirtd.uri,
    bridge,
    inside: besideLibvirtd,
    listen: `${address}:0`,
  });
  await app.nodeReady();
}, 240_000);

afterAll(async () => {
  await app?.close();
  dhcp?.kill();
  await dhcp?.exited;
  await libvirtd?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test("a guest gets its card on the machine's bridge, its address from the network, and is reached through it", async () => {
  type Node = { bridges: string[]; network: { bridge: string } };
  const node = await app.ask<Node>("GET", `/nodes/${app.nodeName}`);
  expect(node).toMatchObject({ bridges: [bridge], network: { bridge } });
  const templateId = await app.registerTemplate(await demoTemplate(folder), { init: "cloud-init" });
  type Begun = { task: { id: string }; guests: { uuid: string }[] };
  const request = { name: "racked", templateId, vcpus: 1, memoryMiB: 192 };
  const { task, guests } = await app.ask<Begun>("POST", "/guests", request);
  expect(await app.ended(task.id)).toMatchObject({ state: "succeeded", error: null });

  const [made] = guests;
  type Guest = { interfaces: { mac: string; bridge: string | null; network: string | null }[] };
  const { interfaces } = await app.ask<Guest>("GET", `/guests/${made?.uuid}`);
  expect(interfaces).toMatchObject([{ bridge, network: null }]);
  const mac = interfaces[0]?.mac ?? "";
  // On the very bridge, with a card of its own, and no NAT network was made beside it.
  expect(await libvirtd.virsh("domiflist", "racked")).toMatch(
    new RegExp(`bridge +${bridge} +virtio +${mac}`),
  );
  expect(await libvirtd.virsh("net-list", "--all", "--name")).toBe("");

  await until("racked's agent answers", bootMilliseconds, () => soon(libvirtd, "racked", "true"), 300);
  await until("the guest has its address", 60_000, async () =>
    (await saidIn(libvirtd, "racked", "ip -4 addr show scope global")).includes(`inet ${lan.first}/`),
  );
  // From the far end of the bridge's cable: it is this guest that answers there.
  await run(["ping", "-c", "1", "-W", "10", lan.first]);
  expect(await run(["ip", "neigh", "show", lan.first])).toContain(mac);
  // What JimV shows comes from the machine's own neighbours: the bridge's DHCP server is not libvirt's.
  await inside("ping", "-c", "1", "-W", "10", lan.first);
  await until("JimV shows the address", 60_000, async () =>
    JSON.stringify(await app.ask("GET", `/guests/${made?.uuid}`)).includes(lan.first),
  );
});
