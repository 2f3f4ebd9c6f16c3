/** Just enough of ELF (64-bit, little-endian) to tell which symbols a library has, and since which version. */

const sectionTypes = {
  dynsym: 11,
  versionNeed: 0x6ffffffe,
  versionDefinition: 0x6ffffffd,
  versionSymbols: 0x6fffffff,
};

interface Section {
  type: number;
  offset: number;
  size: number;
  link: number;
  info: number;
}

function sectionsOf(file: Buffer): Section[] {
  const at = Number(file.readBigUInt64LE(0x28));
  const size = file.readUInt16LE(0x3a);
  const count = file.readUInt16LE(0x3c);
  return Array.from({ length: count }, (_, i) => {
    const header = at + i * size;
    return {
      type: file.readUInt32LE(header + 4),
      offset: Number(file.readBigUInt64LE(header + 0x18)),
      size: Number(file.readBigUInt64LE(header + 0x20)),
      link: file.readUInt32LE(header + 0x28),
      info: file.readUInt32LE(header + 0x2c),
    };
  });
}

function stringAt(file: Buffer, at: number): string {
  return file.toString("latin1", at, file.indexOf(0, at));
}

/** Exported symbols of a library, each with its version node (`LIBVIRT_1.2.8`). */
export function exportedSymbols(file: Buffer): Map<string, string> {
  const sections = sectionsOf(file);
  const of = (type: number) => sections.find((section) => section.type === type);
  const [symbols, versions, definitions] = [
    of(sectionTypes.dynsym),
    of(sectionTypes.versionSymbols),
    of(sectionTypes.versionDefinition),
  ];
  const found = new Map<string, string>();
  if (!symbols || !versions || !definitions) return found;

  const names = new Map<number, string>();
  const versionStrings = sections[definitions.link]?.offset ?? 0;
  let at = definitions.offset;
  for (let i = 0; i < definitions.info; i++) {
    const auxiliary = at + file.readUInt32LE(at + 12);
    names.set(file.readUInt16LE(at + 4), stringAt(file, versionStrings + file.readUInt32LE(auxiliary)));
    at += file.readUInt32LE(at + 16);
  }

  const strings = sections[symbols.link]?.offset ?? 0;
  for (let i = 0; i < symbols.size / 24; i++) {
    const symbol = symbols.offset + i * 24;
    if (file.readUInt16LE(symbol + 6) === 0) continue; // undefined here: imported
    const version = file.readUInt16LE(versions.offset + i * 2) & 0x7fff;
    found.set(stringAt(file, strings + file.readUInt32LE(symbol)), names.get(version) ?? "");
  }
  return found;
}

/** The version nodes that a file asks of its libraries (`GLIBC_2.17`), each once. */
export function neededVersions(file: Buffer): string[] {
  const sections = sectionsOf(file);
  const needs = sections.find((section) => section.type === sectionTypes.versionNeed);
  const found = new Set<string>();
  if (!needs) return [];
  const strings = sections[needs.link]?.offset ?? 0;
  let at = needs.offset;
  for (let i = 0; i < needs.info; i++) {
    let auxiliary = at + file.readUInt32LE(at + 8);
    for (let left = file.readUInt16LE(at + 2); left > 0; left--) {
      found.add(stringAt(file, strings + file.readUInt32LE(auxiliary + 8)));
      auxiliary += file.readUInt32LE(auxiliary + 12);
    }
    at += file.readUInt32LE(at + 12);
  }
  return [...found];
}
