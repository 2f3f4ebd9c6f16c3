/**
 * The jobs that a new JimV brings along. People may change and delete them; they are put there once. Those that set an
 * address need variables that a plugin for addresses gives, and are refused with a sentence without one.
 */
import { type ControllerContext, eq, insert, or, StoreUniqueError } from "jimv";
import type { RuleBody } from "./requests.ts";
import { type BootJob, bootJobs } from "./schema.ts";

/** A hidden job without rules: where it is, the seeds have been put. */
const markId = "seeds-1";
const putTries = 5;

/** The card with the guest's MAC address is eth0, whatever the guest would call it. */
const named = `SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="{MAC}", NAME="eth0"\n`;
const hostname: RuleBody = { kind: "write", path: "/etc/hostname", content: "{HOSTNAME}\n" };
const cardName: RuleBody = { kind: "write", path: "/etc/udev/rules.d/70-jimv-net.rules", content: named };
const resolver: RuleBody = {
  kind: "write",
  path: "/etc/resolv.conf",
  content: "{?DNS1}nameserver {DNS1}\n{/DNS1}{?DNS2}nameserver {DNS2}\n{/DNS2}",
};

const startupFolder = "C:\\Windows\\System32\\GroupPolicy";

export const seeds: readonly { name: string; remark: string; rules: readonly RuleBody[] }[] = [
  {
    name: "Reset password",
    remark: "Sets the password that JimV knows",
    rules: [{ kind: "run", content: `printf '%s:%s\\n' {USER} {PASSWORD} | chpasswd` }],
  },
  {
    name: "Network: systemd-networkd",
    remark: "Address and hostname; matches the card by its MAC address",
    rules: [
      hostname,
      {
        kind: "write",
        path: "/etc/systemd/network/10-jimv.network",
        content:
          "[Match]\nMACAddress={MAC}\n\n[Network]\nAddress={IP}/{PREFIX}\n{?GATEWAY}Gateway={GATEWAY}\n{/GATEWAY}{?DNS1}DNS={DNS1}\n{/DNS1}{?DNS2}DNS={DNS2}\n{/DNS2}",
      },
    ],
  },
  {
    name: "Network: netplan",
    remark: "Address and hostname; Ubuntu, newer Debian",
    rules: [
      hostname,
      {
        kind: "write",
        path: "/etc/netplan/95-jimv.yaml",
        mode: "0600",
        content: [
          "network:",
          "  version: 2",
          "  ethernets:",
          // Before what else matches the card: of two, networkd takes the first by name.
          "    00jimv:",
          '      match: {macaddress: "{MAC}"}',
          "      dhcp4: false",
          "      addresses: [{IP}/{PREFIX}]",
          "{?GATEWAY}      routes: [{to: 0.0.0.0/0, via: {GATEWAY}}]",
          "{/GATEWAY}{?DNS1}      nameservers: {addresses: [{DNS1}{?DNS2}, {DNS2}{/DNS2}]}",
          "{/DNS1}",
        ].join("\n"),
      },
    ],
  },
  {
    name: "Network: NetworkManager",
    remark: "Address and hostname; Fedora, RHEL 8 and later",
    rules: [
      hostname,
      {
        kind: "write",
        path: "/etc/NetworkManager/system-connections/jimv.nmconnection",
        mode: "0600",
        content:
          "[connection]\nid=jimv\ntype=ethernet\nautoconnect-priority=100\n\n[ethernet]\nmac-address={MAC}\n\n[ipv4]\nmethod=manual\naddress1={IP}/{PREFIX}{?GATEWAY},{GATEWAY}{/GATEWAY}\n{?DNS1}dns={DNS1};{?DNS2}{DNS2};{/DNS2}\n{/DNS1}",
      },
    ],
  },
  {
    name: "Network: ifcfg",
    remark: "Address and hostname; CentOS 6 and 7",
    rules: [
      hostname,
      cardName,
      {
        kind: "write",
        path: "/etc/sysconfig/network",
        content: "NETWORKING=yes\nHOSTNAME={HOSTNAME}\n{?GATEWAY}GATEWAY={GATEWAY}\n{/GATEWAY}",
      },
      {
        kind: "write",
        path: "/etc/sysconfig/network-scripts/ifcfg-eth0",
        content:
          "DEVICE=eth0\nHWADDR={MAC}\nONBOOT=yes\nBOOTPROTO=none\nIPADDR={IP}\nNETMASK={NETMASK}\n{?GATEWAY}GATEWAY={GATEWAY}\n{/GATEWAY}{?DNS1}DNS1={DNS1}\n{/DNS1}{?DNS2}DNS2={DNS2}\n{/DNS2}",
      },
    ],
  },
  {
    name: "Network: OpenRC",
    remark: "Address and hostname; Gentoo",
    rules: [
      { kind: "write", path: "/etc/conf.d/hostname", content: 'hostname="{HOSTNAME}"\n' },
      cardName,
      {
        kind: "write",
        path: "/etc/conf.d/net",
        content:
          'config_eth0="{IP}/{PREFIX}"\n{?GATEWAY}routes_eth0="default via {GATEWAY}"\n{/GATEWAY}{?DNS1}dns_servers_eth0="{DNS1}{?DNS2} {DNS2}{/DNS2}"\n{/DNS1}',
      },
      {
        kind: "run",
        content:
          "ln -sfn net.lo /etc/init.d/net.eth0 && ln -sfn /etc/init.d/net.eth0 /etc/runlevels/default/net.eth0",
      },
    ],
  },
  {
    name: "Network: ifupdown",
    remark: "Address and hostname; Debian",
    rules: [
      hostname,
      cardName,
      resolver,
      {
        kind: "write",
        path: "/etc/network/interfaces",
        content:
          "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n    address {IP}\n    netmask {NETMASK}\n{?GATEWAY}    gateway {GATEWAY}\n{/GATEWAY}",
      },
    ],
  },
  {
    name: "Network: Windows",
    remark: "Address and hostname; replaces the start-up scripts of the local group policy",
    rules: [
      {
        kind: "write",
        path: `${startupFolder}\\Machine\\Scripts\\Startup\\jimv.cmd`,
        content: [
          "@echo off",
          `powershell -NoProfile -Command "$a = Get-NetAdapter | Where-Object { $_.MacAddress.Replace('-', ':') -eq '{MAC}' }; Remove-NetIPAddress -InterfaceIndex $a.ifIndex -Confirm:$false; Remove-NetRoute -InterfaceIndex $a.ifIndex -Confirm:$false; New-NetIPAddress -InterfaceIndex $a.ifIndex -IPAddress '{IP}' -PrefixLength {PREFIX}{?GATEWAY} -DefaultGateway '{GATEWAY}'{/GATEWAY}{?DNS1}; Set-DnsClientServerAddress -InterfaceIndex $a.ifIndex -ServerAddresses @('{DNS1}'{?DNS2}, '{DNS2}'{/DNS2}){/DNS1}"`,
          // The name counts from the next boot on. A longer one than NetBIOS takes is asked about without -Force.
          `powershell -NoProfile -Command "if ([System.Net.Dns]::GetHostName() -ne '{HOSTNAME}') { Rename-Computer -NewName '{HOSTNAME}' -Force }"`,
          "",
        ].join("\n"),
      },
      {
        kind: "write",
        path: `${startupFolder}\\Machine\\Scripts\\scripts.ini`,
        content: "[Startup]\n0CmdLine=jimv.cmd\n0Parameters=\n",
      },
      {
        kind: "write",
        path: `${startupFolder}\\gpt.ini`,
        content:
          "[General]\ngPCMachineExtensionNames=[{42B5FAAE-6536-11D2-AE5A-0000F87571E3}{40B6664F-4972-11D1-A7CA-0000F87571E3}]\nVersion=1\n",
      },
    ],
  },
];

