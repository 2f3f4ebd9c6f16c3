/**
 * The jobs that come along, and values that are hard to write, on a real disk through the real libguestfs: one launch of
 * its small machine for all of it.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hypervisor } from "jimv";
import { realClock } from "../../src/core/clock.ts";
import { openImages } from "../../src/core/libvirt/images.ts";
import type { Appliance } from "../../src/plugins/boot-jobs/appliance.ts";
import { carryOut } from "../../src/plugins/boot-jobs/carrying.ts";
import { guestfishAppliance } from "../../src/plugins/boot-jobs/guestfish.ts";
import type { Plan, PlannedRule } from "../../src/plugins/boot-jobs/plan.ts";
import { seeds } from "../../src/plugins/boot-jobs/seeds.ts";
import { libguestfsGround } from "../support/libguestfs.ts";
import { run } from "../support/processes.ts";

setDefaultTimeout(570_000);

const uuid = "jimv-test-seeds";
let folder: string;
let appliance: Appliance;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "jimv-seeds-"));
  Object.assign(process.env, await libguestfsGround(folder));
  const hypervisor = {
    host: async () => ({ acceleration: { virtType: "qemu" } }),
    images: openImages(),
  } as unknown as Hypervisor;
  appliance = guestfishAppliance({ hypervisor, clock: realClock });
});
afterAll(async () => {
  await appliance?.end(uuid);
  rmSync(folder, { recursive: true, force: true });
});

const password = `it's "$HOME" \\ \`id\` 密码🗝 {IP}:x`;
const values = {
  IP: "192.0.2.7",
  PREFIX: "24",
  NETMASK: "255.255.255.0",
  GATEWAY: "192.0.2.1",
  DNS1: "192.0.2.2",
  // A pool that names one server only.
  DNS2: "",
  MAC: "52:54:00:12:34:56",
  HOSTNAME: "web-1",
  USER: "root",
  PASSWORD: password,
};

/** Everything that a shell, guestfish, a replacement or a template would read as its own; no NUL, which no file name of a shell's can hold. */
const pieces = [
  ..."'\"`$\\%&;|<>(){}[]*?!#~= \t\n\r",
  ...[
    "$(reboot)",
    ["$", "{HOME}"].join(""),
    "$&",
    "$$",
    "{IP}",
    "{{IP}}",
    "\\x41",
    "\\n",
    "%s",
    "-n ",
    "EOF\n",
    "🗝",
    "密",
    "é",
    "\u007f",
  ],
];
/** The same values for the same number. */
function odd(seed: number): string {
  let state = seed * 2_654_435_761 + 1;
  const next = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state % below;
  };
  return Array.from({ length: 1 + next(24) }, () => pieces[next(pieces.length)] ?? "").join("");
}
const oddCount = 24;
const oddValues = Object.fromEntries(Array.from({ length: oddCount }, (_, at) => [`ODD-${at}`, odd(at)]));

const rule = (each: Partial<PlannedRule>): PlannedRule => ({
  kind: "run",
  path: null,
  content: "",
  mode: null,
  ...each,
});
const job = (id: string, rules: readonly Partial<PlannedRule>[]) => ({
  id,
  name: id,
  staysOff: false,
  rules: rules.map(rule),
});
const planOf = (disk: string, jobs: Plan["jobs"]): Plan => ({
  guest: uuid,
  isWindows: false,
  disks: [{ path: disk, format: "qcow2" }],
  jobs,
  values: Object.fromEntries(
    Object.entries({ ...values, ...oddValues }).map(([name, value]) => [
      name,
      { value, isSecret: name === "PASSWORD" },
    ]),
  ),
});
const carry = (plan: Plan) =>
  carryOut(plan, {
    appliance,
    signal: new AbortController().signal,
    progress() {},
  });

