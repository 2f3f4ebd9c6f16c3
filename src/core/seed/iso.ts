/**
 * Writes small ISO 9660 images with Joliet names, as cloud-init's NoCloud source reads them. All files lie in
 * the root. Nothing else is needed of the format, and no program has to be there for it.
 *
 * The layout, in sectors of 2048 bytes: 16 empty ones; primary, Joliet and end descriptors; each tree's path
 * tables (little and big endian); each tree's root folder; the files.
 */

const sectorBytes = 2048;
const firstDescriptor = 16;

export interface IsoFile {
  /** As Linux shows it (Joliet): at most 64 characters. */
  name: string;
  data: Uint8Array;
}

/** Numbers stand twice in ISO 9660, in both byte orders. */
function both32(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value, false);
}
function both16(view: DataView, at: number, value: number): void {
  view.setUint16(at, value, true);
  view.setUint16(at + 2, value, false);
}

const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");

function ucs2(text: string): Uint8Array {
  const bytes = Buffer.from(text, "utf16le");
  return bytes.swap16();
}

/** How one of the two trees writes names. */
interface Tree {
  /** Of the descriptor: 1 primary, 2 supplementary (Joliet). */
  type: 1 | 2;
  text(value: string): Uint8Array;
  fileName(name: string): Uint8Array;
  padding: number;
}

const primary: Tree = {
  type: 1,
  text: ascii,
  // Level 1 names can't hold lower case or "-"; readers of NoCloud use Joliet, this is for the others.
  fileName: (name) =>
    ascii(
      `${name
        .toUpperCase()
        .replaceAll(/[^A-Z0-9]/g, "_")
        .slice(0, 8)}.;1`,
    ),
  padding: 0x20,
};
const joliet: Tree = { type: 2, text: ucs2, fileName: (name) => ucs2(name), padding: 0 };

const sectorsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / sectorBytes));

/** A folder's entry. Recorded at a fixed time, so that equal contents make equal images. */
function entry(name: Uint8Array, sector: number, bytes: number, isFolder: boolean): Uint8Array {
  const length = 33 + name.length + (name.length % 2 === 0 ? 1 : 0);
  const record = new Uint8Array(length);
  const view = new DataView(record.buffer);
  record[0] = length;
  both32(view, 2, sector);
  both32(view, 10, bytes);
  record.set([124, 1, 1, 0, 0, 0, 0], 18);
  record[25] = isFolder ? 2 : 0;
  both16(view, 28, 1);
  record[32] = name.length;
  record.set(name, 33);
  return record;
}

function rootFolder(
  tree: Tree,
  sector: number,
  files: readonly { name: string; sector: number; bytes: number }[],
): Uint8Array {
  const names = files.map((file) => ({ ...file, written: tree.fileName(file.name) }));
  names.sort((a, b) => Buffer.compare(a.written, b.written));
  const records = [
    entry(Uint8Array.of(0), sector, sectorBytes, true),
    entry(Uint8Array.of(1), sector, sectorBytes, true),
    ...names.map((file) => entry(file.written, file.sector, file.bytes, false)),
  ];
  const folder = new Uint8Array(sectorBytes);
  let at = 0;
  for (const record of records) {
    if (at + record.length > sectorBytes) throw new RangeError("too many files for one seed image");
    folder.set(record, at);
    at += record.length;
  }
  return folder;
}

function pathTable(rootSector: number, littleEndian: boolean): Uint8Array {
  const table = new Uint8Array(10);
  const view = new DataView(table.buffer);
  table[0] = 1;
  view.setUint32(2, rootSector, littleEndian);
  view.setUint16(6, 1, littleEndian);
  return table;
}

function descriptor(
  tree: Tree,
  label: string,
  place: { sectors: number; littleTable: number; bigTable: number; root: number },
): Uint8Array {
  const bytes = new Uint8Array(sectorBytes);
  const view = new DataView(bytes.buffer);
  bytes[0] = tree.type;
  bytes.set(ascii("CD001"), 1);
  bytes[6] = 1;
  const fill = (at: number, length: number, text: string): void => {
    if (tree.type === 1) bytes.fill(tree.padding, at, at + length);
    else for (let index = 0; index < length - 1; index += 2) bytes.set([0, 0x20], at + index);
    bytes.set(tree.text(text).subarray(0, length), at);
  };
  fill(8, 32, "");
  fill(40, 32, label);
  both32(view, 80, place.sectors);
  // The escape sequence says: names in UCS-2, level 3.
  if (tree.type === 2) bytes.set(ascii("%/E"), 88);
  both16(view, 120, 1);
  both16(view, 124, 1);
  both16(view, 128, sectorBytes);
  both32(view, 132, 10);
  view.setUint32(140, place.littleTable, true);
  view.setUint32(148, place.bigTable, false);
  bytes.set(entry(Uint8Array.of(0), place.root, sectorBytes, true), 156);
  for (const at of [190, 318, 446, 574]) fill(at, 128, "");
  for (const at of [702, 739, 776]) fill(at, 37, "");
  // Times that are not given are digits of zero with a zero zone.
  for (const at of [813, 830, 847, 864]) bytes.set(ascii("0000000000000000"), at);
  bytes[881] = 1;
  return bytes;
}

/** An image labelled `label` (at most 16 characters) with the files in its root. @throws RangeError for too many or too long names */
export function isoImage(label: string, files: readonly IsoFile[]): Uint8Array {
  if (label.length > 16) throw new RangeError("a Joliet label has at most 16 characters");
  for (const file of files)
    if (file.name.length < 1 || file.name.length > 64)
      throw new RangeError(`"${file.name}" is no name for a seed's file`);
  const [primaryLittle, primaryBig, jolietLittle, jolietBig] = [19, 20, 21, 22];
  const [primaryRoot, jolietRoot, firstFile] = [23, 24, 25];
  let next = firstFile;
  const placed = files.map((file) => {
    const sector = next;
    next += sectorsOf(file.data.length);
    return { name: file.name, sector, bytes: file.data.length, data: file.data };
  });
  const image = new Uint8Array(next * sectorBytes);
  const put = (sector: number, data: Uint8Array): void => image.set(data, sector * sectorBytes);
  put(
    firstDescriptor,
    descriptor(primary, label, {
      sectors: next,
      littleTable: primaryLittle,
      bigTable: primaryBig,
      root: primaryRoot,
    }),
  );
  put(
    firstDescriptor + 1,
    descriptor(joliet, label, {
      sectors: next,
      littleTable: jolietLittle,
      bigTable: jolietBig,
      root: jolietRoot,
    }),
  );
  put(firstDescriptor + 2, Uint8Array.of(255, ...ascii("CD001"), 1));
  put(primaryLittle, pathTable(primaryRoot, true));
  put(primaryBig, pathTable(primaryRoot, false));
  put(jolietLittle, pathTable(jolietRoot, true));
  put(jolietBig, pathTable(jolietRoot, false));
  put(primaryRoot, rootFolder(primary, primaryRoot, placed));
  put(jolietRoot, rootFolder(joliet, jolietRoot, placed));
  for (const file of placed) put(file.sector, file.data);
  return image;
}
