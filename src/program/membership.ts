/** What a node keeps of its cluster between starts: a file that only its owner may read. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { ConfigError } from "../core/config/config.ts";
import type { RedisConnection } from "../core/config/connections.ts";

const orNull = Type.Union([Type.String(), Type.Null()]);

const Membership = Type.Object({
  clusterId: Type.String(),
  /** The name under which the machine joined. */
  node: Type.String(),
  road: Type.Object({ url: Type.String(), user: orNull, password: orNull, ca: orNull }),
  /** SHA-256 of the token's text, so that one that was used is told from a new one. */
  tokenHash: Type.String(),
});
export type Membership = Omit<Static<typeof Membership>, "road"> & { road: RedisConnection };

/** Reads it; null where the machine has not joined. @throws ConfigError for a file that is damaged */
export function readMembership(path: string): Membership | null {
  if (!existsSync(path)) return null;
  try {
    return Value.Decode(Membership, JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new ConfigError(
      `${path} is damaged: remove it, make a new token on the page of nodes, and join again with it`,
    );
  }
}

/** Writes the certificate first, so that a membership never stands without it. */
export function writeMembership(
  files: { membership: string; pki: string },
  membership: Membership,
  papers: { certificate: string; key: string; authority: string },
): void {
  mkdirSync(files.pki, { recursive: true, mode: 0o700 });
  chmodSync(files.pki, 0o700);
  writePrivate(join(files.pki, "key.pem"), papers.key);
  writePrivate(join(files.pki, "cert.pem"), papers.certificate);
  writePrivate(join(files.pki, "ca.pem"), papers.authority);
  writePrivate(files.membership, `${JSON.stringify(membership, null, 2)}\n`);
}

/** Whole or absent, and never readable by others. */
function writePrivate(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
}
