/**
 * The bulk statistics call and its parser.
 *
 * virConnectGetAllDomainStats hands out an array of pointers to records
 *   { virDomainPtr dom @0; virTypedParameterPtr params @8; int nparams @16 }
 * and each parameter is 96 bytes: char field[80] @0; int type @80; union value @88. Domains mostly carry the
 * same names at the same places, so a name is decoded once per place and then only compared.
 */

import { type Pointer, read, toArrayBuffer } from "bun:ffi";
import { borrowString, type Context, numberOf, out, outPointer, using } from "./call.ts";
import type { DomainStats } from "./hypervisor.ts";
import { isHidden } from "./states.ts";

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

/** The name at byte `at`, from memory when the same name stood at this place before. */
function fieldName(place: number, at: number, words: Uint32Array, bytes: Buffer): string {
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
  const uuid = out(37);
  using(outPointer(array), lib.virDomainStatsRecordListFree, (records) => {
    for (let i = 0; i < count; i++) {
      const record = read.ptr(records, i * 8) as Pointer;
      const domain = read.ptr(record, 0) as Pointer;
      const rawName = lib.virDomainGetName(domain);
      const name = rawName ? borrowString(rawName) : "";
      if (isHidden(name)) continue;
      lib.virDomainGetUUIDString(domain, uuid);
      const values = parseParameters(read.ptr(record, 8) as Pointer, read.i32(record, 16));
      result.push({ uuid: uuid.toString("latin1", 0, 36), name, values });
    }
  });
  return result;
}

/** `count` typed parameters at `pointer` as an object. 64-bit values above 2^53 lose their last digits. */
function parseParameters(pointer: Pointer, count: number): DomainStats["values"] {
  const values: DomainStats["values"] = {};
  if (count === 0) return values;
  const memory = toArrayBuffer(pointer, 0, count * parameterBytes);
  const words = new Uint32Array(memory);
  const signed = new Int32Array(memory);
  const doubles = new Float64Array(memory);
  const bytes = Buffer.from(memory);
  for (let place = 0; place < count; place++) {
    const at = place * parameterBytes;
    const value = (at + 88) >> 2;
    const name = fieldName(place, at, words, bytes);
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
