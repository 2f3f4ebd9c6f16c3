/** Images in a Ceph pool: how we name them, where they stand in libvirt's XML, and how QEMU's tools reach them. Pure. */
import { HypervisorError } from "./hypervisor.ts";
import { all, at, plainText, readXml, text, type XmlElement } from "./xml.ts";

/** A Ceph pool as libvirt's definition of it tells. */
export interface RbdSource {
  cephPool: string;
  monitors: readonly { name: string; port: string | null }[];
  user: string;
  secretUuid: string;
}

const address = /^rbd:([A-Za-z0-9._-]+)\/([A-Za-z0-9._-]+)$/;

/** `rbd:POOL/IMAGE`, POOL being libvirt's name of the pool; null for what is a path. @throws HypervisorError invalid */
export function rbdAddress(path: string): { pool: string; image: string } | null {
  if (!path.startsWith("rbd:")) return null;
  const [, pool, image] = address.exec(path) ?? [];
  if (pool === undefined || image === undefined)
    throw new HypervisorError("invalid", `An image in a Ceph pool is written rbd:POOL/IMAGE, not ${path}.`);
  return { pool, image };
}

/** libvirt's name of the pool of which this is all, `rbd:POOL`; null for what is a folder. */
export function rbdPoolName(folder: string): string | null {
  return /^rbd:([A-Za-z0-9._-]+)$/.exec(folder)?.[1] ?? null;
}

/** What libvirt's definition of a pool says; null when it is no Ceph pool. */
export function readRbdPool(xml: string): RbdSource | null {
  const pool = all(readXml(xml), "pool")[0];
  if (text(pool, "@_type") !== "rbd") return null;
  return {
    cephPool: text(pool, "source", "name") ?? "",
    monitors: all(pool, "source", "host").map((host) => ({
      name: text(host, "@_name") ?? "",
      port: text(host, "@_port"),
    })),
    user: text(pool, "source", "auth", "@_username") ?? "",
    secretUuid: text(pool, "source", "auth", "secret", "@_uuid") ?? "",
  };
}

/** A disk's `<auth>` and `<source>`. */
export function rbdDisk(image: string, { cephPool, monitors, user, secretUuid }: RbdSource): XmlElement {
  return {
    auth: {
      [at("username")]: plainText(user, "The Ceph user", 64),
      secret: { [at("type")]: "ceph", [at("uuid")]: secretUuid },
    },
    source: {
      [at("protocol")]: "rbd",
      [at("name")]: plainText(`${cephPool}/${image}`, "The image's name"),
      host: monitors.map(({ name, port }) => ({ [at("name")]: name, [at("port")]: port ?? undefined })),
    },
  };
}

/** What goes into ceph.conf and its keyring must be one word: neither format has a way to quote. */
function word(value: string, what: string, pattern: RegExp): string {
  if (!pattern.test(value)) throw new HypervisorError("invalid", `${what} can't be used: ${value}.`);
  return value;
}

/** Seconds after which Ceph's client gives up on monitors that don't answer. */
const cephPatienceSeconds = 20;

/** The two files that Ceph's client reads, `keyring` being the second one's path. */
export function cephFiles(
  { monitors, user }: RbdSource,
  key: string,
  keyring: string,
): { conf: string; keyring: string } {
  const hosts = monitors.map(({ name, port }) => {
    const host = word(name, "The Ceph monitor", /^[A-Za-z0-9.:_-]+$/);
    return `${host.includes(":") ? `[${host}]` : host}${port === null ? "" : `:${word(port, "The port", /^\d+$/)}`}`;
  });
  const name = word(user, "The Ceph user", /^[A-Za-z0-9._-]+$/);
  const lines = [
    "[global]",
    `mon_host = ${hosts.join(",")}`,
    `keyring = ${keyring}`,
    `client_mount_timeout = ${cephPatienceSeconds}`,
    `rados_mon_op_timeout = ${cephPatienceSeconds}`,
  ];
  return {
    conf: `${lines.join("\n")}\n`,
    keyring: `[client.${name}]\nkey = ${word(key, "The Ceph key", /^[A-Za-z0-9+/]+=*$/)}\n`,
  };
}

/** QEMU's way to write an image's place: colons, slashes and the like inside a word stand behind a backslash. */
export function rbdFileName(image: string, { cephPool, user }: RbdSource, conf: string): string {
  const escaped = (value: string): string => value.replace(/[\\:/@=]/g, "\\$&");
  return `rbd:${escaped(cephPool)}/${escaped(image)}:id=${escaped(user)}:conf=${escaped(conf)}`;
}
