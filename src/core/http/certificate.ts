/**
 * Makes certificates (X.509 v3, ECDSA on P-256): a self-signed one, so that a controller beyond loopback speaks
 * TLS from its first start; and the cluster's own small authority with those that it signs for nodes. The few
 * structures of ASN.1 that it takes are written by hand; keys and signatures are node:crypto's.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
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
  subjectKeyIdentifier: "551d0e",
  authorityKeyIdentifier: "551d23",
  serverAuth: "2b06010505070301",
  clientAuth: "2b06010505070302",
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

/** The bits of a certificate's key usage, as DER writes them, and how many of the last byte are unused. */
const keyUsage = {
  digitalSignature: [0x80, 7],
  /** libvirt up to 9 asks for key encipherment, too, also of keys that can't do it. */
  signatureAndEncipherment: [0xa0, 5],
  certificateSigning: [0x06, 1],
} as const;

interface Recipe {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  signer: KeyObject;
  /** The issuer's key, where it is another. */
  issuerKey: KeyObject | null;
  authority: boolean;
  usage: readonly [number, number];
  purposes: readonly string[];
  names: readonly string[];
  notBefore: Date;
  notAfter: Date;
}

const nameOf = (text: string): Buffer =>
  sequence(der(tag.set, sequence(identifier(oid.commonName), der(tag.utf8, Buffer.from(text.slice(0, 64))))));

/** The identifier of a key as RFC 5280 suggests it: SHA-1 of the key's bits. */
function keyIdentifier(key: KeyObject): Buffer {
  const info = key.export({ type: "spki", format: "der" });
  // An uncompressed point of P-256 is the last 65 bytes of its description.
  return Buffer.from(new Bun.CryptoHasher("sha1").update(info.subarray(-65)).digest());
}

function build(recipe: Recipe): string {
  const serial = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
  // Positive, and without a leading zero byte.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const algorithm = sequence(identifier(oid.ecdsaWithSha256));
  const basic = recipe.authority ? [der(tag.boolean, Buffer.from([0xff]))] : [];
  const extensions = [
    extension(oid.basicConstraints, true, sequence(...basic)),
    extension(oid.keyUsage, true, bits(Buffer.from([recipe.usage[0]]), recipe.usage[1])),
    extension(oid.subjectKeyIdentifier, false, der(tag.octetString, keyIdentifier(recipe.publicKey))),
  ];
  if (recipe.issuerKey)
    extensions.push(
      extension(
        oid.authorityKeyIdentifier,
        false,
        sequence(der(context(0, false), keyIdentifier(recipe.issuerKey))),
      ),
    );
  if (recipe.purposes.length > 0)
    extensions.push(extension(oid.extendedKeyUsage, false, sequence(...recipe.purposes.map(identifier))));
  if (recipe.names.length > 0)
    extensions.push(extension(oid.subjectAltName, false, sequence(...recipe.names.map(altName))));
  const body = sequence(
    der(context(0, true), der(tag.integer, Buffer.from([2]))), // version 3
    der(tag.integer, serial),
    algorithm,
    nameOf(recipe.issuer),
    sequence(time(recipe.notBefore), time(recipe.notAfter)),
    nameOf(recipe.subject),
    recipe.publicKey.export({ type: "spki", format: "der" }),
    der(context(3, true), sequence(...extensions)),
  );
  const certificate = sequence(body, algorithm, bits(sign("sha256", body, recipe.signer)));
  const base64 = certificate.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}

const newKey = () => generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const pemOf = (key: KeyObject): string => String(key.export({ type: "pkcs8", format: "pem" }));

/** A new key and its self-signed certificate for a web server, both as PEM. */
export function makeCertificate(request: CertificateRequest): { cert: string; key: string } {
  const { publicKey, privateKey } = newKey();
  const cert = build({
    ...request,
    subject: request.commonName,
    issuer: request.commonName,
    publicKey,
    signer: privateKey,
    issuerKey: null,
    authority: false,
    usage: keyUsage.digitalSignature,
    purposes: [oid.serverAuth],
  });
  return { cert, key: pemOf(privateKey) };
}

/** A new authority: its key and certificate as PEM. It signs certificates and nothing else. */
export function makeAuthority(request: Omit<CertificateRequest, "names">): { cert: string; key: string } {
  const { publicKey, privateKey } = newKey();
  const cert = build({
    ...request,
    subject: request.commonName,
    issuer: request.commonName,
    publicKey,
    signer: privateKey,
    issuerKey: publicKey,
    authority: true,
    usage: keyUsage.certificateSigning,
    purposes: [],
    names: [],
  });
  return { cert, key: pemOf(privateKey) };
}

/** A key pair that somebody else's certificate is to be made for: public part base64url (SPKI), private PEM. */
export function makeKeyPair(): { publicKey: string; key: string } {
  const { publicKey, privateKey } = newKey();
  return {
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64url"),
    key: pemOf(privateKey),
  };
}

/**
 * A certificate (PEM) by an authority, for a key that it never sees: good as server and as client.
 * @throws Error when the public key is not one of P-256
 */
export function signCertificate(
  authority: { cert: string; key: KeyObject },
  publicKey: string,
  request: CertificateRequest,
): string {
  const key = createPublicKey({ key: Buffer.from(publicKey, "base64url"), type: "spki", format: "der" });
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new Error("not a public key of P-256");
  const parsed = new X509Certificate(authority.cert);
  return build({
    ...request,
    subject: request.commonName,
    issuer: /^CN=(.*)$/m.exec(parsed.subject)?.[1] ?? "",
    publicKey: key,
    signer: authority.key,
    issuerKey: parsed.publicKey,
    authority: false,
    usage: keyUsage.signatureAndEncipherment,
    purposes: [oid.serverAuth, oid.clientAuth],
  });
}
