import { afterAll, expect, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAuthority, makeKeyPair, signCertificate } from "../http/certificate.ts";
import { paperEnd } from "./pki.ts";

const folder = mkdtempSync(join(tmpdir(), "jimv-pki-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the first end of a node's certificate and its authority's is told three months before", () => {
  expect(paperEnd(folder, Date.now())).toBeNull();
  const notBefore = new Date("2026-01-01");
  const [notAfter, later] = [new Date("2036-01-01"), new Date("2056-01-01")];
  const authority = makeAuthority({ commonName: "JimV cluster test", notBefore, notAfter: later });
  const signer = { cert: authority.cert, key: createPrivateKey(authority.key) };
  const names = ["node-1"];
  const life = { notBefore, notAfter };
  const cert = signCertificate(signer, makeKeyPair().publicKey, { commonName: "node-1", names, ...life });
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "ca.pem"), authority.cert);
  const at = (day: string) => paperEnd(folder, Date.parse(day));
  expect(at("2035-09-01")).toEqual({ endsAt: Date.parse("2036-01-01"), state: "good" });
  expect(at("2035-10-10")).toMatchObject({ state: "soon" });
  expect(at("2036-01-01")).toMatchObject({ state: "over" });
  // A new one, whose authority is the first to end.
  const renewed = { notBefore, notAfter: new Date("2060-01-01") };
  writeFileSync(
    join(folder, "cert.pem"),
    signCertificate(signer, makeKeyPair().publicKey, { commonName: "node-1", names, ...renewed }),
  );
  expect(at("2055-12-01")).toEqual({ endsAt: Date.parse("2056-01-01"), state: "soon" });
  writeFileSync(join(folder, "cert.pem"), "nonsense");
  expect(() => at("2030-01-01")).toThrow();
});
