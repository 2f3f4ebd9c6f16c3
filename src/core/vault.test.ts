import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeKey, randomPassword, sealTo, Vault } from "./vault.ts";

const folder = mkdtempSync(join(tmpdir(), "jimv-vault-"));
afterAll(() => rmSync(folder, { recursive: true }));

const hostile = ["", "x", 'quote " and \\ and \n newline', "密码 🙂", "a".repeat(5000)];

describe("Vault", () => {
  test("gives back what it sealed, also after it was opened again, and never the same text twice", () => {
    const path = join(folder, "master.key");
    const vault = Vault.open(path);
    const again = Vault.open(path);
    for (const text of hostile) {
      expect(again.unseal(vault.seal(text))).toBe(text);
      expect(vault.seal(text)).not.toBe(vault.seal(text));
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8").trim().length).toBe(43);
  });

  test("refuses another key's text and a changed one", () => {
    const sealed = Vault.random().seal("secret");
    expect(() => Vault.random().unseal(sealed)).toThrow();
    const vault = Vault.random();
    const own = vault.seal("secret");
    expect(() => vault.unseal(`${own.slice(0, -2)}AA`)).toThrow();
    expect(() => vault.unseal("clear text")).toThrow();
    expect(own).not.toContain("secret");
  });
});

describe("NodeKey", () => {
  test("only the node that it was sealed to reads it", () => {
    const key = NodeKey.open(join(folder, "node.key"));
    expect(statSync(join(folder, "node.key")).mode & 0o777).toBe(0o600);
    const same = NodeKey.open(join(folder, "node.key"));
    for (const text of hostile) expect(same.unseal(sealTo(key.publicKey, text))).toBe(text);
    expect(() => NodeKey.random().unseal(sealTo(key.publicKey, "x"))).toThrow();
    expect(key.publicKey.length).toBeLessThan(128);
  });
});

test("randomPassword has the length, only clear characters, and does not repeat", () => {
  const many = Array.from({ length: 500 }, () => randomPassword(16));
  expect(new Set(many).size).toBe(500);
  for (const password of many) expect(password).toMatch(/^[2-9a-km-zA-HJ-NP-Z]{16}$/);
  // Every character of the alphabet comes up in 8,000 draws.
  expect(new Set(many.join("")).size).toBe(56);
});
