/** The few fields of a qcow2 header that must be known before any tool opens the file. */

import { open } from "node:fs/promises";

export interface Qcow2Header {
  virtualSizeBytes: number;
  backingFile: string | null;
  /** Name of the external data file, `""` when the header has the flag but no name. */
  dataFile: string | null;
  encrypted: boolean;
}

const magic = 0x514649fb; // "QFI\xfb"
const dataFileFlag = 1n << 2n; // incompatible feature bit 2
const dataFileExtension = 0x44415441;
/** Header, extensions and backing file name stand in the first cluster; the smallest clusters are 512 bytes. */
const readBytes = 65536;

/** The header, or null when the file is no qcow2. @throws the file system's errors */
export async function readQcow2Header(path: string): Promise<Qcow2Header | null> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(readBytes);
    const { bytesRead } = await file.read(buffer, 0, readBytes, 0);
    return parseQcow2Header(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** Layout: QEMU's docs/interop/qcow2.txt; all numbers are big-endian. */
export function parseQcow2Header(bytes: Buffer): Qcow2Header | null {
  if (bytes.length < 72 || bytes.readUInt32BE(0) !== magic) return null;
  const version = bytes.readUInt32BE(4);
  const backingAt = Number(bytes.readBigUInt64BE(8));
  const backingLength = bytes.readUInt32BE(16);
  const hasFeatures = version >= 3 && bytes.length >= 104;
  const external = hasFeatures && (bytes.readBigUInt64BE(72) & dataFileFlag) !== 0n;
  return {
    virtualSizeBytes: Number(bytes.readBigUInt64BE(24)),
    backingFile: backingAt === 0 ? null : bytes.toString("utf8", backingAt, backingAt + backingLength),
    dataFile: external ? dataFileName(bytes) : null,
    encrypted: bytes.readUInt32BE(32) !== 0,
  };
}

function dataFileName(bytes: Buffer): string {
  let at = bytes.readUInt32BE(100); // header length: extensions follow, each padded to 8 bytes
  while (at + 8 <= bytes.length) {
    const type = bytes.readUInt32BE(at);
    const length = bytes.readUInt32BE(at + 4);
    if (type === 0) break;
    if (type === dataFileExtension) return bytes.toString("utf8", at + 8, at + 8 + length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return "";
}
