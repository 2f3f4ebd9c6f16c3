import { describe, expect, test } from "bun:test";
import { type SeedFacts, seedDocuments, seedImage } from "./seed.ts";

const facts: SeedFacts = {
  uuid: "6f1d4b9e-0000-4000-8000-000000000001",
  hostname: "web-1",
  userName: "root",
  password: "p\"}\n- : #'\\ 密码",
  sshKeys: ['ssh-ed25519 AAAA someone: #["here"]'],
  interfaces: [{ mac: "52:54:00:01:02:03" }, { mac: "52:54:00:01:02:04" }],
};
const hash = "$6$salt$hash";

/** cloud-init reads YAML; so does Bun. */
const read = (document: string): Record<string, unknown> =>
  Bun.YAML.parse(document) as Record<string, unknown>;

describe("the seed's documents", () => {
  test("are what cloud-init reads, whatever the texts hold", () => {
    const documents = seedDocuments(facts, hash);
    expect(documents["user-data"]?.split("\n")[0]).toBe("#cloud-config");
    const user = read(documents["user-data"] ?? "");
    expect(user).toMatchObject({
      hostname: "web-1",
      user: { name: "root", lock_passwd: false },
      password: hash,
      chpasswd: { expire: false },
      ssh_pwauth: true,
      disable_root: false,
      ssh_authorized_keys: facts.sshKeys,
    });
    expect(read(documents["meta-data"] ?? "")).toEqual({
      "instance-id": facts.uuid,
      "local-hostname": "web-1",
    });
    expect(read(documents["network-config"] ?? "")).toEqual({
      version: 2,
      ethernets: {
        a0: { match: { macaddress: "52:54:00:01:02:03" }, dhcp4: true },
        a1: { match: { macaddress: "52:54:00:01:02:04" }, dhcp4: true },
      },
    });
  });

  test("an interface with addresses of its own does not ask DHCP; one with only IPv6 still does", () => {
    const addressing = {
      addresses: ["192.0.2.7/24", "2001:db8::7/64"],
      gateways: ["192.0.2.1", "fe80::1"],
      dns: ["192.0.2.53"],
    };
    const six = { addresses: ["2001:db8::8/64"], gateways: [], dns: [] };
    const interfaces = [
      { mac: "52:54:00:01:02:03", addressing },
      { mac: "52:54:00:01:02:04", addressing: six },
    ];
    expect(read(seedDocuments({ ...facts, interfaces }, hash)["network-config"] ?? "")).toEqual({
      version: 2,
      ethernets: {
        a0: {
          match: { macaddress: "52:54:00:01:02:03" },
          dhcp4: false,
          addresses: ["192.0.2.7/24", "2001:db8::7/64"],
          gateway4: "192.0.2.1",
          gateway6: "fe80::1",
          nameservers: { addresses: ["192.0.2.53"] },
        },
        a1: { match: { macaddress: "52:54:00:01:02:04" }, dhcp4: true, addresses: ["2001:db8::8/64"] },
      },
    });
  });

  test("without a password nobody can sign in with one", () => {
    const user = read(seedDocuments({ ...facts, userName: "admin" }, null)["user-data"] ?? "");
    expect(user.password).toBeUndefined();
    expect(user).toMatchObject({ user: { name: "admin", lock_passwd: true }, disable_root: true });
  });

  test("the image carries the password's hash, never the password", () => {
    const image = Buffer.from(seedImage({ ...facts, password: "correct horse" }));
    expect(image.includes("correct horse")).toBe(false);
    expect(image.includes("$6$")).toBe(true);
    expect(image.includes("#cloud-config")).toBe(true);
  });
});