test("each writes what its system reads, and no value can be anything but data", async () => {
  const names = Object.keys(oddValues);
  const linux = seeds.filter(({ name }) => !name.includes("Windows"));
  const shown = {
    networkd: "/etc/systemd/network/10-jimv.network",
    netplan: "/etc/netplan/95-jimv.yaml",
    manager: "/etc/NetworkManager/system-connections/jimv.nmconnection",
    ifcfg: "/etc/sysconfig/network-scripts/ifcfg-eth0",
    network: "/etc/sysconfig/network",
    gentoo: "/etc/conf.d/net",
    gentooName: "/etc/conf.d/hostname",
    interfaces: "/etc/network/interfaces",
    resolver: "/etc/resolv.conf",
    card: "/etc/udev/rules.d/70-jimv-net.rules",
    hostname: "/etc/hostname",
  };
  const outcomes = await carry(
    planOf(join(folder, "guest.qcow2"), [
      ...linux.map(({ name, rules }) => job(name.replaceAll(/\W+/g, "-"), rules)),
      job("show", [
        {
          content: `for file in ${Object.values(shown).join(" ")}; do echo "== $file"; cat $file; done; echo "== rest"
ls -l /etc/netplan/95-jimv.yaml /etc/NetworkManager/system-connections/jimv.nmconnection /etc/runlevels/default /etc/init.d; cat /etc/shadow`,
        },
      ]),
      job("odd", [
        { kind: "write", path: "/written", content: names.map((each) => `{${each}}\n--\n`).join("") },
        { kind: "append", path: "/written", content: names.map((each) => `{{${each}}}{${each}}`).join("") },
        {
          content: [
            // As words of their own, and inside double quotes.
            ...names.map((each) => `printf '%s\\n--\\n' {${each}} >>/said`),
            ...names.map((each) => `printf '%s' "{{${each}}}{${each}}" >>/said`),
            "cmp /written /said && echo all the same",
          ].join("\n"),
        },
      ]),
    ]),
  );
  const states = outcomes.map(({ id, state, args, log }) => [id, state, state === "done" ? "" : [args, log]]);
  expect(states.filter(([, state]) => state !== "done")).toEqual([]);
  const logOf = (id: string): string => outcomes.find((each) => each.id === id)?.log ?? "";
  const parts = logOf("show").split(/^== (.*)\n/m);
  const fileOf = (path: string): string => (parts[parts.indexOf(path) + 1] ?? "").trimEnd();

  expect(fileOf(shown.networkd)).toBe(
    "[Match]\nMACAddress=52:54:00:12:34:56\n\n[Network]\nAddress=192.0.2.7/24\nGateway=192.0.2.1\nDNS=192.0.2.2",
  );
  expect(Bun.YAML.parse(fileOf(shown.netplan))).toMatchObject({
    network: {
      version: 2,
      ethernets: {
        "00jimv": {
          match: { macaddress: values.MAC },
          addresses: ["192.0.2.7/24"],
          routes: [{ to: "0.0.0.0/0", via: "192.0.2.1" }],
        },
      },
    },
  });
  expect(fileOf(shown.manager)).toContain("address1=192.0.2.7/24,192.0.2.1\ndns=192.0.2.2;");
  expect(fileOf(shown.ifcfg)).toContain("HWADDR=52:54:00:12:34:56\n");
  expect(fileOf(shown.ifcfg)).toContain("IPADDR=192.0.2.7\nNETMASK=255.255.255.0\nGATEWAY=192.0.2.1\n");
  expect(fileOf(shown.network)).toBe("NETWORKING=yes\nHOSTNAME=web-1\nGATEWAY=192.0.2.1");
  expect(fileOf(shown.gentoo)).toContain('config_eth0="192.0.2.7/24"\nroutes_eth0="default via 192.0.2.1"');
  expect(fileOf(shown.gentooName)).toBe('hostname="web-1"');
  expect(fileOf(shown.interfaces)).toContain("address 192.0.2.7\n    netmask 255.255.255.0");
  expect(fileOf(shown.resolver)).toBe("nameserver 192.0.2.2");
  expect(fileOf(shown.card)).toBe(
    'SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"',
  );
  expect(fileOf(shown.hostname)).toBe("web-1");
  const rest = fileOf("rest");
  expect(rest).toMatch(/-rw------- .* \/etc\/netplan\/95-jimv\.yaml/);
  expect(rest).toMatch(/-rw------- .*jimv\.nmconnection/);
  expect(rest).toContain("net.eth0 -> net.lo");
  expect(rest).toContain("net.eth0 -> /etc/init.d/net.eth0");
  // The guest's own hash of it is that of this password, whatever stands in it.
  const hash = /^root:([^:]+):/m.exec(rest)?.[1] ?? "";
  expect(hash.length).toBeGreaterThan(10);
  const script = "print crypt($ARGV[0], $ARGV[1])";
  expect(await run(["perl", "-e", script, password, hash])).toBe(hash);

  expect(logOf("odd")).toContain("all the same");
});
