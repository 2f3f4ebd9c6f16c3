import { describe, expect, test } from "bun:test";
import { AppError } from "jimv";
import { checkName, diskTarget, freePorts, hostnameOf, namesOf, randomMac } from "./naming.ts";

/** The word of the refusal, or null. */
function refusal(fn: () => unknown): string | null {
  try {
    fn();
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.word;
    throw error;
  }
}

describe("names", () => {
  test.each(["a", "web", "Web-01", "my_db.example", "1", "a".repeat(63), "x--y", "0815"])(
    "%s is fine",
    (name) => expect(refusal(() => checkName(name))).toBeNull(),
  );
  test.each([
    ["", "guests.nameCharacters"],
    ["-web", "guests.nameCharacters"],
    ["web-", "guests.nameCharacters"],
    [".web", "guests.nameCharacters"],
    ["web/..", "guests.nameCharacters"],
    ["../web", "guests.nameCharacters"],
    ["we b", "guests.nameCharacters"],
    ["web\n", "guests.nameCharacters"],
    ['a"b', "guests.nameCharacters"],
    ["<domain/>", "guests.nameCharacters"],
    ["名前", "guests.nameCharacters"],
    ["😀", "guests.nameCharacters"],
    ["a..b", "guests.nameDots"],
    ["a-.b", "guests.nameDots"],
    ["a._b", "guests.nameDots"],
    ["guestfs-1", "guests.nameHidden"],
    ["GuestFS-1", "guests.nameHidden"],
    ["a".repeat(64), "guests.nameLong"],
  ])("%j is refused", (name, word) => expect(refusal(() => checkName(name))).toBe(word));

  test("hostnames are in lower case without underscores", () =>
    expect(hostnameOf("My_Web.Example")).toBe("my-web.example"));

  test("a batch is numbered as wide as its last, one guest not at all", () => {
    expect(namesOf("web", 1)).toEqual(["web"]);
    expect(namesOf("web", 3)).toEqual(["web-1", "web-2", "web-3"]);
    const hundred = namesOf("web", 100);
    expect([hundred[0], hundred[98], hundred[99]]).toEqual(["web-001", "web-099", "web-100"]);
  });
});

describe("what is made up", () => {
  test("MAC addresses are locally administered and random", () => {
    expect(randomMac(() => Uint8Array.of(0, 10, 255))).toBe("52:54:00:00:0a:ff");
  });

  test("disks are named as Linux does, beyond z, too", () => {
    expect([0, 1, 25, 26, 27, 52].map(diskTarget)).toEqual(["vda", "vdb", "vdz", "vdaa", "vdab", "vdba"]);
  });

  test("the lowest free ports are given, or none with a reason", () => {
    const range = { first: 10, last: 14 };
    expect(freePorts(range, new Set([10, 12]), 2, "node")).toEqual([11, 13]);
    expect(refusal(() => freePorts(range, new Set([10, 12]), 4, "node"))).toBe("guests.noPort");
  });
});
