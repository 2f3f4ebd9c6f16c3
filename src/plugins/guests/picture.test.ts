/** Pictures of screens: read, made smaller, and written so that others can read them. */
import { expect, test } from "bun:test";
import { inflateSync } from "node:zlib";
import { readPpm, shrunk, writePng } from "./picture.ts";

const ppm = (head: string, pixels: number[]) =>
  new Uint8Array(Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(pixels)]));

test("a PPM is read, comments and all", () => {
  const picture = readPpm(ppm("P6\n# made by QEMU\n2 1\n255\n", [1, 2, 3, 10, 13, 35]));
  expect(picture && { ...picture, pixels: [...picture.pixels] }).toEqual({
    width: 2,
    height: 1,
    pixels: [1, 2, 3, 10, 13, 35],
  });
});

test("what is no PPM, is cut off, or claims to be huge is no picture", () => {
  for (const head of ["", "P5\n2 1\n255\n", "P6\n2 1\n65535\n", "P6\n0 1\n255\n", "P6\n-2 1\n255\n"])
    expect(readPpm(ppm(head, [1, 2, 3, 4, 5, 6]))).toBeNull();
  expect(readPpm(ppm("P6\n2 1\n255\n", [1, 2, 3, 4, 5]))).toBeNull();
  expect(readPpm(ppm("P6\n999999999 999999999\n255\n", [1]))).toBeNull();
});

test("a smaller picture keeps its proportions, and each pixel is an average", () => {
  const grey = (value: number) => [value, value, value];
  const pixels = new Uint8Array([0, 100, 200, 200, 100, 0, 200, 200].flatMap(grey));
  const half = shrunk({ width: 4, height: 2, pixels }, 2);
  expect([half.width, half.height, [...half.pixels]]).toEqual([2, 1, [...grey(50), ...grey(200)]]);
  expect(shrunk(half, 2)).toBe(half);
});

test("a PNG holds the picture, line by line", () => {
  const pixels = new Uint8Array(Array.from({ length: 3 * 4 * 3 }, (_, i) => (i * 37) % 256));
  const png = writePng({ width: 3, height: 4, pixels });
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([3, 4]);
  const length = png.readUInt32BE(33);
  const lines = inflateSync(png.subarray(41, 41 + length));
  const read: number[] = [];
  for (let y = 0; y < 4; y++) {
    expect(lines[y * 10]).toBe(2);
    for (let i = 0; i < 9; i++)
      read.push(((lines[y * 10 + 1 + i] ?? 0) + (y === 0 ? 0 : (read[(y - 1) * 9 + i] ?? 0))) & 0xff);
  }
  expect(read).toEqual([...pixels]);
});
