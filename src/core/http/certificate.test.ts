import { afterAll, expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeKey } from "../vault.ts";
import { makeAuthority, makeKeyPair, signCertificate } from "./certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "jimv-ca-"));
afterAll(() => rmSync(folder, { recursive: true }));

const life = { notBefore: new Date("2026-01-01"), notAfter: new Date("2056-01-01") };

test("an authority signs certificates that others check, also with OpenSSL", async () => {
  const authority = makeAuthority({ commonName: "JimV test", ...life });
  const pair = makeKeyPair();
  const key = createPrivateKey(authority.key);
  const cert = signCertificate({ cert: authority.cert, key }, pair.publicKey, {
    commonName: "node-1",
    names: ["node-1", "10.1.2.3", "fd00::1"],
    ...life,
  });
  const [parsed, root] = [new X509Certificate(cert), new X509Certificate(authority.cert)];
  expect(parsed.verify(root.publicKey)).toBe(true);
  expect(parsed.checkIssued(root)).toBe(true);
  expect(parsed.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
  expect(parsed.ca).toBe(false);
  expect(root.ca).toBe(true);
  expect(parsed.checkHost("node-1")).toBe("node-1");
  expect(parsed.checkIP("10.1.2.3")).toBe("10.1.2.3");
  expect(parsed.checkHost("node-2")).toBeUndefined();

  const openssl = Bun.which("openssl");
  if (!openssl) return;
  const [rootFile, file] = [join(folder, "ca.pem"), join(folder, "cert.pem")];
  writeFileSync(rootFile, authority.cert);
  writeFileSync(file, cert);
  for (const purpose of ["sslserver", "sslclient"]) {
    const asked = Bun.spawnSync([
      openssl,
      "verify",
      "-x509_strict",
      "-purpose",
      purpose,
      "-CAfile",
      rootFile,
      file,
    ]);
    expect(asked.stdout.toString() + asked.stderr.toString()).toContain(": OK");
  }
});

test("refuses a key that is none, or of another kind", () => {
  const authority = makeAuthority({ commonName: "JimV test", ...life });
  const signer = { cert: authority.cert, key: createPrivateKey(authority.key) };
  const request = { commonName: "n", names: ["n"], ...life };
  for (const key of ["nonsense", NodeKey.random().publicKey])
    expect(() => signCertificate(signer, key, request)).toThrow();
});
