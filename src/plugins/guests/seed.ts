/**
 * The NoCloud seed: a small disk from which cloud-init learns at first boot who the guest is. It carries the
 * password's hash, never the password, and its documents are JSON, which is YAML, so that no name, key or
 * password can break out of its place.
 */
import { isoImage, sha512Crypt } from "jimv";

export interface SeedFacts {
  uuid: string;
  hostname: string;
  userName: string;
  password: string | null;
  sshKeys: readonly string[];
  /** Of the interfaces, in order. */
  macs: readonly string[];
}

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
  const ethernets = Object.fromEntries(
    facts.macs.map((mac, index) => [`nic${index}`, { match: { macaddress: mac }, dhcp4: true }]),
  );
  return {
    "user-data": `#cloud-config\n${JSON.stringify(userData, null, 1)}\n`,
    // A new instance-id is what makes cloud-init set everything up; it stays the same for the guest's life.
    "meta-data": `${JSON.stringify({ "instance-id": facts.uuid, "local-hostname": facts.hostname })}\n`,
    "network-config": `${JSON.stringify({ version: 2, ethernets }, null, 1)}\n`,
  };
}

/** The image of a seed disk. */
export function seedImage(facts: SeedFacts): Uint8Array {
  const hash = facts.password === null ? null : sha512Crypt(facts.password);
  const documents = Object.entries(seedDocuments(facts, hash));
  return isoImage(
    "cidata",
    documents.map(([name, text]) => ({ name, data: Buffer.from(text, "utf8") })),
  );
}
