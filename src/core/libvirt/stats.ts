/**
 * The bulk statistics call and its parser.
 *
 * virConnectGetAllDomainStats hands out an array of pointers to records
 *   { virDomainPtr dom @0; virTypedParameterPtr params @8; int nparams @16 }
 * and each parameter is 96 bytes: char field[80] @0; int type @80; union value @88. Domains mostly carry the
 * same names at the same places, so a name is decoded once per place and then only compared; the same goes for the
 * domains' uuids, which libvirt takes a microsecond each to write out.
 */

import { type Pointer, ptr, read } from "bun:ffi";
import { borrowString, type Context, numberOf, out, outPointer, using } from "./call.ts";
import type { DomainStats } from "./hypervisor.ts";
import { isHidden } from "./states.ts";
import type { Libvirt } from "./symbols.ts";

const parameterBytes = 96;
const fieldBytes = 80;
/** VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT: what waits behind a job gives less, instead of waiting. */
const nowait = 1 << 29;

/** virTypedParameterType */
const types = { int: 1, uint: 2, llong: 3, ullong: 4, double: 5, boolean: 6, string: 7 } as const;

interface KnownName {
  words: Uint32Array;
  name: string;
}

const places: KnownName[] = [];

/** Where parameters are copied to be read: views of libvirt's own memory would have to be made for each domain. */
function makeScratch(parameters: number) {
  const memory = new ArrayBuffer(parameters * parameterBytes);
  return {
    parameters,
    pointer: ptr(memory),
    words: new Uint32Array(memory),
    signed: new Int32Array(memory),
    doubles: new Float64Array(memory),
    bytes: Buffer.from(memory),
  };
}
let scratch = makeScratch(256);

/** The name at byte `at`, from memory when the same name stood at this place before. */
function fieldName(place: number, at: number): string {
  const { words, bytes } = scratch;
  const first = at >> 2;
  const known = places[place];
  if (known) {
    const { words: expected } = known;
    let same = true;
    for (let i = 0; i < expected.length; i++) {
      if (words[first + i] !== expected[i]) {
        same = false;
        break;
      }
    }
    if (same) return known.name;
  }
  let end = at;
  while (end < at + fieldBytes && bytes[end] !== 0) end++;
  const name = bytes.toString("latin1", at, end);
  // Up to and with the word that holds the closing NUL, so that a prefix is not taken for the whole.
  const length = Math.min((end - at) >> 2, fieldBytes / 4 - 1) + 1;
  places[place] = { words: words.slice(first, first + length), name };
  return name;
}

const uuidBytes = out(16);
const knownUuids: { bytes: Buffer; text: string }[] = [];

/** A domain's uuid as text, from memory when the same domain stood at this place before. */
function uuidAt(place: number, lib: Libvirt, domain: Pointer): string {
  lib.virDomainGetUUID(domain, uuidBytes);
  const known = knownUuids[place];
  if (known?.bytes.equals(uuidBytes)) return known.text;
  const text = uuidBytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  knownUuids[place] = { bytes: Buffer.from(uuidBytes), text };
  return text;
}

/**
 * Statistics of all domains except hidden ones, in one round trip.
 * @param groups virDomainStatsTypes, or 0 for all that the driver has
 */
export function statsRecords(context: Context, groups: number): DomainStats[] {
  const { lib, conn } = context;
  const array = out(8);
  const count = numberOf(
    context,
    "read the domains' statistics",
    lib.virConnectGetAllDomainStats(conn, groups, array, nowait),
  );
  const result: DomainStats[] = [];
  using(outPointer(array), lib.virDomainStatsRecordListFree, (records) => {
    for (let i = 0; i < count; i++) {
      const record = read.ptr(records, i * 8) as Pointer;
      const domain = read.ptr(record, 0) as Pointer;
      const rawName = lib.virDomainGetName(domain);
      const name = rawName ? borrowString(rawName) : "";
      if (isHidden(name)) continue;
      const values = parseParameters(lib, read.ptr(record, 8) as Pointer, read.i32(record, 16));
      result.push({ uuid: uuidAt(i, lib, domain), name, values });
    }
  });
  return result;
}

/** `count` typed parameters at `pointer` as an object. 64-bit values above 2^53 lose their last digits. */
export function parseParameters(lib: Libvirt, pointer: Pointer, count: number): DomainStats["values"] {
  const values: DomainStats["values"] = {};
  if (count === 0) return values;
  if (count > scratch.parameters) scratch = makeScratch(count * 2);
  const { words, signed, doubles, bytes } = scratch;
  lib.memcpy(scratch.pointer, pointer, count * parameterBytes);
  for (let place = 0; place < count; place++) {
    const at = place * parameterBytes;
    const value = (at + 88) >> 2;
    const name = fieldName(place, at);
    switch (words[(at + fieldBytes) >> 2]) {
      case types.int:
        values[name] = signed[value] ?? 0;
        break;
      case types.uint:
        values[name] = words[value] ?? 0;
        break;
      case types.llong:
        values[name] = (signed[value + 1] ?? 0) * 4294967296 + (words[value] ?? 0);
        break;
      case types.ullong:
        values[name] = (words[value + 1] ?? 0) * 4294967296 + (words[value] ?? 0);
        break;
      case types.double:
        values[name] = doubles[(at + 88) >> 3] ?? 0; // libvirt hands out no NaN: JSON would make it null
        break;
      case types.boolean:
        values[name] = bytes[at + 88] !== 0;
        break;
      case types.string: {
        const text = read.ptr(pointer, at + 88) as Pointer;
        values[name] = text ? borrowString(text) : "";
        break;
      }
    }
  }
  return values;
}

/** All statistics that the driver has, of all domains. */
export function allStats(context: Context): DomainStats[] {
  return statsRecords(context, 0);
}
