import { describe, expect, test } from "bun:test";
import { sha512Crypt } from "./crypt.ts";
import { isoImage } from "./iso.ts";

describe("sha512Crypt", () => {
  test("agrees with the scheme's published sample", () => {
    expect(sha512Crypt("Hello world!", "saltstring")).toBe(
      "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    );
  });

  test("salts are random and foreign salts refused", () => {
    expect(sha512Crypt("same")).not.toBe(sha512Crypt("same"));
    expect(() => sha512Crypt("same", "a$b")).toThrow(RangeError);
  });
});

describe("isoImage", () => {
  test("refuses what the format can't hold", () => {
    expect(() => isoImage("a label that is too long", [])).toThrow(RangeError);
    expect(() => isoImage("cidata", [{ name: "", data: new Uint8Array() }])).toThrow(RangeError);
    const many = Array.from({ length: 200 }, (_, at) => ({ name: `file-${at}`, data: new Uint8Array(1) }));
    expect(() => isoImage("cidata", many)).toThrow(RangeError);
  });
});
