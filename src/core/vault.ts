/**
 * Secrets at rest and under way. At rest they are sealed with the cluster's master key (AES-256-GCM);
 * those in task payloads are sealed to one node's public key (X25519, HKDF-SHA-256, AES-256-GCM), so
 * that neither store nor road holds them in clear.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  scryptSync,
} from "node:crypto";
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const restPrefix = "v1.";
const nodePrefix = "n1.";
const nonceBytes = 12;
const tagBytes = 16;

function encrypt(key: Uint8Array, text: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

function decrypt(key: Uint8Array, sealed: Buffer): string {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceBytes));
  decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]).toString(
    "utf8",
  );
}

/** Writes a file of secrets so that nobody else can read it, also not for a moment, and it is whole or absent. */
function writePrivate(path: string, data: string): void {
  const part = `${path}.part`;
  writeFileSync(part, data, { mode: 0o600 });
  chmodSync(part, 0o600);
  renameSync(part, path);
}

/** The master key's holder: seals what the store keeps. */
export class Vault {
  constructor(private readonly key: Uint8Array) {
    if (key.length !== 32) throw new Error("the master key must be 32 bytes");
  }

  /** Reads the key file, or makes one (mode 0600) where there is none. All controllers share one file. */
  static open(path: string): Vault {
    if (!existsSync(path)) writePrivate(path, `${randomBytes(32).toString("base64url")}\n`);
    return new Vault(Buffer.from(readFileSync(path, "utf8").trim(), "base64url"));
  }

  /** A vault for tests and pretended worlds. */
  static random(): Vault {
    return new Vault(randomBytes(32));
  }

  /** The holder of a key made from a password (scrypt, 32 MiB); `salt` is stored beside what it seals. */
  static ofPassword(password: string, salt: Uint8Array): Vault {
    return new Vault(scryptSync(password, salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 }));
  }

  /** Tells keys apart without telling the key. */
  get fingerprint(): string {
    return createHmac("sha256", this.key).update("jimv master key").digest("hex").slice(0, 32);
  }

  seal(text: string): string {
    return restPrefix + encrypt(this.key, text).toString("base64url");
  }

  /** @throws Error when the text was sealed with another key, or changed */
  unseal(sealed: string): string {
    if (!sealed.startsWith(restPrefix)) throw new Error("not a sealed text");
    return decrypt(this.key, Buffer.from(sealed.slice(restPrefix.length), "base64url"));
  }
}

function sharedKey(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  const secret = diffieHellman({ privateKey, publicKey });
  return new Uint8Array(hkdfSync("sha256", secret, "", "jimv task secret", 32));
}

function publicKeyOf(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, "base64url"), type: "spki", format: "der" });
}

/** Seals `text` so that only the node with this public key reads it. */
export function sealTo(nodePublicKey: string, text: string): string {
  const once = generateKeyPairSync("x25519");
  const mine = once.publicKey.export({ type: "spki", format: "der" }).toString("base64url");
  const body = encrypt(sharedKey(once.privateKey, publicKeyOf(nodePublicKey)), text).toString("base64url");
  return `${nodePrefix}${mine}.${body}`;
}

/** A node's own key pair. */
export class NodeKey {
  private constructor(
    private readonly privateKey: KeyObject,
    /** base64url of the SPKI form; what the node says at hello. */
    readonly publicKey: string,
  ) {}

  /** Reads the key file, or makes one (mode 0600) where there is none. */
  static open(path: string): NodeKey {
    if (!existsSync(path))
      writePrivate(path, `${NodeKey.exportPrivate(generateKeyPairSync("x25519").privateKey)}\n`);
    return NodeKey.from(readFileSync(path, "utf8").trim());
  }

  static random(): NodeKey {
    return NodeKey.from(NodeKey.exportPrivate(generateKeyPairSync("x25519").privateKey));
  }

  private static exportPrivate(key: KeyObject): string {
    return key.export({ type: "pkcs8", format: "der" }).toString("base64url");
  }

  private static from(text: string): NodeKey {
    const key = createPrivateKey({ key: Buffer.from(text, "base64url"), type: "pkcs8", format: "der" });
    const open = createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64url");
    return new NodeKey(key, open);
  }

  /** @throws Error when the text was sealed to another node, or changed */
  unseal(sealed: string): string {
    const [prefix, theirs, body] = sealed.split(".");
    if (`${prefix}.` !== nodePrefix || !theirs || !body) throw new Error("not a text sealed to a node");
    return decrypt(sharedKey(this.privateKey, publicKeyOf(theirs)), Buffer.from(body, "base64url"));
  }
}

/** Letters and digits that a person can't mix up (no 0 O o 1 l I), for passwords that people read off a screen. */
const clearAlphabet = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";

/** A random password of `length` characters out of 56 (5.8 bits each). */
export function randomPassword(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      // Refuse the uneven rest of the byte's range, so that no character is likelier than another.
      if (byte >= 256 - (256 % clearAlphabet.length) || text.length >= length) continue;
      text += clearAlphabet[byte % clearAlphabet.length];
    }
  }
  return text;
}
