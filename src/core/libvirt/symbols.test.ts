/** Our list of symbols against the library that is installed: nothing newer than we say, nothing newer than 4.5. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { exportedSymbols } from "../../../tests/support/elf.ts";
import { libraries, loadLibvirt, optional, optionalQemu, required } from "./symbols.ts";

const lib = loadLibvirt();

/** File of a library that this process has loaded. */
function loadedFile(name: string): string {
  const line = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .find((map) => map.includes(`/${name}`));
  return line?.slice(line.indexOf("/")) ?? "";
}

function numberOf(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major * 1_000_000 + minor * 1000 + patch;
}

describe.each([
  ["libvirt", libraries.libvirt, required, false],
  ["libvirt, newer ones", libraries.libvirt, optional, true],
  ["libvirt-qemu", libraries.qemu, optionalQemu, false],
] as const)("symbols of %s", (_, library, table, isNewer) => {
  const exported = exportedSymbols(readFileSync(loadedFile(library)));

  test.each(Object.entries(table))("%s is there since the version that the table says", (name, { since }) => {
    const node = exported.get(name);
    expect(node).toMatch(/^LIBVIRT(_QEMU)?_\d/);
    expect(node?.replace(/^LIBVIRT(_QEMU)?_/, "")).toBe(since);
  });

  test(`${isNewer ? "none" : "all"} of them exist in libvirt 4.5, which CentOS 7 has`, () => {
    const misplaced = Object.entries(table).filter(
      ([, { since }]) => numberOf(since) > numberOf("4.5.0") !== isNewer,
    );
    expect(misplaced).toEqual([]);
  });
});

test("loading binds every symbol of the table", () => {
  for (const name of [...Object.keys(required), ...Object.keys(optional), ...Object.keys(optionalQemu)]) {
    expect(typeof lib[name as keyof typeof lib]).toBe("function");
  }
});