const stylePrefix = "Network: ";

/** Those that set an address, by how a system does that: for jobs that another plugin keeps. */
export const networkSeeds: readonly { style: string; rules: readonly RuleBody[] }[] = seeds
  .filter(({ name }) => name.startsWith(stylePrefix))
  .map(({ name, rules }) => ({ style: name.slice(stylePrefix.length), rules }));

/** Puts the seeds where they have never been. Jobs of the same name that people made stay as they are. */
export async function putSeeds({
  store,
  clock,
  log,
}: Pick<ControllerContext, "store" | "clock" | "log">): Promise<void> {
  const now = clock.now();
  const rowOf = (id: string, name: string, more: Partial<BootJob>): BootJob => ({
    id,
    name,
    nameKey: name.toLowerCase(),
    remark: "",
    scope: "user",
    onFailure: "boot",
    rules: [],
    templateIds: [],
    version: 1,
    createdAt: now,
    changedAt: now,
    ...more,
  });
  const isThere = async (row: BootJob): Promise<boolean> =>
    (await store.first(bootJobs, {
      where: or(eq(bootJobs.id, row.id), eq(bootJobs.nameKey, row.nameKey)),
    })) !== null;
  const mark = rowOf(markId, markId, { scope: "system" });
  for (let left = putTries; !(await isThere(mark)); left--) {
    const rows: BootJob[] = [];
    for (const { name, remark, rules } of seeds) {
      const made = rules.map(({ kind, path = null, content, mode = null }) => ({
        id: crypto.randomUUID(),
        kind,
        path,
        content,
        mode,
      }));
      const row = rowOf(crypto.randomUUID(), name, { remark, rules: made });
      if (await isThere(row)) log.info("a boot job of this name is there already", { name });
      else rows.push(row);
    }
    try {
      // All or none: a mark without its jobs would keep them away for ever.
      await store.batch([insert(bootJobs, [mark, ...rows])]);
      return;
    } catch (error) {
      // Somebody has made one of the name meanwhile, or another controller was first.
      if (!(error instanceof StoreUniqueError) || left <= 1) throw error;
    }
  }
}
