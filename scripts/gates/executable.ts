/**
 * Checks the executable: no symbol newer than glibc 2.17 (CentOS 7), and no native addon inside, which would be
 * unpacked to a temporary folder at run time and may need newer libraries.
 */
import { neededVersions } from "../../tests/support/elf.ts";

const highest = [2, 17] as const;
const path = process.argv[2] ?? "dist/jimv";

const data = Buffer.from(await Bun.file(path).arrayBuffer());
const versions = neededVersions(data).filter((name) => /^GLIBC_\d/.test(name));
const tooNew = versions.filter((name) => {
  const [major = 0, minor = 0] = name.slice("GLIBC_".length).split(".").map(Number);
  return major > highest[0] || (major === highest[0] && minor > highest[1]);
});
if (versions.length === 0) fail(`${path}: no glibc versions found: is it a Linux executable?`);
if (tooNew.length > 0)
  fail(`${path} needs ${tooNew.join(", ")}; the highest allowed is GLIBC_${highest.join(".")}`);

// An ELF image after the first one, at a page's start of the payload, is an embedded addon.
const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
const sharedObject = 3;
const inside: number[] = [];
for (let at = data.indexOf(magic, 1); at >= 0; at = data.indexOf(magic, at + 1))
  if (
    at + 64 < data.length &&
    data.readUInt16LE(at + 16) === sharedObject &&
    data.readUInt16LE(at + 18) === 62
  )
    inside.push(at);
if (inside.length > 0)
  fail(`${path} holds ${inside.length} native addon(s), the first at offset ${inside[0]}`);
console.log(
  `executable: ${versions.length} glibc versions, none above ${highest.join(".")}; no native addon`,
);

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
