/**
 * Makes a self-signed certificate (X.509 v3, ECDSA on P-256), so that a controller beyond loopback speaks TLS
 * from its first start. The few structures of ASN.1 that it takes are written by hand; the key and the
 * signature are node:crypto's.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { isIP } from "node:net";

export interface CertificateRequest {
  commonName: string;
  /** Host names and IP addresses that it is for. */
  names: readonly string[];
  notBefore: Date;
  notAfter: Date;
}

/** Tags of the types used. */
const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;
const context = (number: number, constructed: boolean): number => (constructed ? 0xa0 : 0x80) | number;

/** Object identifiers, encoded. */
const oid = {
  commonName: "550403",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  keyUsage: "551d0f",
  extendedKeyUsage: "551d25",
  serverAuth: "2b06010505070301",
  ecdsaWithSha256: "2a8648ce3d040302",
} as const;

/** Tag, length, content. */
function der(type: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const size = content.length;
  if (size < 0x80) return Buffer.concat([Buffer.from([type, size]), content]);
  const bytes = size < 0x100 ? [size] : [size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([type, 0x80 | bytes.length, ...bytes]), content]);
}

const sequence = (...contents: readonly Uint8Array[]): Buffer => der(tag.sequence, ...contents);
const identifier = (hex: string): Buffer => der(tag.oid, Buffer.from(hex, "hex"));
const bits = (content: Uint8Array, unused = 0): Buffer => der(tag.bitString, Buffer.from([unused]), content);

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  const flag = critical ? [der(tag.boolean, Buffer.from([0xff]))] : [];
  return sequence(identifier(id), ...flag, der(tag.octetString, value));
}

/** Two-digit years until 2049, four-digit ones from then on, as RFC 5280 has it. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050
    ? der(tag.utcTime, Buffer.from(digits.slice(2)))
    : der(tag.generalizedTime, Buffer.from(digits));
}

function altName(name: string): Buffer {
  const version = isIP(name);
  if (version === 0) return der(context(2, false), Buffer.from(name, "ascii"));
  return der(context(7, false), version === 4 ? Buffer.from(name.split(".").map(Number)) : ipv6(name));
}

function ipv6(address: string): Buffer {
  const hex = (part: string): string[] => (part === "" ? [] : part.split(":"));
  // URL writes every form of an address (also with IPv4 at its end) in hexadecimal groups.
  const [head = "", tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const missing = 8 - hex(head).length - hex(tail).length;
  const groups = [...hex(head), ...Array<string>(missing).fill("0"), ...hex(tail)];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** A new key and its certificate, both as PEM. */
export function makeCertificate(request: CertificateRequest): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const serial = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
  // Positive, and without a leading zero byte.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const algorithm = sequence(identifier(oid.ecdsaWithSha256));
  const name = sequence(
    der(
      tag.set,
      sequence(identifier(oid.commonName), der(tag.utf8, Buffer.from(request.commonName.slice(0, 64)))),
    ),
  );
  const extensions = sequence(
    extension(oid.basicConstraints, true, sequence()),
    extension(oid.keyUsage, true, bits(Buffer.from([0x80]), 7)), // digitalSignature
    extension(oid.extendedKeyUsage, false, sequence(identifier(oid.serverAuth))),
    extension(oid.subjectAltName, false, sequence(...request.names.map(altName))),
  );
  const body = sequence(
    der(context(0, true), der(tag.integer, Buffer.from([2]))), // version 3
    der(tag.integer, serial),
    algorithm,
    name,
    sequence(time(request.notBefore), time(request.notAfter)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(context(3, true), extensions),
  );
  const signature = sign("sha256", body, privateKey);
  const certificate = sequence(body, algorithm, bits(signature));
  const base64 = certificate.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}
