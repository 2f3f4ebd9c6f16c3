/** The virtual network object. Runs in call workers. */

import type { Pointer } from "bun:ffi";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type Context, cString, eachOf, failure, numberOf, pointerOf, takeString, using } from "./call.ts";
import { listAll } from "./connection.ts";
import { virError } from "./errors.ts";
import { HypervisorError, type NetworkFacts } from "./hypervisor.ts";
import { addressText, cidrText, freeSubnets, routesOf, type Subnet, subnetOf } from "./subnet.ts";
import { all, at, plainText, readXml, text, writeXml, type Xml } from "./xml.ts";

/** How many free subnets are tried when libvirt finds one in use after all. */
const subnetTries = 4;

/** The last part of the first address that DHCP gives out: those below are left for who assigns addresses himself. */
const firstLease = 100;

/** XML of a NAT network with DHCP on a /24. The bridge's name is libvirt's choice. */
export function natNetworkXml(name: string, subnet: Subnet): string {
  return writeXml({
    network: {
      name: plainText(name, "The network's name", 200),
      forward: { [at("mode")]: "nat" },
      bridge: { [at("stp")]: "on", [at("delay")]: 0 },
      ip: {
        [at("address")]: addressText(subnet.address + 1),
        [at("netmask")]: addressText(subnet.mask),
        dhcp: {
          range: {
            [at("start")]: addressText(subnet.address + firstLease),
            [at("end")]: addressText(subnet.address + 254),
          },
        },
      },
    },
  });
}

function subnetsOf(network: Xml): Subnet[] {
  return [...all(network, "network", "ip"), ...all(network, "network", "route")].flatMap((ip) => {
    if ((text(ip, at("family")) ?? "ipv4") !== "ipv4") return [];
    const subnet = subnetOf(
      text(ip, at("address")) ?? "",
      text(ip, at("netmask")) ?? text(ip, at("prefix")) ?? "24",
    );
    return subnet ? [subnet] : [];
  });
}

interface Read {
  facts: NetworkFacts;
  subnets: Subnet[];
}

function readNetwork(context: Context, network: Pointer): Read {
  const { lib } = context;
  const xml = readXml(
    takeString(lib, pointerOf(context, "read a network's definition", lib.virNetworkGetXMLDesc(network, 0))),
  );
  const active = numberOf(context, "ask whether the network runs", lib.virNetworkIsActive(network)) === 1;
  const subnets = subnetsOf(xml);
  const isNat = text(xml, "network", "forward", at("mode")) === "nat";
  return {
    facts: {
      name: text(xml, "network", "name") ?? "",
      bridge: active ? text(xml, "network", "bridge", at("name")) : null,
      cidr: isNat && subnets[0] ? cidrText(subnets[0]) : null,
      active,
    },
    subnets,
  };
}

function readAll(context: Context): Read[] {
  const { lib } = context;
  const { array, count } = listAll(context, "list the networks", lib.virConnectListAllNetworks, 0);
  const found: Read[] = [];
  eachOf(lib, array, count, lib.virNetworkFree, (network) => {
    try {
      found.push(readNetwork(context, network));
    } catch (error) {
      if (!(error instanceof HypervisorError) || error.code !== "notFound") throw error;
    }
  });
  return found;
}

export function list(context: Context): NetworkFacts[] {
  return readAll(context).map((network) => network.facts);
}

/** Subnets that this machine has addresses in or routes to. */
function hostSubnets(): Subnet[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .flatMap((entry) => (entry.family === "IPv4" ? [subnetOf(entry.address, entry.netmask)] : []))
    .filter((subnet) => subnet !== null);
  return [...addresses, ...routesOf(readFileSync("/proc/net/route", "utf8"))];
}

function run(context: Context, network: Pointer): NetworkFacts {
  const { lib } = context;
  if (numberOf(context, "ask whether the network runs", lib.virNetworkIsActive(network)) === 0) {
    numberOf(context, "start the network", lib.virNetworkCreate(network));
  }
  numberOf(context, "let the network start by itself", lib.virNetworkSetAutostart(network, 1));
  return readNetwork(context, network).facts;
}

/** Makes sure a NAT network of this name runs; one that is there keeps its addresses. */
export function ensureNat(context: Context, name: string): NetworkFacts {
  const { lib, conn } = context;
  const nameText = cString(plainText(name, "The network's name", 200));
  const known = lib.virNetworkLookupByName(conn, nameText);
  if (known) return using(known, lib.virNetworkFree, () => run(context, known));
  const missing = failure(lib, `find the network ${name}`, conn);
  if (missing.libvirt?.code !== virError.noNetwork) throw missing;

  const taken = [...hostSubnets(), ...readAll(context).flatMap((network) => network.subnets)];
  let refusal: unknown = new HypervisorError("exists", "No free /24 network is left on this machine.");
  for (const subnet of freeSubnets(taken).slice(0, subnetTries)) {
    const xml = cString(natNetworkXml(name, subnet));
    const network = pointerOf(context, "define the network", lib.virNetworkDefineXML(conn, xml));
    try {
      return using(network, lib.virNetworkFree, () => {
        try {
          return run(context, network);
        } catch (error) {
          // Half-made is worse than not made: the next start would find a network that can't run.
          if (lib.virNetworkUndefine(network) < 0) lib.virResetLastError();
          throw error;
        }
      });
    } catch (error) {
      if (!(error instanceof HypervisorError) || error.code === "unavailable") throw error;
      refusal = error;
    }
  }
  throw refusal;
}
