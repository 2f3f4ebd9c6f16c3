/**
 * Small pictures of screens: the PPM that libvirt hands out, made smaller by averaging, and written as PNG (RFC
 * 2083) by the platform's own deflate.
 */
import { crc32, deflateSync } from "node:zlib";

/** Three bytes a pixel: red, green, blue. */
interface Picture {
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** More pixels than any screen has: a hostile header must not make us ask for gigabytes. */
const mostPixels = 64 * 1024 * 1024;

/** Reads a binary PPM (`P6`) with one byte a colour, as QEMU writes it. Null when it is none, or is cut off. */
export function readPpm(data: Uint8Array): Picture | null {
  let at = 0;
  const isSpace = (byte: number | undefined): boolean => byte !== undefined && byte <= 0x20;
  const token = (): string => {
    while (isSpace(data[at]) || data[at] === 0x23) {
      // A comment ends with its line.
      if (data[at] === 0x23) while (at < data.length && data[at] !== 0x0a) at++;
      else at++;
    }
    const from = at;
    while (at < data.length && !isSpace(data[at])) at++;
    return Buffer.from(data.subarray(from, at)).toString("latin1");
  };
  if (token() !== "P6") return null;
  const [width, height, most] = [Number(token()), Number(token()), Number(token())];
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1 || most !== 255)
    return null;
  if (width * height > mostPixels) return null;
  at++;
  const pixels = data.subarray(at, at + width * height * 3);
  return pixels.length === width * height * 3 ? { width, height, pixels } : null;
}

/** As wide as `width` at most, in the same proportions: each pixel is the average of those that it stands for. */
export function shrunk(picture: Picture, width: number): Picture {
  if (picture.width <= width) return picture;
  const height = Math.max(1, Math.round((picture.height * width) / picture.width));
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const top = Math.floor((y * picture.height) / height);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * picture.height) / height));
    for (let x = 0; x < width; x++) {
      const left = Math.floor((x * picture.width) / width);
      const right = Math.max(left + 1, Math.floor(((x + 1) * picture.width) / width));
      const sums = [0, 0, 0];
      for (let row = top; row < bottom; row++)
        for (let column = left; column < right; column++)
          for (let colour = 0; colour < 3; colour++)
            sums[colour] =
              (sums[colour] ?? 0) + (picture.pixels[(row * picture.width + column) * 3 + colour] ?? 0);
      const count = (bottom - top) * (right - left);
      for (let colour = 0; colour < 3; colour++)
        pixels[(y * width + x) * 3 + colour] = Math.round((sums[colour] ?? 0) / count);
    }
  }
  return { width, height, pixels };
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** PNG, 8 bits a colour. Each line is stored as its difference from the one above: screens repeat downwards. */
export function writePng({ width, height, pixels }: Picture): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8); // bits a sample, colour type RGB, deflate, filters by line, not interlaced
  const line = width * 3;
  const filtered = Buffer.alloc((line + 1) * height);
  for (let y = 0; y < height; y++) {
    const to = y * (line + 1);
    filtered[to] = 2; // "Up"
    for (let i = 0; i < line; i++) {
      const above = y === 0 ? 0 : (pixels[(y - 1) * line + i] ?? 0);
      filtered[to + 1 + i] = (pixels[y * line + i] ?? 0) - above;
    }
  }
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(filtered, { level: 9 })),
    chunk("IEND", new Uint8Array()),
  ]);
}
