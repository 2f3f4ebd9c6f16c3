/**
 * The certificate that the controller shows beyond loopback: the administrator's, or one of its own that it
 * makes once and keeps, since join tokens carry its fingerprint.
 */
import { X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "./certificate.ts";

export interface Tls {
  /** PEM. */
  cert: string;
  /** PEM. A secret. */
  key: string;
  /** SHA-256 of the certificate, in hex with colons, as browsers show it. */
  fingerprint: string;
}

export interface TlsFiles {
  /** The folder for a certificate of our own. */
  folder: string;
  /** PEM files of the administrator's; both or neither. */
  certificate?: string | undefined;
  key?: string | undefined;
}

const ownYears = 10;

/** Reads or makes the certificate. @throws Error with a sentence for the administrator */
export function tlsOf(files: TlsFiles, now: Date = new Date()): Tls {
  if (files.certificate !== undefined && files.key !== undefined)
    return checked(read(files.certificate), read(files.key), files.certificate, now);
  const certificate = join(files.folder, "cert.pem");
  const key = join(files.folder, "key.pem");
  if (!existsSync(certificate) || !existsSync(key)) make(files.folder, certificate, key, now);
  return checked(read(certificate), read(key), certificate, now);
}

function make(folder: string, certificate: string, key: string, now: Date): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(now.getUTCFullYear() + ownYears);
  // A day back, for browsers whose clock is behind.
  const notBefore = new Date(now.getTime() - 24 * 3_600_000);
  const made = makeCertificate({ commonName: hostname(), names: ownNames(), notBefore, notAfter });
  // The certificate comes last: a crash in between leaves no pair that doesn't fit.
  for (const [path, text] of [
    [key, made.key],
    [certificate, made.cert],
  ] as const) {
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

/** What people may write into the address line to reach this machine. */
function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((each) => each.address.replace(/%.*$/, "")),
  );
  const host = /^[\w.-]+$/.test(hostname()) ? [hostname()] : [];
  return [...new Set(["localhost", ...host, "127.0.0.1", "::1", ...addresses])];
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`can't read the TLS file ${path}: ${reason}. Check the path and its permissions.`, {
      cause,
    });
  }
}

function checked(cert: string, key: string, path: string, now: Date): Tls {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(cert);
  } catch (cause) {
    throw new Error(`${path} is not a PEM certificate. Give one that begins with BEGIN CERTIFICATE.`, {
      cause,
    });
  }
  if (new Date(parsed.validTo) < now)
    throw new Error(
      `the certificate ${path} ended on ${parsed.validTo}. Replace it, or remove it to get a new one.`,
    );
  return { cert, key, fingerprint: parsed.fingerprint256 };
}

/** What `listen` needs for a configuration. @throws Error with a sentence for the administrator */
export async function listenOptions(config: {
  data: string;
  tls: { certificate?: string | undefined; key?: string | undefined };
}): Promise<Tls> {
  return tlsOf({ folder: join(config.data, "tls"), ...config.tls });
}
