/**
 * The NoCloud seed: a small disk from which cloud-init learns at first boot who the guest is. It carries the
 * password's hash, never the password, and its documents are JSON, which is YAML, so that no name, key or
 * password can break out of its place.
 */
import { isoImage, sha512Crypt } from "jimv";
import type { Addressing } from "./joining.ts";

export interface SeedFacts {
  uuid: string;
  hostname: string;
  userName: string;
  password: string | null;
  sshKeys: readonly string[];
  /** In order. Without addressing one asks DHCP. */
  interfaces: readonly { mac: string; addressing?: Addressing }[];
}

/** What a guest that was set up long ago is told anew: how its interfaces are set up, and nothing else. */
export interface RenewalFacts {
  /** Another one than any seed of the guest had: it is what makes cloud-init act. */
  instanceId: string;
  hostname: string;
  userName: string;
  interfaces: SeedFacts["interfaces"];
}

/**
 * The documents of a seed that changes the network of a guest whose people have since made it theirs. For a new
 * instance-id cloud-init does everything anew that it does once for each instance, so whatever it would set without
 * being told (users, host keys, package sources, locale) is told to stay.
 */
export function renewalDocuments(facts: RenewalFacts): Record<string, string> {
  const userData = {
    preserve_hostname: true,
    users: [],
    disable_root: facts.userName !== "root",
    ssh_deletekeys: false,
    locale: false,
    apt: { preserve_sources_list: true },
  };
  return {
    "user-data": `#cloud-config\n${JSON.stringify(userData, null, 1)}\n`,
    "meta-data": `${JSON.stringify({ "instance-id": facts.instanceId, "local-hostname": facts.hostname })}\n`,
    "network-config": networkDocument(facts.interfaces),
  };
}

/** The image of a seed disk that tells a set-up guest of its new network. */
export const renewalImage = (facts: RenewalFacts): Uint8Array => imageOf(renewalDocuments(facts));

/** The three documents of a seed, by file name. */
export function seedDocuments(facts: SeedFacts, passwordHash: string | null): Record<string, string> {
  const userData = {
    hostname: facts.hostname,
    manage_etc_hosts: true,
    // `user` is who the default user is; `password` is theirs, in every version of cloud-init since 0.7.
    users: ["default"],
    user: { name: facts.userName, lock_passwd: passwordHash === null },
    ...(passwordHash === null
      ? {}
      : { password: passwordHash, chpasswd: { expire: false }, ssh_pwauth: true }),
    disable_root: facts.userName !== "root",
    ...(facts.sshKeys.length > 0 ? { ssh_authorized_keys: facts.sshKeys } : {}),
  };
  return {
    "user-data": `#cloud-config\n${JSON.stringify(userData, null, 1)}\n`,
    // A new instance-id is what makes cloud-init set everything up; it stays the same until its network is told anew.
    "meta-data": `${JSON.stringify({ "instance-id": facts.uuid, "local-hostname": facts.hostname })}\n`,
    "network-config": networkDocument(facts.interfaces),
  };
}

/**
 * What an interface is called in the document. Where netplan hands it to systemd-networkd, each name becomes a file, of
 * which the first by name that matches a card has it: before `all-en`, by which Debian's images ask DHCP for every card.
 */
const cardPrefix = "a";

function networkDocument(interfaces: SeedFacts["interfaces"]): string {
  const ethernets = Object.fromEntries(
    interfaces.map(({ mac, addressing }, index) => [
      `${cardPrefix}${index}`,
      { match: { macaddress: mac }, ...networkOf(addressing) },
    ]),
  );
  return `${JSON.stringify({ version: 2, ethernets }, null, 1)}\n`;
}

/**
 * The set-up of one interface in version 2 of cloud-init's network configuration. `gateway4` and `gateway6` rather
 * than routes, since every version since 17.1 reads them. A guest with only an IPv6 address still asks DHCP for IPv4.
 */
function networkOf(addressing: Addressing | undefined): Record<string, unknown> {
  if (!addressing) return { dhcp4: true };
  const isSix = (text: string): boolean => text.includes(":");
  const { addresses, gateways, dns } = addressing;
  const four = gateways.find((each) => !isSix(each));
  const six = gateways.find(isSix);
  return {
    dhcp4: addresses.every(isSix),
    addresses,
    ...(four ? { gateway4: four } : {}),
    ...(six ? { gateway6: six } : {}),
    ...(dns.length > 0 ? { nameservers: { addresses: dns } } : {}),
  };
}

/** The image of a seed disk. */
export function seedImage(facts: SeedFacts): Uint8Array {
  const hash = facts.password === null ? null : sha512Crypt(facts.password);
  return imageOf(seedDocuments(facts, hash));
}

const imageOf = (documents: Record<string, string>): Uint8Array =>
  isoImage(
    "cidata",
    Object.entries(documents).map(([name, text]) => ({ name, data: Buffer.from(text, "utf8") })),
  );
