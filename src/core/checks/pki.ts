/**
 * The node's certificate where libvirt and QEMU look for it, so that migrations travel encrypted and only
 * between machines of the cluster. What somebody else put there stays: it is said, not overwritten.
 */
import { X509Certificate } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

type Paper = "ca.pem" | "cert.pem" | "key.pem";

/** Below the pki root: libvirt's own places, then those of QEMU's migration connections. */
const places: readonly { path: string; paper: Paper }[] = [
  { path: "CA/cacert.pem", paper: "ca.pem" },
  { path: "libvirt/servercert.pem", paper: "cert.pem" },
  { path: "libvirt/clientcert.pem", paper: "cert.pem" },
  { path: "libvirt/private/serverkey.pem", paper: "key.pem" },
  { path: "libvirt/private/clientkey.pem", paper: "key.pem" },
  { path: "qemu/ca-cert.pem", paper: "ca.pem" },
  { path: "qemu/server-cert.pem", paper: "cert.pem" },
  { path: "qemu/client-cert.pem", paper: "cert.pem" },
  { path: "qemu/server-key.pem", paper: "key.pem" },
  { path: "qemu/client-key.pem", paper: "key.pem" },
];

/** Users that QEMU runs as, by distribution; its group must read its key. */
const qemuUsers = ["libvirt-qemu", "qemu"] as const;
const authorityName = /^CN=JimV cluster /m;

export interface PkiState {
  /** Files that are as they should be. */
  own: string[];
  missing: string[];
  /** Files of somebody else's. */
  foreign: string[];
}

/** How the places look; `root` is usually /etc/pki. Null where this machine has no certificate of a cluster. */
export function pkiState(folder: string, root: string): PkiState | null {
  if (root === "none" || !existsSync(join(folder, "ca.pem"))) return null;
  const state: PkiState = { own: [], missing: [], foreign: [] };
  for (const { path, paper } of places) {
    const target = join(root, path);
    if (!existsSync(target)) state.missing.push(target);
    else if (readFileSync(target, "utf8") === readFileSync(join(folder, paper), "utf8"))
      state.own.push(target);
    else state.foreign.push(target);
  }
  return state;
}

/** How long before their end certificates are warned of. Nothing renews them by itself: see `paperEnd`. */
const warnDays = 90;
const dayMilliseconds = 24 * 3_600_000;

export interface PaperEnd {
  /** UTC milliseconds. */
  endsAt: number;
  /** `soon`: within three months; `over`: no migration over TLS comes about any more. */
  state: "good" | "soon" | "over";
}

/**
 * When the first of the node's certificate and its authority's ends; null where this machine has none. They are made
 * for 10 and 30 years; joining again hands out a new one.
 * @throws Error for a file that is no certificate
 */
export function paperEnd(folder: string, now: number): PaperEnd | null {
  const files = ["cert.pem", "ca.pem"].map((paper) => join(folder, paper)).filter(existsSync);
  if (files.length === 0) return null;
  const ends = files.map((file) => Date.parse(new X509Certificate(readFileSync(file)).validTo));
  const endsAt = Math.min(...ends);
  return { endsAt, state: endState(endsAt, now) };
}

/** How near that end is. */
export function endState(endsAt: number, now: number): PaperEnd["state"] {
  if (endsAt <= now) return "over";
  return endsAt <= now + warnDays * dayMilliseconds ? "soon" : "good";
}

/**
 * Puts the certificate where it is looked for. A place that another program or person filled is left alone; one
 * that an earlier membership filled is renewed.
 * @throws Error when a folder can't be written
 */
export function installPki(folder: string, root: string): PkiState | null {
  const before = pkiState(folder, root);
  if (!before) return null;
  const wasOurs = isOfJimV(root);
  for (const { path, paper } of places) {
    const target = join(root, path);
    if (before.own.includes(target)) continue;
    if (before.foreign.includes(target) && !wasOurs) continue;
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    const isKey = paper === "key.pem";
    writeFileSync(`${target}.new`, readFileSync(join(folder, paper)), { mode: isKey ? 0o600 : 0o644 });
    if (isKey && path.startsWith("qemu/")) letQemuRead(`${target}.new`);
    renameSync(`${target}.new`, target);
  }
  return pkiState(folder, root);
}

/** Whether the authority that libvirt trusts now is one that JimV made, perhaps for another cluster. */
function isOfJimV(root: string): boolean {
  const path = join(root, "CA/cacert.pem");
  if (!existsSync(path)) return false;
  try {
    return authorityName.test(new X509Certificate(readFileSync(path)).subject);
  } catch {
    return false;
  }
}

/** The group of QEMU's user may read its key; without such a user QEMU runs as root and needs no more. */
function letQemuRead(path: string): void {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => qemuUsers.some((name) => each.startsWith(`${name}:`)));
  const [, , , group] = line?.split(":") ?? [];
  if (group === undefined || process.getuid?.() !== 0) return;
  chownSync(path, 0, Number(group));
  chmodSync(path, 0o640);
}
