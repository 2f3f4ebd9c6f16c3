/**
 * The cluster's own small authority: it signs the certificates with which nodes talk to each other's libvirt.
 * Made once; its key is sealed in the store with the master key.
 */
import { createPrivateKey } from "node:crypto";
import type { Clock } from "./clock.ts";
import { agreedOn } from "./cluster.ts";
import { makeAuthority, signCertificate } from "./http/certificate.ts";
import type { Store } from "./store/index.ts";
import type { Vault } from "./vault.ts";

const row = "cluster.authority";
const authorityYears = 30;
const certificateYears = 10;
/** A day back, for machines whose clock is behind. */
const earlierMilliseconds = 24 * 3_600_000;

export interface Authority {
  /** PEM. */
  readonly cert: string;
  /** A certificate (PEM) for a machine's own key, good as server and client. @throws Error for a bad key */
  sign(publicKey: string, name: string, addresses: readonly string[]): string;
}

/** Reads the authority, or makes it. */
export async function authorityOf(
  world: { store: Store; vault: Vault; clock: Clock },
  clusterId: string,
): Promise<Authority> {
  const { store, vault, clock } = world;
  const life = (years: number) => {
    const notBefore = new Date(clock.now() - earlierMilliseconds);
    const notAfter = new Date(clock.now());
    notAfter.setUTCFullYear(notAfter.getUTCFullYear() + years);
    return { notBefore, notAfter };
  };
  const kept = await agreedOn(store, row, () => {
    const made = makeAuthority({ commonName: `JimV cluster ${clusterId}`, ...life(authorityYears) });
    return { cert: made.cert, key: vault.seal(made.key) };
  });
  const cert = String(kept.cert);
  const key = createPrivateKey(vault.unseal(String(kept.key)));
  return {
    cert,
    sign: (publicKey, name, addresses) =>
      signCertificate({ cert, key }, publicKey, {
        commonName: name,
        names: [name, ...addresses],
        ...life(certificateYears),
      }),
  };
}
